// Copyright (C) the Sallyport authors
//
// The audit trail: what is in a record, what stays out of it, what
// allows=off leaves out, and that an edit is found.

import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ROOT, gate, chat, readLanes, verifyChain, FROM } from './lib/harness.mjs';


test('a record says who, what, from where, by which policy and rule',
    async (t) => {
        const g = await gate(t);

        await g.enrol('acme');
        await g.chat('sk-acme', 'small', { from: FROM.KP });
        await g.chat('sk-acme', 'small', { body: chat('small',
            { stream: true }) });

        const [deny, allow] = g.records().filter((r) => r.t === 'decision');

        assert.equal(deny.dec, 'deny');
        assert.equal(deny.status, 451);
        assert.equal(deny.reason, 'JUR_IP_EMBARGO');
        assert.equal(deny.net.country, 'KP');
        assert.match(deny.ts, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        assert.match(deny.pol.hash, /[0-9a-f]{64}$/);
        assert.deepEqual(deny.by.map((m) => m.r), ['embargo-address']);

        assert.equal(allow.dec, 'allow');
        assert.equal(allow.req.model, 'small');
        assert.equal(allow.req.tier, 1);
        assert.equal(allow.req.stream, true);
        assert.equal(allow.net.country, 'US');

        for (const record of [deny, allow]) {
            assert.ok(!JSON.stringify(record).includes(FROM.US));
            assert.ok(!JSON.stringify(record).includes(FROM.KP));
        }
    });


test('allows=off: denies and throttles only', async (t) => {
    const g = await gate(t, { audit: 'allows=off' });

    await g.enrol('acme');

    for (let n = 0; n < 3; n++) {
        assert.equal((await g.chat('sk-acme')).status, 200);
    }

    await g.chat('sk-nobody');
    await g.stop();

    const decisions = g.records().filter((r) => r.t === 'decision');

    assert.deepEqual(decisions.map((r) => r.dec), ['deny']);
    assert.equal(g.upstream.arrivals.length, 3);
    assert.ok(g.upstream.arrivals.every((a) => a.id));
});


test('AUDIT.md has the tables of records.json', () => {
    execFileSync(path.join(ROOT, 'scripts/audit-docs.mjs'), ['--check']);
});


test('a shell loop with sha256sum verifies a lane, and finds an edit',
    async (t) => {
        const g = await gate(t);

        await g.enrol('acme');
        await g.chat('sk-acme');
        await g.chat('sk-nobody');
        await g.stop();

        const [lane] = readLanes(g.audit).filter((l) => l.lines.length > 2);
        const file = path.join(g.audit, lane.file);
        const script = `p=$(printf '0%.0s' $(seq 64))
            while IFS= read -r line; do
                body=\${line%,\\"h\\":\\"*}; want=\${line##*,\\"h\\":\\"}
                want=\${want%\\"\\}}
                got=$(printf '%s\\n%s' "$p" "$body" | sha256sum | cut -c-64)
                [ "$got" = "$want" ] || exit 1
                p=$want
            done < "$1"`;
        const shell = (name) => execFileSync('bash', ['-c', script, '-', name]);

        shell(file);

        const edited = g.file('edited.jsonl');

        fs.writeFileSync(edited, fs.readFileSync(file, 'utf8')
            .replace('"dec":"deny"', '"dec":"allow"'));
        assert.throws(() => shell(edited));
        assert.throws(() => verifyChain({ file: edited, torn: '',
            lines: fs.readFileSync(edited, 'utf8').trim().split('\n') }));
    });


test('records that cannot be written: refused, not served', async (t) => {
    const g = await gate(t, { without: ['nginx'], checkAudit: false,
        audit: 'allows=on', checkLedger: false,
        expectLog: [/sallyport/] });

    await g.enrol('acme');
    fs.rmSync(g.audit, { recursive: true });
    fs.symlinkSync('/proc/nowhere', g.audit);

    const started = await g.start().then(() => true, () => false);

    if (started) {
        const res = await g.chat('sk-acme');

        assert.equal(res.status, 503, res.text);
        assert.equal(g.upstream.arrivals.length, 0);
    }
});
