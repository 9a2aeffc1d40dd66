// Copyright (C) the Sallyport authors
//
// The audit command on the lanes of a real gate: sealed, killed while it
// seals, verified, edited at random, proved to outsiders.

import fs from 'node:fs';
import path from 'node:path';
import https from 'node:https';
import tls from 'node:tls';
import { test, before, after } from 'node:test';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';

import { gate, until, FROM, ROOT } from './lib/harness.mjs';
import { COMMAND } from './lib/command.mjs';
import { ORIGIN, desk, fine, lanes, run, verifyAll } from './lib/sealed.mjs';

const EDITS = Number(process.env.SALLYPORT_EDITS ?? 300);

let home;
let seal;
let verify;
let copy;
let log;          // the lanes of a gate that has served, sealed
let key;
let pub;
let policy;       // that of the gate


before(() => {
    ({ home, key, pub, seal, verify, copy } = desk());
});

after(() => fs.rmSync(home, { recursive: true, force: true }));


test('a sealed log is intact, and says so', async (t) => {
    const g = await gate(t, { workers: 2 });

    await g.enrol('acme');

    for (let n = 0; n < 60; n++) {
        await g.chat(n % 3 ? 'sk-acme' : 'sk-nobody', 'small',
            { from: n % 4 ? FROM.US : FROM.KP });
    }

    await g.stop();
    log = path.join(home, 'log');
    fs.cpSync(g.audit, log, { recursive: true });
    policy = path.join(home, 'policy.yaml');
    fs.copyFileSync(g.policy, policy);
    seal(log);
    seal(log);

    const r = verify(log);

    assert.equal(r.code, 0, JSON.stringify(r.findings));
    assert.equal(r.result, 'intact');
    assert.equal(r.unsealed, 0);
    assert.ok(r.sealed > 60);
    assert.equal(r.agree, r.checkpoints);
    verifyAll(log);

    // Without the key, or without seals, nothing is proved.
    assert.equal(run('audit', 'verify', log).status, 3);

    const bare = copy(log);

    fs.rmSync(path.join(bare, 'seal'), { recursive: true });
    assert.equal(verify(bare).result, 'incomplete');
    assert.equal(verify(bare).code, 3);
});


// One random edit of one file; returns what it was, or null if it is none.
function edit(dir, random) {
    const pick = (n) => Math.floor(random() * n);
    const names = lanes(dir);
    const file = path.join(dir, names[pick(names.length)]);
    const text = fs.readFileSync(file, 'latin1');
    const lines = text.split('\n').slice(0, -1);
    const at = pick(lines.length);
    const kind = ['change', 'delete', 'insert', 'reorder', 'truncate',
        'roll back', 'remove'][pick(7)];

    if (kind === 'change') {
        const byte = pick(lines[at].length);
        const to = String.fromCharCode(32 + pick(95));

        lines[at] = lines[at].slice(0, byte) + to + lines[at].slice(byte + 1);

    } else if (kind === 'delete') {
        lines.splice(at, 1 + pick(3));

    } else if (kind === 'insert') {
        lines.splice(at, 0, lines[pick(lines.length)]);

    } else if (kind === 'reorder') {
        const other = pick(lines.length);

        [lines[at], lines[other]] = [lines[other], lines[at]];

    } else if (kind === 'truncate') {
        fs.writeFileSync(file, text.slice(0, pick(text.length)), 'latin1');
        return { kind, file };

    } else if (kind === 'roll back') {
        lines.length = at;

    } else {
        fs.rmSync(file);
        return { kind, file };
    }

    const now = lines.map((l) => l + '\n').join('');

    if (now === text) {
        return null;
    }

    fs.writeFileSync(file, now, 'latin1');

    return { kind, file, line: at + 1 };
}


function generator(seed) {
    let s = seed >>> 0;

    return () => {
        s = Math.imul(s ^ s >>> 15, 0x2c1b3c6d) + 0x9e3779b9 >>> 0;
        s ^= s >>> 13;
        return (s >>> 0) / 4294967296;
    };
}


test(`${EDITS} random edits are all found`, (t) => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e9);
    const random = generator(seed);
    const dir = copy(log);
    const originals = new Map(lanes(dir).map((name) =>
        [path.join(dir, name), fs.readFileSync(path.join(dir, name))]));
    const kinds = {};

    t.diagnostic(`seed ${seed}`);

    for (let n = 0; n < EDITS; ) {
        const done = edit(dir, random);

        if (!done) {
            continue;
        }

        n++;
        kinds[done.kind] = (kinds[done.kind] ?? 0) + 1;

        const r = verify(dir);

        assert.equal(r.code, 1, `seed ${seed}, edit ${n}: ` +
            JSON.stringify(done));
        assert.equal(r.result, 'tampered');

        // The first bad line is named: at the edit or right behind it.
        if (done.kind === 'change') {
            assert.equal(r.first.file, done.file);
            assert.equal(r.first.line, done.line, JSON.stringify(done));
        }

        fs.writeFileSync(done.file, originals.get(done.file));
    }

    assert.equal(verify(dir).code, 0);
    assert.ok(EDITS < 100 || Object.keys(kinds).length === 7);
});


// Whoever can write everything but the key links the lane anew.
test('a lane that was linked anew is found, and the line named', async () => {
    const { createHash } = await import('node:crypto');
    const dir = copy(log);
    const [name] = lanes(dir).filter((l) => fs.readFileSync(
        path.join(dir, l), 'utf8').includes('"t":"decision"'));
    const file = path.join(dir, name);
    const lines = fs.readFileSync(file, 'utf8').split('\n').slice(0, -1);
    const at = lines.findIndex((l) => l.includes('"t":"decision"'));
    let prev = '0'.repeat(64);

    lines[at] = lines[at].replace('"us":', '"us":1');

    fs.writeFileSync(file, lines.map((line) => {
        const body = line.slice(0, line.lastIndexOf(',"h":"'));

        prev = createHash('sha256').update(prev + '\n' + body).digest('hex');

        return `${body},"h":"${prev}"}\n`;
    }).join(''));

    const r = verify(dir);

    assert.equal(r.code, 1);
    assert.ok(r.findings.some((f) => f.file === file && f.line === at + 1
        && /not the line that was sealed/.test(f.why)),
    JSON.stringify(r.findings));
});


test('an older copy is found by a checkpoint kept elsewhere', () => {
    const dir = copy(log);
    const old = copy(log);

    seal(dir);

    const r = verify(old, '--anchor', path.join(dir, 'seal/checkpoint'));

    assert.equal(r.code, 1);
    assert.match(r.first.why, /an older copy/);
    assert.equal(verify(dir, '--anchor', path.join(old, 'seal/checkpoint'))
        .code, 0);

    // A checkpoint of another key is none.
    const other = path.join(home, 'other.key');

    fine('audit', 'key', '--out', other, '--origin', ORIGIN);
    fs.rmSync(path.join(old, 'seal'), { recursive: true });
    fine('audit', 'seal', '--dir', old, '--key', other, '--origin', ORIGIN);
    assert.notEqual(verify(old).code, 0);
});


test('a decision is proved to an outsider', () => {
    const out = fs.mkdtempSync(path.join(home, 'proof-'));
    const text = lanes(log).map((l) =>
        fs.readFileSync(path.join(log, l), 'utf8')).join('');
    const { id } = JSON.parse(text.split('\n')
        .find((l) => l.includes('"dec":"deny"')));

    fine('audit', 'prove', log, '--id', id, '--out', out);

    const record = path.join(out, `${id}.json`);
    const proof = path.join(out, `${id}.tlog-proof`);
    const check = () => run('audit', 'verify', '--record', record, '--proof',
        proof, '--key', pub).status;

    assert.equal(JSON.parse(fs.readFileSync(record, 'utf8')).id, id);
    assert.equal(check(), 0);

    for (const file of [record, proof]) {
        const was = fs.readFileSync(file);

        for (let n = 0; n < 40; n++) {
            const now = Buffer.from(was);

            now[Math.floor(Math.random() * (now.length - 1))] ^= 1;
            fs.writeFileSync(file, now);
            assert.equal(check(), 1);
        }

        fs.writeFileSync(file, was);
    }

    assert.equal(run('audit', 'prove', log, '--id', 'NONE').status, 1);
});


// The gate's lanes arrive in pieces; the sealer is killed at any moment.
test('a sealer that is killed goes on', async () => {
    const dir = fs.mkdtempSync(path.join(home, 'killed-'));
    const files = lanes(log).map((name) => ({ name, at: 0,
        data: fs.readFileSync(path.join(log, name)) }));

    for (const { name } of files) {
        fs.mkdirSync(path.join(dir, path.dirname(name)), { recursive: true });
    }

    for (let round = 0; round < 40; round++) {
        for (const f of files) {
            const n = Math.floor(Math.random() * f.data.length / 20);

            fs.appendFileSync(path.join(dir, f.name),
                f.data.subarray(f.at, f.at + n));
            f.at = Math.min(f.at + n, f.data.length);
        }

        const child = spawn(COMMAND, ['audit', 'seal', '--follow', '--dir',
            dir, '--key', key, '--origin', ORIGIN], { stdio: 'ignore' });
        const ended = new Promise((resolve) => child.on('exit', resolve));

        await new Promise((resolve) =>
            setTimeout(resolve, Math.random() * 30));
        child.kill('SIGKILL');
        await ended;
    }

    for (const f of files) {
        fs.appendFileSync(path.join(dir, f.name), f.data.subarray(f.at));
    }

    seal(dir);

    const r = verify(dir);

    assert.equal(r.code, 0, JSON.stringify(r.findings));
    assert.equal(r.unsealed, 0);
    assert.equal(r.sealed, verify(log).sealed);

    // What is remembered beside it can be lost.
    fs.rmSync(path.join(dir, 'seal/cursors'));
    seal(dir);
    assert.equal(verify(dir).code, 0);
});


test('a sealer seals within seconds, and publishes over TLS', async (t) => {
    const dir = copy(log);
    const cert = path.join(home, 'cert.pem');

    fs.rmSync(path.join(dir, 'seal'), { recursive: true });
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ed25519', '-nodes',
        '-keyout', path.join(home, 'tls.key'), '-out', cert, '-subj',
        '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
    { stdio: 'ignore' });

    const options = { key: fs.readFileSync(path.join(home, 'tls.key')),
        cert: fs.readFileSync(cert) };
    const posts = [];
    const frames = [];
    const web = https.createServer(options, async (req, res) => {
        let body = '';

        for await (const chunk of req) {
            body += chunk;
        }

        posts.push(body);
        res.end();
    }).listen(0, '127.0.0.1');
    const syslog = tls.createServer(options, (socket) => {
        socket.on('error', () => {});
        socket.on('data', (data) => frames.push(data.toString()));
    }).listen(0, '127.0.0.1');

    t.after(() => {
        web.close();
        syslog.close();
    });

    await until(() => web.address() && syslog.address(), 'servers listen');

    const sealer = spawn(COMMAND, ['audit', 'seal', '--follow', '--dir', dir,
        '--key', key, '--origin', ORIGIN, '--ca', cert,
        '--to-file', path.join(home, 'published'),
        '--to-https', `https://localhost:${web.address().port}/c`,
        '--to-syslog', `localhost:${syslog.address().port}`],
    { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise((resolve) => sealer.on('exit', resolve));
    let err = '';

    sealer.stderr.on('data', (data) => {
        err += data;
    });

    await until(() => posts.length > 0 && frames.length > 0, 'published');
    sealer.kill('SIGTERM');
    assert.equal(await ended, 0, err);

    const [, length, rest] = /^(\d+) (.*)$/s.exec(frames[0]);
    const message = rest.slice(0, Number(length));

    assert.match(message, /^<109>1 \d{4}-.* sallyport \d+ checkpoint - \{/);
    assert.equal(Buffer.byteLength(rest) >= Number(length), true);

    const note = path.join(home, 'note');

    fs.writeFileSync(note, posts[0]);
    assert.equal(JSON.parse(message.slice(message.indexOf('{'))).checkpoint
        .split('\n')[0], ORIGIN);
    assert.equal(verify(dir, '--anchor', note).code, 0);
    assert.equal(verify(dir, '--anchor', path.join(home, 'published')).code,
        0);
});


test('keys: told apart, kept, refused', () => {
    const dir = copy(log);

    assert.match(run('audit', 'verify', dir, '--key', key).stderr,
        /secret key/);
    assert.match(run('audit', 'seal', '--dir', dir, '--key', key, '--origin',
        'another/log').stderr, /is the log/);

    fs.chmodSync(key, 0o444);
    assert.match(run('audit', 'seal', '--dir', dir, '--key', key).stderr,
        /everyone may use/);
    fs.chmodSync(key, 0o400);

    assert.equal(run('audit', 'key', '--out', key, '--origin', 'x').status, 1);
    assert.equal(run('audit', 'key', '--out', '/nowhere/k').status, 4);
});


test('a shell and sha256sum check a lane, and find a change', () => {
    const dir = copy(log);
    const file = path.join(dir, lanes(dir)[0]);
    const script = path.join(ROOT, 'scripts/audit-lane');

    assert.match(execFileSync(script, [file], { encoding: 'utf8' }),
        /^\d+ lines, the last has [0-9a-f]{64}\n$/);

    const text = fs.readFileSync(file, 'utf8');

    fs.writeFileSync(file, text.replace('"seq":2,', '"seq":3,'));

    const r = spawnSync(script, [file], { encoding: 'utf8' });

    assert.equal(r.status, 1);
    assert.match(r.stdout, /not what was written: .*"seq":3,/);
    assert.ok(fs.readFileSync(script, 'utf8').split('\n')
        .filter((l) => l && !l.startsWith('#')).length <= 20);
});


test('show filters; a customer sees public text only', () => {
    const all = fine('audit', 'show', log, '--limit', '0', '--format', 'json')
        .trim().split('\n').map(JSON.parse);
    const times = all.map((r) => r.ts);

    assert.ok(all.length > 20);
    assert.deepEqual(times, [...times].sort());

    for (const [option, of] of [
        ['decision', (r) => r.dec], ['reason', (r) => r.reason],
        ['account', (r) => r.who.account], ['country', (r) => r.net.country],
        ['class', (r) => r.class], ['model', (r) => r.req.model],
    ]) {
        const value = all.map(of).find((v) => typeof v === 'string'
            && !/^[?!~]$/.test(v));
        const some = fine('audit', 'show', log, '--limit', '0', '--format',
            'json', `--${option}`, value).trim().split('\n').map(JSON.parse);

        assert.deepEqual(some.map((r) => r.id),
            all.filter((r) => of(r) === value).map((r) => r.id), option);
    }

    const deny = all.find((r) => r.by?.length && r.dec === 'deny');
    const byRule = fine('audit', 'show', log, '--limit', '0', '--rule',
        deny.by[0].r);

    assert.ok(byRule.includes(deny.id));
    assert.equal(run('audit', 'show', log, '--account', 'nobody').status, 3);

    const text = fine('audit', 'show', log, deny.id, '--for', 'customer');

    assert.ok(text.includes(deny.id));

    for (const secret of [deny.by[0].r, deny.reason, deny.pol.hash, 'acme']) {
        assert.ok(!text.includes(secret), secret);
    }
});


test('an appeal is opened once, closed once, linked and sealed', () => {
    const dir = copy(log);
    const [{ id }] = fine('audit', 'show', dir, '--decision', 'deny',
        '--format', 'json').split('\n').slice(0, 1).map(JSON.parse);
    const appeal = (...args) => run('audit', 'appeal', ...args, '--dir', dir,
        '--ticket', 'CASE-7');
    const who = ['--by', 'jo', '--reason', 'asked'];

    assert.equal(appeal('open', id).status, 4);
    assert.equal(appeal('close', id, '--outcome', 'reversed', ...who).status,
        1);
    assert.equal(appeal('open', 'NONE', ...who).status, 1);
    assert.equal(appeal('open', id, ...who).status, 0);
    assert.equal(appeal('open', id, ...who).status, 1);
    assert.equal(appeal('close', id, ...who).status, 4);
    assert.equal(appeal('close', id, '--outcome', 'reversed', ...who).status,
        0);

    const records = fs.readFileSync(path.join(dir, 'desk/lane-1.1.jsonl'),
        'utf8').trim().split('\n').map(JSON.parse);

    assert.deepEqual(records.map((r) => [r.t, r.act, r.outcome]), [
        ['segment', undefined, undefined], ['appeal', 'open', null],
        ['appeal', 'close', 'reversed']]);

    seal(dir);
    assert.equal(verify(dir).code, 0);
});


test('a recorded decision is explained by the policy it names', () => {
    const records = fine('audit', 'show', log, '--limit', '0', '--format',
        'json').trim().split('\n').map(JSON.parse);
    const one = new Map(records.map((r) => [r.dec + r.reason, r]));

    assert.ok(one.size >= 3);
    assert.equal(run('audit', 'explain', log, records[0].id).status, 1);

    const dir = copy(log);

    fs.rmSync(path.join(dir, 'seal'), { recursive: true });
    seal(dir, '--policy', policy);

    for (const r of one.values()) {
        const text = fine('audit', 'explain', dir, r.id);

        assert.match(text, /The record says the same/);
        assert.ok(text.includes(r.by?.[0]?.r ?? r.allow), text);

        const json = JSON.parse(fine('audit', 'explain', dir, r.id,
            '--format', 'json'));

        assert.deepEqual([json.id, json.same, json.decision],
            [r.id, true, r.dec]);
    }

    const other = path.join(home, 'other.yaml');

    fs.writeFileSync(other, fs.readFileSync(policy, 'utf8') + '\n# more\n');
    assert.match(run('audit', 'explain', log, records[0].id, '--policy',
        other).stderr, /the decision is by sha256/);
    assert.equal(verify(dir).code, 0);
});


test('the help of audit has the format, every key of a real record', () => {
    const help = fine('audit', '--help');
    const text = lanes(log).map((l) =>
        fs.readFileSync(path.join(log, l), 'utf8')).join('').trim();
    const said = new Set(help.match(/\w+/g));

    for (const record of text.split('\n').map(JSON.parse)) {
        assert.ok(said.has(record.t), record.t);

        for (const key of Object.keys(record)) {
            if (/^(decision|settle)$/.test(record.t)) {
                assert.ok(said.has(key), `${record.t}.${key}`);
            }
        }
    }
});
