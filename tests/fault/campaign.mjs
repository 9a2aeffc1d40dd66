// Copyright (C) the Sallyport authors
//
// campaign.mjs soak|chaos SECONDS: a gate under traffic of all kinds.
//
// soak: nothing breaks; workers grow neither in memory nor in descriptors,
// every answer is one that its request may get.
// chaos: workers killed, reloads, the store killed and frozen, logs reopened,
// all the time. In both: every verdict that a client saw is recorded, every
// arrival is allowed, every chain is whole.

import fs from 'node:fs';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { gate, ledger, readLanes, spawnedWorkers, until, FROM,
    chat } from '../e2e/lib/harness.mjs';
import { random } from '../bench/stats.mjs';
import { enrolAll, startTraffic } from './campaign-traffic.mjs';

const [kind, seconds] = [process.argv[2], Number(process.argv[3])];
const SEED = Number(process.env.CAMPAIGN_SEED ?? 1);
const RATE = Number(process.env.CAMPAIGN_RATE ?? 100);
const CALLERS = 24;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const fine = (text) => console.log('fine: ' + text);


// What a client was told, and by how many answers that none may get.
function observer(g, strict) {
    const told = new Map();
    const counts = {};
    const wrong = [];

    return { told, counts, wrong, seen: (name, statuses, answer) => {
        const what = answer.status ?? (answer.left ? 'left' : 'cut off');

        counts[name] ??= {};
        counts[name][what] = (counts[name][what] ?? 0) + 1;

        // nginx's own errors have no verdict.
        if (answer.id && answer.status !== 502 && answer.status !== 504) {
            told.set(answer.id, answer.status);
        }

        if (strict && answer.status !== undefined
            && !statuses.includes(answer.status))
        {
            wrong.push(`${name}: ${answer.status}`);

        } else if (strict && answer.error !== undefined && statuses.length) {
            wrong.push(`${name}: ${answer.error}`);
        }
    } };
}


// All files of a lane are one chain; the number of lanes that were cut short.
function verifyLanes(dir) {
    const lanes = new Map();
    let cut = 0;

    for (const file of readLanes(dir)) {
        const [, lane, segment] = /^(.*lane-\d+)\.(\d+)\.jsonl$/
            .exec(file.file);

        lanes.set(lane, [...lanes.get(lane) ?? [], { ...file,
            segment: Number(segment) }]);
    }

    for (const [lane, files] of lanes) {
        let prev = '0'.repeat(64);
        let seq = 0;
        let last;

        files.sort((a, b) => a.segment - b.segment);

        for (const { file, lines, torn } of files) {
            assert.equal(torn, '', `${file} ends in the middle of a line`);

            for (const line of lines) {
                const body = line.slice(0, line.lastIndexOf(',"h":"'));

                last = JSON.parse(line);
                prev = createHash('sha256').update(prev + '\n' + body)
                    .digest('hex');
                assert.equal(last.h, prev, `${lane} ${last.seq}: chain`);
                assert.equal(last.seq, ++seq, `${lane}: sequence`);
            }
        }

        cut += last?.t !== 'close';
    }

    return { lanes: lanes.size, cut };
}


function verify(g, told, kills) {
    const { lanes, cut } = verifyLanes(g.audit);
    const records = readLanes(g.audit).flatMap(({ lines }) =>
        lines.map(JSON.parse));
    const { decisions, settles } = ledger(records);
    const allows = [...decisions.values()].filter((d) => d.dec === 'allow');
    let attempts = 0;

    fine(`${records.length} records in ${lanes} lanes, every chain whole`);
    assert.ok(cut <= kills, `${cut} lanes without an end, ${kills} kills`);

    for (const { id, method, url } of g.upstream.arrivals) {
        assert.equal(decisions.get(id)?.dec, 'allow',
            `${method} ${url} with id ${id} arrived without an allow`);
    }

    fine(`${g.upstream.arrivals.length} arrivals, each under an allow`);

    const silent = [...told.keys()].filter((id) => !decisions.has(id));

    assert.deepEqual(silent.slice(0, 5).map((id) => [id, told.get(id)]), [],
        `${silent.length} verdicts that a client saw have no record`);
    fine(`${told.size} verdicts that clients saw, each recorded`);

    for (const [of, settle] of settles) {
        assert.equal(decisions.get(of)?.dec, 'allow', `${of} settles no allow`);
        attempts += settle.attempts;
    }

    const open = allows.filter((d) => !settles.has(d.id));

    // What a killed worker had under way has no end.
    assert.ok(open.length <= kills * CALLERS, `${open.length} not settled`);
    assert.ok(attempts <= g.upstream.arrivals.length
        && attempts + open.length >= g.upstream.arrivals.length - kills *
        CALLERS, `${attempts} attempts, ${g.upstream.arrivals.length} ` +
        'arrivals');
    fine(`${allows.length} allows, ${open.length} without an end ` +
        `(${kills} workers killed), ${attempts} attempts`);
}


// Bodies and heads of arrivals are not needed, and many.
function forget(g) {
    for (const arrival of g.upstream.arrivals) {
        if (arrival.complete || arrival.error) {
            arrival.body = '';
            arrival.headers = arrival.rawHeaders = undefined;
        }
    }
}


function sample(g) {
    return spawnedWorkers(g).map((pid) => ({ pid,
        kib: Number(/RssAnon:\s+(\d+)/.exec(
            fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]),
        shared: Number(/RssShmem:\s+(\d+)/.exec(
            fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]),
        fds: fs.readdirSync(`/proc/${pid}/fd`).length }));
}

const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;


// The last third is no larger than the middle one, the first warms up.
function verifyFlat(samples) {
    const third = Math.floor(samples.length / 3);

    assert.ok(third >= 2, 'too short to see growth');

    for (const { pid } of samples[0]) {
        const of = (name) => samples.map((s) =>
            s.find((w) => w.pid === pid)?.[name]);

        assert.ok(!of('kib').includes(undefined), `worker ${pid} is gone`);

        for (const [name, slack] of [['kib', 2048], ['shared', 1024]]) {
            const list = of(name);
            const middle = mean(list.slice(third, 2 * third));
            const late = mean(list.slice(2 * third));

            assert.ok(late <= middle * 1.03 + slack, `worker ${pid}: ${name} ` +
                `grows from ${Math.round(middle)} to ${Math.round(late)}`);
            console.log(`   worker ${pid}: ${name} ${list[0]} at first, ` +
                `${Math.round(middle)} in the middle, ${Math.round(late)} ` +
                'late');
        }

        assert.ok(Math.max(...of('fds').slice(2 * third))
            <= Math.max(...of('fds').slice(0, 2 * third)) + CALLERS,
        `worker ${pid}: descriptors ${of('fds')}`);
    }

    fine('memory and descriptors of the workers are flat');
}


async function soak(g, next) {
    const seen = observer(g, true);
    const traffic = startTraffic(g, next, { callers: CALLERS, rate: RATE,
        seen: seen.seen });
    const samples = [];
    const end = Date.now() + seconds * 1000;
    const step = Math.max(500, Math.min(5000, seconds * 1000 / 30));

    while (Date.now() < end) {
        await pause(step);
        samples.push(sample(g));
        forget(g);
    }

    await traffic.stop();
    verifyFlat(samples);

    const metrics = (await g.call({ path: '/metrics' })).text;

    assert.match(metrics, /^sallyport_zone_full_total 0$/m);
    assert.match(metrics, /^sallyport_audit_failed_total 0$/m);
    fine('the zone was never full, no record failed');
    assert.deepEqual([...new Set(seen.wrong)], [],
        `${seen.wrong.length} answers that their requests may not get`);

    return { ...seen, kills: 0 };
}


const FAULTS = {
    async kill(g, next) {
        const workers = spawnedWorkers(g);

        if (workers.length === 0) {
            return false;
        }

        process.kill(workers[Math.floor(next() * workers.length)], 'SIGKILL');

        return true;
    },
    reload: async (g) => { g.signal('SIGHUP'); },
    reopen: async (g) => { g.signal('SIGUSR1'); },
    async 'store killed'(g) {
        await g.redis.stop();
        await pause(300);
        await g.redis.start();
        await enrolAll(g);
    },
    async 'store frozen'(g) {
        g.redis.kill('SIGSTOP');
        await pause(1500);
        g.redis.kill('SIGCONT');
    },
};


async function chaos(g, next) {
    const seen = observer(g, false);
    const traffic = startTraffic(g, next, { callers: CALLERS, rate: RATE,
        seen: seen.seen });
    const end = Date.now() + seconds * 1000;
    const done = {};
    let kills = 0;

    while (Date.now() < end) {
        await pause(500 + next() * 1500);

        const names = Object.keys(FAULTS);
        const name = names[Math.floor(next() * names.length)];

        if (await FAULTS[name](g, next) !== false) {
            done[name] = (done[name] ?? 0) + 1;
            kills += name === 'kill';
        }

        assert.ok(!g.nginx.ended, 'nginx is gone');
        forget(g);
    }

    console.log('   ' + Object.entries(done).map(([n, c]) => `${n} ${c}`)
        .join(', '));
    await until(async () => (await g.call({ key: 'sk-soak-0', body: chat(),
        from: FROM.US })).status === 200, 'service after all of it', 30000);
    await traffic.stop();
    fine('a good request is served when it is over');

    // A reload under way leaves workers that drain.
    await until(() => spawnedWorkers(g).length === 2, 'two workers', 30000);

    return { ...seen, kills };
}


const ends = [];
let g;

if (!['soak', 'chaos'].includes(kind) || !(seconds >= 5)) {
    console.error('usage: campaign.mjs soak|chaos SECONDS');
    process.exit(4);
}

try {
    g = await gate({ after: (end) => ends.push(end) }, { workers: 2,
        checkAudit: false, expectLog: kind === 'chaos'
            ? [/exited on signal 9/] : [] });
    await enrolAll(g);
    g.upstream.gap = 2;

    const r = await (kind === 'soak' ? soak : chaos)(g, random(SEED));

    for (const [name, counts] of Object.entries(r.counts)) {
        console.log(`   ${name}: ` + Object.entries(counts)
            .map(([s, n]) => `${s} ${n}`).join(', '));
    }

    await g.stop();
    verify(g, r.told, r.kills);

} catch (e) {
    console.log('FAILED: ' + e.message);
    process.exitCode = 1;

    if (g !== undefined) {
        g.keep = true;
    }

} finally {
    for (const end of ends) {
        await end().catch((e) => {
            console.log('FAILED: ' + e.message);
            process.exitCode = 1;
        });
    }
}
