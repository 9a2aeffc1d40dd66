// A policy as the reference reads it: the files through a YAML library that
// gives all scalars as text, the rules with their conditions as trees.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

import { FIELDS, time, zone } from './fields.mjs';
import { item, read, reads } from './condition.mjs';

const { parse } = createRequire(resolve(process.env.BUILD ?? 'build',
    'npm/tests/package.json'))('yaml');

export const KINDS = ['deny', 'allow', 'throttle', 'flag', 'exceptions'];

// Reasons that policies of the test name: rank, status, liftable.

export const REASONS = {
    JUR_IP_EMBARGO: [101, 451, 'licence'],
    JUR_IP_REGION_EMBARGO: [102, 451, 'licence'],
    SYS_GEO_UNAVAILABLE: [202, 503, 'never'],
    OPS_EMERGENCY_BLOCK: [401, 403, 'never'],
    SCR_HIT: [601, 403, 'licence'],
    JUR_INC_RESTRICTED: [701, 403, 'yes'],
    JUR_HQ_RESTRICTED: [702, 403, 'yes'],
    OWN_RESTRICTED: [705, 403, 'yes'],
    KYC_LEVEL: [803, 403, 'never'],
    OWN_UNRESOLVED: [806, 403, 'yes'],
    NET_HOSTING_UNREGISTERED: [1105, 403, 'yes'],
    JUR_MISMATCH: [1108, 403, 'yes'],
    MODEL_UNKNOWN: [1301, 404, 'never'],
    OWN_RESTRICTED_MINORITY: [1601, 403, 'yes'],
};

const BUILTIN = {
    VERIFICATION_UNAVAILABLE: [201, 503],
    CRED_MISSING: [301, 401],
    CRED_MALFORMED: [302, 401],
    CRED_AMBIGUOUS: [303, 401],
    CRED_UNKNOWN: [304, 401],
    CRED_REVOKED: [305, 401],
    CRED_EXPIRED: [306, 401],
    CRED_CIDR: [307, 403],
    CRED_INVALID: [308, 403],
    ACCT_SUSPENDED: [402, 403],
    ACCT_CLOSED: [403, 403],
    KYC_MISSING: [501, 403],
    KYC_RECORD_INVALID: [502, 403],
    KYC_REJECTED: [503, 403],
    RESELL_ENDCUSTOMER_UNKNOWN: [1003, 403],
    RESELL_ENDCUSTOMER_DENIED: [1004, 403],
    ROUTE_UNKNOWN: [1251, 404],
    BODY_AMBIGUOUS: [1253, 400],
    TIER_NOT_GRANTED: [1303, 403],
    NOT_ALLOWED: [1501, 403],
};

/** All parts of a policy: what is included is one set with the file. */
function gather(file) {
    const root = parse(readFileSync(file, 'utf8'), { schema: 'failsafe' });
    const all = { ...root };

    for (const name of root.include ?? []) {
        const part = gather(join(dirname(file), name));

        for (const [key, value] of Object.entries(part)) {
            all[key] = Array.isArray(value) ? [...(all[key] ?? []), ...value]
                : typeof value === 'object' ? { ...all[key], ...value }
                : all[key] ?? value;
        }
    }

    for (const list of Object.values(root.lists ?? {})) {
        list.items ??= readFileSync(join(dirname(file), list.file), 'utf8')
            .split('\n').map((line) => line.replace(/#.*/, '').trim())
            .filter((line) => line !== '');
    }

    return all;
}

function reasons(root) {
    const table = { ...BUILTIN, ...REASONS };

    for (const [code, row] of Object.entries(root.reasons ?? {})) {
        const [rank, status, liftable] = table[code] ?? [];

        table[code] = [Number(row.rank ?? rank),
            Number(row.status ?? status ?? 403),
            row.liftable ?? liftable ?? 'never'];
    }

    return table;
}

const UNIT = { s: 1, sec: 1, min: 60, h: 3600, hour: 3600, d: 86400,
    day: 86400 };

/** "60/min" with its burst: a tenth of it, at least one, unless said. */
function rate(text, burst) {
    const [limit, unit] = text.split('/');

    return { limit: Number(limit), period: UNIT[unit],
        burst: burst ?? Math.max(1, Math.floor(Number(limit) / 10)) };
}

function rates(rule, fields) {
    const burst = rule.burst === undefined ? undefined : Number(rule.burst);

    if (typeof rule.rate === 'string') {
        return { rate: rate(rule.rate, burst) };
    }

    const { by, ...rows } = rule.rate;
    const keys = Object.keys(rows);
    const value = (key) => (fields[by] === 'bool' ? key === 'yes'
        : fields[by] === 'int' ? Number(key) : key);

    return { by, rows: new Map(keys.map((key) => [value(key),
        rate(rows[key], burst)])) };
}

export function load(file) {
    const root = gather(file);
    const east = zone(root.timezone ?? 'UTC');
    const fields = { ...FIELDS };
    const own = Object.entries(root.facts ?? {});

    for (const [name, declared] of own) {
        fields[name] = declared.type === 'age' ? 'duration' : declared.type;
    }

    const lists = Object.fromEntries(Object.entries(root.lists ?? {}).map(
        ([name, list]) => [name, { type: list.type, items: list.items.map(
            (word) => item(list.type, word, east)) }]));
    const context = { lists, east, fields };

    const rules = KINDS.flatMap((kind) => (root[kind] ?? []).map((rule) => {
        const when = rule.when === undefined ? undefined
            : read(rule.when, context);
        const { from, until } = rule.valid ?? {};

        return {
            ...rule, kind, when,
            from: from === undefined ? -Infinity : time(from, east),
            until: until === undefined ? Infinity : time(until, east, true),
            skip: rule.unknown === undefined ? kind === 'flag'
                : rule.unknown === 'skip',
            shadow: rule.mode === 'shadow',
            share: /^canary/.test(rule.mode ?? '')
                ? Number(/(\d+(?:\.\d+)?)%/.exec(rule.mode)[1]) : undefined,
            perModel: when !== undefined && reads(when).some(
                (field) => field.startsWith('model.')),
            ...(kind === 'throttle' ? rates(rule, fields) : {}),
        };
    }));

    for (const rule of rules.filter(({ kind }) => kind === 'exceptions')) {
        for (const lifted of rules) {
            lifted.perModel ||= rule.perModel && rule.lifts.includes(lifted.id);
        }
    }

    rules.sort((a, b) => (a.id < b.id ? -1 : 1));

    const byKind = Object.fromEntries(KINDS.map((kind) => [kind,
        rules.filter((rule) => rule.kind === kind)]));

    return { of: (kind) => byKind[kind], customers: root.customers,
        fields, own, reasons: reasons(root),
        tiers: Object.entries(root.models?.tiers ?? {}).flatMap(
            ([tier, names]) => names.map((name) => [name, Number(tier)])) };
}
