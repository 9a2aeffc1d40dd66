// Copyright (C) the Sallyport authors
//
// Gates whose store a test breaks, and how a refusal for that looks.

import fs from 'node:fs';
import assert from 'node:assert/strict';
import { gate, until } from '../e2e/lib/harness.mjs';
import { startFakeRedis } from './fake-redis.mjs';


export const policy = fs.readFileSync(new URL('policy.yaml', import.meta.url),
    'utf8');

// How long the store may be silent, ms, before what it said does not count.
export const LEASE = 1500;


// Until records are kept: changes of the store are heard of, or it is polled.
export const heard = (g) => until(async () => {
    const { text } = await g.call({ path: '/metrics' });

    return /^sallyport_session_state\S* 2$|^sallyport_store_polled\S* 1$/m
        .test(text);
}, 'the store is tracked');


// A gate over a real Redis, with options of the store. "port" is where the
// gate finds it, if something stands in between.
export async function real(t, store = '', options = {}) {
    const g = await gate(t, { policy, without: ['nginx'], ...options });

    g.options.store = 'sallyport_store redis://127.0.0.1:' +
        `${options.port ?? g.redis.port}/0 ${store};`;
    await g.enrol('acme');
    await g.start();

    if (!options.port) {
        await heard(g);
    }

    return g;
}


// A gate over a scripted one; the fake ends with the gate. "prepare" is told
// of it before the gate starts.
export async function fake(t, store = '', options = {}) {
    const redis = await startFakeRedis();

    options.prepare?.(redis);

    const g = await gate(t,
        { policy, without: ['redis', 'nginx'], ...options });

    g.redis = redis;
    g.options.store =
        `sallyport_store redis://127.0.0.1:${redis.port}/0 ${store};`;
    await g.enrol('acme');
    await g.start();
    await heard(g);

    return g;
}


export const decisions = (g) => g.records().filter((r) => r.t === 'decision');

// A refusal because the store failed: try again later, and nothing else.
export function unavailable(res) {
    assert.equal(res.status, 503, res.text);
    assert.ok(Number(res.headers['retry-after']) >= 1, 'Retry-After');
    assert.match(res.text, /verification_unavailable/);
}

export function recordedAsFailure(g) {
    for (const record of decisions(g).filter((r) => r.dec === 'deny')) {
        assert.equal(record.reason, 'VERIFICATION_UNAVAILABLE',
            JSON.stringify(record));
        assert.equal(record.status, 503);
    }
}

export const served = (g, key, ms = 3000) => until(async () =>
    (await g.chat(key)).status === 200, `${key} is served`, ms);
