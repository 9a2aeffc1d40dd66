// Copyright (C) the Sallyport authors
//
// Keys that are told apart from anything else, in every carrier and in every
// shape that is refused: none of them, and no digest of one that others could
// look up, may be in a log, a record, a metric, an answer, a command to Redis
// or a header of the upstream. SALLYPORT_CANARIES=N for another number.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { chat, gate, until } from './lib/harness.mjs';

const COUNT = Number(process.env.SALLYPORT_CANARIES ?? 10000);
const MARK = 'Canary7q';
const body = JSON.stringify(chat());

const canary = (i) => `sk-${MARK}${i}${randomBytes(12).toString('hex')}`;

// A head around a key: where clients put keys, and where they should not.
const SHAPES = [
    (k) => ({ head: `Authorization: Bearer ${k}` }),
    (k) => ({ head: `authorization: bearer ${k}` }),
    (k) => ({ head: `x-api-key: ${k}` }),
    (k) => ({ head: `api-key: ${k}` }),
    (k) => ({ head: `x-goog-api-key: ${k}` }),
    (k) => ({ target: `/v1/chat/completions?key=${k}` }),
    (k) => ({ target: `/v1/chat/completions?a=b&key=${k}&c=d` }),
    (k) => ({ target: `/v1/chat/completions?key=${k}&key=${k}x` }),
    (k) => ({ target: `/v1beta/models/small:generateContent?key=${k}` }),
    (k) => ({ head: `Authorization: Bearer ${k}\r\nx-api-key: ${k}2` }),
    (k) => ({ head: `Authorization: Basic ${k}` }),
    (k) => ({ head: `Authorization: ${k}` }),
    (k) => ({ head: `Authorization: Bearer ${k}, Bearer ${k}` }),
    (k) => ({ head: `Authorization: Bearer  ${k}` }),
    (k) => ({ head: `Authorization: Bearer ${k} %s%n%x` }),
    (k) => ({ head: `Authorization: Bearer ${k}\x01` }),
    (k) => ({ head: `Authorization: Bearer ${k}\u00e9` }),
    (k) => ({ head: `Authorization: Bearer ${k}${'z'.repeat(600)}` }),
    (k) => ({ head: `x-api-key: ${k}\r\nx-api-key: ${k}` }),
    (k) => ({ head: `Authorization: Bearer ${k}`, body: '{"model":' }),
    (k) => ({ head: `Authorization: Bearer ${k}`, target: '/v1/nowhere' }),
    (k) => ({ head: `Authorization: Bearer ${k}`, method: 'DELETE' }),
    (k) => ({ head: `Authorization: Bearer ${k}`, type: 'text/plain' }),
    (k) => ({ head: `Authorization: Bearer ${k}`, body: body + 'x' }),
    (k) => ({ head: `Authorization: Bearer *3\\r\\n$3\\r\\nSET ${k}` }),
    (k) => ({ head: `Authorization: Bearer ' OR 1=1 -- ${k}` }),
    (k) => ({ head: `Authorization: Bearer ${k}\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.${k}` }),
    (k) => ({ head: `Authorization: Bearer eyJ${k}.${k}.${k}` }),
];


function ask(port, { method = 'POST', target = '/v1/chat/completions',
    head = '', type = 'application/json', body: sent = body })
{
    return new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1');
        let got = '';

        socket.on('data', (d) => { got += d.toString('latin1'); });
        socket.on('error', () => resolve(got));
        socket.on('close', () => resolve(got));
        socket.write(Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: g\r\n` +
            'X-Forwarded-For: 8.8.8.8\r\nConnection: close\r\n' +
            `Content-Type: ${type}\r\n${head && head + '\r\n'}` +
            `Content-Length: ${Buffer.byteLength(sent)}\r\n\r\n${sent}`,
        'latin1'));
    });
}


test(`${COUNT} canary keys are nowhere but in requests`, async (t) => {
    const g = await gate(t, { workers: 2, path: '/',
        logFormat: '$remote_addr "$request" $status "$http_referer" ' +
            '$sallyport_decision $sallyport_account $sallyport_id $uri' });
    const monitored = [];
    const monitor = net.connect(g.redis.port, '127.0.0.1');

    monitor.on('data', (d) => monitored.push(d));
    monitor.write('MONITOR\r\n');
    await until(() => monitored.length, 'MONITOR');

    const good = [];

    for (let i = 0; i < 40; i++) {
        good.push(await g.enrol('acct' + i, {}, {}, { raw: canary('good' + i) }));
    }

    monitored.length = 0;

    const answers = [], keys = [], allowed = new Set();

    for (let i = 0; i < COUNT; i += 20) {
        await Promise.all(Array.from({ length: Math.min(20, COUNT - i) },
            async (_, k) => {
                const known = (i + k) % 3 === 0;
                const key = known ? good[(i + k) % good.length]
                    : canary(i + k);
                const shape = SHAPES[(i + k) % SHAPES.length];
                const got = await ask(g.port, shape(key));

                if (/^HTTP\/1.1 200/.test(got)) {
                    assert.ok(known, `an unknown key passed: ${shape}`);
                    allowed.add(shape);
                }

                keys.push(key);
                answers.push(got);
            }));
    }

    assert.ok(allowed.size >= 5, 'good keys pass in their carriers');

    const metrics = (await g.call({ path: '/metrics' })).text;
    const dump = JSON.stringify(await Promise.all(
        (await g.redis.call('KEYS', '*')).map(async (name) =>
            [name, await g.redis.call('HGETALL', name).catch(String)])));

    monitor.destroy();
    await g.stop();

    const files = fs.readdirSync(g.dir, { recursive: true })
        .map((name) => path.join(g.dir, name))
        .filter((name) => fs.statSync(name).isFile()
            && !/nginx\.conf|policy\.yaml|pepper/.test(name));
    const places = [['answers', answers.join('\n')], ['metrics', metrics],
        ['Redis', dump], ['MONITOR', Buffer.concat(monitored).toString('latin1')],
        ['upstream', JSON.stringify(g.upstream.arrivals.map((a) =>
            [a.url, a.headers, a.rawHeaders, String(a.body)]))],
        ...files.map((name) => [name, fs.readFileSync(name, 'latin1')])];

    assert.ok(files.some((f) => /jsonl$/.test(f)) && files.some((f) =>
        /error\.log$/.test(f)) && g.upstream.arrivals.length > 0);

    for (const [name, text] of places) {
        const at = text.indexOf(MARK);

        assert.equal(at, -1, `a key is in ${name}: ${
            text.slice(Math.max(0, at - 200), at + 100)}`);
    }

    // nor what others could look up: plain digests and encodings of a key
    for (const key of [...good, ...keys.slice(0, 100)]) {
        for (const other of [createHash('sha256').update(key).digest('hex'),
            Buffer.from(key).toString('base64').replace(/=+$/, ''),
            Buffer.from(key).toString('hex')]) {
            for (const [name, text] of places) {
                assert.ok(!text.includes(other), `a digest is in ${name}`);
            }
        }
    }
});
