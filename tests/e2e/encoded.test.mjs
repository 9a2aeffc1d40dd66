// Copyright (C) the Sallyport authors
//
// Bodies that come encoded: judged and forwarded as they read when they are
// decoded; refused where two readers could read them in two ways.

import http from 'node:http';
import http2 from 'node:http2';
import zlib from 'node:zlib';
import { test } from 'node:test';
import assert from 'node:assert/strict';

import { gate, chat } from './lib/harness.mjs';

// A zstd frame of raw blocks.
function zstd(data) {
    const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0]);
    const blocks = [head];

    head.writeUInt32LE(data.length, 5);

    for (let at = 0; at === 0 || at < data.length; at += 131072) {
        const block = data.subarray(at, at + 131072);
        const last = at + 131072 >= data.length ? 1 : 0;
        const h = Buffer.alloc(3);

        h.writeUIntLE(last | block.length << 3, 0, 3);
        blocks.push(h, block);
    }

    return Buffer.concat(blocks);
}

const CODINGS = { gzip: (data) => zlib.gzipSync(data), zstd };

const json = (model, more = {}) =>
    Buffer.from(JSON.stringify(chat(model, more)));

const send = (g, coding, body) => g.call({ key: 'sk-acme', body,
    headers: { 'Content-Type': 'application/json',
        'Content-Encoding': coding } });

// The same in chunks, without a length.
const chunked = (g, coding, body) => new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port: g.port,
        path: '/v1/chat/completions', method: 'POST', agent: false,
        headers: { authorization: 'Bearer sk-acme', 'content-encoding': coding,
            'content-type': 'application/json', 'transfer-encoding':
            'chunked', 'x-forwarded-for': '8.8.8.8' } }, (res) => {
        res.resume();
        res.on('end', () => resolve(res.statusCode));
    });

    req.on('error', reject);

    for (let at = 0; at < body.length; at += 7) {
        req.write(body.subarray(at, at + 7));
    }

    req.end();
});


for (const [coding, encode] of Object.entries(CODINGS)) {
    test(`${coding}: forwarded plain, and judged by what is in it`,
        async (t) => {
            const g = await gate(t, { bodyBuffer: '16k' });

            await g.enrol('acme', { level: 2 });

            const sizes = [10, 4000, 16384, 300000, 3000000];

            for (const n of sizes) {
                const body = json('small', { user: 'x'.repeat(100) +
                    'abcdefghij0123456789'.repeat(n / 20) });
                const packed = encode(body);

                // gzip of what repeats is small; enough of it is a bomb
                const noise = json('small', { user: Buffer.from(Array.from(
                    { length: n }, () => 33 + Math.floor(Math.random() * 90)))
                    .toString().replace(/["\\]/g, '#') });

                for (const [plain, bytes] of [[noise, encode(noise)],
                    ...packed.length > body.length / 200 ? [[body, packed]]
                        : []])
                {
                    const before = g.upstream.arrivals.length;
                    const res = await send(g, coding, bytes);

                    assert.equal(res.status, 200, res.text);
                    assert.equal(g.upstream.arrivals.length, before + 1);

                    const got = g.upstream.arrivals.at(-1);

                    assert.equal(got.body, plain.toString());
                    assert.equal(got.headers['content-encoding'], undefined);
                    assert.equal(Number(got.headers['content-length']),
                        plain.length);
                }
            }

            assert.equal(await chunked(g, coding, encode(json('small'))), 200);
            assert.equal(g.upstream.arrivals.at(-1).body,
                json('small').toString());

            const refused = await send(g, coding, encode(json('frontier')));

            assert.equal(refused.status, 403);
            assert.ok(g.records().filter((r) => r.t === 'decision').every(
                (r) => r.req.coding === coding && r.req.in_bytes > 0));

            const twice = Buffer.from('{"model":"small","model":"frontier"}');

            assert.equal((await send(g, coding, encode(twice))).status, 400);
        });

    test(`${coding}: damaged, cut, with more behind it: refused`,
        async (t) => {
            const g = await gate(t);
            const whole = encode(json('small'));

            await g.enrol('acme');

            const bad = [whole.subarray(0, -1), whole.subarray(0, 5),
                Buffer.concat([whole, Buffer.from('x')]),
                Buffer.concat([whole, whole]), Buffer.alloc(0),
                Buffer.concat([Buffer.from(' '), whole]), json('small')];

            for (const body of bad) {
                const res = await send(g, coding, body);

                assert.ok([400, 415].includes(res.status),
                    `${res.status} ${body.length}`);
            }

            // Over the limit once it is decoded, and a bomb.
            const large = json('small', { user: 'x'.repeat(9 << 20) });
            const status = (await send(g, coding, encode(large))
                .catch(() => ({ status: 413 }))).status;

            assert.ok(status === 413 || status === 400, `${status}`);
            assert.equal(g.upstream.arrivals.length, 0);
            assert.equal((await send(g, coding, whole)).status, 200);
        });
}


test('a bomb is refused early', async (t) => {
    const g = await gate(t);

    await g.enrol('acme');

    const bomb = zlib.gzipSync(json('small', { user: 'x'.repeat(6 << 20) }));
    const res = await send(g, 'gzip', bomb);

    assert.equal(res.status, 400);
    assert.match(g.records().find((r) => r.dec === 'deny').detail,
        /200 times as large/);
});


test('over HTTP/2, and a connection that goes on', async (t) => {
    const g = await gate(t, { h2: true });

    await g.enrol('acme');

    const session = http2.connect(`http://127.0.0.1:${g.h2Port}`);
    const post = (coding, body) => new Promise((resolve, reject) => {
        const stream = session.request({ ':method': 'POST',
            ':path': '/v1/chat/completions', authorization: 'Bearer sk-acme',
            'x-forwarded-for': '8.8.8.8', 'content-type': 'application/json',
            'content-encoding': coding });
        let status;

        stream.on('response', (h) => { status = h[':status']; });
        stream.on('error', reject);
        stream.on('end', () => resolve(status));
        stream.resume();
        stream.end(body);
    });

    try {
        for (let i = 0; i < 6; i++) {
            const coding = i % 2 ? 'zstd' : 'gzip';
            const plain = json('small', { user: `${i}`.repeat(10000 * i) });

            assert.equal(await post(coding, CODINGS[coding](plain)), 200);
            assert.equal(g.upstream.arrivals.at(-1).body, plain.toString());
        }

        assert.equal(await post('gzip', json('small')), 400);

    } finally {
        session.close();
    }
});


test('observe: judged, and forwarded as it came', async (t) => {
    const g = await gate(t, { mode: 'observe' });

    await g.enrol('acme', { level: 0 });

    for (const [coding, encode] of Object.entries(CODINGS)) {
        const body = encode(json('frontier'));

        await send(g, coding, body);    // the upstream reads plain bodies only

        const got = g.upstream.arrivals.at(-1);

        assert.equal(got.headers['content-encoding'], coding);
        assert.equal(Number(got.headers['content-length']), body.length);
    }

    await send(g, 'gzip', json('small'));
    assert.equal(g.upstream.arrivals.at(-1).body, json('small').toString());

    const records = g.records().filter((r) => r.t === 'decision');

    assert.deepEqual(records.map((r) => [r.dec, r.req.model, r.enforced]),
        [['deny', 'frontier', false], ['deny', 'frontier', false],
            ['deny', '?', false]]);
});


test('an internal redirect into another gate finds it decoded', async (t) => {
    const g = await gate(t, {
        location: 'error_page 418 = @again; proxy_intercept_errors on;',
        locations: `location @again { sallyport on;
            proxy_pass http://models; proxy_http_version 1.1; }`,
    });

    await g.enrol('acme');
    g.upstream.hook = (req, res) => {
        if (g.upstream.arrivals.length === 1) {
            res.writeHead(418).end();
            return true;
        }

        return false;
    };

    const res = await send(g, 'gzip', zlib.gzipSync(json('small')));

    assert.equal(g.upstream.arrivals.at(-1).body, json('small').toString());
    assert.ok([200, 418].includes(res.status));
});
