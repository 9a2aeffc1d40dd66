// Copyright (C) the Sallyport authors
//
// The store that is a file: what it answers, how it changes while the gate
// runs, and what becomes of files that are bad, late, gone or too large.

import fs from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { gate, until, spawnedWorkers, testConfiguration, kid,
    accountFields, keyFields } from './lib/harness.mjs';
import { COMMAND } from './lib/command.mjs';

// Callers here ask in closed loops until a file counts, however long that
// takes on a busy machine: no rate may end them before.
const POLICY = fs.readFileSync(new URL('policy.yaml', import.meta.url), 'utf8')
    .replace('rate: 6000/min\n    burst: 100\n',
        'rate: 6000000/min\n    burst: 100000\n');

const BAD = 2;      // line of the account in the files below


const object = (list) => Object.fromEntries(Array.from(
    { length: list.length / 2 },
    (_, i) => [list[2 * i], String(list[2 * i + 1])]));

const account = (id, fields) =>
    JSON.stringify({ kind: 'account', id, ...object(accountFields(fields)) });

const key = (id, fields, raw = 'sk-' + id) => JSON.stringify(
    { kind: 'key', id: kid(raw), ...object(keyFields(id, fields)) });

const file = (...lines) => lines.flat().map((line) => line + '\n').join('');

const both = (id, fields, more) => [key(id, more), account(id, fields)];


// A gate whose accounts are "text"; g.put() renames another file over them.
async function filed(t, text, o = {}) {
    const g = await gate(t, { audit: 'allows=excepted', policy: POLICY,
        ...o,
        store: 'sallyport_store file:accounts.jsonl' + (o.options ?? '') + ';',
        without: ['redis', 'nginx'] });

    g.put = (body) => {
        fs.writeFileSync(g.file('accounts.new'), body);
        fs.renameSync(g.file('accounts.new'), g.file('accounts.jsonl'));
    };

    g.put(text);
    await g.start();

    g.status = async (id = 'acme', rest) =>
        (await g.chat('sk-' + id, 'small', rest)).status;
    g.becomes = (status, id) =>
        until(async () => await g.status(id) === status, `${id} ${status}`);
    g.logged = (what) => until(() => what.test(g.errorLog()), String(what));

    return g;
}


async function metric(g, name) {
    const { text } = await g.call({ path: '/metrics' });
    const found = new RegExp(`^${name}(\\{.*\\})? (\\d+)$`, 'm').exec(text);

    assert.ok(found, name);

    return Number(found[2]);
}


test('keys and accounts are those of the file', async (t) => {
    const g = await filed(t, file(both('acme'), '',
        both('out', { status: 'suspended' }),
        both('old', {}, { expires_at: 1 }),
        both('gone', {}, { status: 'revoked' }), key('orphan')),
    { audit: 'allows=on' });

    assert.equal(await g.status('acme'), 200);
    assert.equal(await g.status('out'), 403);
    assert.equal(await g.status('old'), 401);
    assert.equal(await g.status('gone'), 401);
    assert.equal(await g.status('nobody'), 401);
    assert.notEqual(await g.status('orphan'), 200);
    assert.equal(await metric(g, 'sallyport_store_up'), 1);
    assert.match(g.errorLog(), /5 keys, 4 accounts and 0 customers are in/);
    assert.match(g.errorLog(), /accounts\.jsonl:10: 1 keys, of which/);

    const [record] = await g.waitRecords('decision', 1,
        (r) => r.dec === 'allow');

    assert.ok(JSON.stringify(record).includes('"acme"'));
});


test('what the command exports of a Redis is such a file', async (t) => {
    const from = await gate(t, { without: ['nginx'] });

    await from.enrol('acme', { x_note: 'ä "quoted" \\\n€' });
    await from.enrol('out', { status: 'suspended' });
    await from.redis.call('HSET', 'sp:data:cust:acme:shop',
        ...accountFields());

    const text = execFileSync(COMMAND, ['account', 'export', '--all',
        '--store', `redis://127.0.0.1:${from.redis.port}/0`],
    { encoding: 'utf8' });
    const g = await filed(t, text);

    assert.equal(await g.status('acme'), 200);
    assert.equal(await g.status('out'), 403);
    assert.equal(await g.status('nobody'), 401);
    assert.match(g.errorLog(), /2 keys, 2 accounts and 1 customers are in/);
});


test('a file that is renamed over it counts at once, in all workers, also ' +
    'for callers that are remembered', async (t) => {
    const g = await filed(t, file(both('acme')), { workers: 2 });

    for (let round = 1; round <= 3; round++) {
        await until(async () => {
            const before = await metric(g, 'sallyport_recalled_total');

            assert.equal(await g.status(), 200);

            return await metric(g, 'sallyport_recalled_total') > before;
        }, 'acme is remembered');

        g.put(file(both('acme', { status: 'suspended', ver: 2 * round })));

        // Whoever is served after the first refusal is refused.
        let refused = false;

        await Promise.all(Array.from({ length: 8 }, async () => {
            for (let n = 0; n < 5 || !refused; n++) {
                const sure = refused;
                const status = await g.status();

                assert.ok(status === 403 || (status === 200 && !sure),
                    `${status}, ${sure ? '' : 'not '}refused before`);
                refused ||= status === 403;
            }
        }));

        g.put(file(both('acme', { ver: 2 * round + 1 })));
        await g.becomes(200, 'acme');
    }
});


test('a bad file is refused as a whole and named by line', async (t) => {
    const g = await filed(t, file(both('acme')));

    const bad = {
        'status \\S*': file(both('acme', { status: 'odd', ver: 2 })),
        'one JSON object': file(key('acme'), 'nonsense', account('acme')),
        'already': file(key('acme'), key('acme')),
    };

    for (const [why, text] of Object.entries(bad)) {
        g.put(file(both('new')) + '');
        await g.becomes(200, 'new');

        g.put(text);
        await g.logged(new RegExp(`accounts\\.jsonl:${BAD}(:\\d+)?: .*${why}`));
        assert.equal(await g.status('new'), 200, 'the one in force stays');
        assert.equal(await g.status('acme'), 401, 'nothing of the bad one');
    }

    assert.ok(await metric(g, 'sallyport_store_file_behind') === 1);
    assert.ok(await metric(g, 'sallyport_store_file_failures_total') >= 3);

    fs.rmSync(g.file('accounts.jsonl'));
    await g.logged(/accounts\.jsonl: it cannot be opened \(2: /);
    assert.equal(await g.status('new'), 200);

    g.put('');
    await g.logged(/accounts\.jsonl:1: there are no records/);
    assert.equal(await g.status('new'), 200);

    g.put(file(both('acme')));
    await g.becomes(200, 'acme');
    assert.equal(await g.status('new'), 401);
    assert.equal(await metric(g, 'sallyport_store_file_behind'), 0);
});


test('a version does not go back, unless nginx is reloaded', async (t) => {
    const g = await filed(t, file(both('acme', { ver: 7,
        status: 'suspended' })));

    assert.equal(await g.status(), 403);

    g.put(file(both('acme', { ver: 6 })));
    await g.logged(/accounts\.jsonl:2: "acme" goes back from "ver" 7 to 6/);
    assert.equal(await g.status(), 403);

    await g.reload();
    assert.equal(await g.status(), 200);
});


test('a file that is saved in place counts when it has been left alone',
    async (t) => {
        const g = await filed(t, file(both('acme')));
        const text = file(both('acme', { status: 'suspended', ver: 2 }));

        fs.writeFileSync(g.file('accounts.jsonl'), text.slice(0, 400));
        assert.equal(await g.status(), 200);

        fs.writeFileSync(g.file('accounts.jsonl'), text);
        await g.becomes(403, 'acme');
        assert.doesNotMatch(g.errorLog(), /is refused/);
    });


test('another worker follows when the one that did is killed', async (t) => {
    const g = await filed(t, file(both('acme')), { workers: 3 });
    let ver = 2;

    for (let round = 0; round < 3; round++) {
        for (const pid of spawnedWorkers(g).slice(0, 2)) {
            process.kill(pid, 'SIGKILL');
        }

        await until(() => spawnedWorkers(g).length === 3, 'they are back');

        g.put(file(both('acme', { ver: ver++, status: 'suspended' })));
        await g.becomes(403, 'acme');
        g.put(file(both('acme', { ver: ver++ })));
        await g.becomes(200, 'acme');
    }

    // their end is what the log may say here
    fs.writeFileSync(g.file('error.log'), g.errorLog()
        .replace(/.*\[alert\].* exited on signal 9\n/g, ''));
});


test('a reload changes files, zones and workers', async (t) => {
    const g = await filed(t, file(both('acme')), { workers: 2 });
    const conf = fs.readFileSync(g.file('nginx.conf'), 'utf8');

    for (const [n, options] of ['', ' zone=4m', ' zone=8m', ''].entries()) {
        fs.writeFileSync(g.file('nginx.conf'), conf.replace(
            'file:accounts.jsonl', 'file:accounts.jsonl' + options));
        g.put(file(both('acme', { ver: 2 + n }), both('n' + n)));
        await g.reload();
        assert.equal(await g.status('n' + n), 200);
        g.put(file(both('acme', { ver: 2 + n, status: 'suspended' })));
        await g.becomes(403, 'acme');
    }
});


test('100,000 accounts, and another 100,000', async (t) => {
    const COUNT = 100_000;
    const many = (ver) => {
        const lines = [];
        const tail = account('@', { ver }).split('"@"')[1];
        const kids = key('@').split(kid('sk-@'));

        for (let i = 0; i < COUNT; i++) {
            lines.push('{"kind":"account","id":"a' + i + '"' + tail);
        }

        for (let i = 0; i < 1000; i++) {
            lines.push(key('a' + i * 100));
        }

        assert.equal(kids.length, 2);

        return file(lines, JSON.stringify({ kind: 'meta', schema: '1',
            records: String(lines.length) }));
    };
    const g = await filed(t, many(1));

    assert.equal(await g.status('a0'), 200);
    assert.equal(await g.status('a99900'), 200);

    g.put(many(2).replace(/("id":"a99900".*?"status":)"verified"/,
        '$1"suspended"'));
    await g.becomes(403, 'a99900');
    assert.equal(await g.status('a99800'), 200);

    const cut = many(3);

    g.put(cut.slice(0, cut.lastIndexOf('\n', cut.length / 2) + 1)
        + cut.slice(cut.lastIndexOf('{')));
    await g.logged(/"meta" says 101000: a part is missing/);
    assert.equal(await g.status('a99800'), 200);
});


test('nginx -t reads the file', async (t) => {
    const said = async (what, text, options = '') => {
        const { ok, output } = await testConfiguration(t, {
            store: `sallyport_store file:@DIR@/accounts.jsonl${options};`,
            whole: (conf) => {
                const dir = /pid (\S+)\/nginx\.pid/.exec(conf)[1];

                if (text !== undefined) {
                    fs.writeFileSync(dir + '/accounts.jsonl', text);
                }

                return conf.replaceAll('@DIR@', dir);
            } });

        assert.equal(ok, what === 'is ok', output);
        assert.match(output, what === 'is ok' ? /test is successful/ : what);
    };

    await said('is ok', file(both('acme')));
    await said(/accounts\.jsonl: it cannot be opened \(2: /);
    await said(/accounts\.jsonl:2:1: a line is one JSON object/,
        file(key('acme'), 'x'));
    await said(/accounts\.jsonl:2: .*status/,
        file(both('acme', { status: 'fine' })));
    await said(/there are no records/, '\n');
    await said(/unknown option "ttl=5s" of a store that is a file/,
        file(both('acme')), ' ttl=5s');
    await said(/invalid zone size "1k"/, file(both('acme')), ' zone=1k');
    await said(/records of .* take \d+ bytes, and a zone of 1048576 has room/,
        file(Array.from({ length: 3000 }, (_, i) => account('a' + i))),
        ' zone=1m');
});
