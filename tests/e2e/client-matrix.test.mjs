// Copyright (C) the Sallyport authors
//
// What the clients of model APIs make of each answer of the gate: the class of
// the exception that a developer catches, and how many requests come of one
// call. client-matrix.json is the table; where the gate's answers or a client
// change it on purpose, write it anew with
//
//     SALLYPORT_MATRIX=write BUILD=build node --test \
//         tests/e2e/client-matrix.test.mjs
//
// and read the difference. No client may send more than three requests in two
// seconds unless the table says "hammers".

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { gate, sharedBy, FROM } from './lib/harness.mjs';
import { CLIENTS } from './lib/clients.mjs';

const TABLE = new URL('client-matrix.json', import.meta.url);
const WRITE = process.env.SALLYPORT_MATRIX === 'write';
const LARGE = 'x '.repeat(40000);

const POLICY = `sallyport: 1
policy: matrix
revision: r1
lists:
  embargoed: {type: country, items: [KP]}
models:
  tiers:
    1: [small]
deny:
  - id: embargo
    when: ip.country in @embargoed
    unknown: match
    reason: JUR_IP_EMBARGO
  - id: level
    when: account.level < 2
    reason: KYC_LEVEL
allow:
  - id: verified
    when: account.status == verified
throttle:
  - id: slow
    when: account.plan == slow
    meter: requests
    per: [account.id]
    rate: 20/min
    burst: 1
`;

// By status: whose key it is, and what stands between the client and the gate.
const CASES = {
    401: { key: 'sk-nobody' },
    403: { key: 'sk-held' },
    413: { key: 'sk-acme', text: LARGE },
    415: { key: 'sk-acme', headers: { 'Content-Encoding': 'br' } },
    429: { key: 'sk-slow', drain: true },
    451: { key: 'sk-acme', headers: { 'X-Forwarded-For': FROM.KP } },
    503: { key: 'sk-acme', down: true },
};

const file = sharedBy(after);
let g;
let down;

before(async () => {
    const options = { policy: POLICY, path: '/', checkLedger: true,
        location: 'client_max_body_size 32k;', bodyBuffer: '64k' };

    g = await gate(file, options);
    down = await gate(file, options);
    await g.enrol('acme');
    await g.enrol('held', { status: 'suspended' });
    await g.enrol('slow', { plan: 'slow' });
    await down.redis.stop();
});


// Stands between one client and the gate: adds what a network would have
// added, and writes down when requests came and what they were answered.
async function between(target, { headers = {}, drain } = {}) {
    const seen = [];
    const server = http.createServer(async (req, res) => {
        const body = [];

        for await (const chunk of req) {
            body.push(chunk);
        }

        const entry = { at: performance.now() };

        seen.push(entry);

        if (drain) {
            await target.chat('sk-slow');
        }

        const up = http.request({ host: '127.0.0.1', port: target.port,
            method: req.method, path: req.url, agent: false,
            headers: { ...req.headers, 'x-forwarded-for': FROM.US,
                ...Object.fromEntries(Object.entries(headers).map(
                    ([name, value]) => [name.toLowerCase(), value])) } });

        up.on('response', (answer) => {
            entry.status = answer.statusCode;
            entry.id = answer.headers['x-request-id'];
            res.writeHead(answer.statusCode, answer.headers);
            answer.pipe(res);
        });
        up.on('error', () => res.destroy());
        up.end(Buffer.concat(body));
    });

    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

    return {
        seen, url: `http://127.0.0.1:${server.address().port}`,
        stop: () => new Promise((resolve) => {
            server.close(resolve);
            server.closeAllConnections();
        }),
    };
}


// The most requests within two seconds.
function densest(seen) {
    return Math.max(...seen.map(({ at }) =>
        seen.filter((other) => other.at >= at && other.at < at + 2000)
            .length));
}


// One call that must fail: a row of the table.
async function failing(name, status, method) {
    const { key, text = 'hello', down: unserved, ...how } = CASES[status];
    const middle = await between(unserved ? down : g, how);

    try {
        const client = CLIENTS[name].make(middle.url, key);
        let error;

        await assert.rejects(client[method]('small', text), (e) => {
            error = e;

            return true;
        }, `${name} ${status}: the call must fail`);

        const statuses = new Set(middle.seen.map((entry) => entry.status));
        const dense = densest(middle.seen);

        assert.ok(middle.seen.every((entry) => entry.id), 'request ids');

        return {
            class: error.constructor.name === 'Error' ? error.name
                : error.constructor.name,
            status: [...statuses].join(' '),
            requests: middle.seen.length,
            ...(dense > 3 && { hammers: dense }),
        };

    } finally {
        await middle.stop();
    }
}


const table = WRITE ? {} : JSON.parse(fs.readFileSync(TABLE, 'utf8'));

test('clients: class and number of requests of each answer', async (t) => {
    const rows = Object.keys(CLIENTS).flatMap((name) =>
        Object.keys(CASES).flatMap((status) =>
            ['call', 'stream'].map((method) => ({ name, status, method }))));
    const wrong = [];
    const found = {};

    // All at once: nearly all of it is waiting.
    const run = async ({ name, status, method }) => {
        try {
            const row = await failing(name, status, method);

            ((found[name] ??= {})[status] ??= {})[method] = row;

        } catch (e) {
            wrong.push(`${name} ${status} ${method}: ${e.message}`);
        }
    };

    await Promise.all(rows.map(run));

    assert.deepEqual(wrong, []);

    const sorted = Object.fromEntries(Object.keys(CLIENTS).map((name) =>
        [name, Object.fromEntries(Object.keys(CASES).map((status) =>
            [status, { call: found[name][status].call,
                stream: found[name][status].stream }]))]));

    if (WRITE) {
        fs.writeFileSync(TABLE, JSON.stringify(sorted, null, 1)
            .replace(/\{\n\s+"class": ("[^"]*"),\n\s+/g, '{ "class": $1, ')
            .replace(/,\n\s+"(requests|hammers)"/g, ', "$1"')
            .replace(/(\d)\n\s+\}/g, '$1 }') + '\n');
        t.diagnostic(`${rows.length} rows written`);

        return;
    }

    assert.deepEqual(sorted, table);
});


for (const [name, { make }] of Object.entries(CLIENTS)) {
    test(`${name}: ordinary calls pass, plain and streamed`, async () => {
        const middle = await between(g);

        try {
            const client = make(middle.url, 'sk-acme');

            assert.match(await client.call('small', 'hello'), /^The gate/);
            assert.match(await client.stream('small', 'hello'), /^The gate/);
            assert.deepEqual(middle.seen.map((entry) => entry.status),
                [200, 200]);

        } finally {
            await middle.stop();
        }
    });
}
