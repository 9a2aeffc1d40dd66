// Copyright (C) the Sallyport authors
//
// What the benchmarks have in common: where they measured, what they keep.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';

import { BUILD, NGINX } from '../e2e/lib/harness.mjs';

export const RESULTS = path.join(BUILD, 'bench.json');


// What was measured where; "how" says how.
export function machine(bed, how) {
    const first = (command, args) => {
        const r = spawnSync(command, args, { encoding: 'utf8' });

        return (r.stdout + r.stderr).split('\n')[0];
    };

    return { cpu: os.cpus()[0]?.model ?? 'unknown',
        processors: bed.cpu.count, kernel: os.release(),
        nginx: first(NGINX, ['-v']).replace(/^.*: /, ''),
        redis: first('redis-server', ['--version']).split(' ')
            .find((w) => w.startsWith('v=')) ?? '',
        load_before: os.loadavg()[0], date: new Date().toISOString(), ...how };
}


// Adds to the file what was measured now; the cases of another benchmark
// that are in it stay.
export function keep(result) {
    const old = fs.existsSync(RESULTS)
        ? JSON.parse(fs.readFileSync(RESULTS, 'utf8')) : {};

    fs.writeFileSync(RESULTS, JSON.stringify({ ...old, ...result,
        cases: { ...old.cases, ...result.cases } }, null, 2) + '\n');
}


// Lane files that are closed already; an open one is left alone.
export function dropAudit(c) {
    for (const boot of fs.readdirSync(path.join(c.dir, 'audit'))) {
        const dir = path.join(c.dir, 'audit', boot);
        const lanes = fs.statSync(dir).isDirectory() ? fs.readdirSync(dir)
            .filter((f) => f.endsWith('.jsonl')).sort((a, b) =>
                a.localeCompare(b, 'en', { numeric: true })) : [];

        lanes.slice(0, -1).forEach((f) => fs.rmSync(path.join(dir, f)));
    }
}
