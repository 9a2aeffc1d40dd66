// Copyright (C) the Sallyport authors
//
// Row F6 with real Sentinels: the primary dies under load. The shipped policy
// lets the lower tiers be served with records that are up to a minute old, so
// that none of their callers is refused; what is written to the new primary
// is in force there.

import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { connectRedis, enrol, freePort, gate, spawnServer, startRedis,
    until } from '../e2e/lib/harness.mjs';
import { random } from '../bench/stats.mjs';
import { startClients } from './history.mjs';
import { pause } from './fake-redis.mjs';

const NAMES = ['f0', 'f1', 'f2', 'f3'];

const POLICY = `
sallyport: 1
policy: failover
revision: r1

models:
  tiers:
    1: [small]
    3: [frontier]

stale: {by: model.tier, 1: 60s, 2: 60s, 3: deny}

allow:
  - id: verified
    when: account.status == verified
`;


async function sentinel(t, g, n) {
    const port = await freePort();
    const dir = g.file('sentinel-' + n);

    fs.mkdirSync(dir);
    fs.writeFileSync(path.join(dir, 'sentinel.conf'), `
port ${port}
bind 127.0.0.1
dir ${dir}
logfile ${dir}/log
sentinel monitor mymaster 127.0.0.1 ${g.redis.port} 2
sentinel down-after-milliseconds mymaster 800
sentinel failover-timeout mymaster 4000
`);

    const server = spawnServer('redis-server',
        [path.join(dir, 'sentinel.conf'), '--sentinel']);

    t.after(() => server.stop('SIGKILL'));

    const client = await until(async () => {
        const c = connectRedis(port);

        return await c.call('PING').catch(() => null) === 'PONG' ? c
            : (c.close(), null);
    }, 'a Sentinel answers');

    t.after(() => client.close());

    return { port, client };
}


test('F6 a Sentinel fail-over under load refuses nobody of tier 1',
    async (t) => {
        const o = { policy: POLICY, workers: 2, without: ['redis', 'nginx'],
            checkLedger: false, audit: 'allows=on flood=0', logLevel: 'warn' };
        const g = await gate(t, o);

        g.redis = await startRedis(g.file('redis'));
        fs.mkdirSync(g.file('replica'));

        const replica = await startRedis(g.file('replica'), ['--replicaof',
            '127.0.0.1', String(g.redis.port),
            '--repl-diskless-sync-delay', '0']);

        t.after(() => replica.stop());
        await until(async () => /master_link_status:up/.test(
            await replica.call('INFO', 'replication')), 'it follows', 15000);

        for (const name of NAMES) {
            await enrol(g.redis, name);
        }

        const all = [await sentinel(t, g, 0), await sentinel(t, g, 1),
            await sentinel(t, g, 2)];

        await until(async () => /slaves=1,sentinels=3/.test(
            await all[0].client.call('INFO', 'sentinel')), 'all is known',
        20000);
        o.store = `sallyport_store redis+sentinel://${all.map(({ port }) =>
            '127.0.0.1:' + port).join(',')}/mymaster;`;
        await g.start();
        await until(async () => (await g.chat('sk-f0')).status === 200,
            'served');

        const clients = startClients(g, NAMES, random(3), { callers: 8,
            think: 20 });

        await pause(2000);
        clients.told.length = 0;
        g.redis.kill('SIGKILL');
        await until(async () => Number((await all[0].client.call('SENTINEL',
            'GET-MASTER-ADDR-BY-NAME', 'mymaster'))[1]) === replica.port,
        'the fail-over', 30000);

        const primary = await until(async () => {
            const c = connectRedis(replica.port);
            const role = await c.call('ROLE').catch(() => [null]);

            return role[0] === 'master' ? c : (c.close(), null);
        }, 'it is the primary', 10000);

        t.after(() => primary.close());
        await until(async () => (await g.chat('sk-f0', 'frontier')).status
            === 200, 'tier 3 is served again', 10000);
        await pause(500);
        await clients.stop();

        const bad = clients.told.filter((one) => one.status !== 200);

        t.diagnostic(`${clients.told.length} requests during the fail-over`);
        assert.deepEqual(bad.slice(0, 3), [], `${bad.length} refused`);
        assert.ok(clients.told.length > 100);

        // The new primary is heard of.
        await enrol(primary, 'f1', { ver: 2, status: 'suspended' });
        await until(async () => (await g.chat('sk-f1')).status === 403,
            'suspended at the new primary', 1500);
    });
