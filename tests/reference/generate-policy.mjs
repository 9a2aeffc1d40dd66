// Random policies: every construct that the loader takes, as files.

import { ENUMS, FIELDS, INT_RANGE } from './fields.mjs';
import { KINDS, REASONS } from './policy.mjs';
import { DAY, NOW, OTHER_CODE, OWN, POOL } from './pools.mjs';

const ORDER = ['==', '!=', '<', '<=', '>', '>='];

const LISTS = { country: POOL.country, region: POOL.region, place: POOL.place,
    asn: POOL.asn, cidr: POOL.cidr, account: POOL.account,
    model: POOL.modelPattern, name: POOL.name, screen: POOL.screen };

/** Types of lists that a field can be asked with. */
const FITS = {
    country: ['country', 'place'], region: ['region', 'place'],
    place: ['country', 'region', 'place'],
    places: ['country', 'region', 'place'],
    asn: ['asn'], ip: ['cidr'], string: ['name'], strings: ['name'],
};

const SAME = [['ip.country', 'account.billing'],
    ['account.incorporated', 'account.headquarters'],
    ['account.parent', 'account.incorporated'],
    ['account.residence', 'ip.country'], ['account.plan', 'key.id'],
    ['account.id', 'account.plan'], ['ip.tor', 'ip.vpn'],
    ['account.level', 'model.tier'], ['customer.level', 'account.level'],
    ['customer.parent', 'account.parent'],
    ['account.verified_age', 'account.screened_age']];

const WITHIN = [['ip.country', 'account.places'],
    ['ip.region', 'account.places'], ['account.residence', 'account.places'],
    ['account.incorporated', 'account.places'],
    ['ip.country', 'customer.places'], ['customer.plan', 'customer.tags'],
    ['account.plan', 'account.tags'], ['account.id', 'account.tags']];

const quoted = (word) => (/^[A-Za-z][A-Za-z0-9_-]*$/.test(word) ? word
    : `"${word}"`);
const iso = (at) => new Date(at * 1000).toISOString().replace('.000', '');
const date = (at) => iso(at).slice(0, 10);

export class PolicyMaker {
    constructor(random) {
        this.random = random;
    }

    /** { files: { name: text }, ids: [...] }; the first file is the policy. */
    make() {
        const { random } = this;

        this.fields = { ...FIELDS };
        this.enums = { ...ENUMS };
        this.ranges = { ...INT_RANGE };
        this.files = {};
        this.lists = {};
        this.sections = {};

        const head = ['sallyport: 1', 'policy: random'];

        if (random.once(2)) {
            head.push(`timezone: "${random.of(['UTC', '+02:00', '-09:30'])}"`);
        }

        if (random.once(3)) {
            this.fields = Object.fromEntries(Object.entries(this.fields)
                .filter(([name]) => !name.startsWith('customer.')));

        } else {
            head.push('customers:', `  from: {${random.of(['body: user',
                'header: X-End-Customer'])}}`);
        }

        this.makeFacts();
        this.makeLists();
        this.makeReasons();
        this.makeModels();

        for (const kind of KINDS) {
            this.sections[kind] = [];
        }

        this.makeRules();

        return this.write(head);
    }

    makeFacts() {
        const { random } = this;
        const facts = [];

        for (const [name, fact] of Object.entries(OWN)) {
            if (random.once(3)) {
                const parts = [`type: ${fact.type}`];

                if (fact.values !== undefined) {
                    parts.push(`values: [${fact.values.join(', ')}]`);
                    this.enums[name] = fact.values;
                }

                if (fact.type === 'int') {
                    parts.push(`max: ${fact.max}`);
                    this.ranges[name] = [0, fact.max];
                }

                if (fact.absent !== undefined && random.once(2)) {
                    parts.push(`absent: ${fact.absent}`);
                }

                this.fields[name] = fact.type === 'age' ? 'duration'
                    : fact.type;
                facts.push(`  ${name}: {${parts.join(', ')}}`);
            }
        }

        if (facts.length !== 0) {
            this.sections.facts = facts;
        }
    }

    makeLists() {
        const { random } = this;

        for (const [type, pool] of Object.entries(LISTS)) {
            for (let n = random.below(3); n >= 0; n--) {
                const name = `${type}_${n}`;
                const items = random.some(pool, 3).map((word) => (random.once(4)
                    ? OTHER_CODE[word] ?? word : word))
                    .filter((word) => type !== 'region' || word.length > 2);

                this.lists[name] = { type: type === 'screen' ? 'name' : type,
                    of: type, items };
            }
        }
    }

    list(types) {
        const names = Object.keys(this.lists).filter((name) => types.includes(
            this.lists[name].of));

        return `@${this.random.of(names)}`;
    }

    makeReasons() {
        const { random } = this;
        const reasons = [];

        this.reasons = { ...REASONS };

        if (random.once(3)) {
            const liftable = random.of(['never', 'yes', 'licence']);
            const rank = random.once(2) ? random.of([307, 402, 1303, 705])
                : random.range(100, 1700);

            this.reasons.OWN_REASON = [rank, 403, liftable];
            reasons.push('  OWN_REASON:', '    class: commercial',
                `    rank: ${rank}`, '    public: own_reason',
                '    text: Our own reason.', `    liftable: ${liftable}`);
        }

        if (random.once(4)) {
            this.reasons.OWN_RESTRICTED = [705, 403, 'never'];
            reasons.push('  OWN_RESTRICTED:', '    liftable: never');
        }

        if (random.once(4)) {
            reasons.push('  JUR_MISMATCH:', '    status: 451');
        }

        if (reasons.length !== 0) {
            this.sections.reasons = reasons;
        }
    }

    makeModels() {
        const { random } = this;
        const patterns = random.some(POOL.modelPattern, 6);

        this.sections.models = ['  tiers:', ...[1, 2, 3].flatMap((tier) => {
            const mine = patterns.filter((_, n) => n % 3 === tier - 1);

            return mine.length === 0 ? []
                : [`    ${tier}: [${mine.map((p) => `"${p}"`).join(', ')}]`];
        })];
    }

    makeRules() {
        const { random } = this;
        let n = 0;
        const ids = Array.from({ length: 24 }, (_, i) => `r-${i}`);
        const next = () => ids.splice(random.below(ids.length), 1)[0];
        const most = { deny: 3, allow: 3, throttle: 4, flag: 2, exceptions: 4 };

        this.denies = [];
        this.throttles = [];

        for (const kind of KINDS) {
            const least = kind === 'deny' || kind === 'allow' ? 1 : 0;

            for (n = random.range(least, most[kind]); n > 0; n--) {
                const rule = this[kind](next());

                if (rule !== undefined) {
                    this.sections[kind].push(rule);
                }
            }
        }
    }

    common(id, kind) {
        const { random } = this;
        const rule = [`id: ${id}`];

        if (kind !== 'throttle' || random.once(2)) {
            rule.push(...this.when(kind));
        }

        if (random.once(5)) {
            rule.push(!['deny', 'throttle'].includes(kind) || random.once(2)
                ? 'mode: shadow'
                : `mode: canary ${random.of(['1%', '10%', '33.33%', '50%',
                    '99.99%'])}`);
        }

        if (random.once(5)) {
            rule.push(`valid: ${this.valid(false)}`);
        }

        if (random.once(8)) {
            rule.push('note: nothing of importance');
        }

        return rule;
    }

    /** Around now, so that some hold and some do not. */
    valid(needsEnd) {
        const { random } = this;
        const moment = () => {
            const at = NOW + DAY * random.range(-2, 2)
                + random.of([0, -1, 1, 3600]);

            return random.once(2) ? date(at) : iso(at);
        };
        const from = random.once(2) ? undefined
            : random.once(2) ? moment() : '2026-01-01';
        const until = random.once(2) ? '2027-06-30' : moment();
        const parts = [];

        if (from !== undefined && (from < until.slice(0, 10))) {
            parts.push(`from: ${from}`);
        }

        if (needsEnd || parts.length === 0 || random.once(2)) {
            parts.push(`until: ${until}`);
        }

        return `{${parts.join(', ')}}`;
    }

    reason() {
        return this.random.of(Object.keys(this.reasons));
    }

    deny(id) {
        const reason = this.reason();
        const rule = this.common(id, 'deny');

        this.denies.push([id, this.reasons[reason][2]]);
        rule.push(`unknown: ${this.random.of(['match', 'match', 'skip'])}`,
            `reason: ${reason}`);

        if (this.random.once(4)) {
            rule.push('message: A sentence for the caller.');
        }

        return rule;
    }

    allow(id) {
        return this.common(id, 'allow');
    }

    flag(id) {
        return [...this.common(id, 'flag'), `reason: ${this.reason()}`,
            ...(this.random.once(2)
                ? [`unknown: ${this.random.of(['match', 'skip'])}`] : [])];
    }

    throttle(id) {
        const { random } = this;
        const rule = this.common(id, 'throttle');

        rule.push('meter: requests', `per: [${random.some(['key.id',
            'account.id', 'model.id', 'model.tier', 'ip.addr'], 2).join(', ')}]`);
        rule.push(...this.rate());

        if (random.once(3)) {
            rule.push(`burst: ${random.range(1, 50)}`);
        }

        if (random.once(3)) {
            rule.push(`unknown: ${random.of(['match', 'skip'])}`);
        }

        // only those before it, so that nothing goes round in a circle

        if (this.throttles.length !== 0 && random.once(3)) {
            rule.push(`replaces: [${random.some(this.throttles, 2)
                .join(', ')}]`);
        }

        this.throttles.push(id);

        return rule;
    }

    rate() {
        const { random } = this;
        const one = () => (random.once(2) ? random.of(['1/s', '60/min',
            '3600/h']) : `${random.range(1, 200)}/${random.of(['s', 'min',
            'h', 'day'])}`);

        if (!random.once(2)) {
            return [`rate: ${one()}`];
        }

        const by = random.of(['account.level', 'model.tier', 'account.status',
            'account.type', 'account.screening', 'ip.tor', 'request.stream',
            'account.linkage', ...Object.keys(OWN).filter((name) => ['bool',
                'int', 'enum'].includes(this.fields[name]))]);
        const [from, to] = this.ranges[by] ?? [];
        const keys = this.enums[by] ?? (this.fields[by] === 'bool'
            ? ['yes', 'no']
            : Array.from({ length: to - from + 1 }, (_, n) => from + n));

        return ['rate:', `  by: ${by}`,
            ...keys.map((key) => `  ${key}: ${one()}`)];
    }

    exceptions(id) {
        const { random } = this;
        const kind = random.of(['licence', 'waiver', 'appeal']);
        const lifts = this.denies.filter(([, liftable]) => liftable === 'yes'
            || (liftable === 'licence' && kind === 'licence'))
            .map(([deny]) => deny);

        if (lifts.length === 0) {
            return undefined;
        }

        return [`id: ${id}`, `kind: ${kind}`,
            `account: ${quoted(random.of(POOL.account))}`,
            `lifts: [${random.some(lifts, 2).join(', ')}]`,
            `valid: ${this.valid(true)}`, 'approved_by: [j.doe, a.smith]',
            ...(kind === 'licence' ? ['authority: BIS D1234567'] : []),
            ...(random.once(2) ? this.when() : [])];
    }


    // Conditions.

    /** What refuses is narrower, what allows wider: some must pass. */
    when(kind) {
        const { random } = this;
        const op = random.once(3) ? undefined
            : { deny: 'and', allow: 'or' }[kind];
        const text = op === undefined ? this.expr(3) : this.join(op, 3);

        if (random.once(3)) {
            return ['when: |', ...text.split(/(?<= (?:and|or)) /).map(
                (part) => `  ${part}`)];
        }

        return [`when: ${text}`];
    }

    expr(depth) {
        const { random } = this;

        if (depth === 0 || random.once(3)) {
            return this.test();
        }

        switch (random.below(3)) {
        case 0:
            return `not ${this.inner(depth - 1)}`;
        case 1:
            return this.join('and', depth);
        default:
            return this.join('or', depth);
        }
    }

    inner(depth) {
        return `(${this.expr(depth)})`;
    }

    join(op, depth) {
        const parts = Array.from({ length: this.random.range(2, 3) },
            () => (this.random.once(2) ? this.test() : this.inner(depth - 1)));

        return parts.join(` ${op} `);
    }

    test() {
        const { random } = this;

        switch (random.below(10)) {
        case 3: {
            const own = Object.keys(OWN).filter((name) => this.fields[name]);

            return this.field(random.of(own.length !== 0 ? own
                : Object.keys(this.fields)));
        }
        case 0:
            return this.share();
        case 1:
            return this.two();
        case 2: {
            const field = random.of(Object.keys(this.fields));

            return `has(${field})`;
        }
        default:
            return this.field(random.of(Object.keys(this.fields)));
        }
    }

    share() {
        const { random } = this;
        const places = this.list(['country', 'region', 'place']);
        const bound = random.of(['0%', '10%', '25%', '33.33%', '50%', '75.5%',
            '100%']);
        const sign = random.of(ORDER);

        switch (random.below(4)) {
        case 0:
            return `owner_share(${places}) ${sign} ${bound}`;
        case 1:
            return `largest_owner(${places}) ${sign} ${bound}`;
        case 2:
            return `listed_share(${random.once(2) ? this.list(['screen'])
                : random.of(POOL.screen)}) ${sign} ${bound}`;
        default:
            return `control_in(${places})`;
        }
    }

    two() {
        const { random } = this;

        if (random.once(2)) {
            const [a, b] = random.of(WITHIN.filter((pair) => pair.every(
                (name) => this.fields[name])));

            return `${a} ${random.of(['in', 'not in'])} ${b}`;
        }

        const [a, b] = random.of(SAME.filter((pair) => pair.every(
            (name) => this.fields[name])));

        return `${a} ${random.of(['==', '!='])} ${b}`;
    }

    field(name) {
        const { random } = this;
        const type = this.fields[name];
        const equal = random.of(['==', '!=']);
        const within = random.of(['in', 'not in']);

        switch (type) {
        case 'bool':
            return random.once(3)
                ? `${name} ${equal} ${random.of(['yes', 'no', 'true', 'false'])}`
                : name;
        case 'int': {
            const [from, to] = this.ranges[name] ?? [0, 5000];

            if (to < 64 && random.once(3)) {
                return `${name} ${within} [${random.some(Array.from(
                    { length: to - from + 1 }, (_, n) => from + n), 3)
                    .join(', ')}]`;
            }

            return `${name} ${random.of(ORDER)} `
                + (to > 64 ? random.of([0, 1, 3, 64]) : random.range(from, to));
        }
        case 'duration':
            return `${name} ${random.of(ORDER)} ${random.of(['0s', '90m',
                '48h', '1d', '14d', '1w'])}`;
        case 'time':
            return `${name} ${random.of(ORDER)} ${random.of(['2026-11-23',
                '2026-11-24', '2026-11-23T12:00:00Z', '2026-11-23T14:00:00Z',
                '2026-11-23T14:00:00+02:00', '2026-11-22'])}`;
        case 'enum': {
            const values = this.enums[name].map(quoted);

            return random.once(2) ? `${name} ${equal} ${random.of(values)}`
                : `${name} ${within} [${random.some(values, 3).join(', ')}]`;
        }
        default:
            return this.inSet(name, type, equal, within);
        }
    }

    inSet(name, type, equal, within) {
        const { random } = this;
        const types = [...FITS[type],
            ...(name === 'account.id' ? ['account'] : []),
            ...(name === 'model.id' ? ['model'] : [])];

        if (random.once(2)) {
            return `${name} ${within} ${this.list(types)}`;
        }

        const pool = { country: POOL.country, region: POOL.region,
            asn: POOL.asn, ip: POOL.cidr, place: POOL.place,
            places: POOL.place }[type]
            ?? (name === 'model.id' ? POOL.model
                : name === 'account.id' ? POOL.account : POOL.name);
        const word = (w) => (type === 'ip' ? `"${w}"`
            : type === 'asn' ? w : quoted(w));

        return type === 'places' || type === 'strings' || random.once(2)
            ? `${name} ${within} [${random.some(pool, 3).map(word).join(', ')}]`
            : `${name} ${equal} ${word(random.of(pool))}`;
    }


    // Files.

    section(name) {
        if (KINDS.includes(name)) {
            return [`${name}:`, ...this.sections[name].flatMap((rule) => rule
                .map((text, n) => (n === 0 ? `  - ${text}` : `    ${text}`)))];
        }

        return [`${name}:`, ...this.sections[name]];
    }

    writeLists() {
        return ['lists:', ...Object.entries(this.lists).flatMap(
            ([name, { type, items }]) => {
                const row = [`  ${name}:`, `    type: ${type}`];

                if (this.random.once(6)) {
                    this.files[`${name}.txt`] = `# a list\n${items.join('\n')}`
                        + '   # the last\n\n';
                    return [...row, `    file: ${name}.txt`];
                }

                return [...row, `    items: [${items.map((w) => `"${w}"`)
                    .join(', ')}]`];
            })];
    }

    /** Some sections in the file itself, some in files that it includes. */
    write(head) {
        const { random } = this;
        const names = [...KINDS, 'models', 'reasons', 'facts'].filter(
            (name) => this.sections[name]?.length > 0);
        const parts = [this.writeLists(),
            ...names.map((name) => this.section(name))];
        const inside = [];
        const included = [];

        for (const part of parts) {
            if (random.once(5)) {
                const name = `part-${included.length}.yaml`;

                included.push(name);
                this.files[name] = `${part.join('\n')}\n`;

            } else {
                inside.push(...part);
            }
        }

        if (included.length !== 0) {
            head.push(`include: [${included.join(', ')}]`);
        }

        return { ...this.files,
            'policy.yaml': `${[...head, ...inside].join('\n')}\n` };
    }
}
