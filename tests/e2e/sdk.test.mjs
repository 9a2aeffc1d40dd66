// Copyright (C) the Sallyport authors
//
// Real SDKs through the gate: plain and streamed calls, and the exception
// that a developer catches for each refusal. None may hammer: "sends" counts
// what an SDK makes of one call with its own retry settings.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, sdk, sharedBy, ledger, FROM } from './lib/harness.mjs';

const OpenAI = sdk('openai').default;
const Anthropic = sdk('@anthropic-ai/sdk').default;
const Anthropic0 = sdk('anthropic-0').default;

const file = sharedBy(after);
let g;

before(async () => {
    g = await gate(file);
    await g.enrol('acme');
    await g.enrol('low', { level: 1 });
    await g.enrol('held', { status: 'suspended' });
});


const openai = (key, from = FROM.US, maxRetries = 2) => new OpenAI({
    apiKey: key, baseURL: g.url + '/v1', maxRetries,
    defaultHeaders: { 'X-Forwarded-For': from },
});

const anthropic = (Class, key, from = FROM.US) => new Class({
    apiKey: key, baseURL: g.url, maxRetries: 2,
    defaultHeaders: { 'X-Forwarded-For': from },
});

const messages = [{ role: 'user', content: 'hello there' }];


test('openai: chat, plain', async () => {
    const answer = await openai('sk-acme').chat.completions.create(
        { model: 'small', messages });

    assert.match(answer.choices[0].message.content, /^The gate/);
    assert.ok(answer.usage.completion_tokens > 0);
});


test('openai: chat, streamed, and its tokens are settled', async () => {
    const stream = await openai('sk-acme').chat.completions.create(
        { model: 'small', messages, stream: true,
            stream_options: { include_usage: true } });
    let text = '';
    let usage;

    for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
        usage = chunk.usage ?? usage;
    }

    assert.match(text, /^The gate/);

    const { id } = g.upstream.arrivals.at(-1);
    const [settle] = await g.waitRecords('settle', 1, (r) => r.of === id);

    assert.equal(settle.end, 'complete');
    assert.equal(settle.tok_out, usage.completion_tokens);
    assert.equal(settle.tok_in, usage.prompt_tokens);
});


test('openai: completions, responses, embeddings, models', async () => {
    const client = openai('sk-acme');

    assert.ok((await client.completions.create({ model: 'small',
        prompt: 'hello' })).choices[0].text);
    assert.match((await client.responses.create({ model: 'small',
        input: 'hello' })).output_text, /^The gate/);
    assert.equal((await client.embeddings.create({ model: 'small',
        input: ['a', 'b'], encoding_format: 'float' })).data.length, 2);
    assert.ok((await client.models.list()).data.length > 0);

    let text = '';

    for await (const event of await client.responses.create({
        model: 'small', input: 'hello', stream: true }))
    {
        text += event.type === 'response.output_text.delta'
            ? event.delta : '';
    }

    assert.match(text, /^The gate/);
});


for (const [name, Class] of [['1.x', Anthropic], ['0.x', Anthropic0]]) {
    test(`anthropic ${name}: messages, plain, streamed, counted`, async () => {
        const client = anthropic(Class, 'sk-acme');
        const ask = { model: 'small', max_tokens: 5, messages };

        assert.match((await client.messages.create(ask)).content[0].text,
            /^The gate/);

        const final = await client.messages.stream(ask).finalMessage();

        assert.equal(final.stop_reason, 'end_turn');
        assert.ok((await client.messages.countTokens({ model: 'small',
            messages })).input_tokens > 0);
    });
}


// Runs a call that must fail; returns the exception and how many requests the
// SDK made of it.
async function failing(call) {
    const before = ledger(g.records()).decisions.size;
    let error;

    await assert.rejects(call, (e) => {
        error = e;
        return true;
    });

    return { error, sends: ledger(g.records()).decisions.size - before };
}


const ask = (client, model = 'small') =>
    client.chat.completions.create({ model, messages });
const askA = (client, model = 'small') =>
    client.messages.create({ model, max_tokens: 5, messages });

const CASES = [
    ['401', 'AuthenticationError', 'sk-nobody', FROM.US, 'small'],
    ['403 account', 'PermissionDeniedError', 'sk-held', FROM.US, 'small'],
    ['403 level', 'PermissionDeniedError', 'sk-low', FROM.US, 'frontier'],
    ['404', 'NotFoundError', 'sk-acme', FROM.US, 'no-such-model'],
    ['451', 'APIError', 'sk-acme', FROM.KP, 'small'],
];

for (const [title, name, key, from, model] of CASES) {
    test(`openai: ${title} is ${name}, asked once`, async () => {
        const { error, sends } = await failing(ask(openai(key, from), model));

        assert.ok(error instanceof OpenAI[name], error.constructor.name);
        assert.equal(error.status, Number(title.slice(0, 3)));
        assert.equal(typeof error.code, 'string');
        assert.ok(error.requestID, 'request id');
        assert.equal(sends, 1);
    });

    for (const [version, Class] of [['1.x', Anthropic], ['0.x', Anthropic0]]) {
        test(`anthropic ${version}: ${title} is ${name}, asked once`,
            async () => {
                const { error, sends } = await failing(
                    askA(anthropic(Class, key, from), model));

                assert.ok(error instanceof Class[name],
                    error.constructor.name);
                assert.equal(error.status, Number(title.slice(0, 3)));
                assert.equal(error.error.type, 'error');
                assert.ok(error.requestID, 'request id');
                assert.equal(sends, 1);
            });
    }
}


const SLOW = `sallyport: 1
policy: slow
revision: r1
models:
  tiers:
    1: [small]
allow:
  - id: all
    when: account.status == verified
throttle:
  - id: slow
    meter: requests
    per: [account.id]
    rate: 6/min
    burst: 1
`;

test('429: RateLimitError, with the wait that is true, or a quarter more', async (t) => {
    const slow = await gate(t, { policy: SLOW });

    await slow.enrol('acme');
    assert.equal((await slow.chat('sk-acme')).status, 200);

    const client = new OpenAI({ apiKey: 'sk-acme', baseURL: slow.url + '/v1',
        maxRetries: 0, defaultHeaders: { 'X-Forwarded-For': FROM.US } });
    const clientA = new Anthropic({ apiKey: 'sk-acme', baseURL: slow.url,
        maxRetries: 0, defaultHeaders: { 'X-Forwarded-For': FROM.US } });

    await assert.rejects(ask(client), (e) => {
        assert.ok(e instanceof OpenAI.RateLimitError, e.constructor.name);

        const wait = Number(e.headers.get('retry-after'));
        assert.ok(wait >= 8 && wait <= 13, `retry-after ${wait}`);

        return true;
    });
    await assert.rejects(askA(clientA), (e) =>
        e instanceof Anthropic.RateLimitError);
});


test('503: InternalServerError when the store cannot be asked', async (t) => {
    const down = await gate(t, { checkLedger: true });

    await down.redis.stop();

    const client = new OpenAI({ apiKey: 'sk-acme', baseURL: down.url + '/v1',
        maxRetries: 0, defaultHeaders: { 'X-Forwarded-For': FROM.US } });

    await assert.rejects(ask(client), (e) => {
        assert.ok(e instanceof OpenAI.InternalServerError, String(e));
        assert.equal(e.status, 503);
        assert.ok(Number(e.headers.get('retry-after')) >= 1);

        return true;
    });
});
