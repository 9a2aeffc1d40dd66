// Copyright (C) the Sallyport authors
//
// What the store may be asked, however many ask the gate: floods of made-up
// keys, herds on one key; and what of the store's secrets may be logged.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, until, writeMeta, FROM } from '../e2e/lib/harness.mjs';
import { fake, policy, served } from './broken.mjs';
import { pause } from './fake-redis.mjs';


test('a flood of made-up keys: bounded look-ups, and known keys are served',
    async (t) => {
        const g = await fake(t, 'ttl=1s');

        await g.enrol('other');
        await served(g, 'sk-acme');
        g.redis.commands.length = 0;

        const end = Date.now() + 3000;
        const seen = {};
        let sent = 0;

        while (Date.now() < end) {
            const flood = Array.from({ length: 10 }, () =>
                g.chat('sk-' + Math.random(), 'small', { from: FROM.NL }));

            sent += 10;
            (await Promise.all(flood)).forEach((res) => {
                seen[res.status] = (seen[res.status] ?? 0) + 1;
            });
            await pause(20);
        }

        const asked = g.redis.lookups().length;

        // burst 100 and 50 a second, and acme's own refreshes
        assert.ok(sent > 400, `${sent} sent`);
        assert.ok(asked <= 100 + 50 * 3.5 + 10, `${asked} look-ups`);
        assert.deepEqual(Object.keys(seen).sort(), ['401', '503']);
        assert.equal((await g.chat('sk-acme')).status, 200);
        assert.equal((await g.chat('sk-other')).status, 200,
            'a key not seen before, from another address');
    });


test('at most 64 look-ups of unknown keys are on their way at once',
    async (t) => {
        const g = await fake(t, 'timeout=500ms ttl=60s');

        await served(g, 'sk-acme');
        g.redis.hook = async ([, key]) => {
            if (key?.includes(':key:')) {
                await pause(200);
            }
        };
        g.redis.peak = 0;

        const answers = await Promise.all(Array.from({ length: 300 }, (_, n) =>
            g.chat('sk-new-' + n, 'small', { from: `8.8.${n % 250}.1` })));

        assert.ok(g.redis.peak <= 64, `${g.redis.peak} at once`);
        assert.ok(g.redis.peak > 32, `${g.redis.peak} at once`);
        answers.forEach((res) =>
            assert.ok([401, 503].includes(res.status), res.text));
        assert.equal((await g.chat('sk-acme')).status, 200);
    });


test('one look-up serves all who wait for the same key', async (t) => {
    const g = await fake(t, 'timeout=500ms ttl=60s');

    await g.enrol('hot');
    await served(g, 'sk-acme');
    g.redis.hook = async () => { await pause(50); };
    g.redis.commands.length = 0;

    const answers = await Promise.all(Array.from({ length: 50 }, () =>
        g.chat('sk-hot')));

    answers.forEach((res) => assert.equal(res.status, 200, res.text));
    assert.equal(g.redis.lookups().length, 2, 'the key and the account');
});


test('a key that does not exist is asked for once in a ttl', async (t) => {
    const g = await fake(t, 'ttl=1s');

    await served(g, 'sk-acme');
    g.redis.commands.length = 0;

    for (let n = 0; n < 10; n++) {
        assert.equal((await g.chat('sk-nobody')).status, 401);
    }

    assert.equal(g.redis.lookups().length, 1);

    // A key that is made meanwhile is known when the ttl has passed.
    await g.enrol('nobody');
    await served(g, 'sk-nobody', 2000);
});


test('an error that repeats the password is not logged', async (t) => {
    const g = await fake(t, '', { logLevel: 'debug' });

    g.options.store = g.options.store.replace('redis://', 'redis://:s3cr3t@');
    await g.nginx.stop('SIGQUIT');
    g.redis.hook = ([name, ...words]) =>
        name === 'AUTH' ? `-ERR '${words.at(-1)}'\r\n` : undefined;
    await g.start();

    await until(() => /refused the user or the password \(ERR\)/
        .test(g.errorLog()), 'the refusal is logged', 3000);
    assert.doesNotMatch(g.errorLog(), /s3cr3t/);
});


test('no secret of the store is in a log', async (t) => {
    const g = await gate(t,
        { policy, without: ['nginx'], logLevel: 'debug' });

    await g.redis.call('CONFIG', 'SET', 'requirepass', 'hunter2-of-redis');
    await g.enrol('acme');

    for (const [password, status] of [['wrong-of-redis', 503],
        ['hunter2-of-redis', 200]])
    {
        g.options.store = 'sallyport_store ' +
            `redis://:${password}@127.0.0.1:${g.redis.port}/0;`;
        await g.start();
        await pause(300);
        assert.equal((await g.chat('sk-acme')).status, status);
        await g.nginx.stop('SIGQUIT');
    }

    assert.doesNotMatch(g.errorLog(), /of-redis/);
    assert.match(g.errorLog(), /refused the user or the password/);
});
