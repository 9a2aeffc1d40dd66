// Copyright (C) the Sallyport authors
//
// Operators' blocks by the command, and what a running gate does of them.

import fs from 'node:fs';
import { after, test } from 'node:test';
import assert from 'node:assert/strict';

import { FROM, gate, startRedis, until } from './lib/harness.mjs';
import { WHO, command } from './lib/command.mjs';

const HASH = 'sp:data:block';
const TTL = 300;
const { dir, env, run, fine, refused } = command();
const seconds = () => Math.floor(Date.now() / 1000);

after(() => fs.rmSync(dir, { recursive: true, force: true }));


async function start(t) {
    const g = await gate(t, { audit: 'allows=excepted', workers: 2,
        without: ['nginx'] });

    g.options.store = `sallyport_store redis://127.0.0.1:${g.redis.port}/0 ` +
        `ttl=${TTL}ms;`;
    env.SALLYPORT_STORE = `redis://127.0.0.1:${g.redis.port}/0`;
    await g.enrol('acme');
    await g.enrol('other');
    await g.start();

    return g;
}


// Of both workers: many requests at once, on connections of their own.
const all = async (ask, status) => (await Promise.all(
    Array.from({ length: 16 }, ask))).every((r) => r.status === status);


for (const [kind, name, hit, miss] of [
    ['country', 'NL', { from: FROM.NL }, { from: FROM.US }],
    ['network', '193.0.6.0/24', { from: FROM.NL }, { from: FROM.US }],
    ['account', 'acme', {}, { key: 'sk-other' }],
    ['key', 'k_acme', {}, { key: 'sk-other' }],
    ['model', 'small', {}, { model: 'frontier' }],
]) {
    test(`${kind} ${name}: added, refused; removed, served`, async (t) => {
        const g = await start(t);
        const ask = ({ key = 'sk-acme', model = 'small', ...rest }) =>
            g.chat(key, model, rest);

        assert.equal((await ask(hit)).status, 200);
        fine(['block', 'add', kind, name, '--for', '24h', ...WHO]);

        const at = Date.now();

        await until(() => all(() => ask(hit), 403), 'refusals', 5000);
        t.diagnostic(`refused by all workers after ${Date.now() - at} ms`);
        assert.equal((await ask(miss)).status, 200);

        const [record] = await g.waitRecords('decision', 1,
            (r) => r.dec === 'deny');

        assert.equal(record.facts.block.is, `${kind}:${name}`);

        fine(['block', 'remove', kind, name, ...WHO]);
        await until(() => all(() => ask(hit), 200), 'allows', 5000);
    });
}


test('a block of the command ends by itself', async (t) => {
    const g = await start(t);

    fine(['block', 'add', 'account', 'acme', '--for', '60s', ...WHO]);
    await until(() => all(() => g.chat('sk-acme'), 403), 'refusals', 5000);

    // The end that the command wrote, brought near.
    const value = await g.redis.call('HGET', HASH, 'account:acme');
    const end = Number(/^until=(\d+) /.exec(value)[1]);

    assert.ok(Math.abs(end - seconds() - 60) <= 5);

    const near = seconds() + 3;

    await g.redis.call('HSET', HASH, 'account:acme',
        value.replace(String(end), String(near)));
    await until(() => all(() => g.chat('sk-acme'), 200), 'allows', 9000);
    assert.ok(Date.now() >= near * 1000);

    const [row] = JSON.parse(fine(['block', 'list', '--format', 'json']).out);

    assert.equal(row.in_force, false);
    assert.match(fine(['block', 'list']).out, /account:acme {2}ended /);

    // The next change clears it away.
    fine(['block', 'add', 'model', 'large', '--for', '7d', ...WHO]);
    assert.equal(await g.redis.call('HEXISTS', HASH, 'account:acme'), 0);
});


test('the list, changes in place, and what is not written', async () => {
    const redis = await startRedis(dir);

    env.SALLYPORT_STORE = `redis://127.0.0.1:${redis.port}/0`;

    try {
        assert.match(fine(['block', 'list']).out, /nothing is blocked/);

        const add = (kind, name, ...rest) => ['block', 'add', kind, name,
            ...rest, ...WHO];

        assert.match(fine(add('country', 'KP', '--for', '24h')).out,
            /^country:KP: blocked$/m);
        assert.match(fine(add('country', 'KP', '--for', '2h')).out,
            /blocked anew/);

        const [row] = JSON.parse(fine(['block', 'list', '--format',
            'json']).out);

        assert.ok(Math.abs(row.until - seconds() - 7200) <= 5);
        assert.deepEqual({ ...row, until: 0 }, { field: 'country:KP',
            kind: 'country', name: 'KP', until: 0, in_force: true, by: 'jo',
            why: 'TICKET-1' });
        assert.match(fine(['block', 'list']).out,
            /^country:KP {2}until \S+Z {2}by jo: TICKET-1$/m);

        const before = await redis.call('HGETALL', HASH);

        for (const [args, pattern] of [
            [add('country', 'KP'), /a block has an end: give --for/],
            [add('country', 'KP', '--for', '0h'), /not within 1m and 90d/],
            [add('country', 'KP', '--for', '91d'), /not within 1m and 90d/],
            [add('country', 'KP', '--for', 'ever'), /'ever' is no duration/],
            [add('country', 'kp', '--for', '1h'), /no country of ISO 3166/],
            [add('country', 'UA-43', '--for', '1h'), /no country/],
            [add('network', '192.0.2.1/24', '--for', '1h'), /no network/],
            [add('account', 'a b', '--for', '1h'), /no account or key/],
            [add('model', '', '--for', '1h'), /names no model/],
            [add('model', 'm'.repeat(300), '--for', '1h'), /too long/],
            [add('contry', 'KP', '--for', '1h'),
                /nothing that can be blocked[^]*did you mean 'country'/],
            [['block', 'add', 'country', 'KP', '--for', '1h', '--by', 'jo'],
                /needs --reason/],
            [['block', 'add', 'country', 'KP', '--for', '1h', '--reason', 'x',
                '--by', 'jo why=y'], /cannot be told from the reason/],
            [['block', 'remove', 'country', 'KP', '--by', 'jo'],
                /needs --reason/],
        ]) {
            refused(args, 4, pattern);
        }

        refused(['block', 'remove', 'country', 'IR', ...WHO], 1,
            /there is no block of country:IR/);
        assert.deepEqual(await redis.call('HGETALL', HASH), before);

        // One that gates cannot read is said, and hides no other.
        await redis.call('HSET', HASH, 'asn:13', 'until=2000000000');

        const damaged = refused(['block', 'list'], 3, /asn:13' cannot be read/);

        assert.match(damaged.out, /country:KP/);
        refused(add('country', 'IR', '--for', '1h'), 1,
            /gates could not read the blocks[^]*'asn:13' is of no kind/);

        await redis.call('HDEL', HASH, 'asn:13');
        fine(['block', 'remove', 'country', 'KP', ...WHO]);
        assert.match(fine(['block', 'list']).out, /nothing is blocked/);
        assert.notEqual(run(['block', 'remove', 'country', 'KP', ...WHO])
            .code, 0);

        const log = await redis.call('XREVRANGE', 'sp:log', '+', '-');

        assert.equal(log.length, 3, 'each change is in the stream');

        // As many as a command can keep; one more is refused whole.
        await redis.call('HSET', HASH, ...Array.from({ length: 124 }, (_, i) =>
            [`account:a${i}`, 'until=2000000000']).flat());
        refused(add('country', 'KP', '--for', '1h'), 1, /at most 128 fields/);

    } finally {
        await redis.stop();
    }
});
