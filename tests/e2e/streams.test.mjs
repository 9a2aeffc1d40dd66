// Copyright (C) the Sallyport authors
//
// Requests that are under way when what was allowed is allowed no more: the
// account suspended or its key revoked, an operator's block, another policy, a
// date. Their upstream is left within a second, a client that reads is told
// in its dialect, any other sees its answer torn, and the settle record says
// why. What cannot be found out ends nothing.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import http2 from 'node:http2';
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { chat, gate, kid, sdk, sharedBy, until } from './lib/harness.mjs';

const OpenAI = sdk('openai').default;
const Anthropic = sdk('@anthropic-ai/sdk').default;

// From the change to the last byte of the upstream; and what a busy machine
// may add to the seeing of it.
const BOUND = 1000;
const SLACK = 1500;

const messages = [{ role: 'user', content: 'hello there' }];
const policyText = fs.readFileSync(new URL('policy.yaml', import.meta.url),
    'utf8');

// An answer that goes on until somebody leaves: a piece each "gap" ms.
function endless(pieces, { type = 'text/event-stream', gap = 20,
    head = {} } = {})
{
    const of = { sent: 0, left: null };

    of.hook = (req, res) => {
        let n = 0;

        of.id = req.headers['x-sallyport-id'];
        res.writeHead(200, { 'Content-Type': type, ...head });
        res.on('close', () => {
            clearInterval(timer);
            of.left = Date.now();
        });
        res.on('error', () => {});

        const timer = of.timer = setInterval(() => {
            of.sent++;
            res.write(pieces(n++));
        }, gap);

        return true;
    };

    return of;
}

const sse = (data, event) => (event ? `event: ${event}\n` : '') +
    `data: ${JSON.stringify(data)}\n\n`;

// A frame of AWS's event streams; nobody here looks at its sums.
function frame(type, payload) {
    const header = (name, value) => Buffer.concat([
        Buffer.from([name.length]), Buffer.from(name),
        Buffer.from([7, 0, value.length]), Buffer.from(value)]);
    const headers = Buffer.concat([header(':event-type', type),
        header(':message-type', 'event')]);
    const body = Buffer.from(JSON.stringify(payload));
    const out = Buffer.alloc(12);

    out.writeUInt32BE(16 + headers.length + body.length, 0);
    out.writeUInt32BE(headers.length, 4);

    return Buffer.concat([out, headers, body, Buffer.alloc(4)]);
}

const openaiChunk = (n) => sse({ id: 'x', object: 'chat.completion.chunk',
    created: 1, model: 'small', choices: [{ index: 0, finish_reason: null,
        delta: { role: 'assistant', content: `w${n} ` } }] });

const DIALECTS = {
    'openai chat': {
        path: '/v1/chat/completions', body: chat('small', { stream: true }),
        piece: openaiChunk, told: /event: error\ndata: .*"account_restricted"/,
    },
    'openai responses': {
        path: '/v1/responses',
        body: { model: 'small', input: 'hello', stream: true },
        piece: (n) => sse({ type: 'response.output_text.delta',
            sequence_number: n + 3, item_id: 'i', output_index: 0,
            content_index: 0, delta: 'w', logprobs: [] },
        'response.output_text.delta'),
        told: /event: error\ndata: .*"sequence_number":(\d+)\}/,
        check(text) {
            const seen = [...text.matchAll(/"sequence_number":(\d+)/g)]
                .map((m) => Number(m[1]));

            assert.equal(seen.at(-1), seen.at(-2) + 1, 'goes on counting');
        },
    },
    'anthropic': {
        path: '/v1/messages', headers: { 'anthropic-version': '2023-06-01' },
        body: { model: 'small', max_tokens: 9, messages, stream: true },
        piece: (n) => sse({ type: 'content_block_delta', index: 0,
            delta: { type: 'text_delta', text: `w${n} ` } },
        'content_block_delta'),
        told: /event: error\ndata: .*"permission_error"/,
    },
    'gemini': {
        path: '/v1beta/models/small:streamGenerateContent?alt=sse',
        body: { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] },
        piece: (n) => `data: ${JSON.stringify({ candidates: [{ content:
            { parts: [{ text: `w${n} ` }], role: 'model' } }] })}\r\n\r\n`,
        told: /data: \{"error":\{"code":403,.*PERMISSION_DENIED.*\}\}\r\n\r\n$/,
    },
    'ollama': {
        path: '/api/chat', body: { model: 'small', messages },
        type: 'application/x-ndjson',
        piece: (n) => JSON.stringify({ model: 'small', done: false,
            message: { role: 'assistant', content: `w${n} ` } }) + '\n',
        told: /\n\{"error":"[^"]+"\}\n$/,
    },
    'bedrock': {
        path: '/model/small/converse-stream',
        body: { messages: [{ role: 'user', content: [{ text: 'hello' }] }] },
        type: 'application/vnd.amazon.eventstream',
        piece: (n) => frame('contentBlockDelta', { contentBlockIndex: 0,
            delta: { text: `w${n} ` } }),
        told: /:exception-type\x07\x00.validationException.*"message":/s,
    },
    'cohere': {
        path: '/v2/chat', body: { model: 'small', messages, stream: true },
        piece: (n) => sse({ type: 'content-delta', index: 0, delta:
            { message: { content: { text: `w${n} ` } } } }, 'content-delta'),
        told: null,
    },
};

// Calls, reads what comes, and resolves when no more does.
function follow(g, { path: target = '/v1/chat/completions', body, key,
    headers } = {})
{
    const seen = { text: '', status: 0, torn: null };
    let began;

    seen.began = new Promise((resolve) => { began = resolve; });
    seen.done = (async () => {
        const res = await fetch(g.url + target, {
            method: 'POST', body: JSON.stringify(body ?? chat('small',
                { stream: true })),
            headers: { 'Content-Type': 'application/json',
                Authorization: 'Bearer ' + key, 'X-Forwarded-For': '8.8.8.8',
                ...headers },
        });

        seen.status = res.status;

        try {
            for await (const chunk of res.body) {
                seen.text += Buffer.from(chunk).toString('latin1');
                began();
            }

        } catch (e) {
            seen.torn = e;
        }

        return seen;
    })();

    return seen;
}

const suspend = (g, id) =>
    g.redis.call('HSET', 'sp:data:acct:' + id, 'status', 'suspended');

const settled = async (g, { id }) =>
    (await g.waitRecords('settle', 1, (r) => r.of === id))[0];

async function inTime(of, from, what) {
    await until(() => of.left !== null, `${what}: the upstream is left`);
    assert.ok(of.left - from < BOUND + SLACK,
        `${what}: ${of.left - from} ms after the change`);
}

const file = sharedBy(after);
let g;
let unrecorded;

before(async () => {
    g = await gate(file, { path: '/', workers: 2, h2: true });
    unrecorded = await gate(file, { path: '/', audit: 'allows=excepted' });
});


for (const [name, d] of Object.entries(DIALECTS)) {
    test(`${name}: a suspended account's stream ends, and says why`,
        async () => {
            for (const [gate, tag] of [[g, 'r'], [unrecorded, 'u']]) {
                const id = name.replace(' ', '-') + '-' + tag;
                const key = await gate.enrol(id);
                const of = endless(d.piece, { type: d.type });

                // A second look at a case that was recalled is one, too.
                gate.upstream.hook = (req, res) => res.end('{}') || true;

                for (let i = 0; i < 4; i++) {
                    await gate.call({ path: d.path, body: d.body, key,
                        headers: d.headers });
                }

                gate.upstream.hook = of.hook;

                const seen = follow(gate, { ...d, key });

                await seen.began;
                await until(() => of.sent > 30, 'the stream goes on');
                assert.equal(of.left, null);

                const from = Date.now();

                await suspend(gate, id);
                await seen.done;

                await inTime(of, from, name);
                assert.ok(seen.torn !== null, `${name}: the end is torn`);

                if (d.told) {
                    assert.match(seen.text, d.told, name);
                    tag === 'r' && d.check?.(seen.text);
                }

                if (tag === 'u') {
                    continue;
                }

                const settle = await settled(gate, of);

                assert.equal(settle.end, 'cut');
                assert.equal(settle.cut.reason, 'ACCT_SUSPENDED');
                assert.equal(settle.cut.rule, 'builtin:account');
                assert.equal(settle.cut.told, d.told !== null);
                assert.ok(settle.out_bytes > 0);
                assert.ok(settle.tok_out > 20 && settle.tok_guessed);
            }
        });
}


// What else may change, and the reason that is given. "change" is of an
// account that is enrolled as its id, and resolves when it has come about.
const now = () => Math.floor(Date.now() / 1000);
const at = (time) => new Promise((resolve) =>
    setTimeout(resolve, time - Date.now()));

const CHANGES = {
    'its key is revoked': {
        change: (id) => g.redis.call('HSET', 'sp:data:key:' + kid('sk-' + id),
            'status', 'revoked', 'ver', 2),
        reason: 'CRED_REVOKED',
    },
    'its key is gone': {
        change: (id) => g.redis.call('DEL', 'sp:data:key:' + kid('sk-' + id)),
        reason: 'CRED_UNKNOWN',
    },
    'its key expires': {
        key: (end) => ({ expires_at: end / 1000 }),
        change: (id, end) => at(end),
        reason: 'CRED_EXPIRED',
    },
    'it is verified for a lower level': {
        model: 'frontier',
        change: (id) => g.redis.call('HSET', 'sp:data:acct:' + id,
            'level', 1, 'ver', 2),
        reason: 'KYC_LEVEL',
    },
    'an operator blocks it': {
        change: (id) => g.redis.call('HSET', 'sp:data:block',
            'account:' + id, `until=${now() + 60}`),
        reason: 'OPS_EMERGENCY_BLOCK',
    },
    'an operator blocks its model': {
        model: 'small-blocked',
        change: () => g.redis.call('HSET', 'sp:data:block',
            'model:small-blocked', `until=${now() + 60}`),
        reason: 'OPS_EMERGENCY_BLOCK',
    },
};

async function underWay(gate, id, { model = 'small', ...rest } = {}, of =
    endless(openaiChunk))
{
    gate.upstream.hook = of.hook;

    const seen = follow(gate, { key: 'sk-' + id,
        body: chat(model, { stream: true }), ...rest });

    seen.of = of;
    await seen.began;
    assert.equal(seen.status, 200, seen.text);

    return seen;
}

for (const [name, c] of Object.entries(CHANGES)) {
    test(`a stream ends when ${name}`, async () => {
        const id = name.replaceAll(' ', '-');
        const end = (now() + 4) * 1000;

        await g.enrol(id, {}, c.key?.(end));
        await g.enrol(id + '-other', { level: 3 });

        const other = await underWay(g, id + '-other');
        const seen = await underWay(g, id, { model: c.model });
        const { of } = seen;

        assert.equal(of.left, null);
        await c.change(id, end);

        const from = Date.now();

        await seen.done;
        await inTime(of, from, name);
        assert.match(seen.text, /event: error/);

        const settle = await settled(g, of);

        assert.equal(settle.end, 'cut');
        assert.equal(settle.cut.reason, c.reason);

        // Nobody else's.
        assert.equal(other.of.left, null);
        await suspend(g, id + '-other');
        await other.done;
    });
}


const versioned = (rules) => policyText.replace('deny:\n', `deny:\n${rules}`);

test('streams end when the policy moves, a rule\'s day comes and an ' +
    'exception ends; in workers that drain, too', async (t) => {
    const p = await gate(t, { without: ['nginx'], workers: 2,
        shutdown: '60s' });
    const root = p.file('policies');
    const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z/, 'Z');
    const soon = (now() + 5) * 1000;
    const write = (name, text) => {
        fs.mkdirSync(path.join(root, name), { recursive: true });
        fs.writeFileSync(path.join(root, name, 'policy.yaml'), text);
        fs.symlinkSync(name, path.join(root, 'new'));
        fs.renameSync(path.join(root, 'new'), path.join(root, 'current'));
    };
    const rule = (account, rest = '') => `  - id: deny-${account}
    when: account.id == "${account}"
    reason: OPS_CUSTOM
${rest}`;
    const reasons = `reasons:
  OPS_CUSTOM:
    class: commercial
    rank: 900
    status: 403
    public: not_any_more
    liftable: yes
    text: Not any more.
`;
    const first = versioned(rule('dated', `    valid: {from: ${iso(soon)}}\n`)
        + rule('excepted')) + reasons + `exceptions:
  - id: for-a-while
    kind: waiver
    account: excepted
    lifts: [deny-excepted]
    valid: {until: ${iso(soon)}}
    approved_by: [ops]
    ticket: T-1
`;

    write('r1', first);
    p.policy = path.join(root, 'current', 'policy.yaml');

    const ids = ['dated', 'excepted', 'moved', 'stays'];

    for (const id of ids) {
        await p.enrol(id);
    }

    await p.start();

    const seen = {};

    for (const id of ids) {
        seen[id] = await underWay(p, id);
    }

    // The workers that have them drain; the upstream is asked by new ones.
    const old = p.nginx.pid;

    p.signal('SIGHUP');
    assert.equal(old, p.nginx.pid);

    await at(soon);

    for (const id of ['dated', 'excepted']) {
        await seen[id].done;
        await inTime(seen[id].of, soon, id);
        assert.equal((await settled(p, seen[id].of)).cut.reason, 'OPS_CUSTOM');
    }

    assert.equal(seen.moved.of.left, null);

    const moved = Date.now();

    write('r2', versioned(rule('moved')) + reasons);
    await seen.moved.done;

    // The pointer is looked at once a second.
    await inTime(seen.moved.of, moved + 1000, 'moved');
    assert.deepEqual((await settled(p, seen.moved.of)).cut,
        { reason: 'OPS_CUSTOM', rule: 'deny-moved', told: true });

    assert.equal(seen.stays.of.left, null);
    await suspend(p, 'stays');
    await seen.stays.done;
    assert.equal((await settled(p, seen.stays.of)).end, 'cut');
});


test('an answer that has not begun is a refusal; one that has is torn',
    async () => {
        const body = chat();
        const held = { left: null };

        await g.enrol('waits');
        await g.enrol('half');

        g.upstream.hook = (req, res) => {
            held.id = req.headers['x-sallyport-id'];
            res.on('close', () => { held.left = Date.now(); });
            return true;
        };

        const seen = follow(g, { key: 'sk-waits', body });

        await until(() => held.id, 'the upstream has it');

        let from = Date.now();

        await suspend(g, 'waits');
        await seen.done;
        await inTime(held, from, 'waits');

        assert.equal(seen.torn, null);
        assert.equal(seen.status, 403);
        assert.equal(JSON.parse(seen.text).error.code, 'account_restricted');

        const settle = await settled(g, held);

        assert.equal(settle.end, 'cut');
        assert.equal(settle.status, 403);
        assert.equal(settle.attempts, 1);
        assert.equal(settle.cut.told, true);

        const of = endless((n) => (n === 0 ? '{"choices":[' : ' '),
            { type: 'application/json' });

        g.upstream.hook = of.hook;

        const half = follow(g, { key: 'sk-half', body });

        await half.began;
        from = Date.now();
        await suspend(g, 'half');
        await half.done;
        await inTime(of, from, 'half');

        assert.notEqual(half.torn, null);
        assert.equal((await settled(g, of)).cut.told, false);
    });


test('an event that is under way is not cut in two, and not waited for',
    async () => {
        await g.enrol('mid');
        await g.enrol('never');

        // Halves of events, at a pace that has a half out most of the time.
        const halves = endless((n) => (n % 2 ? '"}}]}\n\n'
            : 'data: {"choices":[{"index":0,"delta":{"content":"w'),
        { gap: 60 });
        const mid = await underWay(g, 'mid', {}, halves);
        let from = Date.now();

        await suspend(g, 'mid');
        await mid.done;
        await inTime(halves, from, 'mid');

        const events = mid.text.split('\n\n');

        assert.equal(events.pop(), '');
        assert.match(events.pop(), /^event: error\ndata: \{/);
        events.forEach((e) => JSON.parse(e.slice('data: '.length)));

        const endlessEvent = endless((n) => (n ? 'w' : 'data: {"choices":"'));
        const never = await underWay(g, 'never', {}, endlessEvent);

        from = Date.now();
        await suspend(g, 'never');
        await never.done;
        await inTime(endlessEvent, from, 'never');
        assert.doesNotMatch(never.text, /error/);
        assert.equal((await settled(g, endlessEvent)).cut.told, false);
    });


test('a client that does not read is cut off, and one of HTTP/1.0',
    async () => {
        await g.enrol('deaf');
        await g.enrol('old');

        const raw = (version, key) => {
            const text = JSON.stringify(chat('small', { stream: true }));
            const socket = net.connect(g.port, '127.0.0.1');

            socket.write(`POST /v1/chat/completions HTTP/${version}\r\n` +
                'Host: x\r\nX-Forwarded-For: 8.8.8.8\r\n' +
                `Authorization: Bearer ${key}\r\n` +
                'Content-Type: application/json\r\n' +
                `Content-Length: ${text.length}\r\n\r\n${text}`);

            return socket;
        };

        const wide = endless((n) => openaiChunk('x'.repeat(100000) + n));

        g.upstream.hook = wide.hook;

        const deaf = raw('1.1', 'sk-deaf');

        deaf.pause();
        deaf.on('error', () => {});

        await until(() => wide.sent > 300, 'the client is behind');

        let from = Date.now();

        await suspend(g, 'deaf');
        await inTime(wide, from, 'deaf');
        assert.equal((await settled(g, wide)).cut.told, false);
        deaf.destroy();

        const of = endless(() => 'data: {"choices":"');

        g.upstream.hook = of.hook;

        const old = raw('1.0', 'sk-old');
        const end = new Promise((resolve) => {
            old.on('error', (e) => resolve(e.code));
            old.on('end', () => resolve('end'));
        });

        old.resume();
        await until(() => of.sent > 3, 'the stream has begun');
        from = Date.now();
        await suspend(g, 'old');
        await end;
        await inTime(of, from, 'old');
    });


test('HTTP/2: the event, then a reset of the stream alone', async () => {
    await g.enrol('two');
    await g.enrol('two-other');

    const client = http2.connect(`http://127.0.0.1:${g.h2Port}`);
    const of = endless(openaiChunk);

    g.upstream.hook = of.hook;

    const open = (key) => {
        const stream = client.request({ ':method': 'POST',
            ':path': '/v1/chat/completions', 'x-forwarded-for': '8.8.8.8',
            'content-type': 'application/json',
            authorization: 'Bearer ' + key });
        const seen = { text: '', stream };

        seen.done = new Promise((resolve) => {
            stream.on('data', (data) => { seen.text += data; });
            stream.on('error', (e) => { seen.error = e; });
            stream.on('close', resolve);
        });
        stream.end(JSON.stringify(chat('small', { stream: true })));

        return seen;
    };

    const seen = open('sk-two');

    await until(() => seen.text.length > 0, 'the stream has begun');

    const other = open('sk-two-other');

    await until(() => other.text.length > 0, 'the other one has begun');
    await suspend(g, 'two');
    await seen.done;

    assert.match(seen.text, /event: error\ndata: .*\n\n$/);
    assert.match(String(seen.error), /NGHTTP2_INTERNAL_ERROR/);
    assert.equal(other.error, undefined);
    assert.ok(!other.stream.closed);

    await suspend(g, 'two-other');
    await other.done;
    client.close();
});


test('real SDKs raise what they raise for a refusal', async () => {
    await g.enrol('sdk-o');
    await g.enrol('sdk-a');

    g.upstream.hook = endless(openaiChunk).hook;

    const openai = new OpenAI({ apiKey: 'sk-sdk-o', baseURL: g.url + '/v1',
        defaultHeaders: { 'X-Forwarded-For': '8.8.8.8' } });
    let n = 0;

    await assert.rejects(async () => {
        for await (const chunk of await openai.chat.completions.create(
            { model: 'small', messages, stream: true }))
        {
            assert.ok(chunk.choices);

            if (++n === 5) {
                await suspend(g, 'sdk-o');
            }
        }
    }, (e) => e instanceof OpenAI.APIError
        && e.code === 'account_restricted' && e.type === 'permission_error');

    g.upstream.hook = endless((i) => (i === 0
        ? sse({ type: 'message_start', message: { id: 'm', type: 'message',
            role: 'assistant', model: 'small', content: [], stop_reason: null,
            stop_sequence: null, usage: { input_tokens: 1,
                output_tokens: 1 } } }, 'message_start')
        : i === 1 ? sse({ type: 'content_block_start', index: 0,
            content_block: { type: 'text', text: '' } }, 'content_block_start')
            : DIALECTS.anthropic.piece(i))).hook;

    const anthropic = new Anthropic({ apiKey: 'sk-sdk-a', baseURL: g.url,
        defaultHeaders: { 'X-Forwarded-For': '8.8.8.8' } });

    n = 0;

    await assert.rejects(async () => {
        for await (const event of await anthropic.messages.create(
            { model: 'small', max_tokens: 9, messages, stream: true }))
        {
            assert.ok(event.type);

            if (++n === 5) {
                await suspend(g, 'sdk-a');
            }
        }
    }, (e) => e instanceof Anthropic.APIError
        && /permission_error/.test(JSON.stringify(e.error ?? e.message)));
});


test('a store that cannot be asked ends no stream', async (t) => {
    const p = await gate(t);

    await p.enrol('acme');

    const seen = await underWay(p, 'acme');

    await p.redis.stop();

    const sent = seen.of.sent;

    // Past the lease, and several looks.
    await until(() => seen.of.sent > sent + 150, 'the stream goes on');
    assert.equal(seen.of.left, null);
    clearInterval(seen.of.timer);
    p.upstream.hook = null;
    await p.upstream.stop();
    await seen.done;
    assert.equal((await settled(p, seen.of)).end === 'cut', false);
});


test('observe ends nothing', async (t) => {
    const p = await gate(t, { mode: 'observe' });

    await p.enrol('acme');

    const seen = await underWay(p, 'acme');

    await suspend(p, 'acme');

    const sent = seen.of.sent;

    await until(() => seen.of.sent > sent + 100, 'the stream goes on');
    assert.equal(seen.of.left, null);
    await p.upstream.stop();
    await seen.done;
});
