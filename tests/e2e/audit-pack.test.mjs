// Copyright (C) the Sallyport authors
//
// What leaves the audit log: records handed over with their proofs, logs of
// others compared with it, files retired. All on the lanes of a real gate.

import fs from 'node:fs';
import path from 'node:path';
import { test, before, after } from 'node:test';
import { spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';

import { gate, FROM } from './lib/harness.mjs';
import { ORIGIN, desk, fine, lanes, records, run, verifyAll }
    from './lib/sealed.mjs';

const REQUESTS = 240;

let home;
let seal;
let verify;
let copy;
let log;          // the lanes of a gate that has served, sealed
let key;
let pub;
let policy;
let access;       // lines of nginx's log
let arrivals;     // ids at the upstream


const check = (dir, k = pub) => spawnSync('python3',
    [path.join(dir, 'verify.py'), k], { encoding: 'utf8', timeout: 60000 });


before(async () => {
    ({ home, key, pub, seal, verify, copy } = desk());
});

after(() => fs.rmSync(home, { recursive: true, force: true }));


test('a gate has served', async (t) => {
    const g = await gate(t, { workers: 2, audit: 'allows=on segment=64k',
        logFormat: '"$request" $status "$http_user_agent" id=$sallyport_id' });

    await g.enrol('acme');
    await g.enrol('beta');

    for (let n = 0; n < REQUESTS; n++) {
        await g.chat(['sk-acme', 'sk-beta', 'sk-nobody'][n % 3], 'small',
            { from: n % 4 ? FROM.US : FROM.KP });
    }

    await g.stop();
    access = fs.readFileSync(path.join(g.dir, 'access.log'), 'utf8').trim()
        .split('\n');
    arrivals = g.upstream.arrivals.map((a) => a.id);
    log = path.join(home, 'log');
    fs.cpSync(g.audit, log, { recursive: true });
    policy = path.join(home, 'policy.yaml');
    fs.copyFileSync(g.policy, policy);

    const { id } = records(log).find((r) => r.dec === 'deny'
        && r.who.account === 'acme');

    fine('audit', 'appeal', 'open', id, '--dir', log, '--ticket', 'C-1',
        '--by', 'jo', '--reason', 'customer wrote');
    seal(log, '--policy', policy);
    assert.equal(verify(log).code, 0);
});


test('pack: one account, whole and provable without the gate', () => {
    const out = path.join(home, 'acme');

    fine('audit', 'pack', log, '--account', 'acme', '--out', out);

    const mine = new Set(records(log).filter((r) => r.t === 'decision'
        && r.who.account === 'acme').map((r) => r.id));
    const want = records(log).filter((r) => mine.has(r.id) || mine.has(r.of));
    const have = fs.readdirSync(path.join(out, 'records')).map((name) =>
        JSON.parse(fs.readFileSync(path.join(out, 'records', name), 'utf8')));
    const lines = (list) => list.map((r) => r.h).sort();

    assert.ok(mine.size >= 12);
    assert.deepEqual(lines(have.filter((r) => r.t !== 'archive')),
        lines(want));
    assert.deepEqual([...new Set(have.map((r) => r.t))].sort(),
        ['appeal', 'archive', 'decision', 'settle']);

    // Nobody else is in it, in any file.
    for (const name of fs.readdirSync(out, { recursive: true })) {
        const file = path.join(out, name);

        if (fs.statSync(file).isFile() && !name.startsWith('policy/')) {
            assert.doesNotMatch(fs.readFileSync(file, 'utf8'), /beta/, name);
        }
    }

    const contents = JSON.parse(fs.readFileSync(
        path.join(out, 'contents.json'), 'utf8'));
    const [[hash, lists]] = Object.entries(contents.policies);

    assert.equal(contents.records.length, have.length);
    assert.equal(fs.readFileSync(path.join(out, 'policy', hash.slice(7),
        'policy.yaml'), 'utf8'), fs.readFileSync(policy, 'utf8'));
    assert.ok(lists.length > 0);
    assert.ok(lists.every((l) => 'source' in l && 'review_by' in l));

    const r = check(out);

    assert.equal(r.status, 0, r.stdout + r.stderr);
    assert.match(r.stdout, new RegExp(`PROVED: ${have.length} records`));

    const [{ name }] = contents.records;

    fine('audit', 'verify', '--record', path.join(out, 'records',
        `${name}.json`), '--proof', path.join(out, 'proofs',
        `${name}.tlog-proof`), '--key', pub);

    // It is there now, and stays as it is.
    assert.match(run('audit', 'pack', log, '--account', 'acme', '--out', out)
        .stderr, /is there already/);
    assert.ok(!fs.existsSync(`${out}.part`));
});


test('pack: any changed byte, another key, a line more are found', (t) => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e9);
    const out = path.join(home, 'acme');
    let s = seed;
    const pick = (n) => {
        s = (Math.imul(s, 1103515245) + 12345) & 0x7fffffff;

        return (s >>> 8) % n;
    };
    const files = fs.readdirSync(out, { recursive: true }).filter((name) =>
        /^(records|proofs|policy\/.*)\/.*\./.test(name)).sort();

    t.diagnostic(`seed ${seed}`);

    for (let n = 0; n < 16; n++) {
        const file = path.join(out, files[pick(files.length)]);
        const was = fs.readFileSync(file);
        const now = Buffer.from(was);

        now[pick(now.length - 1)] ^= 1;
        fs.writeFileSync(file, now);
        assert.equal(check(out).status, 1, `seed ${seed}: ${file}`);
        fs.writeFileSync(file, was);
    }

    const other = path.join(home, 'other.pub');

    fs.writeFileSync(other, fine('audit', 'key', '--out',
        path.join(home, 'other.key'), '--origin', ORIGIN));
    assert.match(check(out, other).stderr, /not signed by this key/);

    const more = path.join(out, 'records/000-decision.json');

    fs.copyFileSync(path.join(out, 'records',
        fs.readdirSync(path.join(out, 'records'))[0]), more);
    assert.match(check(out).stderr, /lists other records/);
    fs.rmSync(more);
    assert.equal(check(out).status, 0);
});


test('pack: one decision; times; what is not there or not sealed', () => {
    const { id } = records(log).find((r) => r.dec === 'allow'
        && r.who.account === 'beta');
    const out = path.join(home, 'one');

    fine('audit', 'pack', log, '--id', id, '--out', out);
    assert.deepEqual(JSON.parse(fs.readFileSync(path.join(out,
        'contents.json'), 'utf8')).records.map((r) => r.t).sort(),
    ['archive', 'decision', 'settle']);
    assert.equal(check(out).status, 0);

    const none = (...args) => {
        const r = run('audit', 'pack', ...args, '--out',
            path.join(home, 'none'));

        assert.ok(!fs.existsSync(path.join(home, 'none')), args.join(' '));
        assert.ok(!fs.existsSync(path.join(home, 'none.part')));

        return r.status;
    };

    assert.equal(none(log, '--account', 'nobody'), 1);
    assert.equal(none(log, '--account', 'acme', '--until', '2020-01-01'), 1);
    assert.equal(none(log, '--account', 'acme', '--since', 'soon'), 4);
    assert.equal(none(log), 4);
    assert.equal(none(log, '--account', 'acme', '--id', id), 4);

    // An appeal that no seal covers yet; then no policy in the archive.
    const dir = copy(log);

    fine('audit', 'appeal', 'open', id, '--dir', dir, '--ticket', 'C-2',
        '--by', 'jo', '--reason', 'asked');

    const late = run('audit', 'pack', dir, '--id', id, '--out',
        path.join(home, 'late'));

    assert.equal(late.status, 3);
    assert.match(late.stderr, /1 lines are left out/);
    assert.equal(check(path.join(home, 'late')).status, 0);

    fs.rmSync(path.join(dir, 'seal/policy'), { recursive: true });

    const bare = run('audit', 'pack', dir, '--id', id, '--out',
        path.join(home, 'bare'));

    assert.equal(bare.status, 3);
    assert.match(bare.stderr, /is not archived/);
});


function reconcile({ lines = access, ups = arrivals, more = [] } = {}) {
    const files = ['access', 'ups'].map((name) => path.join(home, name));

    fs.writeFileSync(files[0], lines.map((l) => l + '\n').join(''));
    fs.writeFileSync(files[1], ups.map((id) =>
        `POST /v1/chat/completions id=${id}\n`).join(''));

    const r = run('audit', 'reconcile', log, files[0], '--upstream', files[1],
        '--upstream-count', String(ups.length), '--format', 'json', ...more);

    return { code: r.status, ...JSON.parse(r.stdout), err: r.stderr };
}


const without = (list, n) => list.filter((_, i) => i !== n);


test('reconcile: the logs of a gate, of nginx and of the upstream', () => {
    const r = reconcile();

    assert.equal(r.code, 0, JSON.stringify(r));
    assert.equal(r.decisions, REQUESTS);
    assert.equal(r.answers, REQUESTS);
    assert.ok(arrivals.length > 10);
    assert.deepEqual([r.arrivals, r.attempts],
        [arrivals.length, arrivals.length]);

    // The same as text; ids alone; other marks; a gate nobody has asked.
    const bare = path.join(home, 'bare-ids');

    fs.writeFileSync(bare, arrivals.map((id) => `${id}\r\n`).join(''));
    assert.match(fine('audit', 'reconcile', log, '--upstream', bare),
        /they agree/);
    fs.writeFileSync(bare, arrivals.map((id) =>
        JSON.stringify({ url: '/x', id }) + '\n').join(''));
    fine('audit', 'reconcile', log, '--upstream', bare, '--mark', '"id":"');
    assert.equal(run('audit', 'reconcile', log).status, 4);
    assert.equal(run('audit', 'reconcile', log, '/none').status, 1);
    assert.equal(reconcile({ more: ['--until', '2020-01-01'], lines: [],
        ups: [] }).decisions, 0);
});


test('reconcile: what is too much or too little is named', () => {
    const denied = records(log).find((r) => r.dec === 'deny').id;
    const none = '01KARM5GQ7-2-0000000000042';
    const id = (line) => /id=(\S+)$/.exec(line)[1];
    const only = (r, kinds) => {
        assert.equal(r.code, 3, JSON.stringify(r));
        assert.deepEqual(Object.keys(r.found).sort(), [...kinds].sort());

        return r.found;
    };

    // A gate that serves without a record, by the access log's account.
    assert.deepEqual(only(reconcile({ lines: [...access, `x id=${none}`] }),
        ['answered_unrecorded']).answered_unrecorded.ids, [none]);
    assert.equal(reconcile({ lines: [...access, `x id=${none}`],
        more: ['--plain'] }).code, 0);

    // What a client writes there is not taken for the id.
    assert.equal(reconcile({ lines: access.map((l) =>
        l.replace('"node"', `"id=${none}"`)) }).code, 0);
    assert.deepEqual(only(reconcile({ lines: [`"id=${id(access[0])}" id=`,
        ...access.slice(1)] }), ['recorded_unanswered'])
        .recorded_unanswered.ids, [id(access[0])]);

    for (let n = 0; n < access.length; n += 31) {
        only(reconcile({ lines: without(access, n) }),
            ['recorded_unanswered']);
        only(reconcile({ lines: [...access, access[n]] }),
            ['answered_twice']);
    }

    for (let n = 0; n < arrivals.length; n += 19) {
        assert.deepEqual(only(reconcile({ ups: without(arrivals, n) }),
            ['attempts_differ', 'count_differs']).attempts_differ.ids,
        [arrivals[n]]);
        only(reconcile({ ups: [...arrivals, arrivals[n]] }),
            ['attempts_differ', 'count_differs']);
    }

    assert.deepEqual(only(reconcile({ ups: [...arrivals, denied] }),
        ['arrived_refused', 'count_differs']).arrived_refused.ids, [denied]);
    only(reconcile({ ups: [...arrivals, none] }),
        ['arrived_unrecorded', 'count_differs']);
    only(reconcile({ ups: [...arrivals, '-'] }),
        ['arrived_nameless', 'count_differs']);
});


const who = ['--by', 'jo', '--reason', 'retention'];
const retire = (dir, ...more) => run('audit', 'retire', dir,
    ...(more.includes('--before') ? [] : ['--before', 'now']), ...more);
const ids = (dir) => fine('audit', 'show', dir, '--limit', '0', '--format',
    'json').trim().split('\n').map((l) => JSON.parse(l).id).sort();


test('retire: old files go, what must be kept is proved as before', () => {
    const dir = copy(log);
    const all = records(dir);
    const appealed = all.find((r) => r.t === 'appeal').of;
    const dry = retire(dir, '--keep', 'class=legal,excepted', '--dry-run');
    const would = dry.stdout.split('\n').filter((l) => /jsonl$/.test(l));

    assert.equal(dry.status, 0, dry.stderr);
    assert.ok(would.length >= 2, dry.stdout);
    assert.deepEqual(lanes(dir), lanes(log));

    const gone = would.flatMap((file) => fs.readFileSync(file, 'utf8').trim()
        .split('\n').map(JSON.parse)).filter((r) => r.t === 'decision');
    const stays = (r) => r.class === 'legal' || r.id === appealed;
    const r = retire(dir, '--keep', 'class=legal,excepted', ...who);

    assert.equal(r.status, 0, r.stderr);
    assert.ok(gone.some(stays) && !gone.every(stays));
    assert.ok(would.every((file) => !fs.existsSync(file)));

    // A person has to judge who said that they were retired: code 3.
    const v = verify(dir);

    assert.equal(v.code, 3, JSON.stringify(v.findings));
    assert.ok(v.findings.every((f) => /were retired/.test(f.why)));
    seal(dir);
    assert.equal(verify(dir).code, 3);
    assert.deepEqual(ids(dir), all.filter((d) => d.t === 'decision'
        && (stays(d) || !gone.some((o) => o.id === d.id))).map((d) => d.id)
        .sort());

    // Kept lines are handed over as before.
    const { id } = gone.find(stays);
    const out = fs.mkdtempSync(path.join(home, 'kept-')) + '/one';

    fine('audit', 'pack', dir, '--id', id, '--out', out);
    assert.equal(check(out).status, 0);

    // The record says it all; nothing is retired twice; cursors can be lost.
    const said = records(dir).filter((d) => d.t === 'retire');

    verifyAll(dir);
    assert.equal(said.length, would.length);
    assert.ok(said.every((d) => d.by === 'jo' && d.why === 'retention'
        && d.keep === 'class=legal,excepted'));
    assert.equal(retire(dir, '--keep', 'none', ...who).status, 3);
    fs.rmSync(path.join(dir, 'seal/cursors'));
    seal(dir);
    assert.equal(verify(dir).code, 3);
});


test('retire: kept lines cannot be changed, taken away or added to', () => {
    const dir = copy(log);

    assert.equal(retire(dir, '--keep', 'legal', ...who).status, 0);

    const file = path.join(dir, fs.readdirSync(dir, { recursive: true })
        .find((name) => /kept-.*\.jsonl$/.test(name)));
    const was = fs.readFileSync(file, 'utf8');

    for (const now of [was.replace('"us":', '"us":1'),
        was.split('\n').slice(1).join('\n'), '']) {
        fs.writeFileSync(file, now);
        assert.equal(verify(dir).code, 1);
    }

    fs.writeFileSync(file, was);
    assert.equal(verify(dir).code, 3);
});


test('retire: not what is unsealed, edited, young or newest', () => {
    const none = (dir, code, ...more) => {
        const before = lanes(dir);
        const r = retire(dir, ...more);

        assert.equal(r.status, code, r.stdout + r.stderr);
        assert.deepEqual(lanes(dir), before);
        assert.ok(!fs.readdirSync(dir, { recursive: true })
            .some((name) => /kept-/.test(name)));

        return r.stderr;
    };

    none(log, 4, '--keep', 'none');
    none(log, 4, ...who);
    assert.match(none(log, 4, '--keep', 'class=leagl', ...who), /leagl/);
    none(log, 4, '--keep', 'none', '--before', '+1d', ...who);
    none(log, 3, '--keep', 'none', '--before', '2020-01-01', ...who);

    const bare = copy(log);

    fs.rmSync(path.join(bare, 'seal'), { recursive: true });
    none(bare, 1, '--keep', 'none', ...who);
    fs.mkdirSync(path.join(bare, 'seal'));
    none(bare, 3, '--keep', 'none', ...who);

    // One changed byte: that lane stays; a cut run is finished by the next.
    const dir = copy(log);
    const name = lanes(dir).find((l) => /lane-1\.1\./.test(l)
        && !l.startsWith('desk'));
    const file = path.join(dir, name);
    const text = fs.readFileSync(file, 'utf8');

    fs.writeFileSync(file, text.replace('"seq":2,', '"seq":3,'));
    assert.equal(retire(dir, '--keep', 'none', ...who).status, 1);
    assert.ok(fs.existsSync(file));
    fs.writeFileSync(file, text);

    const before = new Map(lanes(dir).filter((l) => l.startsWith(
        name.replace(/1\.jsonl$/, ''))).map((l) => [path.join(dir, l),
        fs.readFileSync(path.join(dir, l))]));

    assert.equal(retire(dir, '--keep', 'none', ...who).status, 0);
    assert.equal(verify(dir).code, 3);

    // As if it had been killed before it removed its last file.
    const last = [...before.keys()].filter((l) => !fs.existsSync(l)).at(-1);

    fs.writeFileSync(last, before.get(last));

    const again = retire(dir, '--keep', 'none', ...who);

    assert.equal(again.status, 0, again.stderr);
    assert.ok(!fs.existsSync(last));
    assert.equal(verify(dir).code, 3);
});
