// Copyright (C) the Sallyport authors
//
// The back office and the store: many records at once, streams of changes,
// the stream in which each change is noted, and the script as a contract.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { spawn } from 'node:child_process';
import test, { after, before, beforeEach, describe } from 'node:test';
import assert from 'node:assert/strict';

import { ROOT, startRedis, until } from './lib/harness.mjs';
import { COMMAND, WHO, command } from './lib/command.mjs';

const SCRIPT = fs.readFileSync(path.join(ROOT,
    'module/cli/store/write.lua'), 'utf8');
const { dir, env, write, run, fine, refused } = command();

let redis;

const HEAD = 'id,type,status,level,residence,verified_at,expires_at,' +
    'screening,screened_at';
const row = (id, o = {}) => [id, o.type ?? 'individual',
    o.status ?? 'verified', o.level ?? 1, o.residence ?? 'SE', '2026-11-01',
    '2027-11-01', 'clear', '2026-11-01'].join(',');
const json = (id, o = {}) => JSON.stringify({ id, type: 'individual',
    status: 'verified', level: 1, residence: 'SE', verified_at: '2026-11-01',
    expires_at: '2027-11-01', screening: 'clear', screened_at: 1793491200,
    ...o });
const csv = (...rows) => [HEAD, ...rows, ''].join('\n');


async function record(key) {
    const flat = await redis.call('HGETALL', key);

    return Object.fromEntries(flat.flatMap((v, i) =>
        (i % 2 === 0 ? [[v, flat[i + 1]]] : [])));
}

const account = (id) => record('sp:data:acct:' + id);

// The notes of changes, oldest first.
const notes = async () => (await redis.call('XRANGE', 'sp:log', '-', '+'))
    .map(([, flat]) => Object.fromEntries(flat.flatMap((v, i) =>
        (i % 2 === 0 ? [[v, flat[i + 1]]] : []))));

const importing = (text, ...more) => ['account', 'import',
    write('rows', text), ...WHO, ...more];


before(async () => {
    redis = await startRedis(dir);
    env.SALLYPORT_STORE = `redis://127.0.0.1:${redis.port}/0`;
});

beforeEach(() => redis.call('FLUSHALL'));

after(async () => {
    await redis?.stop();
    fs.rmSync(dir, { recursive: true, force: true });
});


describe('import', () => {
    test('CSV and JSON lines make the same, once', async () => {
        const { out } = fine(importing(csv(row('a'), row('b', { level: 0 }))));

        assert.match(out, /^2 made, 0 changed, 0 closed, 0 as they were\n$/);

        const a = await account('a');

        assert.equal(a.v, '1');
        assert.equal(a.ver, '1');
        assert.equal(a.by, 'jo');
        assert.equal(a.why, 'TICKET-1');
        assert.equal(a.verified_at, '1793491200');
        assert.equal((await notes()).length, 2);

        const again = fine(importing([json('a'), json('b', { level: 0 }), '',
            ''].join('\n')));

        assert.match(again.out, /^0 made, 0 changed, 0 closed, 2 as they/);
        assert.deepEqual(await account('a'), a);
        assert.equal((await notes()).length, 2);

        const third = fine(importing(csv(row('a', { residence: 'NO' }))));

        assert.match(third.out, /^0 made, 1 changed/);
        assert.equal((await account('a')).ver, '2');
        assert.equal((await account('b')).ver, '1');

        const [, , last] = await notes();

        assert.deepEqual(last, { key: 'sp:data:acct:a', ver: '2', by: 'jo',
            why: 'TICKET-1', 'set:residence': 'NO', 'was:residence': 'SE' });
    });

    test('what a row does not name stays; empty and null remove', async () => {
        fine(importing(csv(row('a'))));
        fine(importing('id,plan,x_note,tags\r\n' +
            'a,big,"big, ""old""\nand new","x,y"\r\n'));
        assert.equal((await account('a')).plan, 'big');
        assert.equal((await account('a')).x_note, 'big, "old"\nand new');
        assert.equal((await account('a')).tags, 'x,y');
        fine(importing('id,plan\na,\n'));
        assert.equal((await account('a')).plan, undefined);
        assert.equal((await account('a')).tags, 'x,y');
        fine(importing('{"id":"a","tags":null,"x_site":["SE","NO"]}\n'));
        assert.equal((await account('a')).tags, undefined);
        assert.equal((await account('a')).x_site, 'SE,NO');
        assert.equal((await account('a')).residence, 'SE');

        // an owner that nobody knows, and none at all
        fine(importing('id,owners,owners_method,owners_as_of,owners_floor\n' +
            'a,"",cascade,now,500\n'));
        assert.equal((await account('a')).owners, '');
    });

    test('every wrong line is told with its place, and none is written',
        async () => {
            const CASES = [
                [csv(row('a'), row('b', { status: 'verifed' })),
                    /rows:3:1: the record of 'b' would be invalid: status/],
                [csv(row('a'), row('a')), /rows:3:1: 'a' stands on line 2/],
                [csv(row('a b')), /rows:2:1: 'a b' is no id/],
                ['id,statsu\na,verified\n',
                    /rows:1:4: .*'statsu'; did you mean 'status'\?/],
                ['id,ver\na,7\n', /rows:1:4: 'ver' is kept by this command/],
                ['id,plan,plan\na,1,2\n', /rows:1:9: .*'plan' is there twice/],
                ['name\na\n', /rows:1:1: no column is called 'id'/],
                ['id,plan\na,1,2\n', /rows:2:1: the line has 3 values, .* 2/],
                ['id,plan\na\n', /rows:2:1: the line has 1 value, .* 2/],
                ['id,expires_at\na,soon\n', /rows:2:3: expires_at: 'soon'/],
                ['id,plan\na,"never\n', /rows:2:3: the quote .* never closed/],
                ['id,plan\na,"x"y\n', /rows:2:6: a comma or the end/],
                ['id,plan\na,x"y\n', /rows:2:4: a quote inside/],
                [json('a') + '\n{"id":"b",}\n', /rows:2:\d+: /],
                [json('a') + '\n[]\n', /rows:2:1: a line is one JSON object/],
                ['{"level":1}\n', /rows:1:1: no "id"/],
                ['{"id":"a","level":{}}\n', /rows:1:11: "level" is text/],
                ['{"id":"a","lvl":1}\n', /rows:1:11: .*no field 'lvl'/],
                ['{"kind":"key","id":"a"}\n', /rows:1:2: this is a key/],
            ];

            for (const [text, pattern] of CASES) {
                const good = text.startsWith('{') ? json('good') + '\n' : '';

                refused(importing(text + good), 1, pattern);
                assert.match(run(importing(text + good)).err,
                    /nothing was written/);
            }

            const many = refused(importing(csv(...Array.from({ length: 50 },
                (_, i) => row('a ' + i)))), 1, /50 errors in/);

            assert.equal(many.err.match(/is no id/g).length, 20);
            assert.equal(await redis.call('DBSIZE'), 0);
            refused(importing(''), 1, /no column|has no rows/);
            refused(['account', 'import', path.join(dir, 'none'), ...WHO], 1,
                /none/);
            refused(['account', 'import', write('r', csv())], 4, /--by/);
        });

    test('--dry-run says the same and writes nothing', async () => {
        fine(importing(csv(row('a'), row('b'))));

        const before = JSON.stringify(await account('a'));
        const { out } = fine(importing(csv(row('a', { level: 0 }), row('b'),
            row('c')), '--dry-run', '--full', '--max-changes', '50%'));

        assert.match(out, /^a: would be changed\n/m);
        assert.match(out, /^c: would be made\n/m);
        assert.match(out, /^would be: 1 made, 1 changed, 0 closed, 1 as/m);
        assert.equal(JSON.stringify(await account('a')), before);
        assert.equal((await notes()).length, 2);
    });

    test('--full closes what the file lacks, within a bound', async () => {
        const ids = Array.from({ length: 100 }, (_, i) => 'a' + i);

        fine(importing(csv(...ids.map((id) => row(id)))));

        const without = (n) => csv(...ids.slice(n).map((id) => row(id)));

        refused(importing(without(3), '--full'), 1,
            /3 of the 100 records .* 2% allows 2; nothing was written/);
        assert.equal((await account('a0')).status, 'verified');
        assert.match(fine(importing(without(2), '--full')).out, /2 closed/);
        assert.equal((await account('a0')).status, 'closed');
        assert.equal((await account('a1')).status, 'closed');
        assert.equal((await account('a2')).status, 'verified');

        // closed ones are closed, and are not counted again
        assert.match(fine(importing(without(2), '--full')).out, /0 closed/);
        assert.match(fine(importing(without(50), '--full', '--max-changes',
            '48')).out, /48 closed/);
        refused(importing(csv(...ids.slice(50).map((id) => row(id,
            { level: 0 }))), '--max-changes', '10'), 1, /50 of the 100/);
        refused(importing(without(50), '--full', '--max-changes', 'x'), 1,
            /max-changes/);
    });

    test('a thousand rows, in batches; a store that dies is told', async () => {
        const ids = Array.from({ length: 1100 }, (_, i) => 'm' + i);
        const text = csv(...ids.map((id) => row(id)));

        assert.match(fine(importing(text)).out, /^1100 made/);
        assert.equal((await redis.call('KEYS', 'sp:data:acct:m*')).length,
            1100);
        assert.match(fine(importing(text)).out, /^0 made.* 1100 as they were/);

        // the store refuses writes half way through: readers are answered
        await redis.call('CONFIG', 'SET', 'maxmemory', '1mb');
        await redis.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');

        const { err, out } = refused(importing(csv(...ids.map((id) => row(id,
            { level: 0 })))), 1, /refused the script|OOM/);

        assert.match(out, /^0 made, 0 changed/m);
        assert.ok(err.length > 0);
        await redis.call('CONFIG', 'SET', 'maxmemory', '0');
        assert.equal((await account('m0')).level, '1');
    });

    test('what is exported is imported as it was', async () => {
        fine(importing(csv(row('a'), row('b'))));
        fine(['account', 'suspend', 'b', ...WHO]);
        await redis.call('HSET', 'sp:data:acct:a', 'x_note', 'ü "q" \\ \n');

        const first = fine(['account', 'export']).out;
        const lines = first.trim().split('\n').map((line) => JSON.parse(line));

        assert.deepEqual(lines.map((l) => l.kind), ['account', 'account']);

        const a = lines.find((l) => l.id === 'a');

        assert.deepEqual(a, { kind: 'account', id: 'a',
            ...await account('a') });

        const was = await Promise.all(['a', 'b'].map(account));

        await redis.call('FLUSHALL');
        assert.match(fine(importing(first)).out, /^2 made/);

        for (const [i, id] of ['a', 'b'].entries()) {
            const { ver, changed_at: at, by, why, ...is } = await account(id);
            const { ver: v, changed_at: t, by: b, why: w, ...then } = was[i];

            assert.deepEqual(is, then);
        }

        assert.equal((await account('b')).was, 'verified');
        assert.match(fine(importing(fine(['account', 'export']).out)).out,
            /2 as they were/);
    });
});


describe('customers', () => {
    const CUSTOMER = ['type=individual', 'status=verified', 'level=1',
        'residence=SE', 'verified_at=now', 'expires_at=+90d',
        'screening=clear', 'screened_at=now', ...WHO];

    test('their records are those of accounts, under two names', async () => {
        fine(['customer', 'set', 'resi:harbour', ...CUSTOMER]);

        const got = await record('sp:data:cust:resi:harbour');

        assert.equal(got.status, 'verified');
        assert.match(fine(['customer', 'get', 'resi:harbour']).out,
            /^customer resi:harbour\n/);
        fine(['customer', 'suspend', 'resi:harbour', ...WHO]);
        assert.equal((await record('sp:data:cust:resi:harbour')).status,
            'suspended');
        fine(['customer', 'restore', 'resi:harbour', ...WHO]);
        assert.equal((await record('sp:data:cust:resi:harbour')).status,
            'verified');

        for (const id of ['harbour', ':harbour', 'resi:', 'resi:a b',
            'r:' + 'x'.repeat(65)])
        {
            refused(['customer', 'set', id, ...CUSTOMER], 4,
                /RESELLER:CUSTOMER/);
        }

        refused(['customer', 'get', 'resi:none'], 1,
            /there is no customer 'resi:none'/);
        fine(['customer', 'set', 'r'.repeat(64) + ':' + 'c'.repeat(64),
            ...CUSTOMER]);
    });

    test('import and export take them, too', async () => {
        const text = csv(row('resi:a'), row('resi:b'));

        assert.match(fine(['customer', 'import', write('c', text), ...WHO])
            .out, /^2 made/);
        assert.equal((await record('sp:data:cust:resi:b')).residence, 'SE');

        const out = fine(['customer', 'export']).out;

        assert.deepEqual(out.trim().split('\n').map((l) => JSON.parse(l).id)
            .sort(), ['resi:a', 'resi:b']);
        refused(['account', 'import', write('c', out), ...WHO], 1,
            /this is a customer, not an account/);
        fine(importing(csv(row('acme'))));
        fine(['key', 'new', '--account', 'acme', '--name', 'k', ...WHO]);

        const all = fine(['account', 'export', '--all']).out.trim().split('\n')
            .map((l) => JSON.parse(l));

        assert.deepEqual(all.map((l) => l.kind), ['key', 'account', 'customer',
            'customer']);
        assert.match(all[0].id, /^[0-9a-f]{32}$/);
    });
});


test('--follow writes each line as it comes', async () => {
    const child = spawn(COMMAND, ['account', 'import', '-', '--follow',
        ...WHO], { env: { ...process.env, ...env } });
    let out = '';
    let err = '';

    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { err += d; });

    const ended = new Promise((resolve) => child.on('close', resolve));
    const said = (pattern) => until(() => pattern.test(out), `${pattern}`);

    child.stdin.write(json('acme') + '\n');
    await said(/^acme: made$/m);
    assert.equal((await account('acme')).status, 'verified');

    child.stdin.write('{"id":"acme","status":"suspnded"}\n');
    child.stdin.write('{"id":"acme","lvl":1}\n{"id":\n\n');
    child.stdin.write('{"id":"acme","op":"explode"}\n');
    child.stdin.write('{"id":"acme","status":"suspended"}\n');
    await said(/^acme: changed$/m);
    assert.equal((await account('acme')).status, 'suspended');
    assert.match(err, /standard input:2:1: 'acme' was not changed/);
    assert.match(err, /standard input:3:14?: a record has no field 'lvl'/);
    assert.match(err, /standard input:4:\d+: /);
    assert.match(err, /standard input:6:1: "op" is/);

    child.stdin.write('{"id":"acme","op":"close"}\n{"id":"no","op":"close"}\n');
    await said(/^acme: closed\nno: nothing to change$/m);
    assert.equal((await account('acme')).status, 'closed');
    assert.equal(await redis.call('EXISTS', 'sp:data:acct:no'), 0);

    child.stdin.end();
    assert.equal(await ended, 1, 'some lines were wrong');
    assert.equal((await notes()).length, 3);

    refused(['account', 'import', 'file', '--follow', ...WHO], 4, /--follow/);
    refused(['account', 'import', '-', '--follow', '--full', ...WHO], 4,
        /--follow/);
});


describe('the script', () => {
    const KEY = 'sp:data:acct:acme';
    const call = (...args) => redis.call('EVAL', SCRIPT, 3, KEY,
        'sp:data:meta', 'sp:log', 'me', 'why', ...args);

    test('makes, compares, skips and counts up', async () => {
        assert.deepEqual(await call('', -1, 1, 'plan', 'x'), ['meta', '']);
        assert.deepEqual(await call('uuid', 0, 2, 'plan', 'x', 'v', '1'),
            ['done', '1']);
        assert.deepEqual(await record('sp:data:meta'), { schema: '1',
            dataset: 'uuid', term: '1' });
        assert.deepEqual(await call('', -1, 1, 'plan', 'x'), ['same', '1']);
        assert.deepEqual(await call('', 0, 1, 'plan', 'y'), ['changed', '1']);
        assert.deepEqual(await call('', -1, 1, 'plan', 'y', 'v', 'none'),
            ['done', '2']);

        const got = await record(KEY);

        assert.equal(got.plan, 'y');
        assert.equal(got.v, undefined);
        assert.equal(got.ver, '2');
        assert.ok(Math.abs(got.changed_at - Date.now() / 1000) < 60);

        const all = Object.entries(got).flat();

        await redis.call('HSET', KEY, 'plan', 'by hand');
        assert.deepEqual(await call('', all.length / 2, ...all, 1, 'plan',
            'z'), ['changed', '2']);
        assert.equal((await record(KEY)).plan, 'by hand');

        for (const own of ['ver', 'by', 'why', 'changed_at']) {
            assert.deepEqual(await call('', -1, 1, own, '9'), ['own', own]);
            assert.deepEqual(await call('', -1, 0, own), ['own', own]);
        }

        await redis.call('HSET', KEY, 'ver', 'x');
        assert.deepEqual(await call('', -1, 1, 'plan', 'z'), ['version', 'x']);
        await redis.call('HSET', KEY, 'ver', '999999999999998');
        assert.deepEqual(await call('', -1, 1, 'plan', 'z'),
            ['done', '999999999999999']);
        await redis.call('HSET', 'sp:data:meta', 'schema', '2');
        assert.deepEqual(await call('', -1, 1, 'plan', 'q'), ['schema', '2']);
        assert.deepEqual((await notes()).map((n) => n.ver),
            ['1', '2', '999999999999999']);
    });

    // Many writers with what they read: no change is lost unseen.
    test('of two that read the same one is told', async () => {
        await call('uuid', 0, 1, 'n', '0');

        let done = 0;
        const writer = async () => {
            for (let i = 0; i < 40; i++) {
                for (;;) {
                    const got = await record(KEY);
                    const all = Object.entries(got).flat();
                    const [word] = await call('', all.length / 2, ...all, 1,
                        'n', Number(got.n) + 1);

                    if (word === 'done') {
                        done++;
                        break;
                    }

                    assert.equal(word, 'changed');
                }
            }
        };

        await Promise.all([writer(), writer(), writer()]);
        assert.equal((await record(KEY)).n, String(done));
        assert.equal((await record(KEY)).ver, String(done + 1));
    });
});


// The connection breaks after so many bytes of answers, whatever is under way.
test('a store that goes away: what was written is what is said', async (t) => {
    const ids = Array.from({ length: 1000 }, (_, i) =>
        'd' + String(i).padStart(4, '0'));
    const file = write('rows', csv(...ids.map((id) => row(id))));

    for (const bytes of [0, 300, 9000, 17000, 21000]) {
        await redis.call('FLUSHALL');

        let left = Infinity;
        const proxy = net.createServer((client) => {
            const server = net.connect(redis.port, '127.0.0.1');

            client.on('error', () => {});
            server.on('error', () => {});
            client.on('close', () => server.destroy());
            server.on('close', () => client.destroy());
            client.on('data', (data) => {
                if (left === Infinity && data.includes('EVALSHA')) {
                    left = bytes;
                }

                server.write(data);
            });
            server.on('data', (data) => {
                left -= data.length;

                if (left < 0) {
                    client.destroy();
                } else {
                    client.write(data);
                }
            });
        });

        await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));

        const child = spawn(COMMAND, ['account', 'import', file, ...WHO], {
            env: { ...process.env, SALLYPORT_STORE:
                `redis://127.0.0.1:${proxy.address().port}/0` } });
        let text = '';

        child.stdout.on('data', (d) => { text += d; });
        child.stderr.on('data', (d) => { text += d; });
        assert.equal(await new Promise((r) => child.on('close', r)), 1);
        proxy.close();

        const [, id, known, all] = /stopped (?:at|before) '(\w+)': (\d+) of (\d+)/
            .exec(text) ?? assert.fail(text);

        // what was on its way has arrived once nobody but us is connected
        await until(async () => (await redis.call('CLIENT', 'LIST')).trim()
            .split('\n').length === 1, 'the connection has ended');

        const written = (await redis.call('KEYS', 'sp:data:acct:*')).length;

        t.diagnostic(`${bytes} bytes: ${known} known, ${written} written`);
        assert.equal(Number(all), 1000);
        assert.ok(Number(known) <= written && written <= Number(known) + 200,
            text);
        assert.equal(id, ids[Number(known)]);
        assert.match(text, new RegExp(`^${known} made`, 'm'));

        // none is in part, and the rest comes with the next run
        assert.match(fine(['account', 'import', file, ...WHO]).out,
            new RegExp(`^${1000 - written} made.* ${written} as they were`));
        assert.equal((await notes()).length, 1000);
    }
});
