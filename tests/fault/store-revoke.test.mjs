// Copyright (C) the Sallyport authors
//
// How long a revocation takes under load, from its acknowledgement by the
// store to the last request that passes; and how workers fare while the store
// is dead. REVOKE_CHANGES and DEAD_SECONDS make it longer, for the campaign.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { enrol, writeMeta } from '../e2e/lib/harness.mjs';
import { random } from '../bench/stats.mjs';
import { real, LEASE } from './broken.mjs';
import { startProxy } from './slow-proxy.mjs';
import { Writer, decided, startClients, withIds } from './history.mjs';
import { paced } from './rows.mjs';
import { pause } from './fake-redis.mjs';

const CHANGES = Number(process.env.REVOKE_CHANGES ?? 150);
const DEAD = Number(process.env.DEAD_SECONDS ?? 10);
const NAMES = Array.from({ length: 4 }, (_, n) => 'r' + n);

const quantile = (sorted, q) =>
    sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

const now = () => performance.timeOrigin + performance.now();


test(`${CHANGES} revocations under load`, async (t) => {
    const g = await real(t, '', { workers: 2, checkLedger: false,
        logLevel: 'warn', audit: 'allows=on flood=0' });
    const writer = new Writer(g.redis, NAMES);
    const next = random(7);

    for (const name of NAMES) {
        await enrol(g.redis, name);
        await writer.set(name, 1, false);
    }

    const clients = startClients(g, NAMES, next, { callers: 16, think: 6 });

    await pause(500);

    for (let n = 0; n < 2 * CHANGES; n++) {
        await writer.toggle(NAMES[n % NAMES.length]);
        await pause(10 + 30 * next());
    }

    await clients.stop();

    // The last decision that a state which denies came too late for.
    const decisions = decided(g.records());
    const told = withIds(g, clients.told).map((one) =>
        ({ ...one, ...decisions.get(one.id) }));
    const delays = [];

    for (const name of NAMES) {
        const mine = told.filter((one) => one.name === name && one.allows);

        for (const state of writer.states.get(name).filter((s) => s.denies)) {
            const late = mine.filter((one) => one.ver < state.ver
                && one.at > state.acked).map((one) => one.at - state.acked);

            delays.push(Math.max(0, ...late));
        }
    }

    delays.sort((a, b) => a - b);

    const [p50, p99, most] = [0.5, 0.99, 1].map((q) => quantile(delays, q));
    const seen = told.filter((one) => one.ver !== undefined).length;

    t.diagnostic(`${delays.length} revocations, ${told.length} requests: p50 ` +
        `${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ` +
        `${most.toFixed(1)} ms`);
    assert.ok(delays.length >= CHANGES && seen > 5 * CHANGES, 'enough load');
    assert.ok(most <= LEASE, `max ${most} ms`);
    assert.ok(p99 <= 50, `p99 ${p99} ms`);
});


// The longest time in which a worker answered nothing, by a page that asks
// nobody: one request after the other, on a connection of its own.
function watchWorkers(g) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    const longest = { ms: 0 };
    let going = true;

    const one = () => new Promise((resolve) => {
        const at = now();
        const req = http.get({ host: '127.0.0.1', port: g.port, agent,
            path: '/healthz' }, (res) => {
            res.resume();
            res.on('end', () => resolve(now() - at));
        });

        req.on('error', () => resolve(Infinity));
    });
    const watch = async () => {
        while (going) {
            longest.ms = Math.max(longest.ms, await one());
            await pause(2);
        }
    };
    const all = [watch(), watch(), watch(), watch()];

    return { longest, stop: async () => {
        going = false;
        await Promise.all(all);
        agent.destroy();
    } };
}


test(`the store is dead for ${DEAD} s`, async (t) => {
    let g;
    const connects = [];
    const proxy = await startProxy(() => {
        connects.push(Date.now());

        return g?.redis.port ?? 1;
    });

    t.after(() => proxy.stop());
    g = await real(t, '', { workers: 2, port: proxy.port, checkLedger: false,
        logLevel: 'warn', audit: 'allows=on flood=0' });

    for (const name of NAMES) {
        await enrol(g.redis, name);
    }

    const clients = startClients(g, NAMES, random(9), { callers: 8,
        think: 20 });

    await pause(1500);

    // How long this machine makes a worker, or us, wait anyway.
    const usual = watchWorkers(g);

    await pause(3000);
    await usual.stop();
    connects.length = 0;

    const watch = watchWorkers(g);
    const begin = now();

    g.redis.kill('SIGKILL');
    await g.redis.server.exit;
    await pause(DEAD * 1000 - (now() - begin));
    await watch.stop();

    const dead = [...connects];
    const end = now();

    await g.redis.start();
    await writeMeta(g.redis);

    for (const name of NAMES) {
        await enrol(g.redis, name);
    }

    const whole = now();

    await pause(2500);
    await clients.stop();

    const after = clients.told.filter((one) => one.status === 200
        && one.got > end);
    const recovery = Math.max(0, after[0]?.got - whole);
    const during = clients.told.filter((one) => one.sent > begin
        && one.got < end);

    t.diagnostic(`${during.length} requests meanwhile, longest silence of a ` +
        `worker ${watch.longest.ms.toFixed(0)} ms (${usual.longest.ms.toFixed(0)} ` +
        `before), ${dead.length} connects, ` +
        `served again after ${recovery.toFixed(0)} ms`);
    assert.ok(watch.longest.ms < 100 + usual.longest.ms, 'silent for ' +
        `${watch.longest.ms} ms, ${usual.longest.ms} ms before`);
    assert.ok(recovery <= 1000, `served again after ${recovery} ms`);
    paced(dead, 2);
    assert.ok(dead.length >= DEAD / 2, `${dead.length} connects`);
    assert.ok(during.length > 20 * DEAD);

    for (const one of during) {
        assert.ok(one.status === 200 ? one.got < begin + LEASE + 200
            : one.status === 503, `${one.status} at ${one.got - begin} ms`);
    }
});
