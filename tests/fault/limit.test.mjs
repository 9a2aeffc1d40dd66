// Copyright (C) the Sallyport authors
//
// The limiter's bound holds for all workers together, through their deaths
// and reloads; several throttles on one request are debited together or not
// at all; a full table refuses.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, until, spawnedWorkers, keyFields, kid,
    FROM } from '../e2e/lib/harness.mjs';
import { pause } from './fake-redis.mjs';


const policy = (...throttles) => `sallyport: 1
policy: limits
revision: r1

allow:
  - id: verified
    when: account.status == verified

throttle:
${throttles.map(([id, per, rate, burst]) => `
  - id: ${id}
    meter: requests
    per: [${per}]
    rate: ${rate}
    burst: ${burst}
`).join('')}`;


async function limited(t, throttles, options = {}) {
    const g = await gate(t, { policy: policy(...throttles), ...options });

    await g.enrol('acme');
    g.count = async (n, key = 'sk-acme', rest = {}) => {
        const answers = await Promise.all(Array.from({ length: n }, () =>
            g.chat(key, 'small', rest)));

        answers.filter((r) => r.status !== 200).forEach((r) => {
            assert.equal(r.status, 429, r.text);
            assert.ok(Number(r.headers['retry-after']) >= 1, 'Retry-After');
        });

        return answers.filter((r) => r.status === 200).length;
    };

    return g;
}


test('the burst is counted once for all workers', async (t) => {
    const g = await limited(t, [['r', 'account.id', '6/min', 7]],
        { workers: 3 });

    assert.equal(await g.count(60), 7);
    assert.equal(await g.count(20), 0);
});


test('what was used up stays used up through kill -9 and reload',
    async (t) => {
        const g = await limited(t, [['r', 'account.id', '6/min', 5]],
            { workers: 2, mayBeTorn: true, checkLedger: false,
                expectLog: [/exited on signal 9/] });

        assert.equal(await g.count(3), 3);
        spawnedWorkers(g).forEach((pid) => process.kill(pid, 'SIGKILL'));
        await until(() => spawnedWorkers(g).length === 2, 'new workers');
        assert.equal(await g.count(1), 1);
        await g.reload();
        assert.equal(await g.count(10), 1);
    });


test('the rate: what passes in a window is bounded, and is not less',
    async (t) => {
        const g = await limited(t, [['r', 'account.id', '600/min', 5]],
            { workers: 2 });
        const start = performance.now();
        let passed = 0;

        while (performance.now() - start < 2500) {
            passed += await g.count(4);
            await pause(5);
        }

        const seconds = (performance.now() - start) / 1000;

        assert.ok(passed <= 5 + 10 * seconds + 1, `${passed} in ${seconds} s`);
        assert.ok(passed >= 5 + 10 * seconds - 3, `${passed} in ${seconds} s`);
    });


test('two throttles: a refusal by one debits neither', async (t) => {
    const g = await limited(t, [['key', 'key.id', '1/min', 2],
        ['account', 'account.id', '1/min', 10]]);
    const keys = [];

    for (let n = 0; n < 6; n++) {
        keys.push('sk-more-' + n);
        await g.redis.call('HSET', 'sp:data:key:' + kid(keys[n]),
            ...keyFields('acme', { name: 'k_more_' + n }));
    }

    assert.equal(await g.count(2, keys[0]), 2);
    assert.equal(await g.count(50, keys[0]), 0);

    for (const key of keys.slice(1, 5)) {
        assert.equal(await g.count(5, key), 2, 'the account has room left');
    }

    assert.equal(await g.count(5, keys[5]), 0, 'the account has none left');
});


test('by address: an IPv6 /64 is one, another address is another',
    async (t) => {
        const g = await limited(t, [['r', 'ip.addr', '1/min', 2]]);

        assert.equal(await g.count(5), 2);
        assert.equal(await g.count(5, 'sk-acme', { from: FROM.NL }), 2);
        assert.equal(await g.count(3, 'sk-acme',
            { from: '2a00:1450:4001:800::1' }), 2);
        assert.equal(await g.count(3, 'sk-acme',
            { from: '2a00:1450:4001:800:ffff::2' }), 0, 'the same /64');
        assert.equal(await g.count(3, 'sk-acme',
            { from: '2a00:1450:4001:801::1' }), 2, 'another /64');
    });


test('observe counts nothing down', async (t) => {
    const g = await limited(t, [['r', 'account.id', '6/min', 3]],
        { mode: 'observe' });

    assert.equal(await g.count(10), 10);

    for (const record of g.records().filter((r) => r.t === 'decision')) {
        assert.equal(record.dec, 'allow', 'no token was taken');
        assert.equal(record.enforced, false);
    }
});


test('a table without an idle bucket refuses, and says so', async (t) => {
    const g = await limited(t, [['r', 'ip.addr', '1/h', 1]], { zone: '1m' });
    const metric = async () => Number(/zone_full\S* (\d+)/.exec(
        (await g.call({ path: '/metrics' })).text)?.[1] ?? 0);
    let n = 0;
    let refused = 0;

    // The table has about 3400 buckets in a zone of 1m; each address is new.
    while (refused === 0 && n < 20000) {
        const answers = await Promise.all(Array.from({ length: 50 }, () =>
            g.chat('sk-acme', 'small',
                { from: `8.${n >> 16}.${(n >> 8) & 255}.${n++ & 255}` })));

        refused = answers.filter((r) => r.status === 403).length;
        assert.ok(answers.every((r) => [200, 403].includes(r.status)));
    }

    assert.ok(refused > 0, `${n} addresses had a bucket each`);
    assert.ok(n > 2000, `full after ${n} addresses`);
    assert.ok(await metric() > 0, 'the metric counts it');

    // Who has a bucket keeps it: the first address is still out of tokens.
    assert.equal((await g.chat('sk-acme', 'small', { from: '8.0.0.1' }))
        .status, 403);
});
