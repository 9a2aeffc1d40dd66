// Copyright (C) the Sallyport authors
//
// The audit trail through deaths, reloads, rotations and bad disks: what a
// client saw is in the log, nothing is there twice, and what could not be
// written is counted exactly.
//
// SALLYPORT_AUDIT_TIMES=1000: as many deaths and reloads (100).

import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { BUILD, ROOT, gate, ledger, readLanes, readRecords, spawnedWorkers,
    until } from '../e2e/lib/harness.mjs';
import { pause } from './fake-redis.mjs';

const TIMES = Number(process.env.SALLYPORT_AUDIT_TIMES ?? 100);
const ENDS = 30;
const SEED = Number(process.env.SEED ?? Date.now() % 1000000);

let state = SEED;
const random = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;

    return Math.floor(state / 2 ** 32 * n);
};

const policy = (burst = 1000000) => `sallyport: 1
policy: audit
revision: r1
deny:
  - id: embargo-address
    when: ip.country in [KP, IR]
    reason: JUR_IP_EMBARGO
    unknown: skip
allow:
  - id: verified
    when: account.status == verified
throttle:
  - id: r
    meter: requests
    per: [account.id]
    rate: 6/min
    burst: ${burst}
`;

async function recorded(t, options = {}) {
    const g = await gate(t, { policy: policy(options.burst), workers: 2,
        checkLedger: false, ...options });

    await g.enrol('acme');

    return g;
}

const ofKind = (g, kind) => g.records().filter((r) => r.t === kind);
const sum = (list, f) => list.reduce((n, r) => n + f(r), 0);
const tails = (g) => fs.readdirSync(g.audit, { recursive: true })
    .filter((name) => /\.tail$/.test(name));


// Clients that go on until they are told to stop; what they saw.
function load(g, clients = 8) {
    const seen = [];
    let stop = false;

    const client = async (n) => {
        while (!stop) {
            const key = (n + seen.length) % 4 === 0 ? 'sk-nobody' : 'sk-acme';
            const res = await g.chat(key).catch(() => null);

            if (res !== null) {
                seen.push({ status: res.status,
                    id: res.headers['x-request-id'] });
            }
        }
    };
    const all = Promise.all(Array.from({ length: clients }, (_, n) =>
        client(n)));

    return { seen, end: async () => {
        stop = true;
        await all;

        return seen;
    } };
}


function checkSeen(g, seen) {
    const { decisions, settles } = ledger(g.records());

    for (const { status, id } of seen) {
        if (status !== 200) {
            assert.ok(id, `an answer ${status} without an id`);
            assert.equal(decisions.get(id)?.status, status,
                `${id}, answered ${status}`);
        }
    }

    for (const { id } of g.upstream.arrivals) {
        assert.equal(decisions.get(id)?.dec, 'allow', `${id} arrived`);
    }

    for (const of of settles.keys()) {
        assert.equal(decisions.get(of)?.dec, 'allow', `${of} was settled`);
    }

    assert.equal(new Set([...decisions.values()].map((d) => d.pol.hash)).size,
        1, 'one policy');
    assert.deepEqual(tails(g), [], 'tails of the dead');
}


test(`${TIMES} deaths and ${TIMES} reloads under load, files of 64 KB (seed ` +
    `${SEED})`, { timeout: 60000 + TIMES * 1500 }, async (t) => {
    const g = await recorded(t, { audit: 'allows=on segment=64k',
        logLevel: 'notice', expectLog: [/exited on signal 9/] });
    const clients = load(g);
    let deaths = 0;
    let reloads = 0;

    while (deaths < TIMES || reloads < TIMES) {
        if (reloads < TIMES && (deaths >= TIMES || random(2))) {
            g.signal('SIGHUP');
            reloads++;

        } else {
            const workers = spawnedWorkers(g);

            if (workers.length > 0) {
                process.kill(workers[random(workers.length)], 'SIGKILL');
                deaths++;
            }
        }

        await pause(random(60));
    }

    await until(async () => (await g.chat('sk-nobody').catch(() => ({})))
        .status === 401, 'it serves');

    const seen = await clients.end();

    await g.reload();
    await g.stop();

    const rotated = readLanes(g.audit).filter(({ file }) =>
        !/\.1\.jsonl$/.test(file)).length;

    t.diagnostic(`${seen.length} answers, ${g.upstream.arrivals.length} ` +
        `arrivals, ${readLanes(g.audit).length} files, ${rotated} rotations`);
    assert.ok(seen.length > TIMES * 5, `${seen.length} answers`);
    checkSeen(g, seen);
});


test(`${TIMES} rotations under load: one chain, nothing lost or twice`,
    { timeout: 60000 + TIMES * 1000 }, async (t) => {
        const g = await recorded(t, { workers: 1,
            audit: 'allows=on segment=64k' });
        const clients = load(g, 16);

        await until(() => tails(g).length > 0 && fs.readdirSync(g.audit,
            { recursive: true }).some((f) => f.endsWith(`.${TIMES}.jsonl`)),
        'so many files', 60000 + TIMES * 900);

        const seen = await clients.end();

        await g.stop();
        checkSeen(g, seen);

        const lanes = readLanes(g.audit);
        const closes = lanes.map(({ lines }) => JSON.parse(lines.at(-1)));

        closes.forEach((r, i) => {
            assert.equal(r.t, 'close');
            assert.equal(r.count, lanes[i].lines.length);
        });
    });


// N answers, one after the other.
async function ask(g, n, key = 'sk-acme') {
    const answers = [];

    for (let i = 0; i < n; i++) {
        answers.push((await g.chat(key)).status);
    }

    return answers;
}


function preload() {
    const to = path.join(BUILD, 'fault-disk.so');

    execFileSync('gcc', ['-shared', '-fPIC', '-O2', '-o', to,
        path.join(ROOT, 'tests/fault/disk.c'), '-ldl']);

    return to;
}


async function onBadDisk(t, options = {}) {
    const so = preload();
    const g = await recorded(t, { without: ['nginx'], workers: 1,
        logLevel: 'notice', ...options });
    const file = g.file('disk');

    // The worker keeps it, although nginx clears its environment.
    g.options.main = 'env LD_PRELOAD; env SALLYPORT_DISK;';
    // A sanitizer wants to be loaded first, and is as good second.
    g.options.env = { LD_PRELOAD: so, SALLYPORT_DISK: file,
        ASAN_OPTIONS: (process.env.ASAN_OPTIONS ?? '') +
            ':verify_asan_link_order=0' };
    g.disk = (word) => word === 'fine' ? fs.rmSync(file, { force: true })
        : fs.writeFileSync(file, word);
    await g.start();

    return g;
}


test('workers that end under load move their last lines themselves',
    { timeout: 60000 }, async (t) => {
        const g = await recorded(t, { workers: 1, logLevel: 'notice',
            audit: 'allows=on segment=64k' });
        const clients = load(g, 16);

        for (let i = 0; i < ENDS; i++) {
            const before = clients.seen.length;
            const wait = 60 + random(60);    // a file is full at some 70

            await until(() => clients.seen.length > before + wait, 'load');
            await g.reload();
        }

        const seen = await clients.end();

        await g.stop();
        assert.ok(!/the last lines are in/.test(g.errorLog()));
        checkSeen(g, seen);
    });


for (const [how, keep] of [['refuse', false], ['count', true]]) {
    test(`a full disk, on_full=${how}: written and counted are all`,
        async (t) => {
            const g = await onBadDisk(t, {
                audit: `allows=on on_full=${how}` });

            let asked = 0;
            const answers = [];

            for (let round = 0; round < 3; round++) {
                answers.push(...await ask(g, 20));
                g.disk('full');
                answers.push(...await ask(g, 500));
                asked += 520;
                g.disk('fine');
                await until(() => /can be written again/.test(g.errorLog()
                    .slice(-4000)) && ofKind(g, 'lost').length > round,
                'it can be written again');
            }

            await g.stop();

            const lost = ofKind(g, 'lost');
            const allowed = ofKind(g, 'decision');
            const refused = answers.filter((s) => s === 503).length;

            assert.equal(allowed.length + sum(lost, (r) => r.n), asked);
            assert.ok(sum(lost, (r) => r.n) > 100);
            assert.equal(sum(lost, (r) => r.refused), refused);
            assert.equal(sum(lost, (r) => r.served), keep
                ? asked - allowed.length : 0);
            assert.equal(ofKind(g, 'settle').length, allowed.length);
            assert.ok(lost.every((r) => r.why === 'full'));
        });
}


test('a write error, short writes: nothing is torn, lost or twice',
    async (t) => {
        const g = await onBadDisk(t);

        const answers = [];

        for (const word of ['fine', 'short', 'error', 'short', 'error',
            'fine']) {
            g.disk(word);
            answers.push(...await ask(g, 15), ...await ask(g, 5, 'sk-nobody'));
            await pause(50);
        }

        await until(() => /can be written again/.test(g.errorLog()), 'again');
        await g.stop();
        assert.ok(answers.every((s) => s === 200 || s === 401), answers.join());
        assert.equal(ofKind(g, 'decision').length, answers.length);
        assert.deepEqual(ofKind(g, 'lost'), []);
    });


test('a disk that takes 400 ms a write: the event loop does not wait',
    async (t) => {
        const g = await onBadDisk(t);

        g.disk('slow 400');

        const from = Date.now();
        const answers = await ask(g, 100);

        // a write each 400 ms would be 40 s; the tail takes them all
        assert.ok(Date.now() - from < 20000, `${Date.now() - from} ms`);
        assert.ok(answers.every((s) => s === 200));

        // more at once than fit: they wait, and are served
        g.disk('slow 150');

        const many = await Promise.all(Array.from({ length: 300 }, () =>
            g.chat('sk-acme').then((r) => r.status)));

        assert.deepEqual([...new Set(many)], [200]);
        g.disk('fine');
        await g.stop();
        assert.equal(ofKind(g, 'decision').length, 400);
    });


test('a disk that hangs: requests wait for a second, then are refused',
    async (t) => {
        const g = await onBadDisk(t);

        g.disk('slow 4000');

        const answers = [];
        const waited = [];

        for (let i = 0; i < 20 && !waited.some((ms) => ms > 900); i++) {
            await Promise.all(Array.from({ length: 40 }, async () => {
                const from = Date.now();

                answers.push((await g.chat('sk-acme')).status);
                waited.push(Date.now() - from);
            }));
        }

        assert.ok(answers.includes(503), 'some are refused');
        assert.ok(Math.max(...waited) < 3000, `${Math.max(...waited)} ms`);
        g.disk('fine');
        await until(() => ofKind(g, 'lost').length > 0, 'the lost are told',
            10000);
        await g.stop();
        assert.equal(ofKind(g, 'decision').length
            + sum(ofKind(g, 'lost'), (r) => r.n), answers.length);
    });


test('a request that cannot be recorded debits no throttle', async (t) => {
    const g = await onBadDisk(t, { burst: 7 });

    g.disk('full');
    await until(async () => (await Promise.all(Array.from({ length: 50 },
        () => g.chat('sk-nobody')))).every(({ status }) => status === 503),
    'it refuses', 20000);
    assert.deepEqual([...new Set(await ask(g, 30))], [503]);
    g.disk('fine');
    await until(() => /can be written again/.test(g.errorLog()), 'again');

    const answers = await ask(g, 20);

    assert.equal(answers.filter((s) => s === 200).length, 7, answers.join());
    assert.equal(answers.filter((s) => s === 429).length, 13);
});


test('quota= holds, and lets go when files are taken away', async (t) => {
    const g = await recorded(t, { workers: 1, logLevel: 'notice',
        audit: 'allows=on segment=64k quota=1m' });

    await until(async () => (await Promise.all(Array.from({ length: 50 },
        () => g.chat('sk-nobody')))).some(({ status }) => status === 503),
    'it is full', 30000);
    await until(() => /quota of audit directory/.test(g.errorLog()),
        'a warning', 5000);

    const files = () => readLanes(g.audit).map(({ file }) =>
        path.join(g.audit, file)).filter((file) => fs.existsSync(file));
    const size = sum(files(), (file) => fs.statSync(file).size);

    assert.ok(size <= 1024 * 1024, `${size} bytes`);
    files().slice(0, -1).forEach((file) => fs.rmSync(file));
    await until(async () => (await g.chat('sk-acme')).status === 200,
        'there is room again', 20000);
    g.options.checkAudit = false;
});


test('a directory that is removed: refused, counted, and made again',
    async (t) => {
        const g = await recorded(t, { workers: 1, logLevel: 'notice' });

        await ask(g, 10);
        await pause(100);
        fs.readdirSync(g.audit).forEach((boot) =>
            fs.rmSync(path.join(g.audit, boot), { recursive: true }));
        await until(async () => {
            await g.chat('sk-nobody');

            return /not as they were/.test(g.errorLog());
        }, 'it is noticed');
        await g.reload();
        await until(async () => (await g.chat('sk-acme')).status === 200,
            'it serves');
        await until(() => ofKind(g, 'lost').length > 0, 'the lost are told');
        assert.ok(ofKind(g, 'lost')[0].removed >= 10);
    });


test('allows=N%: a share, and every denial', async (t) => {
    const g = await recorded(t, { audit: 'allows=25%' });

    await Promise.all(Array.from({ length: 400 }, () => g.chat('sk-acme')));
    await ask(g, 20, 'sk-nobody');
    await g.stop();

    const decisions = ofKind(g, 'decision');
    const allows = decisions.filter((r) => r.dec === 'allow');

    assert.equal(decisions.length - allows.length, 20);
    assert.ok(allows.length > 50 && allows.length < 160, `${allows.length}`);
    assert.equal(ofKind(g, 'settle').length, allows.length);
});
