// Copyright (C) the Sallyport authors
//
// The command line itself, and checking and explaining policies. Exit codes
// and both outputs.

import fs from 'node:fs';
import path from 'node:path';
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';

import { BUILD, ROOT } from './lib/harness.mjs';
import { EXPLAINED, command } from './lib/command.mjs';

const SHIPPED = path.join(ROOT, 'policy');
const { dir, write, run, fine, refused } = command();

after(() => fs.rmSync(dir, { recursive: true, force: true }));


describe('the command line', () => {
    test('every verb has a help of its own', () => {
        const verbs = [...fine(['help']).out
            .matchAll(/^ {2}(\w+(?: \w+)?) {2}/gm)].map((m) => m[1]);

        assert.ok(verbs.includes('key new') && verbs.includes('explain'));

        for (const verb of verbs) {
            assert.match(fine([...verb.split(' '), '--help']).out,
                new RegExp(`^usage: sallyport ${verb} `));
        }
    });

    test('manual pages and completion come of the same texts', () => {
        const man = path.join(dir, 'man');

        fs.mkdirSync(man);
        fine(['help', '--man', man]);

        const verbs = [...fine(['help']).out
            .matchAll(/^ {2}(\w+(?: \w+)?) {2}/gm)].map((m) => m[1]);
        const overview = fs.readFileSync(path.join(man, 'sallyport.1'),
            'utf8');

        for (const verb of verbs) {
            const page = fs.readFileSync(path.join(man,
                `sallyport-${verb.replace(' ', '-')}.1`), 'utf8');

            assert.match(page, /^\.SH SYNOPSIS$[^]*^\.SH DESCRIPTION$/m);
            assert.ok(overview.includes(`.B ${verb}\n`));
        }

        refused(['help', '--man', path.join(dir, 'none')], 1, /cannot write/);

        const bash = write('completion', fine(['help', '--bash']).out);
        const complete = (...words) => execFileSync('bash', ['-c',
            `. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sallyport; `
            + 'echo "${COMPREPLY[@]}"', bash, 'sallyport', ...words],
        { encoding: 'utf8' }).trim().split(' ');

        assert.deepEqual(complete('repl'), ['replay']);
        assert.deepEqual(complete('key', 'rev'), ['revoke']);
        assert.ok(complete('key', 'new', '--').includes('--account'));
        assert.ok(complete('test', '--').includes('--coverage'));
        assert.ok(!complete('test', '--').includes('--html'));
    });

    test('a mistyped verb or option is recognised', () => {
        refused(['chek', 'x'], 4, /did you mean 'check'/);
        refused(['key', 'revok'], 4, /did you mean 'key revoke'/);
        refused(['check', 'x', '--frmat', 'json'], 4,
            /did you mean 'format'/);
        refused(['check', 'x', 'y'], 4, /one argument too many/);
        refused(['explain'], 4, /argument is missing/);
        refused(['check', 'x', '--format', 'text', '--format', 'json'], 4,
            /given twice/);
    });

    test('what changes something needs to say who and why', () => {
        for (const args of [['account', 'set', 'a', 'level=1'],
            ['account', 'suspend', 'a'], ['account', 'restore', 'a'],
            ['key', 'new', '--account', 'a', '--name', 'n'],
            ['key', 'revoke', '--name', 'n'],
            ['key', 'import', '--plain', 'f']])
        {
            refused(args, 4, /needs --by/);
            refused([...args, '--by', 'jo'], 4, /needs --reason/);
            refused([...args, '--by', 'jo', '--reason', 'a\nb'], 4,
                /control character/);
        }
    });
});


describe('check', () => {
    const GOOD = `sallyport: 1
policy: small
revision: r7

lists:
  shut:
    type: country
    items: [KP]

deny:
  - id: shut-out
    when: ip.country in @shut
    unknown: match
    reason: JUR_IP_EMBARGO

allow:
  - id: verified
    when: account.status == verified
`;

    test('the shipped policy has no errors', () => {
        const { out } = fine(['check', SHIPPED]);

        assert.match(out, /fine, 0 errors/);
        assert.match(out, /sha256:[0-9a-f]{64}/);
    });

    test('says what a small policy holds, as text and as JSON', () => {
        const file = write('good.yaml', GOOD);
        const { out } = fine(['check', file]);

        assert.match(out, /policy small revision r7: 1 deny, 1 allow,/);

        const report = JSON.parse(fine(['check', file, '--format', 'json'])
            .out);

        assert.equal(report.ok, true);
        assert.equal(report.policy.revision, 'r7');
        assert.deepEqual(report.policy.rules,
            { deny: 1, allow: 1, throttle: 0, flag: 0, exception: 0 });
        assert.equal(report.policy.sha256,
            createHash('sha256').update(GOOD).digest('hex'));
    });

    test('an error has its place and what would fit', () => {
        const file = write('bad.yaml', GOOD.replace('ip.country in',
            'ip.countri in'));
        const { err, out } = refused(['check', file], 1, /bad\.yaml:12:11/);

        assert.match(err, /ip\.country/);
        assert.match(out, /refused, [1-9]\d* error/);

        const report = JSON.parse(run(['check', file, '--format', 'json'])
            .out);
        const [first] = report.diagnostics;

        assert.equal(report.ok, false);
        assert.equal(report.policy, null);
        assert.equal(first.severity, 'error');
        assert.equal(first.line, 12);
        assert.equal(first.col, 11);
        assert.match(first.code, /^SP\d{3}$/);
    });

    test('--strict refuses what only deserves a warning', () => {
        const stale = write('stale.yaml', GOOD.replace('    items: [KP]',
            '    source: memo\n    review_by: 2026-01-31\n    items: [KP]'));
        const at = ['--now', '2027-01-01'];

        fine(['check', stale, ...at]);
        refused(['check', stale, '--strict', ...at], 1, /warning/);
        fine(['check', stale, '--strict', '--now', '2026-01-01']);
    });

    test('a policy that is not there', () => {
        refused(['check', path.join(dir, 'none.yaml')], 1, /cannot open/);
        refused(['check', dir], 1, /without a policy\.yaml/);
    });
});


describe('explain', () => {
    let POLICY;

    before(() => { POLICY = write('explained.yaml', EXPLAINED); });

    const ACCOUNT = {
        id: 'acme', type: 'individual', status: 'verified', level: 2,
        verified_at: '-30d', expires_at: '+300d', screening: 'clear',
        screened_at: 'now', residence: 'SE', use_locations: ['SE', 'NO'],
    };
    const explain = (request, ...more) => {
        const r = run(['explain', POLICY, '--request', '-', '--format',
            'json', ...more], { input: JSON.stringify(request) });

        assert.equal(r.code, 0, r.err);

        return JSON.parse(r.out);
    };

    test('an allow names its rule and its limits', () => {
        const got = explain({ ip: { country: 'SE' }, model: 'medium',
            account: ACCOUNT });

        assert.equal(got.decision, 'allow');
        assert.equal(got.rule, 'verified');
        assert.deepEqual(got.limits, [{ rule: 'per-account', limit: 6000,
            period_s: 60, burst: 100, meter: 'requests', window: 'rate',
            bound: 'in any 60 s at most 6100 requests (100 at once + 6000)' }]);
        assert.equal(got.facts['account.status'], 'verified');
        assert.deepEqual(got.facts['account.places'], ['SE', 'NO']);
        assert.equal(got.facts['account.plan'].state, 'absent');
        assert.equal(got.facts['model.tier'], 2);
    });

    test('a query that picks a model is ambiguous, as at the gate', () => {
        const reason = (query) => explain({ ip: { country: 'SE' },
            account: ACCOUNT, model: 'medium', route: { method: 'POST',
                path: '/v1/chat/completions' + query } }).reason;

        assert.equal(reason('?model=frontier'), 'ROUTE_AMBIGUOUS');
        assert.equal(reason('?a#&model=frontier'), 'ROUTE_AMBIGUOUS');
        assert.notEqual(reason('?beta=true'), 'ROUTE_AMBIGUOUS');
    });

    test('a denial shows the test, the fact, and what would allow it', () => {
        const got = explain({ ip: { country: 'KP' }, model: 'medium',
            account: ACCOUNT });

        assert.equal(got.decision, 'deny');
        assert.equal(got.status, 451);
        assert.equal(got.reason, 'JUR_IP_EMBARGO');
        assert.equal(got.rule, 'embargo-address');

        const rule = got.rules.find((r) => r.id === 'embargo-address');

        assert.equal(rule.value, 'true');
        assert.equal(rule.line, 17);
        assert.ok(rule.tests.some((t) => t.text.includes('@embargoed')
            && t.value === 'true' && t.facts['ip.country'] === 'KP'));

        const [way] = got.would_be_allowed_if;

        assert.deepEqual(Object.keys(way), ['ip.country']);
        assert.deepEqual(way['ip.country'], ['any but KP IR']);

        const text = run(['explain', POLICY, '--request', '-'], { input:
            JSON.stringify({ ip: { country: 'KP' }, model: 'medium',
                account: ACCOUNT }) }).out;

        assert.match(text, /^deny 451 JUR_IP_EMBARGO/);
        assert.match(text, /embargo-address .*true .*matched {2}<- reported/);
        assert.match(text, /@embargoed .*true .*ip\.country = KP/);
        assert.match(text, /would be allowed if {3}ip\.country = /);
    });

    test('facts may be given outright, and have the last word', () => {
        const given = { 'account.status': 'verified', 'account.level': 3,
            'ip.country': 'SE' };
        const request = { model: 'frontier', facts: given };

        assert.equal(explain(request).decision, 'allow');
        assert.equal(explain({ ...request, facts: { ...given,
            'account.level': 2 } }).reason, 'KYC_LEVEL');
        assert.equal(explain({ ...request, facts: { ...given,
            'account.status': 'unknown' } }).decision, 'deny');
        assert.equal(explain({ ...request, facts: { ...given,
            'account.status': 'suspended' } }).reason, 'ACCT_SUSPENDED');
        assert.equal(explain({ ...request, account: ACCOUNT }).facts[
            'account.level'], 3);
    });

    test('two changes are found where one is not enough', () => {
        const got = explain({ ip: { country: 'SE' }, model: 'frontier',
            account: { id: 'new', type: 'individual', status: 'unverified',
                level: 0 } });

        assert.equal(got.decision, 'deny');
        assert.ok(got.would_be_allowed_if.some((way) =>
            way['account.status']?.[0] === 'verified'
            && way['account.level']?.[0] === '3'));
    });

    test('a source that failed is not a legal refusal', () => {
        const failed = explain({ ip: { country: 'SE' }, model: 'small',
            account: 'failed' });

        assert.equal(failed.status, 503);
        assert.equal(failed.reason, 'VERIFICATION_UNAVAILABLE');
        assert.equal(explain({ ip: { country: 'KP' }, model: 'small',
            account: 'failed' }).status, 451);
    });

    test('keys and records as the gate would judge them', () => {
        const with_ = (more) => explain({ ip: { country: 'SE' },
            model: 'small', account: ACCOUNT, ...more }).reason;

        assert.equal(with_({ key: 'missing' }), 'CRED_MISSING');
        assert.equal(with_({ key: 'unknown' }), 'CRED_UNKNOWN');
        assert.equal(with_({ key: { status: 'revoked' } }), 'CRED_REVOKED');
        assert.equal(with_({ key: { expires_at: '2020-01-01' } }),
            'CRED_EXPIRED');
        assert.equal(with_({ ip: { addr: '192.0.2.1', country: 'SE' },
            key: { networks: '203.0.113.0/24' } }), 'CRED_CIDR');
        assert.equal(with_({ account: 'missing' }), 'KYC_MISSING');
        assert.equal(with_({ account: { ...ACCOUNT, status: 'approved' } }),
            'KYC_RECORD_INVALID');
        assert.equal(with_({ body: '{"model":"small","model":"frontier"}',
            model: undefined }), 'BODY_AMBIGUOUS');
        assert.equal(with_({ route: { method: 'POST', path: '/v2/x' } }),
            'ROUTE_UNKNOWN');
        assert.equal(with_({ models: ['small', 'unheard-of'],
            model: undefined }), 'MODEL_UNKNOWN');
    });

    test('--expect turns the answer into an exit code', () => {
        const input = JSON.stringify({ ip: { country: 'KP' } });
        const args = ['explain', POLICY, '--request', '-', '--expect'];

        fine([...args, 'deny'], { input });
        refused([...args, 'allow'], 3, /expected allow, decided deny/,
            { input });
    });

    test('what cannot be meant is refused with a hint', () => {
        const bad = (input, pattern) => refused(['explain', POLICY,
            '--request', '-'], 1, pattern, { input });

        bad('{"ip"', /standard input:1:\d+: /);
        bad('{"moddel": "x"}', /did you mean 'model'/);
        bad('{"ip": {"country": "QQ"}}', /'QQ' is no ISO 3166 code/);
        bad('{"facts": {"acount.level": 1}}',
            /did you mean 'account\.level'/);
        bad('{"facts": {"account.level": 7}}', /cannot be 7/);
        bad('{"facts": {"account.status": "verifed"}}',
            /did you mean 'verified'/);
        bad('{"route": "chat.completion"}', /did you mean 'chat\.completions'/);
    });

    test('an address is looked up in a database', () => {
        const geo = path.join(BUILD, 'geo/country.mmdb');

        if (!fs.existsSync(geo)) {
            assert.fail('build/geo/country.mmdb is not built');
        }

        assert.equal(explain({ ip: '175.45.176.1', model: 'small',
            account: ACCOUNT }, '--geo', geo).status, 451);
        assert.equal(explain({ ip: '193.0.6.139', model: 'small',
            account: ACCOUNT }, '--geo', geo).decision, 'allow');
        refused(['explain', POLICY, '--request', '-', '--geo', POLICY], 1,
            /--geo/, { input: '{}' });
    });
});
