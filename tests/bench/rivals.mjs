// Copyright (C) the Sallyport authors
//
// The gate beside what its users would take instead: interleaved rounds of
// all in random order, paired by round; once with a new caller for each
// request, once with callers that keep their connection; then at a fixed
// rate for latencies. --verdicts only checks who lets what through.

import fs from 'node:fs';
import path from 'node:path';

import { openBed } from './bed.mjs';
import { runLoad, send } from './load.mjs';
import { RESULTS, dropAudit, keep, machine } from './results.mjs';
import { interval, median, random, shuffled } from './stats.mjs';
import { rivals } from './rivals/index.mjs';
import { wrongVerdicts } from './rivals/verdicts.mjs';
import { printRivals } from './rivals/table.mjs';

const number = (name, given, from, to) => {
    const n = Number(process.env[name] ?? given);

    if (!(Number.isInteger(n) && n >= from && n <= to)) {
        console.error(`${name} is ${from} to ${to}`);
        process.exit(4);
    }

    return n;
};

const ROUNDS = number('ROUNDS', 20, 1, 200);
const SECONDS = number('ROUND_SECONDS', 2, 1, 60);
const RATE = number('RATE', 15000, 100, 1000000);
const RATE_ROUNDS = number('RATE_ROUNDS', 10, 1, 200);
const SEED = number('SEED', 1, 0, 2 ** 31);
const ONLY = process.env.RIVALS?.split(/[ ,]+/);
const PAIRS = 4096;


// Starts those that can be had and checks what they let through.
async function startAll(bed) {
    const started = [];
    const leftOut = {};
    const wrong = [];

    for (const rival of rivals) {
        if (ONLY && !['bare', 'gate', ...ONLY].includes(rival.name)) {
            leftOut[rival.name] = 'not asked for';
            continue;
        }

        const why = rival.missing();

        if (why !== undefined) {
            leftOut[rival.name] = why;
            console.log(`left out: ${rival.name}: ${why}`);
            continue;
        }

        const c = { ...await rival.start(bed), rival };
        const bad = await wrongVerdicts(bed, rival, c);

        wrong.push(...bad);
        started.push(c);
        console.log(`${bad.length === 0 ? 'fine' : 'WRONG'}: verdicts of ` +
            `${rival.name} (${rival.checks.join(', ') || 'it checks nothing'})`);
        await rest(c, true);
    }

    if (wrong.length !== 0) {
        throw new Error('other verdicts than the gate\'s:\n' +
            wrong.join('\n'));
    }

    return { started, leftOut };
}


// What works on although nobody asks it sleeps while others are measured.
async function rest(c, asleep) {
    if (c.rival.slow) {
        process.kill(c.worker, asleep ? 'SIGSTOP' : 'SIGCONT');
    }
}


// A busy machine can starve even a store of its answer: such a slice is no
// measure and is taken again, and how often is told.
let again = 0;

async function slice(bed, c, way, tries = 3) {
    await rest(c, false);

    const r = await runLoad(bed, c, way).catch((e) => {
        if (tries === 0) {
            throw e;
        }
    });

    await rest(c, true);

    if (r === undefined) {
        again++;

        return slice(bed, c, way, tries - 1);
    }

    if (c.name === 'gate') {
        dropAudit(c);
    }

    return r;
}


async function warm(bed, started) {
    const gate = started.find((c) => c.name === 'gate');

    // Not faster than the gate lets strangers cost its store.
    await send(bed, gate, 1000, { connections: 2, pairs: 1000, again: 20000 });

    for (const c of started) {
        await slice(bed, c, { seconds: c.rival.slow ? 2 : 1 });
    }
}


async function measure(bed, cases, next, rounds, way) {
    const all = [];

    for (let i = 0; i < rounds; i++) {
        const round = {};

        for (const c of shuffled(cases, next)) {
            round[c.name] = await slice(bed, c, { ...way, seconds: SECONDS,
                first: Math.floor(next() * PAIRS) });
        }

        all.push(round);
        process.stderr.write(`\r${way.what ?? ''}round ${i + 1} of ${rounds} `);
    }

    process.stderr.write('\n');

    return all;
}


function summary(rounds, names, suffix = '') {
    const out = {};

    for (const name of names) {
        const of = (f) => rounds.map((r) => f(r[name], r.bare));
        const ratios = of((a, b) => a.rps / b.rps);
        const cpu = of((a, b) => a.cpu_us / b.cpu_us);
        const beside = median(of((a) => a.beside_cpu_us));

        out[name + suffix] = {
            rps: Math.round(median(of((a) => a.rps))),
            ratio: median(ratios), ratio_ci: interval(ratios),
            ratio_to: 'bare' + suffix,
            cpu_us: median(of((a) => a.cpu_us)),
            cpu_ratio: median(cpu), cpu_ratio_ci: interval(cpu),
            p50_us: median(of((a) => a.p50_us)),
            p99_us: median(of((a) => a.p99_us)),
            ...(beside > 0 && { beside_cpu_us: beside }),
        };
    }

    return out;
}


// How many times the gate's requests a second over each other's, same round.
function versus(rounds, names) {
    return Object.fromEntries(names.filter((n) => n !== 'gate').map((n) => {
        const rps = rounds.map((r) => r.gate.rps / r[n].rps);
        const cpu = rounds.map((r) => r.gate.cpu_us / r[n].cpu_us);

        return [n, { ratio: median(rps), ratio_ci: interval(rps),
            cpu_ratio: median(cpu), cpu_ratio_ci: interval(cpu) }];
    }));
}


function memory(c) {
    const status = fs.readFileSync(`/proc/${[c.worker].flat()[0]}/status`,
        'utf8');

    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024);
}


async function measureAll(bed, started) {
    const next = random(SEED);
    const names = started.map((c) => c.name);

    await warm(bed, started);

    const each = await measure(bed, started, next, ROUNDS,
        { what: 'new callers: ' });
    const fast = started.filter((c) => !c.rival.slow);
    const kept = await measure(bed, fast, next, ROUNDS,
        { what: 'callers that stay: ', sticky: 1 });

    // Who cannot serve the rate has no latency at it.
    const able = fast.filter((c) =>
        median(each.map((r) => r[c.name].rps)) > RATE * 1.3);
    const paced = able.some((c) => c.name === 'bare')
        ? await measure(bed, able, next, RATE_ROUNDS,
            { what: 'fixed rate: ', rate: RATE }) : [];
    const stays = summary(kept, fast.map((c) => c.name), '_sticky');

    return { taken_again: again, cases: summary(each, names), sticky: stays,
        gate_over: versus(each, names),
        fixed_rate: { rate: RATE, rounds: paced.length, cases: paced.length
            ? summary(paced, able.map((c) => c.name)) : {} },
        memory_mib: Object.fromEntries(started.map((c) =>
            [c.name, memory(c)])) };
}


async function main() {
    const bed = await openBed();

    try {
        const { started, leftOut } = await startAll(bed);

        if (process.argv.includes('--verdicts')) {
            return;
        }

        const about = machine(bed, { rounds: ROUNDS, seconds: SECONDS,
            seed: SEED });
        const r = { machine: about, left_out: leftOut,
            says: Object.fromEntries(started.map((c) =>
                [c.name, c.rival.says])), ...await measureAll(bed, started) };
        const others = Object.fromEntries(Object.entries(r.cases)
            .filter(([name]) => name !== 'bare' && name !== 'gate'));

        keep({ rivals: r, cases: { ...others,
            gate_sticky: r.sticky.gate_sticky } });
        printRivals(r);
        console.log(`\n${path.relative(process.cwd(), RESULTS)} has all ` +
            'figures');

    } finally {
        await bed.close();
    }
}


await main();
