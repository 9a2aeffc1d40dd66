// Copyright (C) the Sallyport authors
//
// Rows F13 and F19: slots of a Redis Cluster move. The node that lost one
// tells nobody, and goes on with its canaries: so no node is trusted to tell
// what changed, and one that is polled is believed only for what it owns.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, kid, startRedis, until } from '../e2e/lib/harness.mjs';
import { ask, outage, overFake, recovers, refused, sample,
    TIMES, unavailable } from './rows.mjs';
import { decided, withIds } from './history.mjs';
import { policy } from './broken.mjs';

const SLOTS = 16384;
const NODE = /is a node of a Redis Cluster, whose slots may move unheard/;


// A gate over a real node that owns all slots; "acme" is enrolled.
async function overNode(t, store) {
    const g = await gate(t, { policy, without: ['redis', 'nginx'],
        audit: 'allows=on flood=0' });

    g.redis = await startRedis(g.file(''), ['--cluster-enabled', 'yes',
        '--cluster-require-full-coverage', 'no']);
    await g.redis.call('CLUSTER', 'ADDSLOTSRANGE', 0, SLOTS - 1);
    await until(async () => /cluster_state:ok/.test(
        await g.redis.call('CLUSTER', 'INFO')), 'the Cluster is whole', 10000);

    g.options.store =
        `sallyport_store redis://127.0.0.1:${g.redis.port} ${store};`;
    await g.enrol('acme');
    await g.start();

    return g;
}

// What callers got, with what the audit says of it.
const seen = (g, list) => {
    const records = decided(g.records());

    return withIds(g, list).map((s) => ({ ...records.get(s.id), ...s }));
};


test('F19 a node of a Cluster is not used where changes are heard of',
    async (t) => {
        for (const tracking of ['auto', 'on']) {
            const g = await overNode(t, `tracking=${tracking}`);

            await until(() => NODE.test(g.errorLog()), 'it is said why', 5000);

            const list = seen(g, await ask(g, ['strict', 'unknown', 'strict']));

            assert.equal(list.length, 3);
            list.forEach(unavailable);
            list.forEach((s) => assert.notEqual(s.src, 'fresh'));
        }
    });


test('F19 a server that comes back as a node of a Cluster is an outage',
    async (t) => {
        const g = await overFake(t);

        g.redis.mode = 'cluster';
        g.redis.drop();

        const list = await sample(g, TIMES.stale + 1000);

        outage(list);
        refused(list);
        assert.match(g.errorLog(), NODE);
        g.redis.mode = 'standalone';
        await recovers(g, 3000);
    });


test('F13 a slot leaves a node that is polled: its records alone are refused',
    async (t) => {
        const g = await overNode(t, 'tracking=off ttl=200ms');
        const slot = (key) => g.redis.call('CLUSTER', 'KEYSLOT', key);

        await g.enrol('other');

        for (const key of ['sk-acme', 'sk-other']) {
            await until(async () => (await g.chat(key, 'small')).status === 200,
                `${key} is served`, 5000);
        }

        const lost = await slot('sp:data:acct:acme');

        for (const key of ['sp:data:meta', 'sp:data:block',
            'sp:data:acct:other', 'sp:data:key:' + kid('sk-acme'),
            'sp:data:key:' + kid('sk-other')])
        {
            assert.notEqual(await slot(key), lost, key);
        }

        await g.redis.call('CLUSTER', 'DELSLOTS', lost);
        await until(async () => {
            const [s] = seen(g, await ask(g, ['strict']));

            if (s.status === 200) {
                assert.ok(s.age <= 200 + 50, `${s.age} ms old`);
                return false;
            }

            unavailable(s);
            return true;
        }, 'acme is refused', 5000);

        for (let n = 0; n < 5; n++) {
            seen(g, await ask(g, ['strict'])).forEach(unavailable);
            assert.equal((await g.chat('sk-other', 'small')).status, 200);
        }

        await g.redis.call('CLUSTER', 'ADDSLOTS', lost);
        await until(async () => (await g.chat('sk-acme', 'small')).status
            === 200, 'acme is served again', 5000);
    });


test('F13 a node that is polled sends callers elsewhere', async (t) => {
    for (const reply of ['-MOVED 3999 127.0.0.1:1\r\n',
        '-ASK 3999 127.0.0.1:1\r\n', '-TRYAGAIN Multiple keys\r\n'])
    {
        const g = await overFake(t, { store: 'tracking=off ttl=200ms' });

        g.redis.hook = ([name, key]) => name === 'HGETALL'
            && /:(acct|key):/.test(key) ? reply : undefined;

        const list = await sample(g, TIMES.stale + 1000);

        outage(list);
        refused(list);
        g.redis.hook = null;
        await recovers(g, 3000);
    }
});
