// The engine against the reference: random policies, random requests, the
// same verdict with the same matches. SALLYPORT_REFERENCE_CASES says how many,
// SALLYPORT_REFERENCE_SEED where to begin.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { compare, engine } from './compare.mjs';
import { REASONS } from './policy.mjs';

const CASES = Number(process.env.SALLYPORT_REFERENCE_CASES ?? 60000);
const SEED = Number(process.env.SALLYPORT_REFERENCE_SEED ?? 20261124);
const REQUESTS = 100;                     // of one policy

const TINY = 'sallyport: 1\npolicy: tiny\nallow:\n  - id: all\n'
    + '    when: account.level >= 1\n';

test(`${CASES} random cases are decided as the reference does`, async (t) => {
    const policies = Math.ceil(CASES / REQUESTS);
    const seen = {};
    let next = 0;

    t.diagnostic(`seeds ${SEED}..${SEED + policies - 1}`);

    // one more at work, so that the engine decides while the reference does

    await Promise.all([0, 1].map(async () => {
        while (next < policies) {
            const found = await compare(SEED + next++, REQUESTS);

            for (const [what, n] of Object.entries(found)) {
                seen[what] = (seen[what] ?? 0) + n;
            }
        }
    }));

    // what was never met was not compared

    const least = CASES / 2000;

    for (const what of ['allow', 'deny', 'limits', 'excepted', 'true',
        'unknown', 'failed', 'shadow', 'lifted', 'builtin', 'NOT_ALLOWED',
        'VERIFICATION_UNAVAILABLE', 'TIER_NOT_GRANTED', 'OWN_REASON',
        ...Object.keys(REASONS)])
    {
        assert.ok((seen[what] ?? 0) >= least,
            `${what} was met ${seen[what] ?? 0} times only`);
    }

    t.diagnostic(`${seen.allow} allowed, ${seen.excepted} of them under an `
        + `exception, ${seen.deny} refused; ${seen.true} matches by true, `
        + `${seen.unknown} by unknown`);
});

test('a request that cannot be read ends a batch, with its line', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sallyport-reference-'));
    const file = join(dir, 'policy.yaml');

    try {
        writeFileSync(file, TINY);

        const good = { route: 'chat.completions', account: 'missing' };
        const { code, lines, stderr } = await engine(file,
            [good, good, { ...good, facts: { 'ip.countri': 'SE' } }, good]);

        assert.equal(code, 1);
        assert.equal(lines.length, 2);
        assert.match(stderr, /no fact 'ip\.countri'/);
        assert.match(stderr, /standard input:3: /);

        const parsed = JSON.parse(lines[0]);

        assert.equal(parsed.decision, 'deny');
        assert.equal(parsed.rule, 'builtin:record');

    } finally {
        rmSync(dir, { recursive: true });
    }
});
