// Copyright (C) the Sallyport authors
//
// What the command says of whole policies: the analysis of `check`, its
// reports for other tools, `diff`, and `help` for the codes of messages. Each
// request that is shown is put before `explain`.

import fs from 'node:fs';
import path from 'node:path';
import test, { after, describe } from 'node:test';
import assert from 'node:assert/strict';

import { ROOT } from './lib/harness.mjs';
import { command } from './lib/command.mjs';

const SHIPPED = path.join(ROOT, 'policy');
const { dir, write, run, fine, refused } = command();

after(() => fs.rmSync(dir, { recursive: true, force: true }));


const HEAD = `sallyport: 1
policy: whole

facts:
  account.x_cleared: {type: bool}
  account.x_desk: {type: enum, values: [north, south]}

lists:
  shut: {type: country, items: [CU, IR, KP]}
  wide: {type: country, items: [CU, IR, KP, RU, BY]}
  parts: {type: place, items: [UA-43, UA-40, IR]}
  regions: {type: region, items: [UA-43, UA-40]}
  offices: {type: cidr, items: [198.51.100.0/24, "2a00:1450::/32"]}
  carriers: {type: asn, items: [AS3333]}
  screens: {type: name, items: [SDN, EL]}
  pilots: {type: account, items: [acct_pilot]}

models:
  tiers:
    1: [small*]
    2: [large*, "gpt-4o"]
    3: [frontier*]
`;

const RULES = `
deny:
  - {id: shut-ip, unknown: match, reason: JUR_IP_EMBARGO,
     mode: enforce}
  - id: level
    when: has(model.tier) and model.tier == 3 and account.level < 3
    reason: KYC_LEVEL
  - id: some
    when: account.billing in @wide
    unknown: skip
    mode: canary 20%
    reason: OWN_RESTRICTED

allow:
  - id: verified
    when: account.status in [verified, review] and has(model.tier)
  - id: none
    when: not has(model.id) and account.status == verified
`.replace(/ {2}- \{id: shut-ip[^}]*\}/, `  - id: shut-ip
    when: ip.country in @shut
    unknown: match
    reason: JUR_IP_EMBARGO`);

/* Each is refuted: together they need every kind of fact in an example. */

const BROKEN = [
    ['account.places in @wide', 'never: allow'],
    ['account.places in @wide and ip.country in account.places',
        'never: allow'],
    ['ip.country not in account.places and account.places in @parts',
        'never: allow'],
    ['ip.country == account.billing', 'never: allow'],
    ['ip.country != account.billing and account.billing in @wide',
        'never: allow'],
    ['account.incorporated in @parts and account.headquarters in @wide',
        'never: allow'],
    ['account.parent == account.incorporated and account.parent in @wide',
        'never: allow'],
    ['owner_share(@wide) >= 50% and owner_share(@shut) < 10%',
        'never: allow'],
    ['largest_owner(@wide) < 20% and owner_share(@wide) > 50%',
        'never: allow'],
    ['owner_share(@shut) >= 25%', 'never: allow'],
    ['owner_share(@shut) >= 100% and owner_share(@wide) >= 100%',
        'never: allow'],
    ['control_in(@wide) and not control_in(@shut)', 'never: allow'],
    ['listed_share(@screens) >= 50%', 'never: allow'],
    ['listed_share(SDN) >= 10% and listed_share(SDN) < 20%',
        'never: allow'],
    ['ip.region in @regions', 'never: allow'],
    ['ip.addr in @offices and ip.asn in @carriers', 'never: allow'],
    ['ip.class == private', 'always: allow'],
    ['has(ip.registered) and ip.registered and ip.tor', 'never: allow'],
    ['account.x_cleared and account.x_desk == south', 'never: allow'],
    ['account.id in @pilots and account.plan == "gold"', 'never: allow'],
    ['account.tags in [trial, pilot] and account.tags not in [vip]',
        'never: allow'],
    ['model.id == "gpt-4o" and request.stream', 'never: allow'],
    ['request.tokens >= 5000 and request.tokens < 5002', 'never: allow'],
    ['request.route == models.list', 'never: allow'],
    ['request.dialect == anthropic and has(model.id)', 'never: allow'],
    ['now >= 2031-05-06', 'never: allow'],
    ['account.verified_age >= 400d and account.expired_for >= 3d',
        'never: allow'],
    ['account.status == pending and account.pending_age > 3d',
        'always: allow'],
    ['account.type == individual and has(account.residence)',
        'never: allow'],
    ['account.screening == hit and account.end_use == military',
        'never: allow'],
    ['account.billing in @wide', 'always: deny'],
    ['account.billing in @wide', 'always: allow'],
    ['has(model.tier) and model.tier == 3', 'always: allow'],
    ['not has(model.id)', 'always: deny'],
    ['key.country_count > 7 or account.linkage == blocked',
        'never: allow'],
    ['has(ip.country)', 'never: deny']
];

const HOLD = [
    ['ip.country in @shut', 'always: deny'],
    ['ip.country in @shut', 'never: allow'],
    ['account.status == suspended', 'never: allow'],
    ['has(model.tier) and model.tier == 3 and account.level == 2',
        'never: allow'],
    ['account.status == verified and not has(account.screening)',
        'never: allow'],
    ['owner_share(@shut) > 30% and owner_share(@wide) < 30%',
        'never: allow'],
    ['largest_owner(@shut) > 30% and owner_share(@wide) < 30%',
        'never: allow'],
    ['control_in(@shut) and not control_in(@wide)', 'never: allow'],
    ['account.places in [IR] and account.places not in @wide',
        'never: allow'],
    ['ip.country in account.places and ip.country in @wide and '
     + 'account.places not in @wide', 'never: allow'],
    ['ip.country == account.billing and ip.country in @wide and '
     + 'account.billing not in @wide', 'never: allow'],
    ['request.route == models.list and has(model.id)', 'never: allow']
];

function invariants(list) {
    return `\ninvariants:\n${list.map(([when, what], i) =>
        `  - id: i${String(i).padStart(2, '0')}\n    when: ${when}\n`
        + `    ${what}\n`).join('')}`;
}

function explain(file, request) {
    const { out } = run(['explain', file, '--request', '-', '--format',
        'json'], { input: JSON.stringify(request) });

    return JSON.parse(out);
}

function decision(report) {
    return (report.decision?.decision ?? report.decision
        ?? report.verdict?.decision);
}


describe('invariants', () => {
    test('a request that breaks one does so before explain', () => {
        const file = write('broken.yaml',
            HEAD + RULES + invariants(BROKEN));
        const bare = write('bare.yaml', HEAD + RULES);

        const report = JSON.parse(run(['check', file, '--regions',
            '--format', 'json']).out);

        assert.equal(report.analysis.done, true);

        for (const [i, [when, what]] of BROKEN.entries()) {
            const id = `i${String(i).padStart(2, '0')}`;
            const found = report.diagnostics.find((d) =>
                d.message.includes(`'${id}'`));

            assert.ok(found, `${when}: ${what} is not refuted`);
            assert.equal(found.code, 'SP401', `${when}: ${found.message}`);

            const wanted = ['never: allow', 'always: deny'].includes(what)
                ? 'allow' : 'deny';
            const answer = explain(bare, found.example);

            assert.equal(decision(answer), wanted,
                `${when}: ${JSON.stringify(found.example)}`);
            assert.match(found.decided, new RegExp(`^${wanted} by `));

            /* and it is such a request: a rule that asks for it matches */

            const asks = write('asks.yaml', `${HEAD}
deny:
  - id: asked
    when: ${when}
    unknown: skip
    reason: NET_TOR
allow:
  - id: all
    when: account.level >= 0
`);
            const asked = explain(asks, found.example);

            assert.match(JSON.stringify(asked), /"asked"/);
            assert.equal(decision(asked), 'deny',
                `${when}: ${JSON.stringify(found.example)}`);
        }
    });

    test('what holds is proved', () => {
        const file = write('hold.yaml', HEAD + RULES + invariants(HOLD));
        const report = JSON.parse(fine(['check', file, '--regions',
            '--format', 'json']).out);

        assert.deepEqual([report.analysis.proved, report.errors],
            [HOLD.length, 0]);
        assert.match(fine(['check', file, '--regions']).out,
            new RegExp(`${HOLD.length} of ${HOLD.length} invariants proved`));
    });
});


describe('diff', () => {
    const OLD = HEAD + RULES;

    test('policies that decide the same are the same', () => {
        const one = write('one.yaml', OLD);
        const two = write('two.yaml', OLD.replaceAll('level', 'level')
            .replace('id: shut-ip', 'id: other-name')
            .replace('[CU, IR, KP]', '[KP, CU, IR]'));

        assert.match(fine(['diff', one, two]).out, /no request is decided/);
        assert.equal(JSON.parse(fine(['diff', one, two, '--format', 'json'])
            .out).differs, false);
        fine(['diff', SHIPPED, SHIPPED]);
    });

    test('each difference has a request that shows it', () => {
        const changes = [
            ['[CU, IR, KP]', '[CU, IR, KP, SE]', ['newly_denied']],
            ['[CU, IR, KP]', '[CU, IR]', ['newly_allowed']],
            ['account.level < 3', 'account.level < 2', ['newly_allowed']],
            ['[verified, review]', '[verified]', ['newly_denied']],
            ['canary 20%', 'enforce', ['newly_denied']],
            ['canary 20%', 'canary 30%', ['newly_denied']],
            ['canary 20%', 'canary 10%', ['newly_allowed']],
            ['large*, "gpt-4o"', 'large*', ['newly_denied']],
            ['3: [frontier*]', '3: [frontier*, small-x*]',
                ['newly_denied']],
            ['\nallow:', `
throttle:
  - id: slow
    meter: requests
    per: [account.id]
    rate: 5/min

allow:`, ['throttled_otherwise']]
        ];

        const one = write('one.yaml', OLD);

        for (const [from, to, kinds] of changes) {
            const two = write('two.yaml', OLD.replace(from, to));
            const { code, out } = run(['diff', one, two, '--format',
                'json']);
            const report = JSON.parse(out);

            assert.equal(code, 3, to);
            assert.ok(report.differs && report.regions.length > 0);

            for (const kind of ['newly_denied', 'newly_allowed',
                'throttled_otherwise'])
            {
                if (!kinds.includes(kind)) {
                    assert.equal(report[kind], false, `${to}: ${kind}`);
                }
            }

            assert.equal(report[kinds[0]], true, to);

            for (const region of report.regions) {
                assert.ok(region.example, `${to}: ${region.rule}`);

                const before = decision(explain(one, region.example));
                const now = decision(explain(two, region.example));

                assert.deepEqual([before, now],
                    region.kind === 'newly_denied' ? ['allow', 'deny']
                        : region.kind === 'newly_allowed' ? ['deny', 'allow']
                            : ['allow', 'allow'], `${to}: ${region.rule}`);
            }
        }
    });

    test('says what sets a region apart, and in whose name', () => {
        const one = write('one.yaml', OLD);
        const two = write('two.yaml', OLD.replace('[CU, IR, KP]',
            '[CU, IR, KP, SE]'));
        const { out } = run(['diff', one, two]);

        assert.match(out, /^newly denied\n {2}shut-ip: allow by \w+ -> deny /);
        assert.match(out, /^ {6}ip\.country SE$/m);
    });

    test('the gate is what is newly allowed', () => {
        const one = write('one.yaml', OLD);
        const two = write('two.yaml', OLD.replace('account.level < 3',
            'account.level < 2'));

        assert.equal(run(['diff', one, two, '--max-newly-allowed', '0'])
            .code, 3);
        assert.equal(run(['diff', two, one, '--max-newly-allowed', '0'])
            .code, 0);
        assert.equal(run(['diff', two, one]).code, 3);
        refused(['diff', one, two, '--max-newly-allowed', '5'], 4, /is 0/);
        refused(['diff', one, path.join(dir, 'no')], 1, /no/);
    });
});


describe('reports', () => {
    test('SARIF has the structure that its readers need', () => {
        const file = write('odd name.yaml', HEAD + RULES
            + invariants(BROKEN.slice(0, 2))
            + '\nflag:\n  - id: f\n    when: account.level >= 0\n'
            + '    reason: NET_TOR\n');
        const { code, out } = run(['check', file, '--regions', '--format',
            'sarif']);
        const log = JSON.parse(out);
        const lines = fs.readFileSync(file, 'utf8').split('\n');

        assert.equal(code, 1);
        assert.equal(log.version, '2.1.0');
        assert.match(log.$schema, /sarif-2\.1\.0\.json$/);
        assert.equal(log.runs.length, 1);

        const [one] = log.runs;
        const { driver } = one.tool;

        assert.equal(driver.name, 'sallyport');
        assert.equal(one.columnKind, 'unicodeCodePoints');
        assert.equal(new Set(driver.rules.map((r) => r.id)).size,
            driver.rules.length);

        for (const rule of driver.rules) {
            assert.ok(rule.shortDescription.text && rule.fullDescription.text);
            assert.ok(['error', 'warning', 'note']
                .includes(rule.defaultConfiguration.level));
        }

        assert.ok(one.results.some((r) => r.level === 'error'));
        assert.ok(one.results.some((r) => r.level === 'warning'));

        for (const result of one.results) {
            assert.equal(driver.rules[result.ruleIndex].id, result.ruleId);
            assert.ok(['error', 'warning', 'note'].includes(result.level));
            assert.ok(result.message.text.length > 0);

            for (const { physicalLocation: at } of result.locations) {
                const { uri } = at.artifactLocation;
                const { startLine, startColumn, endColumn } = at.region;

                assert.equal(decodeURIComponent(new URL(uri).pathname), file);
                assert.ok(endColumn > startColumn && startColumn >= 1);
                assert.ok(endColumn - 1 <= lines[startLine - 1].length);
            }
        }

        const always = one.results.find((r) => r.ruleId === 'SP302');
        const { region } = always.locations[0].physicalLocation;

        assert.equal(lines[region.startLine - 1].slice(region.startColumn - 1,
            region.endColumn - 1), 'account.level >= 0');
    });

    test('--strict turns a warning into a refusal', () => {
        const file = write('warn.yaml', HEAD + RULES + `
flag:
  - id: f
    when: account.level >= 0
    reason: NET_TOR
`);

        fine(['check', file, '--regions']);
        refused(['check', file, '--regions', '--strict'], 1, /SP302/);
        refused(['check', file, '--format', 'serif'], 4,
            /did you mean 'sarif'/);
    });

    test('the shipped policy and its examples pass strictly', () => {
        fine(['check', '--strict', SHIPPED]);
        fine(['check', '--strict', '--regions',
            path.join(SHIPPED, 'examples/regions.yaml')]);
    });
});


describe('codes', () => {
    const rooms = ['policy', 'analyse'];
    const used = new Set();

    for (const room of rooms) {
        const folder = path.join(ROOT, 'module/engine', room);

        for (const name of fs.readdirSync(folder)) {
            if (!name.endsWith('.c')) {
                continue;
            }

            const source = fs.readFileSync(path.join(folder, name), 'utf8')
                .replace(/"(?:[^"\\\n]|\\.)*"/g, '""');
            const calls = source.matchAll(
                /\b(?:sp_load_error|sp_load_warn|sp_expr_error|sp_expr_tok_error|sp_analyse_rule|sp_analyse_node|sp_diag_add)\s*\(([^;]*?)\)\s*;/gs);

            for (const [, args] of calls) {
                const code = args.match(/(?:^|[\s,(])([1-9]\d\d),/);

                if (code) {
                    used.add(code[1]);
                }
            }
        }
    }

    // The command's own: of test files.
    for (const [, code] of fs.readFileSync(path.join(ROOT,
        'module/cli/test.h'), 'utf8').matchAll(/SP_DIAG_ERROR, (\d{3}),/g))
    {
        used.add(code);
    }

    test('each code in the sources has its text, each text its code', () => {
        const listed = [...fine(['help', 'codes']).out
            .matchAll(/^SP(\d{3}) /gm)].map((m) => m[1]);

        assert.ok(used.size > 30);
        assert.deepEqual(listed.filter((c) => !used.has(c)), []);
        assert.deepEqual([...used].filter((c) => !listed.includes(c)), []);
    });

    test('help explains a code, and knows which there are', () => {
        for (const code of used) {
            const { out } = fine(['help', `SP${code}`]);

            assert.match(out, new RegExp(`^SP${code}, (error|warning|note): `));
            assert.ok(out.split('\n').every((l) => l.length <= 80));
        }

        assert.match(fine(['help', 'sp301']).out, /never be true/);
        refused(['help', 'SP999'], 4, /there is no message SP999/);
    });
});
