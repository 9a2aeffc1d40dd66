// Copyright (C) the Sallyport authors
//
// Rows F15, F18 and F6: the gate was not running, clocks differ, and a server
// that is no primary any more, or that nobody follows.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnedWorkers, until } from '../e2e/lib/harness.mjs';
import { ask, fresh, metric, outage, overFake, overReal, recovers, refused,
    sample, TIMES } from './rows.mjs';
import { ERRORS, pause } from './fake-redis.mjs';

const OUTAGE = TIMES.stale + 1000;


test('F15 frozen: the first answers after it rest on nothing old',
    async (t) => {
        const g = await overReal(t, { workers: 2 });

        for (let n = 0; n < 3; n++) {
            const ver = 2 + 2 * n;
            const frozen = [g.nginx.pid, ...spawnedWorkers(g)];

            await fresh(g);
            frozen.forEach((pid) => process.kill(pid, 'SIGSTOP'));
            await g.redis.call('HSET', 'sp:data:acct:acme', 'status',
                'suspended', 'ver', ver);
            await pause(TIMES.lease + 300);

            // They wait in the sockets of the workers when these wake up.
            const first = Array.from({ length: 20 }, () =>
                ask(g, ['strict', 'lenient']));

            await pause(50);
            frozen.forEach((pid) => process.kill(pid, 'SIGCONT'));

            for (const s of (await Promise.all(first)).flat()) {
                assert.ok([403, 503].includes(s.status),
                    `${s.who}: ${s.status} after ${TIMES.lease} ms`);
            }

            await g.redis.call('HSET', 'sp:data:acct:acme', 'status',
                'verified', 'ver', ver + 1);
            await recovers(g, 2000);
        }
    });


for (const hours of [-24, 24]) {
    test(`F18 the store's clock is ${hours} hours off`, async (t) => {
        const g = await overFake(t);
        const at = Math.floor(Date.now() / 1000);

        await g.enrol('soon', {}, { expires_at: at + 600 });
        await g.enrol('late', {}, { expires_at: at - 600 });
        g.redis.skew = hours * 3600 * 1000;
        await until(async () => Math.abs(await metric(g,
            'sallyport_redis_skew_seconds')) > 23 * 3600, 'it is measured',
        3000);

        // Freshness goes by a clock of our own, and is not touched.
        const list = await sample(g, TIMES.lease);

        for (const s of list.filter(({ who }) => who === 'strict')) {
            assert.equal(s.status, 200);
            assert.equal(s.src, 'fresh');
        }

        refused(list, { unknown: 401 });

        // What is over is over by our clock, whatever the other one says.
        assert.equal((await g.chat('sk-late', 'small')).status, 401);
        assert.equal((await g.chat('sk-soon', 'small')).status, 200);
    });
}


for (const error of ['READONLY', 'NOREPLICAS', 'MOVED']) {
    test(`F6 canaries are refused with ${error}`, async (t) => {
        const g = await overFake(t);

        g.redis.hook = ([name]) => name === 'SET' ? ERRORS[error] : undefined;

        // It still answers reads, and may be the one that nobody follows.
        const list = await sample(g, OUTAGE);

        outage(list, { grace: false });
        refused(list, { soon: TIMES.soon });
        g.redis.hook = null;
        await recovers(g, 3000);
    });
}


test('F6 nobody follows any more', async (t) => {
    const redis = { replicas: 1 };
    const g = await overFake(t, { store: 'quorum=1', prepare: (r) =>
        Object.assign(r, redis) });

    g.redis.replicas = 0;

    const list = await sample(g, OUTAGE);

    outage(list);
    refused(list, { soon: TIMES.lease + TIMES.soon });
    g.redis.replicas = 1;
    await recovers(g, 3000);
});


test('F6 it has become a replica', async (t) => {
    const g = await overFake(t);

    g.redis.role = 'slave';
    g.redis.drop();

    const list = await sample(g, OUTAGE);

    outage(list);
    refused(list);
    g.redis.role = 'master';
    await recovers(g, 3000);
});
