// Copyright (C) the Sallyport authors
//
// Changes in the store as lines of the audit log: each once, however often the
// sealer is killed, and what is gone from the stream is told.

import fs from 'node:fs';
import path from 'node:path';
import { test, before, after } from 'node:test';
import { spawn, spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';

import { until } from './lib/harness.mjs';
import { COMMAND } from './lib/command.mjs';
import { startRedis } from './lib/redis.mjs';
import { readRecords, verifyRecords } from './lib/audit.mjs';
import { ORIGIN, desk } from './lib/sealed.mjs';

const KILLS = 25;

let home;
let key;
let verify;
let redis;
let env;
let dir;

const WHO = ['--by', 'jo', '--reason', 'KYC-204'];

const run = (...args) => {
    const r = spawnSync(COMMAND, args, { encoding: 'utf8', env });

    return { code: r.status, out: r.stdout, err: r.stderr };
};

const fine = (...args) => {
    const r = run(...args);

    assert.equal(r.code, 0, `${args.join(' ')}: ${r.err}${r.out}`);

    return r.out;
};

const sealed = () => run('audit', 'seal', '--dir', dir, '--key', key,
    '--origin', ORIGIN);
const own = (t) => readRecords(path.join(dir, 'seal'))
    .filter((r) => r.t === t);
const set = (id, ...fields) => fine('account', 'set', id, ...fields, ...WHO);


before(async () => {
    ({ home, key, verify } = desk());
    redis = await startRedis(home);
    fs.writeFileSync(path.join(home, 'pepper'), 'p'.repeat(40) + '\n',
        { mode: 0o600 });
    env = { ...process.env, SALLYPORT_PEPPER: path.join(home, 'pepper'),
        SALLYPORT_STORE: `redis://127.0.0.1:${redis.port}/0` };
    dir = path.join(home, 'changes');
    fs.mkdirSync(dir);
});

after(async () => {
    await redis.stop();
    fs.rmSync(home, { recursive: true, force: true });
});


test('who changed what, and what it was', async () => {
    set('acme', 'type=individual', 'status=pending', 'pending_since=now',
        'level=1', 'residence=SE', 'screening=clear', 'screened_at=now');
    set('acme', 'level=2', 'x_note=' + 'ä'.repeat(120));
    fine('block', 'add', 'country', 'KP', '--for', '1h', ...WHO);

    const text = fine('key', 'new', '--account', 'acme', '--name', 'ci',
        ...WHO).trim();

    await redis.call('HSET', 'sp:data:acct:acme', 'level', '2');

    const r = sealed();

    assert.equal(r.code, 0, r.err);
    verifyRecords(readRecords(path.join(dir, 'seal')));

    const [made, changed, block, made2, ...more] = own('change');

    assert.equal(more.length, 0, 'a hand in Redis has no line');
    assert.deepEqual([made.kind, made.of, made.ver, made.by, made.why],
        ['account', 'acme', 1, 'jo', 'KYC-204']);
    assert.ok(made.fields.every((f) => !('was' in f)));
    assert.ok(Math.abs(Date.parse(made.at) - Date.now()) < 60000);
    assert.deepEqual(changed.fields.find((f) => f.f === 'level'),
        { f: 'level', is: '2', was: '1' });
    assert.match(changed.fields.find((f) => f.f === 'x_note').is,
        /^ä{100}…$/);
    assert.equal(block.kind, 'block');
    assert.deepEqual([made2.kind, made2.account], ['key', 'acme']);
    assert.ok(!JSON.stringify(own('change')).includes(text.slice(6)));

    // Read again, nothing is there twice; without the cursors neither.
    for (const file of ['', 'cursors']) {
        fs.rmSync(path.join(dir, 'seal', file || 'none'), { force: true });
        assert.equal(sealed().code, 0);
        assert.equal(own('change').length, 4);
    }

    assert.equal(verify(dir).result, 'intact');
});


test('an edit of a change is found', () => {
    const file = path.join(dir, 'seal/lane-0.1.jsonl');
    const text = fs.readFileSync(file, 'utf8');

    fs.writeFileSync(file, text.replace('"by":"jo"', '"by":"al"'));
    assert.equal(verify(dir).result, 'tampered');
    fs.writeFileSync(file, text);
});


test('`audit show --changes`', () => {
    const rows = fine('audit', 'show', dir, '--changes', '--account', 'acme')
        .trim().split('\n');

    assert.equal(rows.length, 3, rows.join('\n'));
    assert.match(rows[1], /account +acme +2 +jo +KYC-204 +.*level=2 \(was 1\)/);
    assert.match(rows[2], /key /);

    const all = fine('audit', 'show', dir, '--changes', '--format', 'json')
        .trim().split('\n').map((line) => JSON.parse(line));

    assert.deepEqual(all, own('change'));
    assert.equal(run('audit', 'show', dir, '--changes', '--account', 'nobody')
        .code, 3);
});


test(`${KILLS} deaths of the sealer: each change once`, async (t) => {
    const before = own('change').length;
    let done = 0;

    for (let i = 0; i < KILLS; i++) {
        const child = spawn(COMMAND, ['audit', 'seal', '--follow', '--dir',
            dir, '--key', key, '--origin', ORIGIN], { stdio: 'ignore', env });
        const ended = new Promise((resolve) => child.on('exit', resolve));

        for (let k = 0; k < 4; k++) {
            done++;
            await redis.call('EVAL', fs.readFileSync(new URL(
                '../../module/cli/store/write.lua', import.meta.url), 'utf8'),
            '3', 'sp:data:acct:x' + done, 'sp:data:meta', 'sp:log', 'me',
            'why', '', '-1', '1', 'plan', 'p' + done);
        }

        const size = fs.statSync(path.join(dir, 'seal/lane-0.1.jsonl')).size;

        // Some die at work, some before, some behind it.
        i % 3 && await until(() => fs.statSync(path.join(dir,
            'seal/lane-0.1.jsonl')).size > size, 'a line');
        child.kill('SIGKILL');
        await ended;
        i % 4 || fs.rmSync(path.join(dir, 'seal/cursors'), { force: true });
    }

    const r = sealed();

    assert.equal(r.code, 0, r.err);

    const notes = own('change').slice(before);

    assert.equal(notes.length, done);
    assert.equal(new Set(notes.map((n) => n.note)).size, done);
    assert.deepEqual(notes.map((n) => n.of), Array.from({ length: done },
        (_, i) => 'x' + (i + 1)));
    assert.deepEqual(own('missed'), []);
    assert.equal(verify(dir).result, 'intact');
});


test('what the stream lost is told, once', async () => {
    const last = own('change').at(-1).note;

    for (let i = 0; i < 5; i++) {
        set('acme', `plan=t${i}`);
    }

    await redis.call('XTRIM', 'sp:log', 'MAXLEN', '2');
    sealed();
    sealed();

    let [missed, ...more] = own('missed');

    assert.deepEqual([missed.after, missed.why, more.length],
        [last, 'trimmed', 0]);
    assert.equal(own('change').at(-2).note, missed.next);
    assert.equal(own('change').at(-1).fields[0].is, 't4');

    // A store that was restored: its stream ends before what was read.
    const notes = await redis.call('XRANGE', 'sp:log', '-', '+');

    await redis.call('DEL', 'sp:log');
    await redis.call('XADD', 'sp:log', notes[0][0], ...notes[0][1]);
    fs.rmSync(path.join(dir, 'seal/cursors'));
    sealed();
    [, missed, ...more] = own('missed');
    assert.deepEqual([missed.why, missed.next, more.length],
        ['older', notes[0][0], 0]);

    set('acme', 'plan=after');
    sealed();
    assert.equal(own('change').at(-1).fields[0].is, 'after');

    await redis.call('DEL', 'sp:log');
    sealed();
    sealed();
    assert.deepEqual(own('missed').map((m) => m.why),
        ['trimmed', 'older', 'gone']);

    set('acme', 'plan=again');
    sealed();
    assert.equal(own('change').at(-1).fields[0].is, 'again');
    verifyRecords(readRecords(path.join(dir, 'seal')));
    assert.equal(verify(dir).result, 'intact');
});


test('without its store the log is sealed, and the end says so', async () => {
    const before = own('seal').length;
    const r = spawnSync(COMMAND, ['audit', 'seal', '--dir', dir, '--key', key,
        '--store', 'redis://127.0.0.1:1/0'], { encoding: 'utf8' });

    assert.equal(r.status, 1);
    assert.match(r.stderr, /cannot reach the store/);
    assert.ok(own('seal').length > before);
});
