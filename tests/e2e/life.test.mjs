// Copyright (C) the Sallyport authors
//
// What goes wrong around a request: clients that leave, reloads and killed
// workers under load, a store that is down or slow, peppers that change.

import fs from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, chat, until, spawnedWorkers, ledger, enrol, FROM,
    PEPPER } from './lib/harness.mjs';


async function enrolled(t, options) {
    const g = await gate(t, options);

    await g.enrol('acme');

    return g;
}

const small = JSON.stringify(chat());
const head = (length, more = '') =>
    'POST /v1/chat/completions HTTP/1.1\r\nHost: gate\r\n' +
    `X-Forwarded-For: ${FROM.US}\r\nContent-Type: application/json\r\n` +
    `Authorization: Bearer sk-acme\r\n${more}Content-Length: ${length}\r\n\r\n`;


// Connects, sends, and leaves when "when" resolves.
async function leave(g, bytes, when) {
    const socket = net.connect(g.port, '127.0.0.1');

    socket.on('error', () => {});
    await new Promise((resolve) => socket.write(bytes, resolve));
    await when?.(socket);
    socket.resetAndDestroy();
}


test('a client leaves in the head, in the body, before and in the answer',
    async (t) => {
        const g = await enrolled(t, { bodyBuffer: '1k' });
        const text = JSON.stringify(chat('small',
            { user: 'x'.repeat(20000), stream: true }));

        await leave(g, head(small.length).slice(0, 60));
        await leave(g, head(small.length));
        await leave(g, head(text.length) + text.slice(0, 9000));

        // While the upstream thinks.
        let release;
        const held = new Promise((resolve) => { release = resolve; });
        let arrived;
        const arrival = new Promise((resolve) => { arrived = resolve; });

        g.upstream.hook = async () => { arrived(); await held; return false; };
        await leave(g, head(small.length) + small, () => arrival);
        release();

        // While a stream comes.
        g.upstream.hook = null;
        g.upstream.gap = 20;
        await leave(g, head(text.length) + text, (socket) =>
            new Promise((resolve) => socket.once('data', resolve)));
        g.upstream.gap = 0;

        // Whatever came before, the next one is served.
        assert.equal((await g.chat('sk-acme')).status, 200);

        const settles = await g.waitRecords('settle', 3);

        assert.ok(settles.some((r) => r.end === 'client_abort'),
            JSON.stringify(settles));
    });


test('a client that leaves while the store is asked', async (t) => {
    const g = await enrolled(t);

    // The worker's connection stands; the store stops answering.
    assert.equal((await g.chat('sk-acme')).status, 200);
    await g.enrol('other');
    g.redis.kill('SIGSTOP');

    for (let n = 0; n < 5; n++) {
        await leave(g, (head(small.length) + small)
            .replace('sk-acme', 'sk-other'));
    }

    g.redis.kill('SIGCONT');
    assert.equal((await g.chat('sk-other')).status, 200);
});


test('reload under load: no request fails, none is lost', async (t) => {
    const g = await enrolled(t, { workers: 2 });
    let stop = false;
    let served = 0;
    const bad = [];

    const client = async (n) => {
        while (!stop) {
            const stream = n % 2 === 0;
            const res = await g.chat('sk-acme', 'small',
                { body: chat('small', { stream }) })
                .catch((e) => ({ status: e.code }));

            // The throttle of the policy may say 429; nothing else may be.
            if (res.status === 200) {
                served++;
            } else if (res.status !== 429) {
                bad.push(res.status);
            }

            await new Promise((resolve) => setTimeout(resolve, 30));
        }
    };
    const clients = [0, 1, 2, 3].map(client);

    for (let n = 0; n < 3; n++) {
        await g.reload();
    }

    stop = true;
    await Promise.all(clients);

    assert.deepEqual(bad, []);
    assert.ok(served > 10, `${served} served`);
});


test('kill -9 of a worker: the ledger has no gap that is not the kill\'s',
    async (t) => {
        const g = await enrolled(t, { mayBeTorn: true, checkLedger: false,
            expectLog: [/exited on signal 9/] });

        assert.equal((await g.chat('sk-acme')).status, 200);

        const [worker] = spawnedWorkers(g);

        process.kill(worker, 'SIGKILL');
        await until(() => {
            const now = spawnedWorkers(g);

            return now.length === 1 && now[0] !== worker;
        }, 'a new worker');

        assert.equal((await g.chat('sk-acme')).status, 200);
        await g.stop();

        const { decisions } = ledger(g.records());

        for (const { id } of g.upstream.arrivals) {
            assert.equal(decisions.get(id)?.dec, 'allow');
        }
    });


test('the store is down at start: 503, and service when it comes back',
    async (t) => {
        const g = await enrolled(t, { without: ['nginx'] });

        await g.redis.stop();
        await g.start();

        const res = await g.chat('sk-acme');

        assert.equal(res.status, 503, res.text);
        assert.ok(Number(res.headers['retry-after']) >= 1);
        assert.equal(g.records().find((r) => r.t === 'decision').class
            ?? 'system', 'system');

        // An embargo by address needs no store.
        assert.equal((await g.chat('sk-acme', 'small', { from: FROM.KP }))
            .status, 451);

        await g.redis.start();
        await g.enrol('acme');
        await until(async () => (await g.chat('sk-acme')).status === 200,
            'the store is used again', 30000);
    });


test('the store stops answering: nobody waits for ever, all are refused',
    async (t) => {
        const g = await enrolled(t);

        assert.equal((await g.chat('sk-acme')).status, 200);
        g.redis.kill('SIGSTOP');

        const start = Date.now();
        const answers = await Promise.all(
            Array.from({ length: 20 }, (_, n) => g.chat('sk-new-' + n)));

        assert.ok(Date.now() - start < 10000, 'within ten seconds');
        answers.forEach((res) => assert.equal(res.status, 503, res.text));
        g.redis.kill('SIGCONT');
    });


test('pepper rotation: keys under the new and the old one are known',
    async (t) => {
        const g = await gate(t, { without: ['nginx'] });

        fs.writeFileSync(g.file('new'), 'another-pepper-of-enough-bytes');
        g.options.location =
            `sallyport_pepper ${g.file('new')} ${g.file('pepper')};`;
        await enrol(g.redis, 'before', {}, {}, { pepper: PEPPER });
        await enrol(g.redis, 'after', {}, {},
            { pepper: 'another-pepper-of-enough-bytes' });
        await g.start();

        assert.equal((await g.chat('sk-before')).status, 200);
        assert.equal((await g.chat('sk-after')).status, 200);
        assert.equal((await g.chat('sk-neither')).status, 401);
    });


test('an HSET of the wrong type in Redis denies, and harms nobody else',
    async (t) => {
        const g = await enrolled(t);

        await g.enrol('list');
        await g.redis.call('DEL', 'sp:data:acct:list');
        await g.redis.call('RPUSH', 'sp:data:acct:list', 'a', 'b');

        const res = await g.chat('sk-list');

        assert.ok([403, 503].includes(res.status), String(res.status));
        assert.equal((await g.chat('sk-acme')).status, 200);
    });


test('health is ready without Redis, metrics count what happened',
    async (t) => {
        const g = await enrolled(t);

        await g.chat('sk-acme');
        await g.chat('sk-nobody');
        await g.redis.stop();

        const health = await g.call({ path: '/healthz' });

        assert.equal(health.status, 200, health.text);

        const { text, headers } = await g.call({ path: '/metrics' });

        assert.match(headers['content-type'], /^text\/plain/);

        // Every line is a comment or a sample of the text format.
        text.trim().split('\n').forEach((line) => assert.match(line,
            /^(# (HELP|TYPE) .+|[a-z_]+(\{[^}]*\})? [0-9.e+-]+)$/));
        assert.match(text, /sallyport_[a-z_]+\{[^}]*allow[^}]*\} 1\b/);
    });
