// Copyright (C) the Sallyport authors
//
// Instructions per request in user space, under callgrind: one process, two
// runs of different length, and the difference of the two. What starting and
// warming up costs cancels out.

import fs from 'node:fs';
import path from 'node:path';

import { NGINX, freePort, spawnServer } from '../e2e/lib/harness.mjs';
import { answers, configuration, pin } from './bed.mjs';
import { send } from './load.mjs';

const PAIRS = 8;
const WARM = 200;
const SHORT = 200;
const LONG = 1200;


// A name in callgrind's format: "(7) name" defines it, "(7)" stands for it.
function named(names, text) {
    const [, id, name] = /^(\(\d+\))(?: (.*))?$/.exec(text) ?? [, null, text];

    if (id !== null && name !== undefined) {
        names.set(id, name);
    }

    return name ?? names.get(id) ?? '?';
}


// What each function itself cost, out of callgrind's own format, as a map of
// "object function". "calls=" is followed by a line of what the callee cost,
// which is counted there.
export function selfCosts(text) {
    const names = { ob: new Map(), fn: new Map(), fl: new Map() };
    const sums = new Map();
    let object = '?';
    let name = '?';
    let skip = false;

    for (const line of text.split('\n')) {
        const spec = /^(c?)(ob|fn|fl|fi|fe)=(.*)$/.exec(line);

        if (spec !== null) {
            const value = named(names[spec[2]] ?? names.fl, spec[3]);

            if (spec[1] === '' && spec[2] === 'ob') {
                object = value;

            } else if (spec[1] === '' && spec[2] === 'fn') {
                name = value;
            }

            continue;
        }

        if (line.startsWith('calls=')) {
            skip = true;
            continue;
        }

        const cost = /^[+-]?(?:\d+|\*|0x[0-9a-f]+) (\d+)$/.exec(line);

        if (cost !== null) {
            if (!skip) {
                const key = `${path.basename(object)} ${name}`;

                sums.set(key, (sums.get(key) ?? 0) + Number(cost[1]));
            }

            skip = false;
        }
    }

    return sums;
}


async function count(bed, name, n, status) {
    const port = await freePort();
    const file = configuration(bed, name, port, { single: true });
    const dir = path.dirname(file);
    const out = path.join(dir, `callgrind.${n}`);
    const server = spawnServer(...pin(bed.cpu.proxy, 'valgrind',
        ['--tool=callgrind', `--callgrind-out-file=${out}`, NGINX, '-p', dir,
            '-c', file, '-e', path.join(dir, 'error.log')]));

    try {
        await answers(port, `nginx of "${name}" answers under callgrind`);
        // One connection: how many events come at once is then no chance.
        // Few accounts: under valgrind time flies, and records grow old.
        const way = { status, connections: 1, pairs: PAIRS };

        await send(bed, { name, port, dir }, WARM, { ...way, again: 50 });
        await send(bed, { name, port, dir }, n, way);

    } finally {
        await server.stop('SIGQUIT', 30000);
    }

    return selfCosts(fs.readFileSync(out, 'utf8'));
}


// { total, libcrypto, objects: { nginx: ... }, functions: [[name, n], ...] }
// of one request; functions with the dearest first.
export async function instructions(bed, name, status = 200) {
    const short = await count(bed, name, SHORT, status);
    const long = await count(bed, name, LONG, status);
    const functions = [];
    const objects = {};
    let total = 0;

    for (const [key, n] of long) {
        const each = (n - (short.get(key) ?? 0)) / (LONG - SHORT);
        const [object] = key.split(' ');

        functions.push([key, Math.round(each)]);
        objects[object] = (objects[object] ?? 0) + each;
        total += each;
    }

    for (const object of Object.keys(objects)) {
        objects[object] = Math.round(objects[object]);
    }

    return { total: Math.round(total), objects,
        libcrypto: Object.entries(objects).reduce((sum, [object, n]) =>
            sum + (/^libcrypto/.test(object) ? n : 0), 0),
        functions: functions.sort((a, b) => b[1] - a[1]) };
}
