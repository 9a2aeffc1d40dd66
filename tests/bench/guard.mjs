// Copyright (C) the Sallyport authors
//
// Fails if the gate's own code needs more instructions a request than it did
// when tests/bench/instructions.json was written, or more system calls than
// a bare nginx. Counts do not depend on how busy the machine is.
//
// --update writes the file anew; --top shows the functions that cost most.

import fs from 'node:fs';
import path from 'node:path';

import { ROOT } from '../e2e/lib/harness.mjs';
import { CASES, openBed, startCase } from './bed.mjs';
import { instructions } from './callgrind.mjs';
import { systemCalls } from './syscalls.mjs';

const FILE = path.join(ROOT, 'tests/bench/instructions.json');
const ALLOWED = 1.02;
const CALLS = 0.02;    // a request: timers and the store's own events

const update = process.argv.includes('--update');
const top = process.argv.includes('--top');
let failed = 0;


function verdict(ok, text) {
    console.log(`${ok ? 'fine' : 'FAILED'}: ${text}`);
    failed += ok ? 0 : 1;
}


// What "name" needs over "base", without libcrypto, whose SHA-256 valgrind
// runs without the processor's own.
async function added(bed, name, base) {
    const counts = await instructions(bed, name, CASES[name].status);

    if (top) {
        const before = new Map(base.functions);
        const each = counts.functions.map(([f, n]) =>
            [f, n - (before.get(f) ?? 0)]).sort((a, b) => b[1] - a[1]);

        console.log(`${name}: ${counts.total - base.total} instructions ` +
            'over nginx');
        each.slice(0, 60).forEach(([f, n]) =>
            console.log(`${String(n).padStart(8)}  ${f}`));
    }

    return counts.total - counts.libcrypto - base.total + base.libcrypto;
}


async function count(bed) {
    const bare = await instructions(bed, 'bare');
    const refuse = await instructions(bed, 'return_403', 403);

    return { allow: await added(bed, 'gate', bare),
        allow_audited: await added(bed, 'gate_audit_all', bare),
        deny: await added(bed, 'deny', refuse) };
}


const bed = await openBed();

try {
    const now = await count(bed);

    if (update) {
        fs.writeFileSync(FILE, JSON.stringify(now, null, 2) + '\n');
        console.log(`written: ${JSON.stringify(now)}`);

    } else {
        const then = JSON.parse(fs.readFileSync(FILE, 'utf8'));

        for (const [name, n] of Object.entries(now)) {
            const most = Math.floor(then[name] * ALLOWED);

            verdict(n <= most, `${name}: ${n} instructions over nginx, at ` +
                `most ${most}`);
        }
    }

    const calls = {};

    for (const name of ['bare', 'gate']) {
        calls[name] = (await systemCalls(bed, await startCase(bed, name)))
            .total;
    }

    verdict(calls.gate <= calls.bare + CALLS,
        `${calls.gate.toFixed(3)} system calls a warm allow, nginx alone ` +
        `${calls.bare.toFixed(3)}`);

} finally {
    await bed.close();
}

process.exitCode = failed === 0 ? 0 : 1;
