// Copyright (C) the Sallyport authors
//
// Audit lanes as an outsider reads them: every line, the hash chain and the
// sequence of each lane, and the ledger of decisions and settlements.

import fs from 'node:fs';
import path from 'node:path';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

const BUILD = path.resolve(import.meta.dirname
    ?? path.dirname(new URL(import.meta.url).pathname), '../../..',
process.env.BUILD ?? 'build');
const SCHEMA = new URL('../../../module/engine/audit/records.json',
    import.meta.url);


// What of a lane is in its tail alone: file name to bytes. The layout is that
// of include/sp_tail.h.
function readTails(dir, files) {
    const rest = new Map();

    for (const name of files.filter((f) => f.endsWith('.tail'))) {
        let bytes;

        try {
            bytes = fs.readFileSync(path.join(dir, name));

        } catch (e) {
            if (e.code === 'ENOENT') {
                continue;    // its lane has just ended
            }

            throw e;
        }

        for (let i = 0; i < 2; i++) {
            const at = 64 + 64 * i;
            const [segment, base, used] = [0, 8, 16].map((o) =>
                Number(bytes.readBigUInt64LE(at + o)));
            const from = 4096 + 131072 * i;

            if (used > 0) {
                const file = name.replace(/tail$/, `${segment}.jsonl`);

                rest.set(file, [...(rest.get(file) ?? []),
                    { base, bytes: bytes.subarray(from, from + used) }]);
            }
        }
    }

    return rest;
}


function readFrom(file, from) {
    if (!fs.existsSync(file)) {
        return Buffer.alloc(0);
    }

    const fd = fs.openSync(file);
    const bytes = Buffer.alloc(Math.max(fs.fstatSync(fd).size - from, 0));

    fs.readSync(fd, bytes, 0, bytes.length, from);
    fs.closeSync(fd);

    return bytes;
}


// [{ file, lines: [text] }]; a last line without its newline is "torn". The
// tails are read first: what is then moved is found in the files. "seen" has
// how many bytes of a lane were read before, and leaves them out.
export function readLanes(dir, seen = new Map()) {
    const list = () => fs.existsSync(dir)
        ? fs.readdirSync(dir, { recursive: true }) : [];
    const rest = readTails(dir, list());
    const files = new Set(list().filter((name) => name.endsWith('.jsonl')));

    [...rest.keys()].forEach((name) => files.add(name));

    return [...files].sort((a, b) =>
        a.localeCompare(b, 'en', { numeric: true })).map((name) => {
        const from = seen.get(name) ?? 0;
        let bytes = readFrom(path.join(dir, name), from);

        for (const half of (rest.get(name) ?? [])
            .sort((a, b) => a.base - b.base)) {
            const to = from + bytes.length;

            assert.ok(to >= half.base, `${name}: a gap`);
            bytes = Buffer.concat([bytes, half.bytes.subarray(to - half.base)]);
        }

        const parts = bytes.toString('utf8').split('\n');
        const torn = parts.pop();

        seen.set(name, from + bytes.length - Buffer.byteLength(torn));

        return { file: name, torn, lines: parts };
    });
}


export function readRecords(dir) {
    return readLanes(dir).flatMap(({ lines }) => lines.map(JSON.parse));
}


// Every line is linked to the one before, and none is missing. "from" is what
// the lane's file before has ended with; returned is what this one ends with.
export function verifyChain({ file, lines, torn }, { mayBeTorn = false,
    from = { h: '0'.repeat(64), seq: 0, file: null } } = {}) {
    let { h: prev, seq } = from;

    if (!mayBeTorn) {
        assert.equal(torn, '', `${file} ends in the middle of a line`);
    }

    for (const line of lines) {
        const cut = line.lastIndexOf(',"h":"');
        const body = line.slice(0, cut);
        const record = JSON.parse(line);
        const want = createHash('sha256').update(prev + '\n' + body)
            .digest('hex');

        if (record.t === 'segment') {
            assert.equal(record.prev_file, from.file, `${file}: file before`);
            assert.equal(record.prev_hash, from.file && from.h);
        }

        assert.equal(record.h, want, `${file} seq ${record.seq}: chain`);
        assert.equal(record.seq, ++seq, `${file}: sequence`);
        prev = want;
    }

    return { h: prev, seq, file: path.basename(file) };
}


const schemas = new Map();
let read;

const whole = () => read ??= JSON.parse(fs.readFileSync(SCHEMA, 'utf8'));

// A validator of lines of type "t", made when the first one comes.
function validator(t) {
    if (!schemas.has(t)) {
        const Ajv = createRequire(path.join(BUILD,
            'npm/tests/package.json'))('ajv');
        const schema = whole();

        assert.ok(schema.$defs[t], `records.json knows no line "${t}"`);
        schemas.set(t, new Ajv({ strict: false }).compile(
            { ...schema, $ref: `#/$defs/${t}` }));
    }

    return schemas.get(t);
}


// Every line is what records.json says, from which the documentation is made.
export function verifyRecords(records) {
    for (const record of records) {
        const valid = validator(record.t);

        assert.ok(valid(record), `a ${record.t} line is not what ` +
            'module/engine/audit/records.json says (change it there, then run ' +
            `scripts/audit-docs.mjs): ${valid.errors?.map((e) =>
                `${e.instancePath} ${e.message} ` +
                JSON.stringify(e.params)).join('; ')}\n` +
            JSON.stringify(record));

        const keys = Object.keys(whole().$defs[record.t].properties)
            .filter((key) => key in record);

        if (!keys.includes('host')) {
            assert.deepEqual(Object.keys(record), keys, 'order of keys');
        }
    }
}


// The same for whole lanes: readLanes() has the files of one after another.
export function verifyLanes(files, options = {}) {
    let lane;
    let from;

    for (const f of files) {
        const name = f.file.replace(/\.\d+\.jsonl$/, '');

        from = verifyChain(f, { ...options,
            ...(name === lane && { from }) });
        lane = name;
    }
}


// Decisions and settlements by decision id.
export function ledger(records) {
    const decisions = new Map();
    const settles = new Map();

    for (const record of records) {
        if (record.t === 'decision') {
            assert.ok(!decisions.has(record.id), `${record.id} decided twice`);
            decisions.set(record.id, record);

        } else if (record.t === 'settle') {
            assert.ok(!settles.has(record.of), `${record.of} settled twice`);
            settles.set(record.of, record);
        }
    }

    return { decisions, settles };
}


// The ledger: every enforced request at the upstream carries the id of an
// allow; every allow is settled once; attempts add up to the arrivals.
export function verifyLedger(records, arrivals) {
    const { decisions, settles } = ledger(records);
    let attempts = 0;

    for (const arrival of arrivals) {
        const decision = decisions.get(arrival.id);

        assert.ok(decision, `arrival ${arrival.method} ${arrival.url} with id ` +
            `${arrival.id} has no decision record`);
        assert.equal(decision.dec, 'allow',
            `${arrival.id} reached the upstream, but is recorded as ` +
            decision.dec);
    }

    for (const [id, decision] of decisions) {
        if (decision.dec === 'allow' && decision.enforced !== false) {
            assert.ok(settles.has(id), `the allow ${id} is not settled`);
        }
    }

    for (const [of, settle] of settles) {
        assert.equal(decisions.get(of)?.dec, 'allow', `${of} settles no allow`);
        assert.equal(settle.sent, settle.attempts > 0, `${of}: sent`);
        attempts += settle.attempts;
    }

    assert.equal(attempts, arrivals.length,
        'attempts in settle records and arrivals at the upstream');
}
