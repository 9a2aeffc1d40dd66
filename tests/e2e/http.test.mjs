// Copyright (C) the Sallyport authors
//
// The gate on the wire: connections that live on after a refusal, pipelines,
// HTTP/2, and bodies that come in pieces, from disk, slowly or too large.

import net from 'node:net';
import http from 'node:http';
import http2 from 'node:http2';
import { before, after, test } from 'node:test';
import fs from 'node:fs';
import assert from 'node:assert/strict';
import { gate, chat, sharedBy, FROM } from './lib/harness.mjs';

const file = sharedBy(after);
let g;

before(async () => {
    g = await gate(file, { h2: true, bodyBuffer: '1k' });
    await g.enrol('acme');
});


// Sends bytes as they are; resolves with all that came until the server
// closes or "count" answers are whole.
function raw(text, { port = g.port, count = 1, pieces } = {}) {
    return new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1');
        let got = '';

        socket.setTimeout(15000, () => {
            socket.destroy();
            reject(new Error('no answer; got ' + got));
        });
        socket.on('data', (data) => {
            got += data;

            const heads = got.match(/HTTP\/1\.1 \d+/g) ?? [];

            if (heads.length >= count && whole(got, count)) {
                socket.destroy();
                resolve(got);
            }
        });
        socket.on('close', () => resolve(got));
        socket.on('error', reject);

        if (pieces) {
            (async () => {
                for (const piece of pieces) {
                    socket.write(piece);
                    await new Promise((r) => setTimeout(r, 5));
                }
            })();
        } else {
            socket.write(text);
        }
    });
}


// Are "count" answers there, each with its body? Chunked or with a length.
function whole(got, count) {
    let rest = got;

    for (let n = 0; n < count; n++) {
        const end = rest.indexOf('\r\n\r\n');
        const head = rest.slice(0, end).toLowerCase();

        if (end < 0) {
            return false;
        }

        rest = rest.slice(end + 4);

        const length = /content-length: (\d+)/.exec(head);
        const stop = length ? Number(length[1])
            : rest.indexOf('0\r\n\r\n') + 5;

        if (stop < 5 && !length || rest.length < stop) {
            return false;
        }

        rest = rest.slice(stop);
    }

    return true;
}


function post(body, { key = 'sk-acme', from = FROM.US, more = '' } = {}) {
    return 'POST /v1/chat/completions HTTP/1.1\r\nHost: gate\r\n' +
        `X-Forwarded-For: ${from}\r\nContent-Type: application/json\r\n` +
        `Authorization: Bearer ${key}\r\n${more}` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

const statuses = (got) => (got.match(/HTTP\/1\.1 \d+/g) ?? [])
    .map((line) => Number(line.slice(9)));
const small = JSON.stringify(chat());


test('keep-alive: a refusal does not colour the next request', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set();
    const call = (key, from) => g.call({ key, from, agent, body: chat(),
        onResponse: (res) => sockets.add(res.socket) });

    for (const [key, from, want] of [['sk-acme', FROM.US, 200],
        ['sk-nobody', FROM.US, 401], ['sk-acme', FROM.US, 200],
        ['sk-acme', FROM.KP, 451], ['sk-acme', FROM.US, 200]])
    {
        assert.equal((await call(key, from)).status, want);
    }

    assert.equal(sockets.size, 1, 'one connection served all');
    agent.destroy();
});


test('pipelined requests are judged one by one, in order', async () => {
    const got = await raw(post(small) + post(small, { key: 'sk-nobody' }) +
        post(small) + post(small, { from: FROM.KP }), { count: 4 });

    assert.deepEqual(statuses(got), [200, 401, 200, 451]);
});


test('the body of a refused request is not taken for a request', async () => {
    const seen = g.upstream.arrivals.length;
    const smuggled = post(small);
    const got = await raw(post(smuggled, { key: 'sk-nobody' }) +
        post(small, { key: 'sk-nobody' }), { count: 2 });

    assert.deepEqual(statuses(got), [401, 401]);
    assert.equal(g.upstream.arrivals.length, seen);
});


test('two lengths, or a length and chunks, are refused', async () => {
    const twice = post(small, { more: 'Content-Length: 3\r\n' });
    const both = post(small, { more: 'Transfer-Encoding: chunked\r\n' });

    assert.deepEqual(statuses(await raw(twice)), [400]);
    assert.deepEqual(statuses(await raw(both)), [400]);
});


test('Expect: 100-continue is not answered for who is refused', async () => {
    const head = (key) => post(small, { key, more:
        'Expect: 100-continue\r\nConnection: close\r\n' }).split('\r\n\r\n')[0]
        + '\r\n\r\n';

    assert.deepEqual(statuses(await raw(head('sk-nobody'))), [401]);
});


for (const [title, size] of [['in memory', 200], ['spilled to a file', 200000],
    ['of a megabyte', 1 << 20]])
{
    test(`a body ${title} arrives as it was sent`, async () => {
        const body = JSON.stringify(chat('small',
            { user: 'x'.repeat(size) }));
        const res = await g.call({ key: 'sk-acme', body });

        assert.equal(res.status, 200, res.text);
        assert.equal(g.upstream.arrivals.at(-1).body, body);
    });

    test(`a body ${title} whose model comes last is judged`, async () => {
        const body = '{"user":"' + 'x'.repeat(size) +
            '","messages":[],"model":"no-such-model"}';
        const res = await g.call({ key: 'sk-acme', body });

        assert.equal(res.status, 404, res.text);
    });
}


test('chunked, in pieces of every size, arrives whole', async () => {
    const body = JSON.stringify(chat('small', { user: 'y'.repeat(5000) }));

    for (const size of [1, 7, 1000, 5000]) {
        // Of one byte each only a short body, or the test takes minutes.
        const text = size === 1 ? small : body;
        const chunks = [];

        for (let i = 0; i < text.length; i += size) {
            const part = text.slice(i, i + size);
            chunks.push(`${part.length.toString(16)}\r\n${part}\r\n`);
        }

        const head = post('', { more: 'Transfer-Encoding: chunked\r\n' })
            .replace('Content-Length: 0\r\n', '');
        const got = await raw(null, { pieces: [head, ...chunks,
            '0\r\n\r\n'] });

        assert.deepEqual(statuses(got), [200], got);
        assert.equal(g.upstream.arrivals.at(-1).body, text);
    }
});


test('over client_max_body_size: 413, with a length and in chunks',
    async () => {
        const big = JSON.stringify(chat('small',
            { user: 'z'.repeat(9 << 20) }));
        const res = await g.call({ key: 'sk-acme', body: big })
            .catch((e) => ({ status: e.code }));

        assert.ok([413, 'EPIPE', 'ECONNRESET'].includes(res.status),
            String(res.status));

        const part = 'z'.repeat(1 << 20);
        const chunk = `${part.length.toString(16)}\r\n${part}\r\n`;
        const head = post('', { more: 'Transfer-Encoding: chunked\r\n' })
            .replace('Content-Length: 0\r\n', '');
        const seen = g.upstream.arrivals.length;
        const got = await raw(null, { pieces: [head,
            ...Array(9).fill(chunk), '0\r\n\r\n'] }).catch(() => '');

        assert.ok([[413], []].some((w) =>
            JSON.stringify(w) === JSON.stringify(statuses(got))), got);
        assert.equal(g.upstream.arrivals.length, seen);
    });


test('HEAD is refused as an unknown route', async () => {
    assert.equal((await g.call({ key: 'sk-acme', method: 'HEAD' })).status,
        404);
});


test('OPTIONS is answered by the gate, for paths that it serves', async () => {
    const seen = g.upstream.arrivals.length;

    for (const [path, allow] of [
        ['/v1/chat/completions', 'POST, OPTIONS'],
        ['/v1/models', 'GET, OPTIONS'],
        ['/v1/models?key=sk-acme', 'GET, OPTIONS'],
    ]) {
        const got = await g.call({ method: 'OPTIONS', path,
            headers: { Origin: 'https://app.example',
                'Access-Control-Request-Method': 'POST' } });

        assert.equal(got.status, 204);
        assert.equal(got.headers.allow, allow);
        assert.equal(got.headers['cache-control'], 'no-store');
        assert.equal(got.text, '');
        assert.deepEqual(Object.keys(got.headers).filter((name) =>
            name.startsWith('access-control')), []);
    }

    // What is not served, or not in one reading, is judged like any other.
    for (const [path, status] of [['/v1/other', 401], ['/v1/files', 401],
        ['/v1/%63hat/completions', 401], ['/v1/models?model=x', 401]])
    {
        assert.equal((await g.call({ method: 'OPTIONS', path })).status,
            status, path);
    }

    assert.equal(g.upstream.arrivals.length, seen);
    assert.doesNotMatch(fs.readFileSync(g.file('access.log'), 'utf8'),
        /sk-acme/);
});


// One HTTP/2 request with prior knowledge.
function h2(session, body, { key = 'sk-acme', from = FROM.US } = {}) {
    return new Promise((resolve, reject) => {
        const stream = session.request({
            ':method': 'POST', ':path': '/v1/chat/completions',
            'content-type': 'application/json', 'x-forwarded-for': from,
            authorization: 'Bearer ' + key,
        });
        let status;
        let text = '';

        stream.on('response', (headers) => { status = headers[':status']; });
        stream.on('data', (data) => { text += data; });
        stream.on('end', () => resolve({ status, text }));
        stream.on('error', reject);
        stream.end(body);
    });
}


test('HTTP/2: many streams at once, each with its own verdict', async () => {
    const session = http2.connect(`http://127.0.0.1:${g.h2Port}`);

    try {
        const large = JSON.stringify(chat('small',
            { user: 'x'.repeat(100000) }));
        const answers = await Promise.all([
            h2(session, small), h2(session, small, { key: 'sk-nobody' }),
            h2(session, large), h2(session, small, { from: FROM.KP }),
            h2(session, JSON.stringify(chat('small', { stream: true }))),
            h2(session, large, { key: 'sk-nobody' }), h2(session, small),
        ]);

        assert.deepEqual(answers.map((a) => a.status),
            [200, 401, 200, 451, 200, 401, 200]);
        assert.match(answers[4].text, /data: \[DONE\]/);

    } finally {
        session.close();
    }
});


test('a stream comes event by event, not at its end', async () => {
    let release;
    const held = new Promise((resolve) => { release = resolve; });

    g.upstream.hook = async (req, res) => {
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        res.write('data: {"first":1}\n\n');
        await held;
        res.end('data: [DONE]\n\n');

        return true;
    };

    try {
        const first = await new Promise((resolve, reject) => {
            g.call({ key: 'sk-acme', body: chat('small', { stream: true }),
                onResponse: (res) => res.once('data', (d) => resolve(d)) })
                .catch(reject);
        });

        assert.match(String(first), /first/);

    } finally {
        release();
        g.upstream.hook = null;
    }
});
