// Copyright (C) the Sallyport authors
//
// An audit log with a sealer's key, and the command on it, for the tests of
// `sallyport audit`.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

import { COMMAND } from './command.mjs';
import { verifyRecords } from './audit.mjs';

export const ORIGIN = 'gate7.example/audit';


// One call of the command.
export function run(...args) {
    const r = spawnSync(COMMAND, args, { encoding: 'utf8', timeout: 60000,
        maxBuffer: 1 << 26 });

    assert.equal(r.signal, null, args.join(' '));
    assert.doesNotMatch(r.stderr, /Sanitizer|runtime error/);

    return r;
}


// What a call that must end well has printed.
export function fine(...args) {
    const r = run(...args);

    assert.equal(r.status, 0, `${args.join(' ')}\n${r.stdout}${r.stderr}`);

    return r.stdout;
}


// A directory with a sealer's key: { home, key, pub, seal, verify, copy },
// which the caller removes.
export function desk() {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'sallyport-audit-'));
    const key = path.join(home, 'seal.key');
    const pub = path.join(home, 'seal.pub');

    fs.writeFileSync(pub, fine('audit', 'key', '--out', key, '--origin',
        ORIGIN));

    return {
        home, key, pub,

        seal: (dir, ...more) => fine('audit', 'seal', '--dir', dir,
            '--key', key, '--origin', ORIGIN, ...more),

        verify(dir, ...more) {
            const r = run('audit', 'verify', dir, '--key', pub, '--format',
                'json', ...more);

            return { code: r.status, ...JSON.parse(r.stdout), err: r.stderr };
        },

        copy(from) {
            const to = fs.mkdtempSync(path.join(home, 'copy-'));

            fs.cpSync(from, to, { recursive: true });

            return to;
        },
    };
}


// The gate's and the people's files of a log, then the sealer's, too.
const files = (dir) => fs.readdirSync(dir, { recursive: true })
    .filter((name) => /\/lane-\d+\.\d+\.jsonl$/.test(name)).sort();

export const lanes = (dir) => files(dir)
    .filter((name) => !name.startsWith('seal/'));

const read = (dir, names) => names.flatMap((name) =>
    fs.readFileSync(path.join(dir, name), 'utf8').split('\n')
        .filter(Boolean).map((line) => JSON.parse(line)));

export const records = (dir) => read(dir, lanes(dir));

// Every line of a log that nobody has touched is what records.json says.
export const verifyAll = (dir) => verifyRecords(read(dir, files(dir)));
