// Copyright (C) the Sallyport authors
//
// Attacks on a gate that the tests of a file share: requests as bytes, and
// the check of the ledger after each of them.

import net from 'node:net';
import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, chat, readLanes, sharedBy, FROM } from './harness.mjs';

export const small = JSON.stringify(chat());
export const frontier = JSON.stringify(chat('frontier'));

// The gate, once it runs: "low" may use the model "small", not "frontier".
export let g;

// To be called at the top of a file.
export function attacked(options) {
    const file = sharedBy(after);

    before(async () => {
        g = await gate(file, { h2: true, bodyBuffer: '1k', ...options });
        await g.enrol('low', { level: 1 });
        await g.enrol('acme');
        await g.enrol('held', { status: 'suspended' });
        assert.equal((await g.chat('sk-low')).status, 200);
        assert.equal((await g.chat('sk-low', 'frontier')).status, 403);
    });
}


// The records that came since the last call, without reading all again.
const seen = new Map();

const newRecords = () => readLanes(g.audit, seen)
    .flatMap(({ lines }) => lines.map(JSON.parse));


// A test that ends with the ledger: what came to the upstream has
// the id of an allow, and what the gate answered has its record. The ledger
// of the whole file is checked when the gate stops.
export function attack(title, run) {
    test(title, async () => {
        newRecords();

        const before = g.upstream.arrivals.length;
        const ids = await run(() => g.upstream.arrivals.slice(before)) ?? [];
        const records = newRecords();
        const of = (id) => records.find((r) => r.t === 'decision'
            && r.id === id);

        for (const arrival of g.upstream.arrivals.slice(before)) {
            assert.equal(of(arrival.id)?.dec, 'allow',
                `${arrival.method} ${arrival.url} came without an allow`);
        }

        for (const id of ids) {
            assert.ok(of(id), `no record of ${id}`);
            assert.notEqual(of(id).dec, 'allow', `${id} was an allow`);
        }

        assert.ok(!g.nginx.ended, 'nginx is gone');
    });
}


// Sends bytes, resolves with what comes until the server closes, or "whole"
// says that it is all; a server that waits for more gets "ms".
export function raw(bytes, { port = g.port, ms = 1500, end = false,
    whole = () => false } = {}) {
    return new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1');
        const got = [];
        const done = () => {
            clearTimeout(timer);
            socket.destroy();
            resolve(Buffer.concat(got).toString('latin1'));
        };
        const timer = setTimeout(done, ms);

        socket.on('data', (data) => {
            got.push(data);
            whole(Buffer.concat(got)) && done();
        });
        socket.on('close', done);
        socket.on('error', done);
        end ? socket.end(bytes) : socket.write(bytes);
    });
}

export const statuses = (got) => (got.match(/HTTP\/1\.1 \d{3}/g) ?? [])
    .map((line) => Number(line.slice(9)));
export const idsOf = (got) => [...got.matchAll(/^x-request-id: (\S+)/gim)]
    .map((m) => m[1]);


// A request as bytes. "head" are more lines, each with its CRLF.
export function request({ method = 'POST', target = '/v1/chat/completions',
    version = 'HTTP/1.1', key = 'sk-low', host = 'Host: gate\r\n', head = '',
    from = FROM.US, type = 'Content-Type: application/json\r\n',
    body = small, length, close = true } = {})
{
    const payload = Buffer.isBuffer(body) ? body : Buffer.from(body);
    const size = length ?? `Content-Length: ${payload.length}\r\n`;

    return Buffer.concat([Buffer.from(`${method} ${target} ${version}\r\n` +
        host + (from && `X-Forwarded-For: ${from}\r\n`) + type +
        (key && `Authorization: Bearer ${key}\r\n`) + head + size +
        (close ? 'Connection: close\r\n' : '') + '\r\n', 'latin1'), payload]);
}


// An attack by one request that must end in "want" (or one of them) and must
// not arrive.
export function refused(title, want, make) {
    attack(title, async (arrived) => {
        const options = typeof make === 'function' ? make() : make;
        const got = await raw(request(options), options);
        const [status] = statuses(got);

        assert.deepEqual(arrived().map((a) => a.url), [], 'it arrived');
        assert.ok([want].flat().includes(status),
            `status ${status}, not ${want}: ${got.slice(0, 400)}`);

        return idsOf(got);
    });
}
