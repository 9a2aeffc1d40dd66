// Copyright (C) the Sallyport authors
//
// `sallyport lists`, `exceptions` and `forecast`: what has a date, and what
// it will do.

import fs from 'node:fs';
import path from 'node:path';
import test, { after, describe } from 'node:test';
import assert from 'node:assert/strict';

import { BUILD, accountFields, startRedis, writeMeta } from
    './lib/harness.mjs';
import { command } from './lib/command.mjs';

const { dir, write, fine, refused } = command();

after(() => fs.rmSync(dir, { recursive: true, force: true }));

const POLICY = write('dated.yaml', `sallyport: 1
policy: dated
revision: r1

sources:
  geoip: {max_age: 3650d}

lists:
  embargoed:
    type: country
    source: a memo
    review_by: 2026-12-10
    items: [KP, IR]
  old:
    type: country
    review_by: 2026-01-31
    items: [CU]
  spare:
    type: account
    items: [a, b, c]

models:
  tiers:
    1: [small]
    3: [frontier]

deny:
  - id: embargo
    when: ip.country in @embargoed or ip.country in @old
    unknown: match
    reason: JUR_IP_EMBARGO
  - id: expired
    when: account.status == verified and account.expired_for >= 0s
    unknown: match
    reason: KYC_EXPIRED
  - id: soon
    when: has(model.tier) and model.tier == 3 and account.level < 3
    valid: {from: 2026-12-01}
    reason: OWN_RESTRICTED

allow:
  - id: verified
    when: account.status == verified and has(model.tier)
    valid: {until: 2027-06-30}

exceptions:
  - id: lic-1
    kind: licence
    account: low
    lifts: [soon]
    valid: {from: 2026-10-01, until: 2026-12-15}
    authority: a letter
    approved_by: [a, b]
    ticket: T-1
`);

const NOW = ['--now', '2026-11-23T12:00:00Z'];
const json = (...args) => JSON.parse(fine([...args, '--format', 'json']).out);

const at = (date) => Math.floor(Date.parse(date) / 1000);
const record = (id, fields) => {
    const all = accountFields({ verified_at: at('2026-10-01'),
        screened_at: at('2026-10-01'), owners_as_of: at('2026-10-01'),
        changed_at: undefined, ...fields });

    return { id, ...Object.fromEntries(all.flatMap((v, i) => i % 2 ? []
        : [[v, String(all[i + 1])]])) };
};

const ACCOUNTS = [
    record('low', { level: 2, expires_at: at('2027-11-01') }),
    record('mid', { level: 2, expires_at: at('2027-11-01') }),
    record('high', { level: 3, expires_at: at('2027-11-01') }),
    record('late', { level: 3, expires_at: at('2026-12-05T00:00:00Z') }),
    record('over', { level: 3, expires_at: at('2026-11-01') }),
    record('shut', { level: 3, expires_at: at('2027-11-01'),
        headquarters: 'KP' }),
];


describe('what has a date', () => {
    test('lists', () => {
        const rows = json('lists', POLICY, ...NOW);

        assert.deepEqual(rows.map((r) => [r.name, r.items, r.used,
            r.review_by, r.overdue]), [
            ['embargoed', 2, 1, '2026-12-10', false],
            ['old', 1, 1, '2026-01-31', true],
            ['spare', 3, 0, null, false],
        ]);
        assert.match(fine(['lists', POLICY, ...NOW]).out,
            /@old .*PAST REVIEW since 2026-01-31/);

        const within = (time) => refused(['lists', POLICY, ...NOW, '--within',
            time], 3, /^$/).out.match(/^@\w+/gm);

        assert.deepEqual(within('1d'), ['@old']);
        assert.deepEqual(within('30d'), ['@embargoed', '@old']);
        refused(['lists', POLICY, '--within', 'x'], 4, /no duration/);
    });

    test('exceptions', () => {
        const [row] = json('exceptions', POLICY, ...NOW);

        assert.equal(row.id, 'lic-1');
        assert.equal(row.state, 'in force');
        assert.equal(row.until, '2026-12-16T00:00:00Z');
        assert.deepEqual(row.lifts, ['soon']);
        assert.equal(row.authority, 'a letter');

        const state = (now) => json('exceptions', POLICY, '--now', now)[0]
            .state;

        assert.equal(state('2026-09-30'), 'not yet in force');
        assert.equal(state('2026-12-15T23:59:59Z'), 'in force');
        assert.equal(state('2026-12-16'), 'ENDED');
        refused(['exceptions', POLICY, ...NOW, '--within', '30d'], 3, /^$/);
        fine(['exceptions', POLICY, ...NOW, '--within', '20d']);
    });
});


describe('forecast', () => {
    test('rules, lists, exceptions and the database, in their order', () => {
        const f = json('forecast', POLICY, ...NOW);

        assert.deepEqual(f.events.map((e) => [e.at.slice(0, 10), e.kind,
            e.name]), [
            ['2026-11-23', 'list', 'old'],
            ['2026-12-01', 'deny', 'soon'],
            ['2026-12-11', 'list', 'embargoed'],
            ['2026-12-16', 'exception', 'lic-1'],
        ]);
        assert.equal(f.accounts, null);
        assert.equal(json('forecast', POLICY, ...NOW, '--days', '5').events
            .length, 1);
        assert.ok(json('forecast', POLICY, ...NOW, '--days', '300').events
            .some((e) => e.name === 'verified' && e.what === 'ends'));

        const aged = json('forecast', POLICY, '--now', '+3650d', '--geo',
            path.join(BUILD, 'geo/country.mmdb'));

        assert.ok(aged.events.some((e) => e.kind === 'database'
            && /too old already/.test(e.what)));
        refused(['forecast', POLICY, '--geo', POLICY], 1, /--geo/);
        refused(['forecast', POLICY, '--days', '999'], 4, /--days/);
        refused(['forecast', POLICY, '--from', 'UA-43'], 4, /no ISO 3166-1/);
    });

    const lines = (accounts) => write('accounts.jsonl', accounts.map((a) =>
        JSON.stringify(a) + '\n').join(''));

    const check = (f) => {
        const [one, three] = f.tiers;

        assert.equal(f.accounts.n, ACCOUNTS.length + 1);
        assert.equal(f.accounts.invalid, 1);
        assert.deepEqual([one.tier, one.now, one.lose, one.gain],
            [1, 4, 1, 0]);
        assert.deepEqual([three.tier, three.now, three.lose, three.gain],
            [3, 4, 3, 0]);
        assert.deepEqual(f.accounts.losing.map((l) => [l.account, l.tier, l.by,
            l.why]).sort(), [
            ['late', 1, '2026-12-05', 'KYC_EXPIRED by expired'],
            ['late', 3, '2026-12-05', 'KYC_EXPIRED by expired'],
            ['low', 3, '2026-12-16', 'OWN_RESTRICTED by soon'],
            ['mid', 3, '2026-12-01', 'OWN_RESTRICTED by soon'],
        ]);
        assert.equal(three.losing_by_day.reduce((a, b) => a + b), 3);
    };

    test('accounts of a file: who loses what, and when', () => {
        const file = lines([...ACCOUNTS, { id: 'odd', type: 'x' }]);

        check(json('forecast', POLICY, ...NOW, '--accounts', file, '--list'));
        assert.match(fine(['forecast', POLICY, ...NOW, '--accounts', file])
            .out, /tier 3: 4 may use it, 3 lose it, 0 get it; by week: /);

        // From an embargoed place none may.
        assert.deepEqual(json('forecast', POLICY, ...NOW, '--accounts', file,
            '--from', 'KP').tiers.map((t) => t.now), [0, 0]);

        refused(['forecast', POLICY, '--accounts', write('bad.jsonl',
            '{"id": "a"\n')], 1, /bad.jsonl:1: /);
        refused(['forecast', POLICY, '--accounts', write('bad.jsonl',
            '{"type": "a"}\n')], 1, /"id"/);
    });

    test('accounts of the store', async (t) => {
        const redis = await startRedis(path.join(dir));

        t.after(() => redis.stop());
        await writeMeta(redis);

        for (const { id, ...fields } of [...ACCOUNTS, { id: 'odd', v: '1' }]) {
            await redis.call('HSET', 'sp:data:acct:' + id,
                ...Object.entries(fields).flat());
        }

        check(json('forecast', POLICY, ...NOW, '--store',
            `redis://127.0.0.1:${redis.port}`, '--list'));
    });
});
