// Copyright (C) the Sallyport authors
//
// `sallyport replay`: what a real gate recorded, decided again.

import fs from 'node:fs';
import path from 'node:path';
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';

import { gate, chat, readLanes, sharedBy, FROM, ROOT } from
    './lib/harness.mjs';
import { command } from './lib/command.mjs';

const { dir, write, run, fine, refused } = command();
const POLICY = fs.readFileSync(path.join(ROOT, 'tests/e2e/policy.yaml'),
    'utf8');

let log;
let count;

after(() => fs.rmSync(dir, { recursive: true, force: true }));

// The same policy with some text replaced.
const changed = (...pairs) => write('changed.yaml', pairs.reduce(
    (text, [from, to]) => {
        assert.ok(text.includes(from), from);

        return text.replace(from, to);
    }, POLICY));

const replay = (policy, ...args) => {
    const r = run(['replay', policy, '--log', log, '--format', 'json',
        ...args]);

    assert.ok([0, 3].includes(r.code), r.err);

    return { code: r.code, err: r.err, ...JSON.parse(r.out) };
};


before(async () => {
    const g = await gate(sharedBy(after));

    await g.enrol('acme');
    await g.enrol('low', { level: 1 });
    await g.enrol('new', { status: 'unverified' });
    await g.enrol('held', { status: 'suspended' });
    await g.enrol('odd', { level: 'x' });
    await g.enrol('person', { type: 'individual', residence: 'NL',
        incorporated: undefined, headquarters: undefined, parent: undefined,
        owners: undefined, owners_method: undefined, owners_as_of: undefined,
        owners_floor: undefined, tags: 'a,b', use_locations: 'NL,DE',
        accepted_locations: 'FR', tiers: '1,2' });
    await g.enrol('owned', { owners: 'CN+KY:6000,SG:1000-2000',
        listed: 'SDN:3000', control: 'CN:contract' });
    await g.enrol('gone', {}, { status: 'revoked' });
    await g.enrol('late', {}, { expires_at: 1000 });

    const all = ['acme', 'low', 'new', 'held', 'odd', 'person', 'owned',
        'gone', 'late', 'nobody'];

    for (const who of all) {
        for (const model of ['small', 'medium', 'frontier', 'other']) {
            await g.chat('sk-' + who, model);
        }

        await g.chat('sk-' + who, 'small', { from: FROM.KP });
        await g.chat('sk-' + who, 'small', { from: FROM.nowhere });
        await g.chat('sk-' + who, 'small', { from: '10.0.0.1' });
        await g.call({ key: 'sk-' + who, path: '/v1/models' });
        await g.call({ key: 'sk-' + who, path: '/v1/models/medium' });
        await g.call({ key: 'sk-' + who, path: '/v1/none', body: chat() });
        await g.call({ key: 'sk-' + who, body: '{"model":"small","model":1}' });
        await g.call({ key: 'sk-' + who, path: '/v1/messages',
            body: { model: 'small', max_tokens: 5, messages: [] } });
    }

    await g.call({ body: chat() });
    await g.stop();

    log = path.join(dir, 'log');
    fs.cpSync(g.audit, log, { recursive: true });
    count = readLanes(log).flatMap((lane) => lane.lines)
        .filter((line) => JSON.parse(line).t === 'decision').length;
    assert.equal(count, all.length * 12 + 1);
});


describe('replay', () => {
    test('the same policy says the same of every record', () => {
        const r = replay(write('same.yaml', POLICY));

        assert.equal(r.code, 0);
        assert.equal(r.decisions, count);
        assert.deepEqual([r.newly_allowed, r.newly_denied, r.disagree,
            r.other_throttles, r.bad_lines], [0, 0, 0, 0, 0]);

        // A key that its own record refuses, whatever the reason.
        assert.ok(r.changes.every((c) => /CRED_EXPIRED|CRED_NETWORK/
            .test(c.change)), JSON.stringify(r.changes));

        // Refused before the body was read: by what no body could change.
        assert.ok(r.not_replayable === 0, JSON.stringify(r.why_not));
        assert.equal(r.replayed, r.same + r.other_reason);
    });

    test('what is newly denied, by rule and account', () => {
        const r = replay(changed(['[KP, IR]', '[KP, IR, US]']), '--top', '2');
        const shut = r.changes.find((c) =>
            c.change === 'allow -> deny JUR_IP_EMBARGO by embargo-address');

        assert.equal(r.newly_allowed, 0);
        assert.equal(r.newly_denied, shut.n);
        assert.ok(shut.n > 10 && shut.ids.length > 0);
        assert.equal(r.accounts.length, 2);
        assert.equal(r.accounts_affected, 4);
        assert.ok(r.accounts[0].newly_denied >= r.accounts[1].newly_denied);
        assert.ok(r.other_reason > 0);

        assert.equal(replay(changed(['[KP, IR]', '[KP, IR, US]']),
            '--max-newly-denied', String(shut.n)).code, 0);
        refused(['replay', changed(['[KP, IR]', '[KP, IR, US]']), '--log',
            log, '--max-newly-denied', '0.1%'], 3, /would newly be denied/);
    });

    test('what is newly allowed', () => {
        const policy = changed(['account.level < 3', 'account.level < 1'],
            ['items: [KP, IR]', 'items: [IR]']);
        const r = replay(policy);

        assert.equal(r.newly_denied, 0);
        assert.ok(r.changes.some((c) => c.change
            === 'deny KYC_LEVEL by level-for-tier -> allow'));
        assert.ok(r.changes.some((c) => /^deny JUR_IP_EMBARGO .*-> allow/
            .test(c.change)));
        refused(['replay', policy, '--log', log, '--max-newly-allowed', '0'],
            3, /would newly be allowed/);
    });

    test('facts of the record are there again: owners, places, tags', () => {
        for (const [rule, who, tier] of [
            ['owner_share(@embargoed) >= 60%', 'owned', 'CN, KP'],
            ['largest_owner(@embargoed) > 59%', 'owned', 'KY, KP'],
            ['listed_share(SDN) >= 30%', 'owned', 'KP'],
            ['control_in(@embargoed)', 'owned', 'CN'],
            ['account.places in [FR]', 'person', 'KP'],
            ['account.tags in [b]', 'person', 'KP'],
            ['has(account.residence) and account.residence == NL', 'person',
                'KP'],
        ]) {
            const r = replay(changed(['items: [KP, IR]', `items: [${tier}]`],
                ['deny:', `deny:
  - id: more
    when: ${rule}
    unknown: skip
    reason: KYC_LEVEL
`]));

            assert.deepEqual(r.accounts.filter((a) => a.newly_denied > 0)
                .map((a) => a.account), [who], rule);
            assert.ok(r.newly_denied > 0, rule);
        }
    });

    test('a fact that is not recorded is never guessed', () => {
        for (const unknown of ['match', 'skip']) {
            const r = replay(changed(['deny:', `deny:
  - id: tor
    when: key.country_count > 3
    unknown: ${unknown}
    reason: NET_TOR
`]));

            // Every one that was allowed might be refused now.
            assert.equal(r.newly_denied, 0);
            assert.equal(r.newly_allowed, 0);
            assert.ok(r.not_replayable > 10);
            assert.ok(r.same > 10);
            assert.ok(r.why_not.every((w) => /^key.country_count is not|^its body/
                .test(w.why)), JSON.stringify(r.why_not));
        }

        const allowed = replay(changed(['allow:', `allow:
  - id: few
    when: account.status == unverified and key.country_count < 2
`]));

        assert.ok(allowed.why_not.some((w) => /key.country_count/.test(w.why)));
        assert.equal(allowed.newly_allowed, 0);
    });

    test('where a missing fact cannot matter, it does not', () => {
        const r = replay(changed(['deny:', `deny:
  - id: never
    when: key.country_count > 3 and account.level == 0
    unknown: match
    reason: NET_TOR
`]));

        // Level 0 is what nobody has; records without an account stay open.
        assert.ok(r.not_replayable < 30, JSON.stringify(r.why_not));
        assert.ok(r.same > 80);
    });

    test('other throttles are counted, never simulated', () => {
        const r = replay(changed(['6000/min', '3000/min']));

        assert.equal(r.newly_denied, 0);
        assert.ok(r.other_throttles > 10);
    });

    test('time, text, torn tails and lines that are none', () => {
        const policy = write('same.yaml', POLICY);

        assert.equal(replay(policy, '--since', '+1d').decisions, 0);
        assert.equal(replay(policy, '--until', '-1d').decisions, 0);
        assert.equal(replay(policy, '--since', '-1d').decisions, count);
        assert.match(fine(['replay', policy, '--log', log]).out,
            new RegExp(`^${count} decisions in `));

        const [lane] = readLanes(log);
        const torn = write('torn.jsonl', lane.lines.slice(0, 5).join('\n')
            + '\n' + lane.lines[5].slice(0, 40));

        assert.match(fine(['replay', policy, '--log', torn]).out,
            /1 files end in half a line/);
        refused(['replay', policy, '--log', write('bad.jsonl', 'x\n')], 1,
            /bad.jsonl:1: /);
        refused(['replay', policy, '--log', path.join(dir, 'none')], 1,
            /cannot open/);
        refused(['replay', policy], 4, /which log/);
        refused(['replay', policy, '--log', log, '--max-newly-denied', 'x'],
            4, /neither a number nor a share/);
        refused(['replay', policy, '--log', log, '--since', 'x'], 4,
            /is no time/);
        refused(['replay', policy, '--log', torn, '--since', '+1d',
            '--max-newly-denied', '0'], 3, /nothing was replayed/);
    });

    test('a record that its own policy does not make is told', () => {
        const [lane] = readLanes(log);
        const line = lane.lines.find((l) => /"dec":"allow"/.test(l)
            && /"country":"US"/.test(l));
        const forged = line.replace('"country":"US"', '"country":"KP"');

        refused(['replay', write('same.yaml', POLICY), '--log',
            write('forged.jsonl', forged + '\n')], 3,
        /1 records are of this very policy/);
    });
});
