// Copyright (C) the Sallyport authors
//
// Audit lanes as an outsider reads them: every line, the hash chain and the
// sequence of each lane, and the ledger of decisions and settlements.

import fs from 'node:fs';
import path from 'node:path';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';


// [{ file, lines: [text] }]; a last line without its newline is "torn".
export function readLanes(dir) {
    const files = fs.existsSync(dir)
        ? fs.readdirSync(dir, { recursive: true }) : [];

    return files.filter((name) => name.endsWith('.jsonl')).sort()
        .map((name) => {
            const parts = fs.readFileSync(path.join(dir, name), 'utf8')
                .split('\n');

            return { file: name, torn: parts.pop(), lines: parts };
        });
}


export function readRecords(dir) {
    return readLanes(dir).flatMap(({ lines }) => lines.map(JSON.parse));
}


// Every line is linked to the one before, and none is missing.
export function verifyChain({ file, lines, torn }, { mayBeTorn = false } = {}) {
    let prev = '0'.repeat(64);
    let seq = 0;

    if (!mayBeTorn) {
        assert.equal(torn, '', `${file} ends in the middle of a line`);
    }

    for (const line of lines) {
        const cut = line.lastIndexOf(',"h":"');
        const body = line.slice(0, cut);
        const record = JSON.parse(line);
        const want = createHash('sha256').update(prev + '\n' + body)
            .digest('hex');

        if (record.t === 'segment' && record.prev_h) {
            prev = record.prev_h;
            assert.fail(`${file}: a test that rotates checks it itself`);
        }

        assert.equal(record.h, want, `${file} seq ${record.seq}: chain`);
        assert.equal(record.seq, ++seq, `${file}: sequence`);
        prev = want;
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
