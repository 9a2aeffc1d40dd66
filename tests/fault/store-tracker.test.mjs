// Copyright (C) the Sallyport authors
//
// Rows F4, F5, F10, F14, F16 and F17: records can be read, and what changes
// is not heard of. Nobody is refused for that: each reads until it is heard
// of again, and what was revoked meanwhile is refused within the lease.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { accountFields, spawnedWorkers, until } from '../e2e/lib/harness.mjs';
import { ask, fresh, metric, overFake, overReal, reading, recovers, refused,
    sample, TIMES } from './rows.mjs';
import { ERRORS, pause } from './fake-redis.mjs';

const LONG = 3 * TIMES.lease;
const MARGIN = 500;         // of a loaded machine


// A change that cannot be announced is in force after a lease, and for good.
async function revokedWithinLease(g, ver = 2) {
    const begin = performance.now();

    await g.redis.call('HSET', 'sp:data:acct:acme', 'status', 'suspended',
        'ver', ver);

    const list = await sample(g, TIMES.lease + MARGIN, ['strict', 'lenient']);

    for (const s of list) {
        if (s.status === 200) {
            assert.ok(s.at + begin < begin + TIMES.lease + MARGIN / 2,
                `allowed ${s.at.toFixed(0)} ms after the revocation`);
        } else {
            assert.equal(s.status, 403);
            assert.equal(s.reason, 'ACCT_SUSPENDED');
        }
    }

    assert.equal(list.at(-1).status, 403, 'never refused');

    const first = list.findIndex((s) => s.status === 403);

    assert.ok(list.slice(first).every((s) => s.status === 403), 'allowed again');
    await g.redis.call('HSET', 'sp:data:acct:acme', 'status', 'verified',
        'ver', ver + 1);
}


test('F4 the tracker is cut off again and again', async (t) => {
    const g = await overFake(t);

    g.redis.hook = ([, what], c) => {
        if (/^TRACKING$/i.test(what ?? '')) {
            c.socket.destroy();
            return null;
        }
    };
    g.redis.trackers().forEach((c) => c.socket.destroy());

    reading(await sample(g, LONG));
    await revokedWithinLease(g);

    const lookups = g.redis.lookups().length;

    await ask(g, ['strict', 'strict', 'strict']);
    assert.ok(g.redis.lookups().length - lookups >= 3, 'each one reads');
    g.redis.hook = null;
    await recovers(g);
});


test('F5 the server announces nothing', async (t) => {
    const g = await overFake(t);

    g.redis.silent = true;
    reading(await sample(g, LONG));
    await revokedWithinLease(g);
    g.redis.silent = false;
    await recovers(g);
    assert.ok(await metric(g, 'sallyport_epoch_total') >= 2, 'epochs ended');
});


test('F14 what is announced does not arrive', async (t) => {
    const g = await overFake(t);
    const hold = setInterval(() => g.redis.trackers().forEach((c) =>
        c.hold({ pushes: true })), 1);

    t.after(() => clearInterval(hold));
    reading(await sample(g, LONG));
    await revokedWithinLease(g);
    clearInterval(hold);
    g.redis.trackers().forEach((c) => c.release());
    await recovers(g);
});


for (const error of ['OOM', 'MISCONF']) {
    test(`F10 writes are refused: ${error}`, async (t) => {
        const g = await overFake(t);

        g.redis.hook = ([name]) => name === 'SET' ? ERRORS[error] : undefined;
        reading(await sample(g, LONG));
        await revokedWithinLease(g);
        g.redis.hook = null;
        await recovers(g);
    });
}


test('F10 out of memory', async (t) => {
    const g = await overReal(t);

    await g.redis.call('CONFIG', 'SET', 'maxmemory', 1);
    reading(await sample(g, LONG));
    await g.redis.call('CONFIG', 'SET', 'maxmemory', 0);
    await recovers(g);
});


test('F16 the worker that tracks is killed', async (t) => {
    const g = await overFake(t, { workers: 2, mayBeTorn: true,
        checkLedger: false, expectLog: [/exited on signal 9/] });
    const owner = () => Number(/sallyport-tracker-(\d+)/.exec(
        g.redis.trackers()[0]?.name)?.[1] ?? 0);

    for (let ver = 2; ver < 8; ver += 2) {
        const before = await until(owner, 'a worker tracks');

        process.kill(before, 'SIGKILL');
        await g.redis.call('HSET', 'sp:data:acct:acme', ...accountFields({
            status: 'suspended', ver }));

        const begin = performance.now();

        // Requests may meet the socket of the dead one.
        await until(async () => {
            const status = await ask(g, ['strict']).then(([s]) => s.status,
                () => 0);

            assert.ok(status !== 200 || performance.now() - begin
                < TIMES.lease + MARGIN, 'allowed after the lease');

            return status === 403;
        }, 'the revocation is in force', TIMES.lease + MARGIN);
        await until(() => ![0, before].includes(owner()), 'another one tracks',
            4 * TIMES.canary + 2000 + MARGIN);
        await g.redis.call('HSET', 'sp:data:acct:acme', ...accountFields({
            status: 'verified', ver: ver + 1 }));
        await until(() => spawnedWorkers(g).length === 2, 'two workers');
        await until(async () => (await ask(g, ['strict']))[0].status === 200,
            'restored');
    }

    refused(await sample(g, 100), { unknown: 401 });
});


test('F16 the worker that tracks is frozen, and wakes up', async (t) => {
    const g = await overFake(t, { workers: 2, checkLedger: false });
    const owners = () => g.redis.trackers().map((c) =>
        Number(/sallyport-tracker-(\d+)/.exec(c.name)?.[1]));
    const [before] = await until(() => owners().length > 0 && owners(),
        'a worker tracks');

    process.kill(before, 'SIGSTOP');

    // The other one must notice by itself, and may not answer for it.
    await until(() => owners().some((pid) => pid !== before),
        'another one tracks', 4 * TIMES.canary + 3000);
    process.kill(before, 'SIGCONT');
    await until(() => owners().length === 1 && owners()[0] !== before,
        'there is one tracker', 3000);
    await revokedWithinLease(g);
    await fresh(g);
});


test('F17 told of more than it reads, dropped by the server', async (t) => {
    const g = await overReal(t);
    const [worker] = spawnedWorkers(g);

    await g.redis.call('CONFIG', 'SET', 'client-output-buffer-limit',
        'pubsub 1mb 0 0');
    process.kill(worker, 'SIGSTOP');

    for (let n = 0; n < 4; n++) {
        await g.redis.call('EVAL', 'for i = 1, 60000 do redis.call("SET", ' +
            '"sp:data:acct:flood-" .. ARGV[1] .. "-" .. i, "") end', 0, n);
    }

    await g.redis.call('HSET', 'sp:data:acct:acme', 'status', 'suspended',
        'ver', 2);
    await until(async () => !/sallyport-tracker/.test(
        await g.redis.call('CLIENT', 'LIST')), 'the server drops it');
    process.kill(worker, 'SIGCONT');

    const list = await sample(g, 300);

    refused(list, { unknown: 401 });

    for (const s of list.filter(({ who }) => who === 'strict')) {
        assert.ok([200, 403, 503].includes(s.status));
        assert.ok(s.status !== 200 || s.age <= TIMES.lease,
            `allowed by a record of ${s.age} ms`);
    }

    await until(async () => (await ask(g, ['strict']))[0].status === 403,
        'the revocation is in force', TIMES.lease);
});


test('an array of 500,000 names ends the epoch, and blocks nobody',
    async (t) => {
        const g = await overFake(t);
        const before = await metric(g, 'sallyport_epoch_total');
        const names = Array.from({ length: 500000 }, (_, n) =>
            'sp:data:acct:' + n);

        g.redis.tell(names);

        const list = await sample(g, 1000);

        reading(list);
        assert.ok(await metric(g, 'sallyport_epoch_total') > before);
        await fresh(g);
        assert.equal(g.redis.trackers().length, 1);
    });


test('nil: everything may have changed, and is read again', async (t) => {
    const g = await overFake(t);

    // Nobody was told of this one.
    g.redis.silent = true;
    await g.redis.call('HSET', 'sp:data:acct:acme', 'status', 'suspended',
        'ver', 2);
    g.redis.silent = false;
    g.redis.tell(null);
    await until(async () => (await ask(g, ['strict']))[0].status === 403,
        'the change is read', 200);
    assert.equal(g.redis.trackers().length, 1, 'the session goes on');
});
