// Copyright (C) the Sallyport authors
//
// The benchmark: interleaved rounds of all cases in random order, paired by
// round; the engine alone; instructions; system calls.

import path from 'node:path';
import { execFileSync } from 'node:child_process';

import { ROOT } from '../e2e/lib/harness.mjs';
import { CASES, GEO, compile, openBed, pin, startCase } from './bed.mjs';
import { runWrk, send } from './load.mjs';
import { interval, median, random, shuffled } from './stats.mjs';
import { instructions } from './callgrind.mjs';
import { systemCalls } from './syscalls.mjs';
import { printTable } from './table.mjs';
import { RESULTS, dropAudit, keep, machine } from './results.mjs';
import { policyOf } from './rules.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 20);
const SECONDS = Number(process.env.ROUND_SECONDS ?? 2);
const SEED = Number(process.env.SEED ?? 1);
const GROWTH = [10, 100, 1000, 10000];    // rules

if (!(ROUNDS >= 1 && ROUNDS <= 200 && SECONDS >= 1 && SECONDS <= 60)) {
    console.error('ROUNDS is 1 to 200, ROUND_SECONDS 1 to 60');
    process.exit(4);
}


async function measureRounds(bed, cases) {
    const next = random(SEED);
    const rounds = [];

    // No round meets a cold cache: each of the thousand keys is asked for,
    // not faster than the gate lets strangers cost its store, and then every
    // pair.
    for (const c of cases) {
        await send(bed, c, 1000, { connections: 2, pairs: 1000,
            status: CASES[c.name].status ?? 200, again: 20000 });
        await runWrk(bed, c, 2);
    }

    for (let i = 0; i < ROUNDS; i++) {
        const round = {};

        for (const c of shuffled(cases, next)) {
            round[c.name] = await runWrk(bed, c, SECONDS,
                Math.floor(next() * 4096));
            dropAudit(c);
        }

        rounds.push(round);
        process.stderr.write(`\rround ${i + 1} of ${ROUNDS}`);
    }

    process.stderr.write('\n');

    return rounds;
}


function summary(rounds) {
    const out = {};

    for (const [name, { base }] of Object.entries(CASES)) {
        const of = (f) => rounds.map((r) => f(r[name], r[base]));
        const ratios = of((a, b) => a.rps / b.rps);
        const cpu = of((a, b) => a.cpu_us / b.cpu_us);

        out[name] = {
            rps: Math.round(median(of((a) => a.rps))),
            ratio: median(ratios), ratio_ci: interval(ratios),
            ratio_to: base,
            cpu_us: median(of((a) => a.cpu_us)),
            cpu_ratio: median(cpu), cpu_ratio_ci: interval(cpu),
            p50_us: median(of((a) => a.p50_us)),
            p99_us: median(of((a) => a.p99_us)),
        };
    }

    return out;
}


function measureEngine(bed) {
    const program = compile('engine_bench');

    return JSON.parse(execFileSync(...pin(bed.cpu.proxy, program,
        [path.join(ROOT, 'policy/policy.yaml'), GEO,
            ...GROWTH.map((n) => policyOf(bed, n))]), { encoding: 'utf8' }));
}


function measureScanner(bed) {
    return JSON.parse(execFileSync(...pin(bed.cpu.proxy,
        compile('scanner_bench'), [String(SEED)]), { encoding: 'utf8' }));
}


async function main() {
    const bed = await openBed();

    try {
        const result = { machine: machine(bed, { rounds: ROUNDS,
            seconds: SECONDS, seed: SEED }), cases: {}, engine: {},
            instructions: {}, system_calls: {} };
        const cases = [];

        for (const name of Object.keys(CASES)) {
            cases.push(await startCase(bed, name));
        }

        result.cases = summary(await measureRounds(bed, cases));

        for (const name of ['bare', 'gate', 'gate_audit_all']) {
            result.system_calls[name] = await systemCalls(bed,
                cases.find((c) => c.name === name));
        }

        result.engine = measureEngine(bed);
        result.scanner = measureScanner(bed);

        const bare = await instructions(bed, 'bare');
        const gate = await instructions(bed, 'gate');

        result.instructions = { bare: bare.total, gate: gate.total,
            gate_without_libcrypto: gate.total - gate.libcrypto,
            by_object: gate.objects };

        keep(result);
        printTable(result);
        console.log(`\n${path.relative(process.cwd(), RESULTS)} has all figures`);

    } finally {
        await bed.close();
    }
}


await main();
