// Copyright (C) the Sallyport authors
//
// The operator's blocks: what is in the store's hash is refused within the
// store's ttl, whatever the policy says and on every way to an allow; it ends
// by itself; and what cannot be read is never taken for "no blocks".

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { FROM, gate, until } from './lib/harness.mjs';

const HASH = 'sp:data:block';
const TTL = 300;

const now = () => Math.floor(Date.now() / 1000);
const soon = () => `until=${now() + 3600} at=${now()} by=jo why=INC-7 test`;


async function start(t, o = {}) {
    const g = await gate(t, { ...o, audit: o.audit ?? 'allows=excepted',
        without: ['nginx'] });

    g.options.store = `sallyport_store redis://127.0.0.1:${g.redis.port}/0 ` +
        `ttl=${TTL}ms;`;
    await g.enrol('acme');
    await g.enrol('other');
    await o.before?.(g);
    await g.start();

    return g;
}


const metric = async (g, name) => {
    const { text } = await g.call({ path: '/metrics' });
    const line = text.split('\n').find((l) => l.startsWith(name + ' ')
        || l.startsWith(name + '{'));

    return line === undefined ? undefined : Number(line.split(' ').at(-1));
};


// A warm allow: given without a look at the records.
async function warm(g, key = 'sk-acme', model = 'small', rest = {}) {
    const before = await metric(g, 'sallyport_recalled_total');

    await until(async () => {
        assert.equal((await g.chat(key, model, rest)).status, 200);

        return await metric(g, 'sallyport_recalled_total') > before;
    }, `"${key}" is recalled`);
}


for (const [field, hit, miss] of [
    ['country:NL', { from: FROM.NL }, { from: FROM.US }],
    ['network:193.0.6.0/24', { from: FROM.NL }, { from: FROM.US }],
    ['account:acme', {}, { key: 'sk-other' }],
    ['key:k_acme', {}, { key: 'sk-other' }],
    ['model:small', {}, { model: 'frontier' }],
]) {
    test(`${field}: refused warm and cold, others served, until it is removed`,
        async (t) => {
            const g = await start(t, { workers: 2 });
            const ask = ({ key = 'sk-acme', model = 'small', ...rest }) =>
                g.chat(key, model, rest);
            await warm(g, hit.key, hit.model, hit);
            await warm(g, miss.key, miss.model, miss);
            await g.redis.call('HSET', HASH, field, soon());

            await until(async () => (await ask(hit)).status === 403,
                'a refusal', 5000);
            await until(async () => {
                const all = await Promise.all(Array.from({ length: 16 },
                    () => ask(hit)));

                return all.every(({ status }) => status === 403);
            }, 'refusals by all workers', 5000);

            // What is not blocked goes on being recalled.
            await warm(g, miss.key, miss.model, miss);

            const [record] = await g.waitRecords('decision', 1,
                (r) => r.dec === 'deny');

            assert.equal(record.reason, 'OPS_EMERGENCY_BLOCK');
            assert.equal(record.class, 'risk');
            assert.deepEqual(record.by.map((m) => m.r), ['builtin:blocked']);
            assert.equal(record.facts.block.is, field);
            assert.ok(record.facts.block.until > now() + 3000);

            await g.redis.call('DEL', HASH);
            await until(async () => {
                const all = await Promise.all(Array.from({ length: 16 },
                    () => ask(hit)));

                return all.every(({ status }) => status === 200);
            }, 'allows by all workers', 5000);
        });
}


test('refusals reach requests whose allows are recorded, too', async (t) => {
    const g = await start(t, { audit: 'allows=on' });

    for (let i = 0; i < 8; i++) {
        assert.equal((await g.chat('sk-acme')).status, 200);
    }

    await g.redis.call('HSET', HASH, 'model:small', soon());
    await until(async () => (await g.chat('sk-acme')).status === 403,
        'a refusal', 5000);
    assert.equal((await g.chat('sk-acme', 'medium')).status, 200);
});


test('no exception and no mode of a rule lifts a block', async (t) => {
    const g = await start(t, { before: (g) => g.redis.call('HSET', HASH,
        'account:acme', soon()) });

    const { status, json, headers } = await g.chat('sk-acme');

    assert.equal(status, 403, 'from the very first request');
    assert.match(json.error.message, /This account cannot use the service/);
    assert.equal(headers['retry-after'], undefined);
});


test('a block ends by itself, to the second', async (t) => {
    const until_ = now() + 3;
    const g = await start(t, { before: (g) => g.redis.call('HSET', HASH,
        'account:acme', `until=${until_}`) });

    assert.equal((await g.chat('sk-acme')).status, 403);
    await until(async () => (await g.chat('sk-acme')).status === 200,
        'an allow', 8000);
    assert.ok(Date.now() >= until_ * 1000);
    assert.equal(await metric(g, 'sallyport_blocks'), 0);
});


test('an address that is not public is in no blocked country; one whose ' +
    'country is not known may be', async (t) => {
    const g = await start(t, { before: (g) => g.redis.call('HSET', HASH,
        'country:NL', soon()) });

    assert.equal((await g.chat('sk-acme', 'small', { from: '10.1.2.3' }))
        .status, 451, 'the policy refuses an unknown country');
    await g.chat('sk-acme', 'small', { from: FROM.nowhere });

    const records = await g.waitRecords('decision', 2);
    const rules = records.map((r) => r.by.map((m) => m.r));

    assert.ok(!rules[0].includes('builtin:blocked'));
    assert.ok(rules[1].includes('builtin:blocked'));
    assert.equal(records[1].by.find((m) => m.r === 'builtin:blocked').m,
        'unknown');
});


for (const [what, damage] of [
    ['has no end', (g) => g.redis.call('HSET', HASH, 'country:SE', 'by=jo')],
    ['has a kind that there is not', (g) => g.redis.call('HSET', HASH,
        'asn:13', soon())],
    ['is no hash', async (g) => {
        await g.redis.call('SET', 'other', 'x');    // in one step: without it
        await g.redis.call('RENAME', 'other', HASH); // there are no blocks
    }],
    ['is too long', (g) => g.redis.call('HSET', HASH, ...Array.from(
        { length: 600 }, (_, i) => [`account:a${i}`, soon()]).flat())],
    ['is too large', (g) => g.redis.call('HSET', HASH, 'account:a1',
        soon() + 'x'.repeat(200000))],
]) {
    test(`a hash that ${what}: the last good one stays in force, with an ` +
        'alarm, until it can be read again', async (t) => {
        const g = await start(t, { before: (g) => g.redis.call('HSET', HASH,
            'account:acme', soon()) });

        assert.equal((await g.chat('sk-acme')).status, 403);
        assert.equal(await metric(g, 'sallyport_blocks'), 1);
        assert.equal(await metric(g, 'sallyport_blocks_unreadable'), 0);
        await damage(g);
        await until(async () => await metric(g,
            'sallyport_blocks_unreadable') === 1, 'the alarm', 5000);

        assert.equal((await g.chat('sk-acme')).status, 403);
        assert.equal((await g.chat('sk-other')).status, 200);
        assert.match(g.errorLog(), /\[error\].*blocks of store .* cannot be read/);
        assert.equal(await metric(g, 'sallyport_store_up'), 1);

        await g.redis.call('DEL', HASH);
        await until(async () => (await g.chat('sk-acme')).status === 200,
            'an allow', 5000);
        assert.equal(await metric(g, 'sallyport_blocks_unreadable'), 0);
    });

    test(`a hash that ${what} and was never read: refused as not available`,
        async (t) => {
            const g = await start(t, { before: damage });
            const { status, headers } = await g.chat('sk-acme');

            assert.equal(status, 503);
            assert.ok(headers['retry-after']);

            const [record] = await g.waitRecords('decision');

            assert.equal(record.reason, 'VERIFICATION_UNAVAILABLE');
            assert.equal(record.class, 'system');
            assert.equal(record.facts.block, '!');
        });
}


test('an emptied database is no word that nothing is blocked', async (t) => {
    const g = await start(t, { before: (g) => g.redis.call('HSET', HASH,
        'account:acme', soon()) });

    assert.equal((await g.chat('sk-acme')).status, 403);
    await g.redis.call('FLUSHALL');
    await until(() => /has no "meta" hash/.test(g.errorLog()), 'the doubt',
        5000);
    assert.equal(await metric(g, 'sallyport_blocks'), 1);
    assert.notEqual((await g.chat('sk-acme')).status, 200);
});


test('observe records what a block would have refused', async (t) => {
    const g = await start(t, { mode: 'observe', before: (g) =>
        g.redis.call('HSET', HASH, 'account:acme', soon()) });

    assert.equal((await g.chat('sk-acme')).status, 200);

    const [record] = await g.waitRecords('decision');

    assert.equal(record.dec, 'deny');
    assert.equal(record.enforced, false);
    assert.equal(record.by[0].r, 'builtin:blocked');
});
