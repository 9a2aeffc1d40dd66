// Copyright (C) the Sallyport authors
//
// Traffic of all kinds for the campaign: what is allowed, streamed, refused
// for each of the four questions, broken off, and bytes that are no request.

import http from 'node:http';
import net from 'node:net';

import { FROM, chat } from '../e2e/lib/harness.mjs';

const ACCOUNTS = 200;

const accountOf = (n) => `soak-${n}`;

export async function enrolAll(g) {
    for (let n = 0; n < ACCOUNTS; n++) {
        await g.enrol(accountOf(n), n % 10 === 9 ? { level: 1 } : {});
    }
}


// One request; resolves with { status, id } or { error }. "leave" is when the
// caller goes away: after so many bytes of the body, or of the answer.
function request(g, { key, from = FROM.US, path = '/v1/chat/completions',
    body, headers = {}, cut, leave, agent })
{
    return new Promise((resolve) => {
        const payload = typeof body === 'string' ? body
            : JSON.stringify(body);
        const req = http.request({ host: '127.0.0.1', port: g.port, path,
            method: 'POST', agent, headers: { 'X-Forwarded-For': from,
                'Content-Type': 'application/json',
                'Content-Length': Buffer.byteLength(payload),
                ...(key && { Authorization: 'Bearer ' + key }), ...headers } },
        (res) => {
            let got = 0;
            const about = { status: res.statusCode,
                id: res.headers['x-request-id'] };

            res.on('data', (data) => {
                got += data.length;

                if (leave !== undefined && got >= leave) {
                    req.destroy();
                    resolve({ ...about, left: true });
                }
            });
            res.on('end', () => resolve(about));
            res.on('error', (e) => resolve({ ...about, error: e.code }));
        });

        req.on('error', (e) => resolve({ error: e.code ?? String(e) }));

        if (cut === undefined) {
            req.end(payload);

        } else {
            req.write(payload.slice(0, cut));
            setTimeout(() => {
                req.destroy();
                resolve({ left: true });
            }, 5);
        }
    });
}


function bytes(g, text) {
    return new Promise((resolve) => {
        const socket = net.connect(g.port, '127.0.0.1');
        const timer = setTimeout(() => socket.destroy(), 500);

        socket.on('error', () => {});
        socket.on('data', () => {});
        socket.on('close', () => {
            clearTimeout(timer);
            resolve({ left: true });
        });
        socket.end(text);
    });
}


const noise = (next, n) => Buffer.from(Array.from({ length: n },
    () => Math.floor(next() * 256)));
const text = (next) => 'word '.repeat(1 + Math.floor(next() * 800));
const long = (next, model = 'small', rest = {}) => ({ model,
    messages: [{ role: 'user', content: text(next) }], ...rest });

// [how often, what it is, the statuses it may get, the request]. 429 and 503
// are for those whose account or look-ups are over a rate.
const KINDS = [
    [30, 'chat', [200, 429], (g, next, a) =>
        request(g, { ...a, body: long(next) })],
    [15, 'stream', [200, 429], (g, next, a) =>
        request(g, { ...a, body: long(next, 'small', { stream: true }) })],
    [6, 'messages', [200, 429], (g, next, a) => request(g, { from: FROM.US,
        path: '/v1/messages', headers: { 'x-api-key': a.key,
            'anthropic-version': '2023-06-01' },
        body: long(next, 'small', { max_tokens: 8 }) })],
    [6, 'no such key', [401, 503], (g, next) => request(g, {
        key: 'sk-' + next().toString(36), body: chat() })],
    [3, 'no key', [401], (g) => request(g, { body: chat() })],
    [6, 'embargo', [451], (g, next, a) => request(g, { ...a, from: FROM.KP,
        body: chat() })],
    [4, 'nowhere', [403, 451], (g, next, a) => request(g, { ...a,
        from: FROM.nowhere, body: chat() })],
    [4, 'model', [403, 404], (g, next, a) => request(g, { ...a,
        body: chat('no-such-model') })],
    [4, 'not JSON', [400], (g, next, a) => request(g, { ...a,
        body: '{"model":"small","model":"frontier"' })],
    [3, 'twins', [400], (g, next, a) => request(g, { ...a,
        body: '{"model":"small","Model":"frontier","messages":[]}' })],
    [2, 'no route', [404], (g, next, a) => request(g, { ...a,
        path: '/v1/elsewhere', body: chat() })],
    [5, 'leaves in the body', [], (g, next, a) => request(g, { ...a,
        body: long(next), cut: 10 + Math.floor(next() * 60) })],
    [5, 'leaves in the answer', [200, 429], (g, next, a) => request(g, {
        ...a, body: long(next, 'small', { stream: true, max_tokens: 16 }),
        leave: 1 })],
    [2, 'noise', [], (g, next) => bytes(g, noise(next, 200))],
    [2, 'half a head', [], (g) => bytes(g, 'POST /v1/chat/comple')],
];

const WEIGHT = KINDS.reduce((sum, [n]) => sum + n, 0);


function pick(next) {
    let at = next() * WEIGHT;

    return KINDS.find(([n]) => (at -= n) < 0) ?? KINDS[0];
}


// Keeps "callers" busy at "rate" requests a second together until stop();
// seen(kind, statuses, answer) is told of each.
export function startTraffic(g, next, { callers, rate, seen }) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: callers });
    let going = true;

    const caller = async () => {
        while (going) {
            const begin = Date.now();
            const [, kind, statuses, send] = pick(next);
            const n = Math.floor(next() * ACCOUNTS);

            seen(kind, statuses, await send(g, next, {
                key: 'sk-' + accountOf(n),
                agent: next() < 0.7 ? agent : undefined }));

            const left = 1000 * callers / rate - (Date.now() - begin);

            await new Promise((resolve) => setTimeout(resolve,
                Math.max(1, left)));
        }
    };
    const all = Array.from({ length: callers }, caller);

    return { stop: async () => {
        going = false;
        await Promise.all(all);
        agent.destroy();
    } };
}
