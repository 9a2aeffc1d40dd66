// Copyright (C) the Sallyport authors
//
// `sallyport test`: the format of test files, what fails and where, coverage,
// and cases that it suggests.

import fs from 'node:fs';
import path from 'node:path';
import test, { after, describe } from 'node:test';
import assert from 'node:assert/strict';

import { ROOT } from './lib/harness.mjs';
import { EXPLAINED, command } from './lib/command.mjs';

const { dir, write, run, fine, refused } = command();

after(() => fs.rmSync(dir, { recursive: true, force: true }));

write('policy.yaml', EXPLAINED);

const HEAD = `sallyport_test: 1
policy: policy.yaml
now: 2026-11-23T12:00:00Z
base:
  ip: {country: SG}
  account: {type: individual, status: verified, level: 1, residence: SG, use_locations: SG,
            verified_at: 2026-01-01, expires_at: 2027-01-01,
            screening: clear, screened_at: 2026-11-20}
  model.tier: 1
cases:
`;

const file = (name, cases) => write(name + '_test.yaml', HEAD + cases);


describe('test files', () => {
    test('all that an expectation may say', () => {
        const f = file('all', `
  - name: allowed
    expect: {decision: allow, by: verified, reason: none, flags: [],
             shadow: [], throttles: [per-account], not: [embargo-address],
             excepted: no}
  - name: refused, by these
    set: {ip.country: KP, model.tier: 3}
    expect: {decision: deny, status: 451, reason: JUR_IP_EMBARGO,
             by: [embargo-address, level-for-tier], only: yes, match: true}
  - name: what is not known refuses
    set: {ip: unknown}
    expect: {decision: deny, by: embargo-address, match: unknown}
  - name: dates and words
    each:
      - {now: 2027-02-01, expect: {decision: allow}}
      - {set: {key: revoked}, expect: {reason: CRED_REVOKED, status: 401}}
      - {set: {key: expired}, expect: {reason: CRED_EXPIRED}}
      - {set: {key: missing}, expect: {reason: CRED_MISSING}}
      - {set: {account: missing}, expect: {reason: KYC_MISSING}}
      - {set: {account: failed}, expect: {status: 503}}
      - {set: {account.status: suspended}, expect: {reason: ACCT_SUSPENDED}}
      - {set: {account.status: unknown}, expect: {decision: deny}}
      - {set: {body: large}, expect: {status: 413}}
      - {set: {body: type}, expect: {status: 415}}
      - {set: {body: ambiguous}, expect: {status: 400}}
      - {set: {route: unknown}, expect: {reason: ROUTE_UNKNOWN}}
      - {set: {route: ambiguous}, expect: {reason: ROUTE_AMBIGUOUS}}
      - {set: {route: POST /v1/messages}, expect: {decision: allow}}
      - {set: {model.tier: absent}, expect: {status: 404}}
      - {set: {model.id: other}, expect: {status: 404}}
      - {set: {models: [small, other]}, expect: {status: 404}}
      - {set: {account.tiers: [2, 3]}, expect: {by: "builtin:tier"}}
  - name: level by tier
    table:
      columns: [account.level, model.tier, decision, by]
      rows:
        - [1, 1, allow, verified]
        - [2, 3, deny, level-for-tier]
        - [3, 3, allow, verified]
  - name: a burst of 150 passes 100
    burst: {count: 150, over: 0s}
    expect: {decision: throttle, by: per-account, after: 100, status: 429}
  - name: a hundred a second for a minute
    burst: {count: 6000, over: 60s}
    expect: {decision: allow, after: 6000}
`);

        const { out } = fine(['test', f]);

        assert.match(out, /^26 checks in 1 file, 0 failed$/m);
    });

    test('shares by a list of the policy, as intervals', () => {
        const policy = path.join(ROOT, 'policy/policy.yaml');
        const f = write('share_test.yaml', fs.readFileSync(
            path.join(ROOT, 'policy/tests/default_test.yaml'), 'utf8')
            .replace(/^policy: .*/m, `policy: ${policy}`)
            .replace(/^cases:[^]*/m, `cases:
  - name: shares
    each:
      - {set: {owner_share.restricted: 50%},
         expect: {decision: allow, flags: [owner-minority]}}
      - {set: {owner_share.restricted: 50.01%},
         expect: {decision: deny, by: owners-together, match: true}}
      - {set: {owner_share.restricted: 30%..55%},
         expect: {decision: deny, by: owner-unresolved, match: unknown}}
      - {set: {owner_share: {restricted: 0%}},
         expect: {decision: allow, flags: []}}
`));

        assert.match(fine(['test', f]).out, /^4 checks in 1 file, 0 failed$/m);
    });

    test('each expectation can fail, and says what it got', () => {
        for (const [set, expect, says] of [
            ['', 'decision: deny', /expected deny, got allow/],
            ['', 'status: 403', /expected status 403, got none/],
            ['', 'reason: SCR_HIT', /expected reason SCR_HIT, got none/],
            ['', 'by: embargo-address', /embargo-address, which did not/],
            ['', 'not: [verified]', /verified matched/],
            ['', 'throttles: []', /per-account applies too/],
            ['', 'flags: [verified]', /expected the flag verified/],
            ['', 'shadow: [verified]', /expected the shadow match/],
            ['', 'excepted: yes', /expected excepted: yes/],
            ['', 'match: unknown', /expected a match by unknown, got none/],
            ['', 'lifted: {embargo-address: verified}', /to be lifted/],
            ['ip.country: KP', 'match: unknown', /got a fact that is known/],
            ['ip: unknown', 'match: true', /facts that are not known/],
            ['ip.country: KP, model.tier: 3',
                'by: embargo-address, only: yes', /level-for-tier matched too/],
        ]) {
            const f = file('bad', `
  - name: it
    set: {${set}}
    expect: {${expect}}
`);
            const r = run(['test', f]);

            assert.equal(r.code, 1, expect);
            assert.match(r.out, says);
            assert.match(r.out, /bad_test\.yaml:12:5: FAILED it/);
        }

        const f = file('bad', `
  - {name: it, burst: {count: 9}, expect: {after: 8}}
`);

        assert.match(run(['test', f]).out, /after 8, 9 passed/);
    });

    test('what a failure prints is what explain reads', () => {
        const f = file('again', `
  - {name: it, set: {ip.country: KP}, expect: {decision: allow}}
`);
        const [, request] = /--request -`: (.*)/.exec(run(['test', f]).out);
        const r = run(['explain', path.join(dir, 'policy.yaml'), '--request',
            '-'], { input: request });

        assert.match(r.out, /^deny 451 JUR_IP_EMBARGO/);
    });

    test('a wrong file is refused with its place', () => {
        for (const [text, says] of [
            [HEAD, /'cases' is a sequence/],
            [HEAD + '  - {name: a}\n', /11:5.*expects nothing/],
            [HEAD + '  - {name: a, expekt: {}}\n',
                /11:15.*no 'expekt'\n[^]*did you mean 'expect'/],
            [HEAD + '  - {name: a, expect: {decison: deny}}\n',
                /no 'decison'\n[^]*did you mean 'decision'/],
            [HEAD + '  - {name: a, expect: {by: verifed}}\n',
                /no rule 'verifed'\n[^]*did you mean 'verified'/],
            [HEAD + '  - {name: a, set: {ip.countri: SG}, expect: {by: x}}\n',
                /no fact or field 'ip.countri'\n[^]*did you mean 'ip.country'/],
            [HEAD + '  - {name: a, set: {account.levle: 2}, '
                + 'expect: {by: x}}\n', /no fact or field 'account.levle'/],
            [HEAD + '  - {name: a, set: {ip.country: UKK}, expect: {by: x}}\n',
                /11:5.*'UKK' is no ISO 3166 code/],
            [HEAD + '  - {name: a, set: {model.tier: 9}, expect: {by: x}}\n',
                /no model of tier '9'/],
            [HEAD + '  - {expect: {by: x}}\n', /a case has a 'name'/],
            [HEAD + '  - {name: a, burst: {count: 0}, expect: {by: x}}\n',
                /'count' of 1 to/],
            [HEAD.replace(/now:.*/, 'now: someday')
                + '  - {name: a, expect: {by: x}}\n', /3:6.*is no time/],
            [HEAD.replace(/now:.*\n/, '') + '  - {name: a, expect: {by: x}}\n',
                /'now' is missing/],
            [HEAD.replace('sallyport_test: 1', 'sallyport_test: 2'),
                /sallyport_test: 1/],
            [HEAD.replace('policy.yaml', 'none.yaml') + '  - {name: a}\n',
                /cannot open '.*none.yaml'/],
            [HEAD + `  - name: a
    table: {columns: [ip.country, decision], rows: [[SG]]}
`, /a row has 2 cells/],
        ]) {
            refused(['test', write('wrong_test.yaml', text)], 1, says);
        }
    });

    test('directories, patterns and another policy', () => {
        fs.mkdirSync(path.join(dir, 'more/deep'), { recursive: true });
        fs.copyFileSync(path.join(dir, 'policy.yaml'),
            path.join(dir, 'more/policy.yaml'));
        write('more/deep/one_test.yaml', HEAD.replace('policy.yaml',
            '../policy.yaml') + `
  - {name: first, expect: {decision: allow}}
  - {name: second, expect: {decision: allow}}
`);

        assert.match(fine(['test', path.join(dir, 'more')]).out,
            /2 checks in 1 file/);
        assert.match(fine(['test', path.join(dir, 'more'), '--run', '^sec'])
            .out, /1 checks in 1 file/);
        refused(['test', path.join(dir, 'more'), '--run', 'x'], 1,
            /nothing was tested/);
        refused(['test', path.join(dir, 'more'), '--run', '('], 4, /--run/);

        fs.mkdirSync(path.join(dir, 'empty'));
        refused(['test', path.join(dir, 'empty')], 1, /there is no file/);

        const shut = write('shut.yaml', EXPLAINED.replace('[KP, IR]',
            '[KP, IR, SG]'));

        assert.equal(run(['test', path.join(dir, 'more'), '--policy', shut])
            .code, 1);
    });
});


describe('coverage', () => {
    test('what no case exercises is said, and the case that would', () => {
        const f = file('thin', `
  - {name: only, expect: {decision: allow}}
`);
        const r = fine(['test', f, '--coverage', '--suggest', '--format',
            'json']);
        const { coverage: [cover] } = JSON.parse(r.out);

        assert.ok(cover.percent < 50);
        assert.ok(cover.gaps.some((g) => g.rule === 'embargo-address'
            && g.test === null && g.missing === 'true'));

        // Every suggestion is taken over as it is printed: all pass, and
        // what they are for is covered then.
        const cases = fine(['test', f, '--suggest']).out.split('\n')
            .filter((line) => /^ +- \{name:/.test(line))
            .map((line) => line.replace(/^ +/, '  '));

        assert.ok(cases.length >= 5);

        const full = file('full', `
  - {name: only, expect: {decision: allow}}
${cases.join('\n')}
`);

        const after = JSON.parse(fine(['test', full, '--coverage',
            '--format', 'json']).out).coverage[0];

        assert.ok(after.percent > 95, `${after.percent}: `
            + JSON.stringify(after.gaps));

        fine(['test', full, '--min-coverage', '95']);
        refused(['test', f, '--min-coverage', '95'], 1, /are asked for/);
    });

    test('of the shipped policy', () => {
        const r = JSON.parse(fine(['test', path.join(ROOT, 'policy'),
            '--coverage', '--format', 'json']).out);

        for (const cover of r.coverage) {
            assert.ok(cover.percent > 50, `${cover.policy}: `
                + cover.percent);
        }
    });
});
