// Copyright (C) the Sallyport authors
//
// What the policy language has of its own, as the command shows it: declared
// facts, canaries, dated lists, files that stay inside, the schema.

import fs from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { command } from './lib/command.mjs';

const { dir, write, fine, refused } = command();

after(() => fs.rmSync(dir, { recursive: true, force: true }));

const POLICY = `sallyport: 1
policy: language
revision: r1
facts:
  account.x_cleared: {type: bool, absent: no, note: by the desk}
  account.x_kind: {type: enum, values: [lab, shop]}
lists:
  late: {type: country, items: [SG], valid: {from: 2026-12-01}}
models:
  tiers:
    1: [small]
deny:
  - id: not-cleared
    when: not account.x_cleared
    mode: canary 40%
    reason: NET_VPN
  - id: late-sg
    when: account.residence in @late
    unknown: skip
    reason: JUR_RES_RESTRICTED
allow:
  - id: all
    when: account.status == verified and has(model.tier)
`;

const request = (id, fields, now = '2026-11-23T12:00:00Z') => JSON.stringify({
    now, ip: { country: 'SG' }, route: 'chat.completions', model: 'small',
    account: { id, v: '1', ver: '1', type: 'individual', status: 'verified',
        level: '1', verified_at: '1795000000', expires_at: '1895000000',
        screening: 'none', residence: 'SG', ...fields } });

test('declared facts are in the table, typed', () => {
    const file = write('fields.yaml', POLICY);
    const rows = JSON.parse(fine(['fields', file, '--format', 'json']).out);
    const plain = JSON.parse(fine(['fields', '--format', 'json']).out);

    assert.equal(rows.length, plain.length + 2);
    assert.deepEqual(rows.at(-2), { name: 'account.x_cleared', type: 'bool',
        source: 'record', optional: false, help: 'by the desk' });
    assert.deepEqual(rows.at(-1).values, ['lab', 'shop']);
    assert.match(fine(['fields', file]).out,
        /account\.x_kind +enum +record +may be .*\n +lab shop\n/);
    refused(['fields', write('bad.yaml', 'sallyport: 2\n')], 1, /SP104/);
});

test('a canary binds its part of the accounts, and explain says so', () => {
    const file = write('canary.yaml', POLICY);
    let bound = 0;

    for (let i = 0; i < 40; i++) {
        const id = `acct_${i}`;
        const { out } = fine(['explain', file, '--request',
            write('request.json', request(id, {})), '--format', 'json']);
        const { decision } = JSON.parse(out);
        const digest = createHash('sha256').update(`not-cleared\0${id}`)
            .digest('hex');
        const inside = BigInt(`0x${digest}`) % 10000n < 4000n;

        assert.equal(decision, inside ? 'deny' : 'allow', id);
        bound += inside;

        if (!inside) {
            assert.match(fine(['explain', file, '--request',
                path.join(dir, 'request.json')]).out,
            /only watched for this account \(canary\)/);
        }
    }

    assert.ok(bound > 5 && bound < 30);
});

test('a declared fact decides, and what is odd in it is unknown', () => {
    const file = write('own.yaml', POLICY.replace('    mode: canary 40%\n', ''));
    const verdict = (fields) => fine(['explain', file, '--request',
        write('request.json', request('a', fields)), '--all']).out;

    assert.match(verdict({ x_cleared: 'yes' }), /^allow/);
    assert.match(verdict({ x_cleared: 'no' }), /^deny 403 NET_VPN/);
    assert.match(verdict({}), /account\.x_cleared = no/);
    assert.match(verdict({ x_cleared: 'maybe' }), /^deny/);
    assert.match(verdict({ x_cleared: 'maybe' }), /account\.x_cleared = unknown/);
    assert.match(verdict({ x_cleared: 'yes', x_kind: 'lab' }),
        /account\.x_kind +lab/);
});

test('a dated list begins at its first second', () => {
    const file = write('dated.yaml', POLICY);
    const at = (now) => fine(['explain', file, '--request',
        write('request.json', request('a', { x_cleared: 'yes' }, now)),
        '--all']).out;

    assert.match(at('2026-11-30T23:59:59Z'), /^allow/);
    assert.match(at('2026-11-30T23:59:59Z'), /@late has begun +false/);
    assert.match(at('2026-12-01T00:00:00Z'), /^deny 403 JUR_RES_RESTRICTED/);
});

test('no file outside of the policy is read', () => {
    fs.mkdirSync(path.join(dir, 'set'));
    fs.writeFileSync(path.join(dir, 'set/policy.yaml'), POLICY.replace('facts:',
        'include: [../../../../../../../../etc/passwd]\nfacts:'));

    const { err } = refused(['check', path.join(dir, 'set')], 1,
        /outside of the policy's directory/);

    assert.doesNotMatch(err, /root:/);
    assert.match(err, /policy\.yaml:4:11: error\[SP104\]/);
});
