// Copyright (C) the Sallyport authors
//
// Plain allows that the gate gives again without a look at the records: that
// they happen, that the upstream sees no difference, and that nothing that
// changes goes unnoticed. Only where allows are not recorded (audit.test.mjs
// and most others record all of them).

import fs from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { FROM, chat, gate, spawnedWorkers, until } from './lib/harness.mjs';

const ROUNDS = 12;


async function recalled(g) {
    const { text } = await g.call({ path: '/metrics' });

    return Number(/^sallyport_recalled_total (\d+)$/m.exec(text)[1]);
}


// Asks until the gate knows the case; resolves to how often it did by then.
async function warm(g, key = 'sk-acme', model = 'small', rest = {}) {
    const before = await recalled(g);

    return until(async () => {
        const { status } = await g.chat(key, model, rest);

        assert.equal(status, 200);

        return await recalled(g) > before;
    }, `"${key}" is recalled`);
}


async function enrolled(t, o = {}) {
    const g = await gate(t, { audit: 'allows=excepted', ...o });

    await g.enrol('acme');

    return g;
}


test('the upstream and the log see no difference', async (t) => {
    const g = await enrolled(t, { logFormat: '$sallyport_decision ' +
        '$sallyport_account $sallyport_rule $sallyport_model ' +
        '$sallyport_country $sallyport_source' });
    const forged = { headers: { 'X-Sallyport-Account': 'root',
        'x_sallyport_id': 'mine' } };

    await warm(g, 'sk-acme', 'small', forged);

    const before = await recalled(g);

    for (let i = 0; i < ROUNDS; i++) {
        assert.equal((await g.chat('sk-acme', 'small', forged)).status, 200);
    }

    assert.equal(await recalled(g), before + ROUNDS);

    const last = g.upstream.arrivals.slice(-ROUNDS);
    const ids = new Set(last.map((a) => a.headers['x-sallyport-id']));

    assert.equal(ids.size, ROUNDS, 'each has an id of its own');

    for (const { headers, body } of last) {
        assert.equal(headers['x-sallyport-account'], 'acme');
        assert.equal(headers.authorization, undefined);
        assert.equal(headers['x_sallyport_id'], undefined);
        assert.deepEqual(JSON.parse(body), chat('small'));
    }

    await g.stop();

    const lines = fs.readFileSync(g.file('access.log'), 'utf8').trim()
        .split('\n').filter((line) => line.startsWith('allow')).slice(-ROUNDS);

    assert.deepEqual([...new Set(lines)],
        ['allow acme verified small US fresh']);
});


test('another place, model, tier, route or body is judged', async (t) => {
    const g = await enrolled(t);

    await g.enrol('low', { level: 1 });
    await warm(g);
    await warm(g, 'sk-low');

    const refused = async (want, key, model, rest) => {
        const before = await recalled(g);

        for (let i = 0; i < 4; i++) {
            assert.equal((await g.chat(key, model, rest)).status, want);
        }

        assert.equal(await recalled(g), before);
    };

    await refused(451, 'sk-acme', 'small', { from: FROM.KP });
    await refused(404, 'sk-acme', 'unheard-of');
    await refused(403, 'sk-low', 'frontier');
    await refused(401, 'sk-nobody', 'small');
    await refused(404, 'sk-acme', 'small', { path: '/v1/unheard-of' });
    await refused(400, 'sk-acme', 'small', { body: '{"model":"small",' +
        '"model":"frontier","messages":[]}' });

    assert.equal((await g.chat('sk-acme', 'small')).status, 200);
});


for (const [what, change] of [
    ['account is suspended', (g) => g.redis.call('HSET', 'sp:data:acct:acme',
        'status', 'suspended', 'ver', 2)],
    ['account is closed by hand, its version left', (g) => g.redis.call(
        'HSET', 'sp:data:acct:acme', 'status', 'closed')],
    ['account is gone', (g) => g.redis.call('DEL', 'sp:data:acct:acme')],
    ['key is revoked', async (g) => g.redis.call('HSET', ...await keyOf(g),
        'status', 'revoked', 'ver', 2)],
    ['key is gone', async (g) => g.redis.call('DEL', ...await keyOf(g))],
    ['store is gone', (g) => g.redis.stop()],
]) {
    test(`${what}: refused within the store's ttl, and from then on`,
        async (t) => {
            const g = await enrolled(t, { workers: 2 });

            await change(g);

            const since = Date.now();

            await until(async () => (await g.chat('sk-acme')).status !== 200,
                'a refusal');

            // The default ttl, and what a loaded machine needs.
            assert.ok(Date.now() - since < 5000 + 2500,
                `${Date.now() - since} ms`);

            // The other worker's copy is no older; the store is gone for all.
            await until(async () => {
                const all = await Promise.all(Array.from({ length: 16 },
                    () => g.chat('sk-acme')));

                return all.every(({ status }) => status !== 200);
            }, 'refusals by all workers', 8000);

            const before = await recalled(g);

            for (let i = 0; i < ROUNDS; i++) {
                assert.notEqual((await g.chat('sk-acme')).status, 200);
            }

            assert.equal(await recalled(g), before);
            assert.equal(spawnedWorkers(g).length, 2);
        });
}


async function keyOf(g) {
    return (await g.redis.call('KEYS', 'sp:data:key:*')).slice(0, 1);
}


test('a key that moves to another account is that one\'s', async (t) => {
    const g = await enrolled(t);

    await g.enrol('other');
    await warm(g);
    await g.redis.call('HSET', ...await keyOfAccount(g, 'acme'), 'account',
        'other', 'ver', 2);
    await until(async () => {
        await g.chat('sk-acme');

        return g.upstream.arrivals.at(-1).headers['x-sallyport-account']
            === 'other';
    }, 'the other account', 9000);
    await warm(g);
    assert.equal(g.upstream.arrivals.at(-1).headers['x-sallyport-account'],
        'other');
});


async function keyOfAccount(g, account) {
    for (const name of await g.redis.call('KEYS', 'sp:data:key:*')) {
        if (await g.redis.call('HGET', name, 'account') === account) {
            return [name];
        }
    }

    throw new Error(`no key of ${account}`);
}


test('throttles count recalled requests, too', async (t) => {
    const g = await enrolled(t, { policy: fs.readFileSync(new URL(
        'policy.yaml', import.meta.url), 'utf8')
        .replace('rate: 6000/min\n    burst: 100', 'rate: 1/h\n    burst: 20')
    });
    const got = [];

    for (let i = 0; i < 40; i++) {
        got.push((await g.chat('sk-acme')).status);
    }

    assert.ok(await recalled(g) >= 10);
    assert.deepEqual(got, [...Array(20).fill(200), ...Array(20).fill(403)]);
    await g.stop();
    assert.equal(g.records().filter((r) => r.dec === 'throttle').length, 20);
});


test('a route without a body is recalled', async (t) => {
    const g = await enrolled(t);
    const models = () => g.call({ path: '/v1/models', key: 'sk-acme' });
    const before = await recalled(g);

    await until(async () => {
        assert.equal((await models()).status, 200);

        return await recalled(g) > before;
    }, 'a recalled GET');
});
