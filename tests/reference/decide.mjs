// The decision, as the language's documentation describes it: a request as
// `sallyport explain` takes it and a policy in, one verdict out.

import { createHash } from 'node:crypto';

import { ABSENT, FAILED, KNOWN, UNKNOWN, address, addressClass, inNetwork,
    known, matches, network, place, without,
} from './fields.mjs';
import { FALSE, FROM_FAILED, TRUE, UNSURE, evaluate, truth,
} from './condition.mjs';
import { complete, facts as recordFacts, parse, resells } from './record.mjs';

const NAMES = ['false', 'unknown', 'true'];

// Facts.

function keyFacts(request) {
    const key = request.key ?? {};

    if (typeof key === 'string') {
        return { record: key, facts: {} };
    }

    return { record: key, facts: { 'key.id': known(key.name ?? 'key') } };
}

function accountOf(request) {
    const key = request.key ?? {};

    // whose account it is the key says

    if (typeof key === 'string' && request.account === undefined) {
        return key === FAILED ? FAILED : UNKNOWN;
    }

    if (request.account === undefined) {
        return UNKNOWN;
    }

    if (typeof request.account === 'string') {
        return request.account;
    }

    return complete(request.account) ? request.account : 'invalid';
}

function registered(record, addr) {
    if (record.egress.length === 0) {
        return without(ABSENT);
    }

    return addr.state !== KNOWN ? without(addr.state)
        : known(record.egress.some((net) => inNetwork(network(net),
            address(addr.value))));
}

/** A fact as it is written in a request. */
function given(type, value) {
    if (value === null || value === ABSENT) {
        return without(ABSENT);
    }

    if (value === UNKNOWN || value === FAILED) {
        return without(value);
    }

    return known(type === 'country' || type === 'region' || type === 'place'
        ? place(value) : type === 'places' ? value.map(place) : value);
}

/** What the record says of a declared fact: nothing, nonsense or a value. */
function ownValue({ type, values, min = 0, max = 1e9, absent }, text, now) {
    const written = text === undefined || text === '' ? absent : String(text);

    if (written === undefined) {
        return without(ABSENT);
    }

    switch (type) {
    case 'bool':
        return /^(yes|true|no|false)$/.test(written)
            ? known(/^(yes|true)$/.test(written)) : without(UNKNOWN);
    case 'int':
        return /^(0|[1-9]\d*)$/.test(written) && Number(written) >= min
            && Number(written) <= max ? known(Number(written))
            : without(UNKNOWN);
    case 'age':
        return /^(0|[1-9]\d*)$/.test(written) ? known(now - Number(written))
            : without(UNKNOWN);
    case 'enum':
        return values.includes(written) ? known(written) : without(UNKNOWN);
    case 'place':
        return /^[A-Z]{2}(-[A-Z0-9]{1,3})?$/.test(written) && written !== 'ZZ'
            ? known(place(written)) : without(UNKNOWN);
    default:
        return known(written);
    }
}

function own(policy, account, now) {
    return Object.fromEntries(policy.own.map(([name, declared]) => [name,
        typeof account === 'string'
            ? without(account === FAILED ? FAILED : UNKNOWN)
            : ownValue(declared, account[name.replace('account.', '')], now)]));
}

/** The record of the end customer, or a word where there is none. */
function customerOf(request, account) {
    const { customer } = request;

    if (typeof account === 'string') {
        return account === FAILED ? 'failed' : 'unasked';
    }

    if (customer === undefined || !resells(account)) {
        return 'none';
    }

    if (typeof customer === 'string') {
        return customer;
    }

    // where the name of the reseller ends must be plain to see

    return customer.id?.includes(':') ? 'malformed'
        : complete(customer) ? customer : 'invalid';
}

function gather(policy, request) {
    const facts = {};

    for (const name of Object.keys(policy.fields)) {
        facts[name] = without(UNKNOWN);
    }

    facts.now = known(request.now);

    if (request.ip !== undefined) {
        facts['ip.class'] = known(request.ip.addr === undefined ? 'public'
            : addressClass(request.ip.addr));

        for (const [name, value] of Object.entries(request.ip)) {
            facts[`ip.${name}`] = given(policy.fields[`ip.${name}`], value);
        }
    }

    const key = keyFacts(request);
    const account = accountOf(request);
    let record = account;

    Object.assign(facts, key.facts);

    if (typeof account === 'string') {
        if (account === FAILED || key.record === FAILED) {
            for (const name of Object.keys(facts)) {
                if (name.startsWith('account.') || name === 'ip.registered') {
                    facts[name] = without(FAILED);
                }
            }
        }

        if (key.record === FAILED) {
            facts['key.id'] = without(FAILED);
        }

    } else {
        record = parse(account);
        Object.assign(facts, recordFacts(account.id, account, request.now));
        facts['ip.registered'] = registered(record, facts['ip.addr']);
    }

    Object.assign(facts, own(policy, account, request.now));

    const customer = customerOf(request, account);

    if (typeof customer === 'string') {
        const state = { failed: FAILED, none: ABSENT }[customer] ?? UNKNOWN;

        for (const name of Object.keys(facts)) {
            if (name.startsWith('customer.')) {
                facts[name] = without(state);
            }
        }

    } else {
        Object.assign(facts, recordFacts(customer.id ?? 'customer', customer,
            request.now, 'customer'));
    }

    facts['request.route'] = known(request.route);
    facts['request.dialect'] = known(request.dialect ?? 'openai');
    facts['request.stream'] = known(request.stream ?? false);
    facts['request.tokens'] = request.tokens === undefined ? without(ABSENT)
        : known(request.tokens);

    for (const [name, value] of Object.entries(request.facts ?? {})) {
        facts[name] = given(policy.fields[name], value);
    }

    return { facts, record, key: key.record, account, customer };
}

/** A whole name before patterns, of patterns the one with most letters. */
function tierOf(policy, model) {
    const found = policy.tiers.filter(([name]) => matches(name, model))
        .map(([name, tier]) => [name.includes('*') ? name.length - 1
            : Infinity, tier])
        .sort(([a], [b]) => b - a);

    return found.length === 0 ? without(ABSENT) : known(found[0][1]);
}

function setModel(policy, facts, model) {
    facts['model.id'] = model === undefined ? without(ABSENT) : known(model);
    facts['model.tier'] = model === undefined ? without(ABSENT)
        : tierOf(policy, model);
}


// What is built in.

const KEYS = { missing: 'CRED_MISSING', malformed: 'CRED_MALFORMED',
    ambiguous: 'CRED_AMBIGUOUS', unknown: 'CRED_UNKNOWN',
    invalid: 'CRED_INVALID' };
const ACCOUNTS = { missing: 'KYC_MISSING', invalid: 'KYC_RECORD_INVALID' };
const CUSTOMERS = { missing: 'RESELL_ENDCUSTOMER_UNKNOWN',
    malformed: 'RESELL_ENDCUSTOMER_UNKNOWN', invalid: 'KYC_RECORD_INVALID' };
const STATUSES = { suspended: 'ACCT_SUSPENDED', closed: 'ACCT_CLOSED',
    rejected: 'KYC_REJECTED' };

function builtins({ facts, record, key, customer }, policy, request) {
    const found = [];
    const add = (rule, reason, value = TRUE) => found.push({
        rule: `builtin:${rule}`, reason, value });
    const unavailable = (rule, state) => add(rule, 'VERIFICATION_UNAVAILABLE',
        UNSURE | (state === FAILED ? FROM_FAILED : 0));

    if (key === FAILED) {
        unavailable('key', FAILED);

    } else if (typeof key === 'string') {
        add('key', KEYS[key]);

    } else if (key.status === 'revoked') {
        add('key', 'CRED_REVOKED');

    } else if (request.now < (key.not_before ?? -Infinity)
        || request.now >= (key.expires_at ?? Infinity))
    {
        add('key', 'CRED_EXPIRED');

    } else if (key.networks !== undefined) {
        const addr = facts['ip.addr'];

        if (addr.state !== KNOWN) {
            add('key', 'CRED_CIDR', UNSURE
                | (addr.state === FAILED ? FROM_FAILED : 0));

        } else if (!key.networks.split(',').some(
            (net) => inNetwork(network(net), address(addr.value))))
        {
            add('key', 'CRED_CIDR');
        }
    }

    if (typeof record !== 'string') {
        if (STATUSES[record.status] !== undefined) {
            add('account', STATUSES[record.status]);
        }

    } else if (ACCOUNTS[record] !== undefined) {
        add('record', ACCOUNTS[record]);

    } else if (record === FAILED || typeof key !== 'string') {
        unavailable('record', record);
    }

    if (policy.customers !== undefined && typeof record !== 'string') {
        if (customer === 'failed') {
            unavailable('customer', FAILED);

        } else if (CUSTOMERS[customer] !== undefined) {
            add('customer', CUSTOMERS[customer]);

        } else if (STATUSES[customer.status] !== undefined) {
            add('customer', 'RESELL_ENDCUSTOMER_DENIED');
        }
    }

    return found;
}

function granted({ facts, record, key }) {
    const sets = [typeof key === 'string' || key.tiers === undefined ? []
        : key.tiers.split(',').map(Number),
    typeof record === 'string' ? [] : record.tiers]
        .filter((tiers) => tiers.length !== 0);
    const tier = facts['model.tier'];

    return sets.length === 0 || facts['model.id'].state === ABSENT
        || (tier.state === KNOWN && sets.every(
            (tiers) => tiers.includes(tier.value)));
}


// Rules.

function valueOf(rule, state) {
    const { now } = state.facts;

    if (now.value < rule.from || now.value >= rule.until) {
        return FALSE;
    }

    return rule.when === undefined ? TRUE
        : evaluate(rule.when, state.facts, state.record);
}

/** Recorded only: a shadow, or a canary that has not come to this account. */
function shadowed(rule, { facts }) {
    if (rule.share === undefined) {
        return rule.shadow;
    }

    // who is not known is not spared

    if (facts['account.id'].state !== KNOWN) {
        return false;
    }

    const digest = createHash('sha256').update(rule.id).update('\0')
        .update(facts['account.id'].value).digest('hex');

    return BigInt(`0x${digest}`) % 10000n >= BigInt(Math.round(
        100 * rule.share));
}

function liftedBy(policy, rule, state) {
    const id = state.facts['account.id'];

    return id.state !== KNOWN ? undefined : policy.of('exceptions').find(
        (exception) => exception.account === id.value
            && exception.lifts.includes(rule.id)
            && valueOf(exception, state) === TRUE)?.id;
}

const order = (match) => (truth(match.value) === TRUE ? 0
    : match.value & FROM_FAILED ? 1 : 2);

function throttles(policy, state, applied) {
    const found = [];

    for (const rule of policy.of('throttle')) {
        const value = valueOf(rule, state);

        if (truth(value) === FALSE || (truth(value) === UNSURE && rule.skip)) {
            continue;
        }

        found.push({ rule, value, shadow: shadowed(rule, state) });
    }

    const active = found.filter(({ shadow }) => !shadow);
    const replaced = active.filter(({ value }) => truth(value) === TRUE)
        .flatMap(({ rule }) => rule.replaces ?? []);

    for (const { rule } of active) {
        if (!replaced.includes(rule.id)) {
            charge(rule, state, applied);
        }
    }

    return found.filter(({ shadow }) => shadow);
}

const interval = ({ limit, period }) => period / limit;
const dearer = (a, b) => interval(a) > interval(b)
    || (interval(a) === interval(b) && a.burst < b.burst);

function charge(rule, { facts }, applied) {
    let rate = rule.rate;

    if (rule.rows !== undefined) {
        const fact = facts[rule.by];

        rate = fact.state === KNOWN ? rule.rows.get(fact.value) : undefined;
        rate ??= [...rule.rows.values()].reduce(
            (a, b) => (dearer(b, a) ? b : a));
    }

    const before = applied.get(rule.id);

    if (before === undefined || dearer(rate, before)) {
        applied.set(rule.id, rate);
    }
}


/**
 * The verdict, with every rule that matched: { decision, status, reason, rule,
 * excepted, matches, limits }.
 */
export function decide(policy, request) {
    const state = gather(policy, request);
    const models = request.models ?? [request.model];
    const matched = [];
    const standing = [];
    let excepted = false;

    const record = (match, stands) => {
        matched.push(match);
        if (stands) {
            standing.push(match);
        }
    };

    models.forEach((model, n) => {
        setModel(policy, state.facts, model);

        if (n === 0) {
            builtins(state, policy, request).forEach((match) => record(match, true));
        }

        if (!granted(state)) {
            record({ rule: 'builtin:tier', reason: 'TIER_NOT_GRANTED',
                value: TRUE }, true);
        }

        for (const rule of policy.of('deny')) {
            const value = valueOf(rule, state);

            if (truth(value) === FALSE || (n !== 0 && !rule.perModel)
                || (truth(value) === UNSURE && rule.skip))
            {
                continue;
            }

            const lifted = liftedBy(policy, rule, state);
            const shadow = shadowed(rule, state);

            excepted ||= lifted !== undefined && !shadow;
            record({ rule: rule.id, reason: rule.reason, value, shadow,
                lifted }, lifted === undefined && !shadow);
        }
    });

    const allowedBy = standing.length === 0
        ? allows(policy, state, models, record) : undefined;

    if (standing.length !== 0) {
        return refusal(policy, matched, standing);
    }

    const applied = new Map();

    models.forEach((model, n) => {
        setModel(policy, state.facts, model);

        for (const rule of policy.of('flag')) {
            const value = valueOf(rule, state);

            if (truth(value) !== FALSE && !(truth(value) === UNSURE
                && rule.skip) && (n === 0 || rule.perModel))
            {
                matched.push({ rule: rule.id, reason: rule.reason, value,
                    shadow: shadowed(rule, state) });
            }
        }

        for (const { rule, value } of throttles(policy, state, applied)) {
            if (n === 0 || rule.perModel) {
                matched.push({ rule: rule.id, value: truth(value),
                    reason: rule.reason ?? 'RATE_LIMITED', shadow: true });
            }
        }
    });

    return { decision: 'allow', status: 200, rule: allowedBy, excepted,
        matches: names(matched), limits: [...applied].map(
            ([rule, rate]) => [rule, interval(rate), rate.burst].join(' '))
            .sort() };
}

/** The first rule that allows the first model; each model needs one. */
function allows(policy, state, models, record) {
    let first;

    for (const model of models) {
        setModel(policy, state.facts, model);

        const values = policy.of('allow').filter(
            (rule) => !shadowed(rule, state))
            .map((rule) => [rule, valueOf(rule, state)]);
        const found = values.find(([, value]) => truth(value) === TRUE);

        if (found === undefined) {
            const unsure = values.filter(([, v]) => truth(v) === UNSURE)
                .reduce((sum, [, v]) => sum | v, 0);

            record({ rule: 'builtin:default', value: unsure || TRUE,
                reason: unsure & FROM_FAILED ? 'VERIFICATION_UNAVAILABLE'
                    : 'NOT_ALLOWED' }, true);
            return undefined;
        }

        first ??= found[0].id;
    }

    return first;
}

function refusal(policy, matched, standing) {
    const rank = ({ reason }) => policy.reasons[reason][0];
    const [first] = standing.map((match, n) => [match, n]).sort(
        ([a, n], [b, m]) => order(a) - order(b) || rank(a) - rank(b)
            || b.rule.startsWith('builtin:') - a.rule.startsWith('builtin:')
            || (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : n - m))[0];
    const reason = order(first) === 1 ? 'VERIFICATION_UNAVAILABLE'
        : first.reason;

    return { decision: 'deny', status: policy.reasons[reason][1], reason,
        rule: first.rule, excepted: false, matches: names(matched),
        limits: [] };
}

/** Matches as one line each, sorted; one for all models of a request. */
function names(matched) {
    return [...new Set(matched.map(({ rule, reason, value, shadow, lifted }) =>
        line(rule, reason, NAMES[truth(value)], truth(value) === UNSURE
            && (value & FROM_FAILED) !== 0, shadow === true, lifted)))].sort();
}

function line(rule, reason, value, failed, shadow, lifted) {
    return `${rule} ${reason} ${value}${failed ? ' failed' : ''}`
        + `${shadow ? ' shadow' : ''}${lifted ? ` lifted by ${lifted}` : ''}`;
}

/** The same, of a line that `sallyport explain --batch` prints. */
export function fromEngine(answer) {
    return { decision: answer.decision, status: answer.status,
        ...(answer.reason === undefined ? {} : { reason: answer.reason }),
        rule: answer.rule, excepted: answer.excepted,
        matches: [...new Set(answer.matches.map((m) => line(m.rule, m.reason,
            m.value, m.source_failed, m.shadow, m.lifted_by)))].sort(),
        limits: answer.limits.map((l) => [l.rule, l.period_s / l.limit,
            l.burst].join(' ')).sort() };
}
