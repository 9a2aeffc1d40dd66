// Copyright (C) the Sallyport authors
//
// Records change all the time, while whatever may fail fails: no decision
// rests on a version that was overwritten longer ago than the bound, and no
// allow follows a denial with a higher version. HISTORY_SECONDS is how long,
// HISTORY_SEED repeats one; both for `make campaign`.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { spawnedWorkers, until, writeMeta, kid, keyFields, isStatic,
    BUILD } from '../e2e/lib/harness.mjs';
import { random } from '../bench/stats.mjs';
import { real, policy, LEASE } from './broken.mjs';
import { startProxy } from './slow-proxy.mjs';
import { Writer, breaches, decided, startClients,
    withIds } from './history.mjs';
import { pause } from './fake-redis.mjs';

const SECONDS = Number(process.env.HISTORY_SECONDS ?? 25);
const SEED = Number(process.env.HISTORY_SEED ?? Date.now() % 1e6);
const MUTANT_SECONDS = 10;
const NAMES = Array.from({ length: 8 }, (_, n) => 'h' + n);


// What goes wrong, and how often. Each ends by itself.
const FAULTS = [
    [4, 'clients killed', ({ g, next }) => g.redis.call('CLIENT', 'KILL',
        'TYPE', next() < 0.5 ? 'normal' : 'pubsub', 'SKIPME', 'yes')],
    [3, 'store frozen', async ({ g, next }) => {
        g.redis.kill('SIGSTOP');
        await pause(100 + 1900 * next() ** 2);
        g.redis.kill('SIGCONT');
    }],
    [2, 'emptied', ({ g, writer, next }) => writer.flush(() => keys(g),
        100 * next())],
    [2, 'reload', ({ g }) => { g.signal('SIGHUP'); }],
    [2, 'worker killed', async ({ g, next }) => {
        const workers = spawnedWorkers(g);

        process.kill(workers[Math.floor(next() * workers.length)], 'SIGKILL');
    }],
    [6, 'worker frozen', async ({ g, next }) => {
        const workers = spawnedWorkers(g);
        const pid = workers[Math.floor(next() * workers.length)];

        signal(pid, 'SIGSTOP');
        await pause(30 + 1500 * next() ** 3);
        signal(pid, 'SIGCONT');
    }],
    [4, 'gone back', ({ writer, next }) => writer.goBack(
        NAMES[Math.floor(next() * NAMES.length)], 20 + 300 * next())],
    [4, 'pushes late', async ({ proxy, next }) => {
        proxy.muted = (link) => link.tracker;
        await pause(50 + 2500 * next() ** 2);
        proxy.muted = () => false;
    }],
    [3, 'pushes late, then lost', async ({ proxy, next }) => {
        proxy.muted = (link) => link.tracker;
        await pause(20 + 1000 * next());
        proxy.cut((link) => link.tracker);
        proxy.muted = () => false;
    }],
    [3, 'all cut', ({ proxy }) => proxy.cut()],

    // Changes while their pushes wait for longer than the bound.
    [2, 'not heard of', async ({ proxy, writer }) => {
        proxy.muted = (link) => link.tracker;
        await Promise.all(NAMES.map((name) => writer.toggle(name)));
        await pause(LEASE + 800);
        proxy.muted = () => false;
    }],

    // Read, changed again, heard of that, and only then the first reply.
    [2, 'overtaken', async ({ proxy, writer, next }) => {
        const { delay } = proxy;

        proxy.delay = (link) => link.tracker ? 0 : 70;

        for (const name of NAMES) {
            await writer.toggle(name);
            await pause(20 + 30 * next());
            await writer.toggle(name);
        }

        proxy.delay = delay;
        await pause(LEASE + 400);
    }],
];

// Of the gate that is checked: no record that is not fresh may allow.
const POLICY = `${policy}
stale: {by: model.tier, 1: deny, 2: deny, 3: deny}
`;


function signal(pid, name) {
    try {
        process.kill(pid, name);
    } catch {
        // it ended meanwhile
    }
}


async function keys(g) {
    await writeMeta(g.redis);

    for (const name of NAMES) {
        await g.redis.call('HSET', 'sp:data:key:' + kid('sk-' + name),
            ...keyFields(name));
    }
}


// A gate whose store is behind a proxy, its writer and its clients.
async function run(t, seconds, seed, { faults = FAULTS, settled = true,
    ...options } = {})
{
    const next = random(seed);
    let g;
    const proxy = await startProxy(() => g?.redis.port ?? 1);

    t.after(() => proxy.stop());
    g = await real(t, 'timeout=100ms', { workers: 2, port: proxy.port,
        policy: POLICY, audit: 'allows=on flood=0', mayBeTorn: true,
        checkLedger: false, logLevel: 'warn',
        expectLog: [/exited on signal 9/], ...options });
    const writer = new Writer(g.redis, NAMES);
    const done = {};
    let going = true;

    await keys(g);

    for (const name of NAMES) {
        await writer.set(name, 1, false);
    }

    // Replies of look-ups are often overtaken by what the tracker hears.
    proxy.delay = (link) => link.tracker ? 3 * next()
        : next() < 0.3 ? 60 * next() : 0;

    const clients = startClients(g, NAMES, next, { callers: 12, think: 8 });
    // Changes of one record follow each other closely, and then there is
    // silence, in which what is wrong for good is wrong for too long.
    const writing = (async () => {
        while (going) {
            for (let busy = 10 + 30 * next(); busy > 0 && going; busy--) {
                const name = NAMES[Math.floor(next() * NAMES.length)];

                for (let n = 3 * next(); n > 0; n--) {
                    await writer.toggle(name);
                    await pause(40 * next());
                }
            }

            await pause(going ? LEASE + 600 * next() : 0);
        }
    })();
    const end = Date.now() + seconds * 1000;

    while (Date.now() < end) {
        let at = next() * faults.reduce((sum, [n]) => sum + n, 0);
        const [, name, fail] = faults.find(([n]) => (at -= n) < 0)
            ?? faults[0];

        await fail({ g, proxy, writer, next });
        done[name] = (done[name] ?? 0) + 1;
        await pause(300 * next());
    }

    going = false;
    await writing;
    await clients.stop();

    // Whatever broke is whole again: what is written last is in force.
    for (const name of settled ? NAMES : []) {
        const { denies } = writer.last(name);

        await until(async () => (await g.chat('sk-' + name)).status
            === (denies ? 403 : 200), `${name} as it was written last`, 10000);
    }

    const decisions = decided(g.records());
    const served = clients.told.filter((told) => told.status === 200).length;
    const refused = clients.told.filter((told) => told.status === 403).length;

    const told = withIds(g, clients.told);

    assert.ok(told.filter((one) => decisions.get(one.id)?.allows).length
        > 0.9 * served, 'allows are found in the audit records');

    return { found: breaches(writer, told, decisions, LEASE + 100),
        told: clients.told.length, served, refused, done, seed,
        writes: [...writer.states.values()].flat().length };
}


test('the checker sees what breaks its rules', () => {
    const writer = new Writer(null, ['a']);
    const state = (ver, denies, from, to) => ({ ver, denies, from, to });
    const told = (id, sent, got) => ({ id, name: 'a', sent, got });
    const said = (at, allows, ver, src = 'fresh') => ({ at, allows, ver, src });

    writer.states.set('a', [state(1, false, 0, 100), state(2, true, 90, 5000),
        state(3, false, 4900, Infinity)]);

    const check = (...list) => breaches(writer,
        list.map(([id, sent]) => told(id, sent, sent + 10)),
        new Map(list.map(([id, at, ...rest]) => [id, said(at, ...rest)])),
        1000).map((b) => b.rule);

    assert.deepEqual(check(['x', 50, true, 1]), []);
    assert.deepEqual(check(['x', 1099, true, 1]), [], 'within the bound');
    assert.deepEqual(check(['x', 1101, true, 1]), ['old']);
    assert.deepEqual(check(['x', 6100, false, 2]), ['old']);
    assert.deepEqual(check(['x', 6100, false, 2, 'sticky']), []);
    assert.deepEqual(check(['x', 60, true, 2]), ['old'], 'not yet written');
    assert.deepEqual(check(['x', 85, true, 2]), [], 'it is being written');
    assert.deepEqual(check(['x', 200, false, 2], ['y', 205, true, 1]), [],
        'sent before the denial was seen');
    assert.deepEqual(check(['x', 200, false, 2], ['y', 215, true, 1]),
        ['back']);
    assert.deepEqual(check(['x', 200, false, 2], ['y', 5100, true, 3]), []);
});


test('nothing old is used, and no denial is taken back', async (t) => {
    const r = await run(t, SECONDS, SEED);

    t.diagnostic(`seed ${r.seed}: ${r.told} requests, ${r.served} allowed, ` +
        `${r.refused} refused, ${r.writes} writes; ` + Object.entries(r.done)
        .map(([name, n]) => `${name} ${n}`).join(', '));
    assert.deepEqual(r.found.slice(0, 5).map((b) => b.text), [],
        `${r.found.length} breaches, HISTORY_SEED=${r.seed}`);
    assert.ok(r.served > 20 * SECONDS && r.refused > 10 * SECONDS,
        `${r.served} allowed, ${r.refused} refused`);
});


// A gate that lacks one part of the protocol must be found out, or this test
// proves nothing. `make module-mutant` builds it.
const MUTANT = path.join(BUILD, 'mutant/ngx_http_sallyport_module.so');
const named = (...names) => FAULTS.filter(([, name]) => names.includes(name));

const MUTANTS = {
    gen: named('overtaken'),
    epoch: named('pushes late, then lost', 'clients killed', 'all cut'),
    canary: named('not heard of'),
};

for (const [mutant, faults] of Object.entries(MUTANTS)) {
    test(`without its ${mutant} it is found out`,
        { skip: (isStatic || !fs.existsSync(MUTANT)) && 'no mutant module' },
        async (t) => {
            const r = await run(t, MUTANT_SECONDS, SEED, { faults,
                module: MUTANT, env: { SALLYPORT_MUTATE: mutant },
                settled: false });

            t.diagnostic(`${r.found.length} breaches in ${r.told} requests`);
            assert.ok(r.found.length > 0, 'not found out');
        });
}
