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
import { openBed, startCase } from './bed.mjs';
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


// Without libcrypto, whose SHA-256 valgrind runs without the processor's own.
async function count(bed) {
    const of = async (name, status) => {
        const { total, libcrypto, functions } = await instructions(bed, name,
            status);

        if (top) {
            console.log(`${name}: ${total} instructions a request`);
            functions.slice(0, 40).forEach(([f, n]) =>
                console.log(`${String(n).padStart(8)}  ${f}`));
        }

        return total - libcrypto;
    };

    const bare = await of('bare');
    const refuse = await of('return_403', 403);

    return { allow: await of('gate') - bare,
        allow_audited: await of('gate_audit_all') - bare,
        deny: await of('deny', 451) - refuse };
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
