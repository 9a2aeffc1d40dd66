// Copyright (C) the Sallyport authors
//
// The command and the store: the life of keys and accounts in a real Redis.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';

import { kid, startRedis } from './lib/harness.mjs';
import { COMMAND, EXPLAINED, WHO, command } from './lib/command.mjs';

const PASSWORD = 'secret/of@redis';
const { dir, env, write, run, fine, refused } = command();

let redis;
let store;


async function record(key) {
    const flat = await redis.call('HGETALL', key);

    return Object.fromEntries(flat.flatMap((v, i) =>
        (i % 2 === 0 ? [[v, flat[i + 1]]] : [])));
}


before(async () => {
    redis = await startRedis(dir);
    await redis.call('CONFIG', 'SET', 'requirepass', PASSWORD);
    await redis.call('AUTH', PASSWORD);
    store = `redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:` +
        `${redis.port}/0`;
    env.SALLYPORT_STORE = store;
});

after(async () => {
    await redis?.stop();
    fs.rmSync(dir, { recursive: true, force: true });
});


describe('accounts', () => {
    const KEY = 'sp:data:acct:acme';

    test('a life: made, changed, suspended, restored', async () => {
        fine(['account', 'set', 'acme', 'type=individual', 'status=verified',
            'level=1', 'verified_at=now', 'expires_at=+365d',
            'screening=clear', 'screened_at=now', 'residence=SE', ...WHO]);

        const first = await record(KEY);

        assert.equal(first.v, '1');
        assert.equal(first.ver, '1');
        assert.equal(first.by, 'jo');
        assert.equal(first.why, 'TICKET-1');
        assert.ok(Math.abs(first.expires_at - first.verified_at
            - 365 * 86400) <= 1);
        assert.ok(Math.abs(first.changed_at - Date.now() / 1000) < 60);

        fine(['account', 'set', 'acme', 'plan=pro', 'x_cleared=yes', ...WHO]);
        assert.equal((await record(KEY)).ver, '2');

        fine(['account', 'suspend', 'acme', ...WHO]);
        assert.equal((await record(KEY)).status, 'suspended');

        fine(['account', 'restore', 'acme', ...WHO]);

        const last = await record(KEY);

        assert.equal(last.status, 'verified');
        assert.equal(last.was, undefined);
        assert.equal(last.ver, '4');

        fine(['account', 'set', 'acme', 'plan=', '--unset', 'x_cleared',
            ...WHO]);
        assert.ok(!('plan' in await record(KEY)));
        assert.ok(!('x_cleared' in await record(KEY)));
    });

    test('the first record makes the meta record, once', async () => {
        const meta = await record('sp:data:meta');

        assert.equal(meta.schema, '1');
        assert.equal(meta.term, '1');
        assert.match(meta.dataset,
            /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
        assert.equal(meta.dataset.length, 36);

        fine(['account', 'set', 'other', 'type=individual',
            'status=unverified', 'level=0', ...WHO]);
        assert.deepEqual(await record('sp:data:meta'), meta);
    });

    test('a change that changes nothing is not written', async () => {
        const was = await record(KEY);

        assert.match(fine(['account', 'set', 'acme', 'level=1',
            'residence=SE', '--by', 'another', '--reason', 'other']).out,
        /nothing to change/);
        assert.deepEqual(await record(KEY), was);
    });

    test('what the gate would call invalid is not written', async () => {
        const was = await record(KEY);

        for (const [args, pattern] of [
            [['status=verifed'], /status .*\n.*did you mean 'verified'/],
            [['level=2'], /use_locations is missing/],
            [['residence=QQ'], /residence/],
            [['owners=SE:9000,NO:2000'], /owners/],
            [['egress=203.0.113.1/24'], /egress/],
            [['levle=2'], /did you mean 'level'/],
            [['ver=9'], /kept by this command/],
            [['expires_at=tomorrow'], /is no time/],
            [['plan'], /not FIELD=VALUE/],
        ]) {
            refused(['account', 'set', 'acme', ...args, ...WHO], 1, pattern);
        }

        refused(['account', 'set', 'bad id', 'level=1', ...WHO], 4, /bad id/);
        assert.deepEqual(await record(KEY), was);
    });

    test('a record spoilt by hand is named, and told by the code', async () => {
        await redis.call('HSET', 'sp:data:acct:spoilt', 'v', 1, 'ver', 1,
            'type', 'individual', 'status', 'fine', 'level', 1);
        refused(['account', 'get', 'spoilt'], 3, /status/);

        const { code, out } = run(['account', 'get', 'spoilt', '--format',
            'json']);

        assert.equal(code, 3);
        assert.equal(JSON.parse(out).invalid.field, 'status');
        refused(['account', 'get', 'nobody'], 1, /there is no account/);
        refused(['account', 'restore', 'acme', ...WHO], 1,
            /is not suspended/);
        refused(['account', 'suspend', 'nobody', ...WHO], 1,
            /there is no account/);
    });

    test('ten people at once: no change is lost or made twice', async () => {
        const codes = await Promise.all(Array.from({ length: 10 }, (_, i) =>
            new Promise((resolve) => spawn(COMMAND, ['account', 'set', 'acme',
                `x_n${i}=1`, ...WHO], { stdio: 'ignore',
                env: { SALLYPORT_STORE: store } }).once('exit', resolve))));
        const got = await record(KEY);
        const done = codes.filter((c) => c === 0).length;

        assert.ok(done >= 1 && codes.every((c) => c === 0 || c === 1));
        assert.equal(Object.keys(got).filter((f) => f.startsWith('x_n'))
            .length, done);
        assert.equal(Number(got.ver), 5 + done);
    });

    // The hand is quicker: it writes when the script is on its way already.
    for (const [what, ...fields] of [['changes a field', 'residence', 'NO'],
        ['adds a field', 'x_hand', '1']])
    {
        test(`someone who ${what} by hand meanwhile is noticed`, async () => {
            const relay = net.createServer((from) => {
                const to = net.connect(redis.port, '127.0.0.1');

                to.pipe(from);
                from.on('data', async (data) => {
                    if (data.includes('EVAL')) {
                        await redis.call('HSET', KEY, ...fields);
                    }

                    to.write(data);
                });
                from.on('close', () => to.destroy());
            });

            await new Promise((resolve) => relay.listen(0, '127.0.0.1',
                resolve));

            const was = await record(KEY);
            const child = spawn(COMMAND, ['account', 'set', 'acme',
                'level=0', ...WHO, '--store', store.replace(/:\d+\/0$/,
                    `:${relay.address().port}/0`)]);
            let err = '';

            child.stderr.on('data', (data) => { err += data; });

            const code = await new Promise((resolve) =>
                child.once('close', resolve));

            relay.close();
            assert.equal(code, 1, err);
            assert.match(err, /changed by someone else/);
            assert.deepEqual(await record(KEY),
                { ...was, [fields[0]]: fields[1] });
        });
    }

    test('a database with records but without meta is refused', async () => {
        const uri = store.replace(/\/0$/, '/5');

        await redis.call('SELECT', 5);
        await redis.call('HSET', 'sp:data:acct:x', 'v', 1);
        refused(['account', 'set', 'y', 'type=individual',
            'status=unverified', 'level=0', ...WHO, '--store', uri], 1,
        /has records but no sp:data:meta/);
        assert.equal(await redis.call('EXISTS', 'sp:data:acct:y'), 0);
        await redis.call('SELECT', 0);
    });

    test('explain takes a record from the store', () => {
        const r = fine(['explain', write('stored.yaml', EXPLAINED),
            '--request', '-', '--account', 'acme', '--format', 'json'],
        { input: '{"ip": {"country": "SE"}, "model": "small"}' });

        assert.equal(JSON.parse(r.out).decision, 'allow');
        assert.equal(JSON.parse(r.out).facts['account.id'], 'acme');
    });
});


describe('keys', () => {
    const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ' +
        'abcdefghijklmnopqrstuvwxyz';

    test('a new key: printed once, stored as its id', async () => {
        const { out, err } = fine(['key', 'new', '--account', 'acme',
            '--name', 'ci', '--expires', '90d', '--networks',
            '203.0.113.0/24', '--tiers', '1,2', ...WHO]);
        const key = out.trim();

        assert.match(out, /^sk-sp-[0-9A-Za-z]{49}\n$/);

        // the tag, as include/sp_key_tag.h says that it is made
        const mac = kid('sallyport key tag\0' + key.slice(0, -6));
        const number = BigInt('0x' + mac.slice(0, 16));
        const tag = Array.from({ length: 6 }, (_, i) => base62[
            Number(number / 62n ** BigInt(i) % 62n)]).reverse().join('');

        assert.equal(key.slice(-6), tag);

        const got = await record('sp:data:key:' + kid(key));

        assert.ok(err.includes(kid(key)));
        assert.equal(got.account, 'acme');
        assert.equal(got.name, 'ci');
        assert.equal(got.status, 'active');
        assert.equal(got.networks, '203.0.113.0/24');
        assert.equal(got.tiers, '1,2');
        assert.ok(Math.abs(got.expires_at - Date.now() / 1000
            - 90 * 86400) < 60);

        const all = JSON.stringify([await Promise.all((await redis.call('KEYS',
            'sp:data:*')).map((k) => record(k))),
        await redis.call('XRANGE', 'sp:log', '-', '+')]);

        assert.ok(!all.includes(key.slice(6)));
        assert.ok(!err.includes(key));

        assert.equal(fine(['key', 'hash'], { input: key + '\n' }).out.trim(),
            kid(key));
        refused(['key', 'hash'], 1, /its tag\s+does not fit/,
            { input: key.slice(0, -1) + (key.endsWith('0') ? '1' : '0') });
    });

    test('two keys differ', () => {
        const keys = Array.from({ length: 5 }, (_, i) => JSON.parse(
            fine(['key', 'new', '--account', 'acme', '--name', 'n' + i,
                '--format', 'json', ...WHO]).out));

        assert.equal(new Set(keys.map((k) => k.key)).size, 5);
        keys.forEach((k) => assert.equal(k.kid, kid(k.key)));
    });

    test('what cannot work is refused before anything is written', async () => {
        const make = (...more) => ['key', 'new', '--account', 'acme',
            '--name', 'x', ...more, ...WHO];
        const count = (await redis.call('KEYS', 'sp:data:key:*')).length;

        refused(make('--networks', '203.0.113.1/24'), 1, /networks/);
        refused(make('--tiers', '9'), 1, /tiers/);
        refused(make('--expires', '2020-01-01'), 4, /over already/);
        refused(make('--expires', 'soon'), 4, /is no time/);
        refused(make('--pepper', write('short', 'short')), 1,
            /at least 16/);
        refused(['key', 'new', '--account', 'nobody', '--name', 'x', ...WHO],
            1, /there is no account 'nobody'/);
        refused(['key', 'new', '--account', 'acme', '--name', 'ci', ...WHO],
            1, /has a key of that name already/);
        assert.equal((await redis.call('KEYS', 'sp:data:key:*')).length,
            count);
    });

    test('revoking by name and by id', async () => {
        const { key } = JSON.parse(fine(['key', 'new', '--account', 'acme',
            '--name', 'leaked', '--format', 'json', ...WHO]).out);
        const id = 'sp:data:key:' + kid(key);

        fine(['key', 'revoke', '--name', 'leaked', ...WHO]);
        assert.equal((await record(id)).status, 'revoked');
        assert.equal((await record(id)).ver, '2');
        assert.match(fine(['key', 'revoke', '--kid', kid(key), ...WHO]).out,
            /revoked already/);
        assert.equal((await record(id)).ver, '2');
        refused(['key', 'revoke', '--name', 'none', ...WHO], 1,
            /no key has the name/);
        refused(['key', 'revoke', '--kid', 'f'.repeat(32), ...WHO], 1,
            /has no key/);
    });

    test('importing digests: all or nothing, and again', async () => {
        const digest = (k) => createHash('sha256').update(k).digest('hex');
        const file = write('keys.csv', '# from elsewhere\r\n' +
            `acme,old-1,${digest('sk-old-1')}\r\n\n` +
            `acme,old-2,${digest('sk-old-2').toUpperCase()}`);
        const args = ['key', 'import', '--hash', 'sha256', file, ...WHO];

        assert.match(fine(args).out, /2 keys stored, 0 there already/);
        assert.match(fine(args).out, /0 keys stored, 2 there already/);
        assert.equal((await record('sp:data:key:' + kid('sk-old-2'))).name,
            'old-2');

        fine(['key', 'revoke', '--name', 'old-1', ...WHO]);
        fine(args);
        assert.equal((await record('sp:data:key:' + kid('sk-old-1'))).status,
            'revoked');

        fine(['key', 'import', '--plain', write('plain.csv',
            'acme,old-3,sk-old-3\n'), ...WHO]);
        assert.equal((await record('sp:data:key:' + kid('sk-old-3'))).status,
            'active');

        const count = (await redis.call('KEYS', 'sp:data:key:*')).length;
        const secret = 'not*a*key';

        for (const [text, pattern] of [
            [`acme,a,sk-a\nacme,b,${secret}\n`, /plain\.csv:2: the key is/],
            ['acme,a,sk-a\nacme,b,sk-a\n', /same key/],
            ['acme,a,sk-a\nacme,a,sk-b\n', /key of that name/],
            ['acme,a\n', /three parts/],
            ['ac me,a,sk-a\n', /account is no id/],
            ['acme,other,sk-old-3\n', /another account or name/],
            ['acme,fresh,sk-fresh\nacme,late,sk-old-3\n',
                /another account or name/],
            ['\n# nothing\n', /has no keys/],
        ]) {
            const { err } = refused(['key', 'import', '--plain',
                write('plain.csv', text), ...WHO], 1, pattern);

            assert.ok(!err.includes(secret));
        }

        assert.equal((await redis.call('KEYS', 'sp:data:key:*')).length,
            count);
    });

    test('the list has what was made', () => {
        const rows = JSON.parse(fine(['key', 'list', '--account', 'acme',
            '--format', 'json']).out);
        const by = Object.fromEntries(rows.map((r) => [r.name, r]));

        assert.equal(by.ci.status, 'active');
        assert.equal(by.leaked.status, 'revoked');
        assert.match(fine(['key', 'list', '--name', 'ci']).out,
            /ci .*active .*203\.0\.113\.0\/24/);
    });
});


describe('the store', () => {
    const get = (uri, ...more) => ['account', 'get', 'acme', '--store', uri,
        ...more];

    test('no message has the password', () => {
        const wrong = `redis://:wrong-pass@127.0.0.1:${redis.port}`;
        const { err } = refused(get(wrong), 1, /refused AUTH/);

        assert.ok(!err.includes('wrong-pass'));
        assert.ok(!refused(get('redis://:hush%4@127.0.0.1'), 1, /%/).err
            .includes('hush'));
        assert.ok(!refused(get('redis://:hush@127.0.0.1:1'), 1,
            /cannot reach the store at 127\.0\.0\.1:1/).err.includes('hush'));
        refused(get('rediss://127.0.0.1'), 1, /TLS/);
        refused(get('http://127.0.0.1'), 1, /redis:\/\//);
        refused(['account', 'get', 'acme'], 1, /no store/,
            { env: { SALLYPORT_STORE: '' } });
    });

    test('a password from a file', () => {
        fine(get(`redis://127.0.0.1:${redis.port}`, '--store-password',
            write('password', PASSWORD + '\n')));
        refused(get(store, '--store-password', path.join(dir, 'password')), 1,
            /leave one out/);
    });

    test('a store that hangs is given up', async () => {
        redis.kill('SIGSTOP');

        try {
            const start = Date.now();

            refused(get(store, '--timeout', '1'), 1,
                /did not answer|cannot reach/);
            assert.ok(Date.now() - start < 10000);

        } finally {
            redis.kill('SIGCONT');
        }
    });

    test('replicas that do not have it are told', () => {
        refused(['account', 'set', 'acme', 'plan=late', ...WHO,
            '--replicas', '1'], 1, /only 0 of 1 replicas/);
    });
});
