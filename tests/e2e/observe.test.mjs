// Copyright (C) the Sallyport authors
//
// Observe decides and records and changes nothing: compared byte by byte with
// the same location without the gate.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { gate, chat, FROM } from './lib/harness.mjs';


function exchange(port, text) {
    return new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1');
        let got = '';

        socket.on('data', (data) => { got += data; });
        socket.on('close', () => resolve(got));
        socket.on('error', reject);
        socket.write(text);
    });
}


const plain = (key, more = '') => (body, path = '/v1/chat/completions') =>
    `POST ${path} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n` +
    `${key ? `Authorization: Bearer ${key}\r\n` : ''}${more}` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const small = JSON.stringify(chat());
const CASES = {
    'would be allowed': plain('sk-acme', `X-Forwarded-For: ${FROM.US}\r\n`)(
        small),
    'no key': plain('')(small),
    'an unknown key': plain('sk-nobody')(small),
    'under embargo': plain('sk-acme', `X-Forwarded-For: ${FROM.KP}\r\n`)(
        small),
    'an unknown route': plain('sk-acme')('{}', '/v1/other'),
    'not JSON': plain('sk-acme')('{{{'),
    'two models': plain('sk-acme')('{"model":"a","model":"b"}'),
    'a stream': plain('sk-acme')(JSON.stringify(chat('small',
        { stream: true }))),
    'forged headers': plain('sk-acme', 'X-Sallyport-Account: me\r\n')(small),
    'large': plain('sk-acme')(JSON.stringify(chat('small',
        { user: 'x'.repeat(50000) }))),
};


test('observe: answers and what the upstream sees are the same bytes',
    async (t) => {
        // The same nginx, the same location: gated by observe, and not.
        const g = await gate(t, { mode: 'observe', bodyBuffer: '2k' });
        const bare = await gate(t, { mode: 'off', bodyBuffer: '2k',
            checkLedger: false });

        for (const x of [g, bare]) {
            await x.enrol('acme');
            x.upstream.hook = (req, res, body) => {
                if (JSON.parse(body.startsWith('{"') ? body : '{}').stream) {
                    return false;
                }

                res.sendDate = false;
                res.end(`${req.method} ${req.url} ${body.length}`);

                return true;
            };
        }

        // Where a chunk ends is the kernel's choice; what is in them is not.
        const clean = (text) => text.replace(/^Date: .*\r\n/gim, '')
            .replace(/demo-\d+/g, '').replace(/\r\n[0-9a-f]+\r\n/g, '');
        const seen = (x) => {
            const { method, url, rawHeaders, body } = x.upstream.arrivals.pop();
            const host = String(x.upstream.port);

            return JSON.stringify([method, url, rawHeaders, body])
                .replaceAll(host, 'PORT');
        };

        for (const [title, text] of Object.entries(CASES)) {
            assert.equal(clean(await exchange(g.port, text)),
                clean(await exchange(bare.port, text)), title);
            assert.equal(seen(g), seen(bare), title);
        }

        await g.stop();

        const decisions = g.records().filter((r) => r.t === 'decision');

        assert.equal(decisions.length, Object.keys(CASES).length);
        assert.ok(decisions.every((r) => r.enforced === false));
        assert.ok(decisions.some((r) => r.dec === 'deny'));
    });


test('observe: a dead store and no policy change nothing either',
    async (t) => {
        const g = await gate(t, { mode: 'observe' });

        await g.redis.stop();
        assert.equal((await g.chat('sk-acme')).status, 200);
        assert.equal(g.upstream.arrivals.length, 1);
    });
