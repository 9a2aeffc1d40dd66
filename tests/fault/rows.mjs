// Copyright (C) the Sallyport authors
//
// What each kind of caller gets while a store fails, and what the audit
// records say of it: the answer, its reason, where the record came from and
// how old it was.

import assert from 'node:assert/strict';
import { FROM, chat, until } from '../e2e/lib/harness.mjs';
import { real, fake } from './broken.mjs';
import { decided, withIds } from './history.mjs';
import { pause } from './fake-redis.mjs';

// ms: S, the period of canaries, X of the lenient tier, and until what a
// canary finds out is known.
export const TIMES = { lease: 1000, canary: 100, stale: 2000, soon: 400 };

const STORE = `lease=${TIMES.lease}ms canary=${TIMES.canary}ms timeout=150ms ` +
    'address_lookups=5000 address_burst=5000';

// Tier 1 is served with records up to 2 s old, tier 3 with none that is old.
const POLICY = `
sallyport: 1
policy: rows
revision: r1

models:
  tiers:
    1: [small]
    3: [frontier]

stale: {by: model.tier, 1: ${TIMES.stale / 1000}s, 2: deny, 3: deny}

allow:
  - id: verified
    when: account.status == verified
`;

// Who calls: the key and the model.
let nobody = 0;
let calls = 0;

const CALLERS = {
    strict: () => ['sk-acme', 'frontier'],
    lenient: () => ['sk-acme', 'small'],
    shut: () => ['sk-shut', 'frontier'],
    gone: () => ['sk-gone', 'small'],
    unknown: () => ['sk-nobody-' + nobody++, 'small'],
};


// A gate whose cache holds all that the callers need, and is fresh.
async function ready(g) {
    await g.enrol('shut', { status: 'suspended' });
    await g.enrol('gone', {}, { status: 'revoked' });
    await fresh(g);

    assert.equal((await g.chat('sk-acme', 'small')).status, 200);
    assert.equal((await g.chat('sk-shut')).status, 403);
    assert.equal((await g.chat('sk-gone')).status, 401);
    assert.equal((await g.chat('sk-nobody')).status, 401);

    return g;
}

// Each verdict has its line, however fast they come.
const GATE = { policy: POLICY, audit: 'allows=on flood=0' };

export const overReal = async (t, { store = '', ...options } = {}) =>
    ready(await real(t, `${STORE} ${store}`, { ...GATE, ...options }));

export const overFake = async (t, { store = '', ...options } = {}) =>
    ready(await fake(t, `${STORE} ${store}`, { ...GATE, ...options }));


// One number of the metrics page, added up over its labels.
export async function metric(g, name, label = '') {
    const { text } = await g.call({ path: '/metrics' });

    return text.split('\n').filter((line) => new RegExp(`^${name}[{ ]`)
        .test(line) && line.includes(label))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}


// The strict caller's key and account are both taken from the cache.
export const fresh = (g, ms = 5000) => until(async () => {
    const before = await metric(g, 'sallyport_cache_total', '"hit"');
    const [{ status }] = await ask(g, ['strict']);
    const after = await metric(g, 'sallyport_cache_total', '"hit"');

    return status === 200 && after === before + 2;
}, 'the strict caller is served from the cache', ms);


// One request of each; { who, at, took, status, id, retry, text }.
export async function ask(g, who = Object.keys(CALLERS)) {
    const list = [];

    for (const name of who) {
        const [key, model] = CALLERS[name]();
        const at = performance.now();
        const call = String(++calls);
        const res = await g.call({ key, from: FROM.US, body: chat(model),
            headers: { 'X-Call': call } });

        list.push({ who: name, at, took: performance.now() - at,
            status: res.status, call, id: res.headers['x-request-id'],
            retry: Number(res.headers['retry-after'] ?? 0), text: res.text });
    }

    return list;
}


// Requests of each in turn for so long, with what the audit says of them.
export async function sample(g, ms, who) {
    const begin = performance.now();
    const list = [];

    while (performance.now() - begin < ms) {
        list.push(...await ask(g, who));
        await pause(5);
    }

    const records = decided(g.records());

    return withIds(g, list).map((s) => {
        assert.ok(records.has(s.id), `${s.who} ${s.status}: no record`);

        return { ...records.get(s.id), ...s, at: s.at - begin };
    });
}


const only = (list, who) => list.filter((s) => s.who === who);

const told = (s) => `${s.who} at ${s.at.toFixed(0)} ms: ${s.status} ` +
    `${s.reason} ${s.src} ${s.age} ms`;

export function unavailable(s) {
    assert.equal(s.status, 503, told(s));
    assert.equal(s.reason, 'VERIFICATION_UNAVAILABLE', told(s));
    assert.ok(s.retry >= 1, 'Retry-After: ' + told(s));
    assert.match(s.text, /verification_unavailable/);
}


// What denies is obeyed, however old; what nobody knows is no answer. Of the
// key and the account the record tells how the less trusted one was had.
// Until "soon" it may not be known yet that the store is not to be believed.
export function refused(list, { unknown = 503, soon = 0 } = {}) {
    for (const s of only(list, 'shut')) {
        assert.equal(s.status, 403, told(s));
        assert.equal(s.reason, 'ACCT_SUSPENDED', told(s));
        assert.ok(['fresh', 'sticky', 'stale'].includes(s.src), told(s));
    }

    for (const s of only(list, 'gone')) {
        assert.equal(s.status, 401, told(s));
        assert.equal(s.reason, 'CRED_REVOKED', told(s));
    }

    for (const s of only(list, 'unknown')) {
        if (unknown === 503 && (s.status === 503 || s.at >= soon)) {
            unavailable(s);
        } else {
            assert.equal(s.status, 401, told(s));
            assert.equal(s.reason, 'CRED_UNKNOWN', told(s));
        }
    }
}


// Nothing can be asked: strict callers are served for a lease at most, and
// lenient ones for X, marked; then 503, and nothing else. "grace" is false
// where the records that were known are not believed at once.
export function outage(list, { grace = true, stale = true } = {}) {
    const strict = only(list, 'strict');
    const lenient = only(list, 'lenient');

    for (const s of strict) {
        if (s.status === 200) {
            assert.equal(s.src, 'fresh', told(s));
            assert.ok(s.age <= TIMES.lease, told(s));
            assert.ok(grace || s.at < TIMES.soon, told(s));
        } else {
            unavailable(s);
        }
    }

    for (const s of lenient) {
        if (s.status === 200) {
            assert.ok(['fresh', 'stale'].includes(s.src), told(s));
            assert.ok(s.age <= (s.src === 'fresh' ? TIMES.lease
                : TIMES.stale), told(s));
            assert.ok(stale || s.src === 'fresh', told(s));
        } else {
            unavailable(s);
        }
    }

    for (const one of [strict, lenient]) {
        const first = one.findIndex((s) => s.status !== 200);

        assert.ok(first >= 0, one[0].who + ' is served for ever');
        assert.ok(one.slice(first).every((s) => s.status === 503),
            'served again: ' + told(one.slice(first)
                .find((s) => s.status !== 503) ?? one[first]));
    }

    if (grace) {
        assert.ok(strict.some((s) => s.status === 200), 'no grace at all');
    }

    if (stale) {
        assert.ok(lenient.some((s) => s.src === 'stale' && s.status === 200),
            'the lenient caller is never served with an old record');
    }
}


// The store can be asked, though its changes are not heard of: everybody is
// served as if nothing were wrong, by reading.
export function reading(list, { unknown = 401 } = {}) {
    for (const s of list.filter(({ who }) => /strict|lenient/.test(who))) {
        assert.equal(s.status, 200, told(s));
        assert.equal(s.src, 'fresh', told(s));
        assert.ok(s.age <= TIMES.lease, told(s));
    }

    refused(list, { unknown });
}


// Back within "ms": all as before.
export async function recovers(g, ms = 1000) {
    const begin = performance.now();

    await until(async () => {
        const [strict, unknown] = await ask(g, ['strict', 'unknown']);

        return strict.status === 200 && unknown.status === 401;
    }, 'the store is asked again', ms + 4000);

    const took = performance.now() - begin;

    await fresh(g);
    reading(await sample(g, 50));

    return took;
}


// Nobody connects more than once a second and worker for look-ups.
export function paced(connects, workers = 1) {
    connects.slice(workers).forEach((at, n) => assert.ok(
        at - connects[n] >= 950, `${at - connects[n]} ms between connects`));
}
