// Copyright (C) the Sallyport authors
//
// `sallyport policy`: revisions staged, held to their tests and to the log,
// put into force and taken back; signatures over them.

import fs from 'node:fs';
import path from 'node:path';
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';

import { gate, sharedBy, ROOT } from './lib/harness.mjs';
import { command, EXPLAINED, WHO } from './lib/command.mjs';

const { dir, write, run, fine, refused } = command();

after(() => fs.rmSync(dir, { recursive: true, force: true }));

let made = 0;

// A source directory: EXPLAINED under a revision, changed, and its tests.
function source(revision, { change = (text) => text, files = {} } = {}) {
    const name = `source-${made++}`;

    fs.mkdirSync(path.join(dir, name, 'tests'), { recursive: true });
    write(`${name}/policy.yaml`,
        change(EXPLAINED.replace('revision: r1', `revision: ${revision}`)));
    write(`${name}/tests/own_test.yaml`, `sallyport_test: 1
policy: ../policy.yaml
now: 2026-11-23T12:00:00Z
base:
  ip: {country: SG}
  account: {type: individual, status: verified, level: 3,
            verified_at: 2026-01-01, expires_at: 2027-06-01, residence: SG,
            use_locations: SG, accepted_locations: SG, screening: clear,
            screened_at: 2026-11-20}
  model.tier: 1
cases:
  - name: verified may
    expect: {decision: allow, by: verified}
`);

    for (const [file, text] of Object.entries(files)) {
        fs.mkdirSync(path.dirname(path.join(dir, name, file)),
            { recursive: true });
        write(`${name}/${file}`, text);
    }

    return path.join(dir, name);
}

function revisions() {
    const root = path.join(dir, `revisions-${made++}`);

    fs.mkdirSync(root);

    return root;
}

const stage = (src, root) => fine(['policy', 'stage', src, '--dir', root,
    ...WHO]);
const promote = (rev, root, ...more) => ['policy', 'promote', rev, '--dir',
    root, ...WHO, ...more];
const rollback = (root, ...more) => ['policy', 'rollback', '--dir', root,
    ...WHO, ...more];
const current = (root) => fs.readlinkSync(path.join(root, 'current'));
const history = (root) => fs.readFileSync(path.join(root, 'history.jsonl'),
    'utf8').trim().split('\n').map((line) => JSON.parse(line));
const entries = (root) => fs.readdirSync(root).sort();
const stricter = (text) => text.replace('has(model.tier) and model.tier == 3',
    'has(model.tier)').replace('account.level < 3', 'account.level <= 3');
const laxer = (text) => text.replace(
    'when: account.status == verified',
    'when: account.status == verified or account.status == pending');


describe('policy stage', () => {
    test('copies the whole set, under the revision, once', () => {
        const root = revisions();
        const src = source('r1', { files: { 'lists/a.txt': 'x\n',
            '.hidden': 'no', 'README': 'yes' } });

        stage(src, root);
        assert.deepEqual(entries(root), ['history.jsonl', 'r1']);
        assert.deepEqual(fs.readdirSync(path.join(root, 'r1'),
            { recursive: true }).sort(), ['README', 'lists', 'lists/a.txt',
            'policy.yaml', 'tests', 'tests/own_test.yaml']);
        assert.deepEqual(
            fs.readFileSync(path.join(root, 'r1/policy.yaml')),
            fs.readFileSync(path.join(src, 'policy.yaml')));
        assert.equal(fs.statSync(path.join(root, 'r1/README')).mode & 0o777,
            0o444);

        assert.match(stage(src, root).out, /staged before/);
        fs.appendFileSync(path.join(src, 'README'), '!');
        refused(['policy', 'stage', src, '--dir', root, ...WHO], 1,
            /with other files/);
        assert.equal(history(root).length, 1);
        assert.equal(history(root)[0].by, 'jo');
    });

    test('without a revision its hash names it', () => {
        const root = revisions();
        const src = source('r1',
            { change: (text) => text.replace('revision: r1\n', '') });

        stage(src, root);
        const hash = /sha256:(\w{12})/.exec(fine(['check', src]).out)[1];
        assert.deepEqual(entries(root), [hash, 'history.jsonl']);
    });

    test('what is bad leaves nothing behind', () => {
        const root = revisions();
        const bad = (src, pattern, code = 1) => {
            refused(['policy', 'stage', src, '--dir', root, ...WHO], code,
                pattern);
            assert.deepEqual(entries(root), []);
        };
        const linked = source('r1');

        bad(source('r1', { change: (text) => text + 'oops: 1\n' }), /SP103/);
        bad(source('../up'), /cannot name a directory/);
        bad(source('current'), /cannot name a directory/);
        fs.symlinkSync('/etc/passwd', path.join(linked, 'more.yaml'));
        bad(linked, /is a link/);
        bad(path.join(dir, 'nowhere'), /cannot open/);

        // Part of the set is not copied: it does not load without it.
        bad(source('r1', { change: (text) => text.replace('lists:',
            'include:\n  - .lists.yaml\n\nlists:'),
        files: { '.lists.yaml': 'sallyport: 1\n' } }), /SP104/);

        refused(['policy', 'stage', source('r1'), '--dir', root], 4, /--by/);
        refused(['policy', 'stage', source('r1'), ...WHO], 4, /--dir/);
    });
});


describe('policy promote', () => {
    test('moves the pointer and says who', () => {
        const root = revisions();

        stage(source('r1'), root);
        stage(source('r2'), root);
        refused(['policy', 'promote', 'r1', '--dir', root], 4, /--by/);
        fine(promote('r1', root, '--dry-run'));
        assert.deepEqual(entries(root), ['history.jsonl', 'r1', 'r2']);
        fine(promote('r1', root));
        assert.equal(current(root), 'r1');
        const { out } = fine(promote('r2', root));
        assert.match(out, /^check r2$/m);
        assert.match(out, /^test r2$/m);
        assert.match(out, /^diff r1 r2$/m);
        assert.equal(current(root), 'r2');
        assert.match(fine(promote('r2', root)).out, /in force already/);

        const rows = history(root);
        assert.deepEqual(rows.map((row) => [row.what, row.from, row.to]), [
            ['stage', '', 'r1'], ['stage', '', 'r2'],
            ['promote', '', 'r1'], ['promote', 'r1', 'r2']]);
        assert.equal(rows[3].reason, 'TICKET-1');
        assert.match(rows[3].sha256, /^[0-9a-f]{64}$/);
    });

    test('not with errors, failed tests, or none', () => {
        const root = revisions();
        const no = (rev, code, pattern, ...more) => {
            const r = run(promote(rev, root, ...more));

            assert.equal(r.code, code, r.out + r.err);
            assert.match(r.out + r.err, pattern);
            assert.equal(current(root), 'r1');
        };

        stage(source('r1'), root);
        fine(promote('r1', root));
        stage(source('failing', { change: stricter }), root);
        no('failing', 1, /verified may/);

        const bare = source('bare');
        fs.rmSync(path.join(bare, 'tests'), { recursive: true });
        stage(bare, root);
        no('bare', 1, /has no tests/);
        no('none', 1, /cannot open/);
        no('../r1', 4, /no revision/);
        no('current', 4, /no revision/);

        stage(source('spoilt'), root);
        fs.chmodSync(path.join(root, 'spoilt/policy.yaml'), 0o644);
        fs.appendFileSync(path.join(root, 'spoilt/policy.yaml'), 'oops: 1\n');
        no('spoilt', 1, /SP103/);
        fine(promote('bare', root, '--untested'));
        assert.equal(current(root), 'bare');
    });

    test('without a log nothing new is let through', () => {
        const root = revisions();
        const denies = (text) => text.replace('[KP, IR]', '[KP, IR, CU]');

        stage(source('r1'), root);
        fine(promote('r1', root));
        stage(source('lax', { change: laxer }), root);
        refused(promote('lax', root), 3, /newly be allowed/);
        assert.equal(current(root), 'r1');
        fine(promote('lax', root, '--max-newly-allowed', '100%'));
        stage(source('hard', { change: (text) => denies(laxer(text)) }),
            root);
        refused(promote('hard', root), 3, /newly be denied/);
        assert.equal(current(root), 'lax');
        fine(promote('hard', root, '--max-newly-denied', '100%'));
    });

    test('one hand at a time', () => {
        const root = revisions();

        stage(source('r1'), root);
        const r = run(['policy', 'status', '--dir', root]);
        assert.equal(r.code, 3);
        assert.match(r.out, /in force: nothing/);
        fs.mkdirSync(path.join(root, 'current'));
        refused(promote('r1', root), 1, /no symbolic link/);
    });
});


describe('policy promote with a log', () => {
    const text = fs.readFileSync(path.join(ROOT, 'tests/e2e/policy.yaml'),
        'utf8').replace(/^revision:.*\n/m, '');
    let log;

    before(async () => {
        const g = await gate(sharedBy(after));

        await g.enrol('acme');
        await g.enrol('low', { level: 1 });

        for (let i = 0; i < 5; i++) {
            await g.chat('sk-acme', 'small');
            await g.chat('sk-low', 'frontier');
        }

        await g.stop();
        log = path.join(dir, 'log');
        fs.cpSync(g.audit, log, { recursive: true });
    });

    test('bounds both ways, and the accounts', () => {
        const root = revisions();
        const change = (rev, from, to) => {
            const src = source('x');

            assert.ok(text.includes(from), from);
            fs.writeFileSync(path.join(src, 'policy.yaml'), text
                .replace('sallyport: 1\n', `sallyport: 1\nrevision: ${rev}\n`)
                .replace(from, to));
            fs.rmSync(path.join(src, 'tests'), { recursive: true });
            stage(src, root);
        };
        const more = ['--untested', '--log', log];

        change('r1', 'policy:', 'policy:');
        fine(promote('r1', root, '--untested'));

        change('denies', '\nallow:', `  - id: no-tiny
    when: account.level == 1 or account.level >= 2
    reason: KYC_LEVEL

allow:`);
        const r = run(promote('denies', root, ...more));
        assert.equal(r.code, 3, r.out + r.err);
        assert.match(r.out, /newly denied {3}5/);
        assert.match(r.out, /5 +0 {2}acme/);
        assert.match(r.err, /nothing was changed/);
        assert.equal(current(root), 'r1');
        fine(promote('denies', root, ...more, '--max-newly-denied', '5'));
        assert.equal(current(root), 'denies');
    });
});


describe('policy rollback', () => {
    test('goes back step by step', () => {
        const root = revisions();

        refused(rollback(root), 1, /nothing before/);

        for (const rev of ['r1', 'r2', 'r3']) {
            stage(source(rev), root);
            fine(promote(rev, root));
        }

        fine(rollback(root));
        assert.equal(current(root), 'r2');
        fine(rollback(root));
        assert.equal(current(root), 'r1');
        refused(rollback(root), 1, /nothing before/);
        fine(promote('r3', root));
        fine(rollback(root));
        assert.equal(current(root), 'r1');
        assert.deepEqual(history(root).at(-1), { ...history(root).at(-1),
            what: 'rollback', from: 'r3', to: 'r1', by: 'jo' });
    });

    test('a killed call leaves half a line, which does not count', () => {
        const root = revisions();

        for (const rev of ['r1', 'r2']) {
            stage(source(rev), root);
            fine(promote(rev, root));
        }

        fs.appendFileSync(path.join(root, 'history.jsonl'), '{"what":"pro');
        fine(rollback(root));
        assert.equal(current(root), 'r1');
        const status = run(['policy', 'status', '--dir', root, '--format',
            'json']);
        assert.equal(status.code, 3);
        const { history: rows, ...s } = JSON.parse(status.out);
        assert.equal(s.current, 'r1');
        assert.equal(rows.at(-1).what, 'rollback');
        assert.deepEqual(s.revisions.map((r) => [r.revision, r.current,
            r.differs]), [['r1', true, false], ['r2', false, true]]);
    });
});


describe('signed policies', () => {
    const name = 'ops.example.com/policy';
    const key = (file) => {
        const secret = path.join(dir, file);
        const { out } = fine(['policy', 'keygen', '--out', secret, '--name',
            name]);

        return { secret, keys: write(file + '.pub', '# ops\n' + out) };
    };
    const sign = (where, k, ...more) => fine(['policy', 'sign', where,
        '--key', k.secret, '--name', name, ...more]);
    const verify = (where, k, ...more) => ['policy', 'verify', where,
        '--keys', k.keys, ...more];
    let ours;
    let theirs;

    before(() => {
        ours = key('ours');
        theirs = key('theirs');
    });

    test('every byte of every file counts', () => {
        const src = source('r1', { files: {
            'lists/one.yaml': 'sallyport: 1\n',
            'lists/two.yaml': `sallyport: 1\n\ndeny:\n  - id: more
    when: account.level == 0\n    reason: KYC_LEVEL\n` },
        change: (text) => text.replace('lists:',
            'include: ["lists/*.yaml"]\n\nlists:') });
        const all = ['policy.yaml', 'lists/one.yaml', 'lists/two.yaml',
            'tests/own_test.yaml', 'manifest'];

        refused(verify(src, ours), 1, /SP107.*not signed/);
        assert.match(sign(src, ours).out, /4 files, serial 1/);
        assert.match(fine(verify(src, ours)).out,
            /signed by ops.example.com\/policy: revision r1, serial 1/);
        refused(verify(src, theirs), 1, /SP107.*not signed by this key/);
        refused(verify(src, ours, '--serial', '2'), 1, /SP107.*serial 1/);

        for (const file of all) {
            const was = fs.readFileSync(path.join(src, file));

            for (let i = 0; i < 4; i++) {
                const bad = Buffer.from(was);

                bad[Math.floor(Math.random() * bad.length)] ^= 1;
                fs.writeFileSync(path.join(src, file), bad);
                assert.equal(run(verify(src, ours)).code, 1,
                    `${file}: ${bad}`);
            }

            fs.writeFileSync(path.join(src, file), was);
        }

        // A pattern that finds one file less, or one more.
        fs.renameSync(path.join(src, 'lists/two.yaml'),
            path.join(src, 'two'));
        refused(verify(src, ours), 1, /SP107.*made of the files/);
        fs.renameSync(path.join(src, 'two'),
            path.join(src, 'lists/two.yaml'));
        fs.writeFileSync(path.join(src, 'lists/three.yaml'),
            'sallyport: 1\n');
        refused(verify(src, ours), 1, /SP107.*not in the signed manifest/);
        fs.rmSync(path.join(src, 'lists/three.yaml'));
        fine(verify(src, ours));
        fs.chmodSync(ours.keys, 0o600);
        refused(['policy', 'sign', src, '--key', ours.keys, '--name', name],
            1, /no Ed25519 key/);
    });

    test('staged with it, promoted with --keys, serials only grow', () => {
        const root = revisions();
        const keys = ['--keys', ours.keys];

        for (const rev of ['r1', 'r2']) {
            stage(source(rev), root);
        }

        refused(promote('r1', root, ...keys), 1, /SP107/);
        assert.match(sign(path.join(root, 'r2'), ours).out, /serial 1/);
        assert.match(sign(path.join(root, 'r1'), ours).out, /serial 2/);
        fine(promote('r1', root, ...keys));
        refused(promote('r2', root, ...keys), 1, /SP107.*serial/);
        sign(path.join(root, 'r2'), ours, '--serial', '7');
        fine(promote('r2', root, ...keys));

        const signed = source('r3');
        sign(signed, ours, '--serial', '9');
        stage(signed, root);
        fine(promote('r3', root, ...keys));

        fine(rollback(root, '--key', ours.secret, '--name', name));
        assert.equal(current(root), 'r2.s10');
        fine(verify(path.join(root, 'current'), ours, '--serial', '10'));
        fine(rollback(root, '--key', ours.secret, '--name', name));
        assert.equal(current(root), 'r1.s11');
        fine(verify(path.join(root, 'current'), ours, '--serial', '11'));
    });
});
