// Copyright (C) the Sallyport authors
//
// Rows F7, F8, F9 and F12: the store answers, and what it holds is not what
// it held: it was emptied, restored from a backup, it evicted, it is another
// one's, or a record is damaged.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { accountFields, until, writeMeta } from '../e2e/lib/harness.mjs';
import { ask, metric, outage, overFake, overReal, recovers, refused, sample,
    TIMES, unavailable } from './rows.mjs';
import { bulk } from './fake-redis.mjs';

const OUTAGE = TIMES.stale + 1000;

async function enrolAgain(g, ver) {
    await writeMeta(g.redis);
    await g.enrol('acme', { ver }, { ver });
    await g.enrol('shut', { ver, status: 'suspended' }, { ver });
    await g.enrol('gone', { ver }, { ver, status: 'revoked' });
}


test('F7 emptied', async (t) => {
    const g = await overReal(t);

    await g.redis.call('FLUSHALL');

    const list = await sample(g, OUTAGE);

    outage(list, { grace: false });
    refused(list);
    assert.match(g.errorLog(), /has no "meta" hash/);

    await enrolAgain(g, 2);
    await recovers(g, 2000);
});


test('F7 restarted without its data', async (t) => {
    const g = await overReal(t);

    g.redis.kill('SIGKILL');
    await g.redis.server.exit;
    await g.redis.start();

    const list = await sample(g, OUTAGE);

    outage(list);
    refused(list);
    await enrolAgain(g, 2);
    await recovers(g, 2000);
});


for (const [what, meta] of [['another dataset', { dataset: 'other' }],
    ['no schema', { schema: '' }], ['a newer schema', { schema: 99 }],
    ['an older term', { term: 1 }]])
{
    test(`F7 "meta" has ${what}`, async (t) => {
        const g = await overFake(t);

        if ('term' in meta) {
            await g.redis.call('HSET', 'sp:data:meta', 'term', 7);
            await recovers(g);
        }

        await g.redis.call('HSET', 'sp:data:meta',
            ...Object.entries(meta).flat());

        const list = await sample(g, OUTAGE);

        outage(list, { grace: false });
        refused(list);

        await g.redis.call('HSET', 'sp:data:meta', 'schema', 1, 'dataset',
            'tests', 'term', 'term' in meta ? 7 : 0);
        await recovers(g, 2000);
    });
}


test('F8 a backup: an older version never allows more', async (t) => {
    const g = await overReal(t);
    const write = (fields) => g.redis.call('HSET', 'sp:data:acct:acme',
        ...accountFields(fields));
    const soon = (status) => until(async () =>
        (await ask(g, ['strict']))[0].status === status, `${status}`, 2000);

    await write({ ver: 8, status: 'suspended' });
    await soon(403);
    await write({ ver: 7 });

    // What the newer version said is obeyed, and says that it is old.
    const list = await sample(g, TIMES.lease, ['strict', 'lenient']);

    for (const s of list) {
        assert.equal(s.status, 403);
        assert.equal(s.reason, 'ACCT_SUSPENDED');
        assert.equal(s.ver, 8, 'the newer version counts');
    }

    assert.ok(list.some((s) => s.src === 'sticky'));
    assert.ok(await metric(g, 'sallyport_rollback_total') > 0);
    assert.match(g.errorLog(), /gone back to an older version/);

    await write({ ver: 9 });
    await soon(200);

    // Of an account that may pass: not believed, and 503.
    await write({ ver: 3 });
    await soon(503);
    (await sample(g, 200, ['strict'])).forEach(unavailable);

    // A backup may refuse. Its version does not count from then on: what is
    // between the two may not allow.
    await write({ ver: 2, status: 'closed' });
    await soon(403);
    await write({ ver: 5 });
    assert.ok((await sample(g, 300, ['strict', 'lenient'])).every((s) =>
        [403, 503].includes(s.status)), 'version 9 was known');
    await write({ ver: 10 });
    await soon(200);
});


test('F8 a refusal outlives its place in the cache', async (t) => {
    const g = await overReal(t, { zone: '1m' });
    const write = (fields) => g.redis.call('HSET', 'sp:data:acct:acme',
        ...accountFields(fields));

    await write({ ver: 8, status: 'suspended' });
    await until(async () => (await ask(g, ['strict']))[0].status === 403,
        'suspended');

    // Others want the room.
    for (let n = 0; n < 1500; n++) {
        await g.enrol('crowd-' + n);
    }

    for (let n = 0; n < 1500; n += 10) {
        await Promise.all(Array.from({ length: 10 }, (_, i) =>
            g.chat('sk-crowd-' + (n + i), 'frontier')));
    }

    await write({ ver: 7 });

    for (const s of await sample(g, 300, ['strict'])) {
        assert.ok([403, 503].includes(s.status), `${s.status} with ${s.ver}`);
    }
});


test('F9 records are evicted', async (t) => {
    const g = await overFake(t);

    g.redis.policy = 'allkeys-lru';
    g.redis.drop();
    await recovers(g, 3000);
    await until(() => /evicts records/.test(g.errorLog()), 'the alarm', 3000);

    await g.redis.call('DEL', 'sp:data:acct:acme');
    await g.redis.call('DEL', 'sp:data:acct:shut');

    const list = await sample(g, TIMES.lease);

    list.filter((s) => s.who === 'strict').forEach(unavailable);
    refused(list, { unknown: 401 });
    assert.ok(await metric(g, 'sallyport_rollback_total') > 0);

    await g.enrol('acme', { ver: 2 });
    await recovers(g, 2000);
});


test('F9 evicted by a real one', async (t) => {
    const g = await overReal(t);

    await g.redis.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await g.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(() => /evicts records/.test(g.errorLog()), 'the alarm', 5000);
    await g.redis.call('CONFIG', 'SET', 'maxmemory', 1).catch(() => {});
    await g.redis.call('SET', 'other', 'x').catch(() => {});

    const list = await sample(g, TIMES.lease);

    assert.ok(list.filter((s) => s.who === 'strict').slice(-3)
        .every((s) => s.status === 503), 'not unknown');
    refused(list.filter((s) => s.who === 'gone'));

    // Keys are gone, too, and with them whose they were.
    list.filter((s) => s.who === 'shut').forEach((s) =>
        assert.ok([403, 503].includes(s.status)));
    list.filter((s) => s.who === 'unknown').forEach((s) =>
        assert.ok([401, 503].includes(s.status)));

    await g.redis.call('CONFIG', 'SET', 'maxmemory', 0);
    await enrolAgain(g, 2);
    await recovers(g, 3000);
});


test('F9 a record that was deleted is unknown, and its denial stays',
    async (t) => {
        const g = await overReal(t);

        await g.redis.call('DEL', 'sp:data:acct:acme');
        await g.redis.call('DEL', 'sp:data:acct:shut');
        await until(async () => (await ask(g, ['strict']))[0].status === 403,
            'gone', 500);
        refused(await sample(g, 200), { unknown: 401 });
        await g.enrol('acme', { ver: 2 });
        await recovers(g);
    });


// What is wrong with it, and what the caller gets.
const DAMAGE = {
    'no status': { status: undefined },
    'an unknown status': { status: 'fine' },
    'an unknown schema': { v: 99 },
    'no version': { ver: undefined },
    'a version that is text': { ver: 'seven' },
    'a level out of range': { level: 9 },
    'a country that is none': { incorporated: 'USA' },
    'owners over 100 %': { owners: 'US:9000,DE:9000' },
};

test('F12 a record that was good is damaged', async (t) => {
    const g = await overFake(t);
    const whole = { ...g.redis.data.get('sp:data:acct:acme') };
    let ver = 2;

    for (const [what, fields] of Object.entries(DAMAGE)) {
        g.redis.data.set('sp:data:acct:acme', {});
        await g.redis.call('HSET', 'sp:data:acct:acme',
            ...accountFields({ ver: ver++, ...fields }));

        const list = await sample(g, 60);

        for (const s of list.filter(({ who }) => /strict|lenient/.test(who))) {
            assert.equal(s.reason, 'KYC_RECORD_INVALID', what);
            assert.equal(s.status, 403, what);
        }

        refused(list, { unknown: 401 });

        // Repaired counts at once: nothing was kept.
        g.redis.data.set('sp:data:acct:acme', {});
        await g.redis.call('HSET', 'sp:data:acct:acme',
            ...Object.entries({ ...whole, ver: ver++ }).flat());
        await recovers(g, 300);
    }

    assert.ok(await metric(g, 'sallyport_records_invalid_total')
        >= Object.keys(DAMAGE).length);
});


test('F12 a key of the wrong type', async (t) => {
    const g = await overReal(t);

    await g.redis.call('DEL', 'sp:data:acct:acme', 'sp:data:acct:shut');
    await g.redis.call('SET', 'sp:data:acct:acme', 'text');
    await g.redis.call('LPUSH', 'sp:data:acct:shut', 'text');

    const list = await sample(g, 200);

    for (const s of list.filter(({ who }) => who === 'strict')) {
        assert.equal(s.reason, 'KYC_RECORD_INVALID');
    }

    refused(list, { unknown: 401 });
});


test('F12 replies that are none', async (t) => {
    const g = await overFake(t);

    for (const bytes of [':1\r\n', bulk('text'), '*1\r\n$1\r\nv\r\n',
        '%1\r\n$1\r\nv\r\n$1\r\n1\r\n', '*-1\r\n', '$-1\r\n'])
    {
        g.redis.hook = ([name, key]) => name === 'HGETALL'
            && key === 'sp:data:acct:acme' ? bytes : undefined;
        await g.redis.call('HSET', 'sp:data:acct:acme', 'why', bytes);

        const [s] = await sample(g, 1, ['strict']);

        unavailable(s);
        g.redis.hook = null;
        await recovers(g, 3000);
    }
});
