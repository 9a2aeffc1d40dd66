// Copyright (C) the Sallyport authors
//
// System calls per request of a warm worker, counted by strace.

import path from 'node:path';
import fs from 'node:fs';

import { spawnServer, until } from '../e2e/lib/harness.mjs';
import { send } from './load.mjs';

const WARM = 1000;
const COUNTED = 3000;


// { writev: 2, ... }, "total" without the waits, whose number follows from
// how many events happen to come at once.
export async function systemCalls(bed, c, status = 200) {
    const out = path.join(bed.dir, c.name, 'strace');

    await send(bed, c, WARM, { status, connections: 16, again: 20000 });

    const tracer = spawnServer('strace', ['-c', '-o', out, '-p',
        String(c.worker)]);

    await until(() => tracer.ended || /attached/.test(tracer.output),
        'strace attaches');

    if (tracer.ended) {
        throw new Error('strace cannot attach: ' + tracer.output);
    }

    await send(bed, c, COUNTED, { status, connections: 16 });
    await tracer.stop('SIGINT');

    const calls = {};
    let total = 0;

    for (const line of fs.readFileSync(out, 'utf8').split('\n')) {
        const row = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/
            .exec(line);

        if (row !== null && row[2] !== 'total') {
            calls[row[2]] = Number(row[1]) / COUNTED;
            total += row[2] === 'epoll_wait' ? 0 : calls[row[2]];
        }
    }

    return { ...calls, total };
}
