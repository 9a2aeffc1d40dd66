// Copyright (C) the Sallyport authors
//
// The API calls that the gate knows, in a running gate: what a policy narrows
// and adds, one name for each model, and the answer that each dialect gets.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { gate, sharedBy, chat, BUILD, FROM } from './lib/harness.mjs';

const POLICY = `sallyport: 1
policy: routes
revision: r1
blocked_by: https://provider.example/compliance
contact: trust@provider.example
appeal: https://provider.example/appeal
legal_basis: Act 7

lists:
  embargoed: {type: country, items: [KP]}

models:
  tiers:
    1: [small, other, llama3, anthropic.c-v2:0, tunedModels/mine]
    3: [frontier]
  aliases:
    tiny: small
    best: frontier

routes:
  azure: {unavailable_status: 429}
  images.generations: {open: no}
  files.list: {open: yes}
  openai/chat.completions:
    also: [/llm/chat, "/teams/{}/chat"]
  azure/embeddings:
    also: ["/engines/{model}/vectors"]
  generate: {model: small}
  rerank: {model: small}

deny:
  - id: embargo
    when: ip.country in @embargoed
    unknown: match
    reason: JUR_IP_EMBARGO
  - id: unlisted
    when: has(model.id) and not has(model.tier)
    reason: MODEL_UNKNOWN
  - id: no-frontier
    when: has(model.id) and model.id == frontier
    reason: KYC_LEVEL

allow:
  - id: verified
    when: account.status == verified
`;

const file = sharedBy(after);
let g;

before(async () => {
    g = await gate(file, { policy: POLICY, path: '/' });
    await g.enrol('acme');
    await g.enrol('held', { status: 'suspended' });
});

const post = (target, body, more) =>
    g.call({ key: 'sk-acme', path: target, body, ...more });

const contents = [{ role: 'user', parts: [{ text: 'hi' }] }];


// What is asked, the status, and the model that the record names: of an alias
// the alias, which is what was asked for.
for (const [target, body, status, model] of [
    ['/v1/chat/completions', chat('small'), 200, 'small'],
    ['/llm/chat', chat('small'), 404],           // by the upstream
    ['/teams/a.b-c/chat', chat('small'), 404],
    ['/teams/a%2Fb/chat', chat('small'), 400],
    ['/teams/chat', chat('small'), 404, null],
    ['/v1/chat/completions', chat('tiny'), 200, 'tiny'],
    ['/v1/chat/completions', chat('best'), 403, 'best'],
    ['/v1/images/generations', { model: 'small', prompt: 'x' }, 404, null],
    ['/openai/v1/chat/completions', chat('small'), 200, 'small'],
    ['/v1beta/openai/chat/completions', chat('small'), 200, 'small'],
    ['/openai/deployments/small/chat/completions', { messages: [] }, 200,
        'small'],
    ['/openai/deployments/small/chat/completions', chat('other'), 200],
    ['/openai/deployments/small/chat/completions', chat('nobody'), 404],
    ['/openai/deployments/small/chat/completions', chat('frontier'), 403],
    ['/openai/deployments/frontier/chat/completions', chat('small'), 403],
    ['/engines/small/vectors', { input: 'x' }, 404, 'small'],
    ['/v1beta/models/small:generateContent', { contents }, 200, 'small'],
    ['/v1/models/small:streamGenerateContent?alt=sse', { contents }, 200,
        'small'],
    ['/v1beta/models/small:generateContent',
        { model: 'models/small', contents }, 200, 'small'],
    ['/v1beta/models/small:generateContent',
        { model: 'models/other', contents }, 400],
    ['/v1beta/models/small:batchEmbedContents',
        { requests: [{ model: 'models/frontier' }] }, 400],
    ['/v1beta/tunedModels/mine:generateContent', { contents }, 200,
        'tunedModels/mine'],
    ['/v1beta/models/frontier:generateContent', { contents }, 403],
    ['/model/anthropic.c-v2%3A0/converse', { messages: [] }, 200,
        'anthropic.c-v2:0'],
    ['/model/arn%3Aaws%3Abedrock%3Aeu%3A%3Afoundation-model%2Ffrontier'
        + '/converse', { messages: [] }, 403, 'frontier'],
    ['/model/arn%3Aaws%3Abedrock%3Aeu%3A1%3Aapplication-inference-profile%2F'
        + 'small/converse', { messages: [] }, 404],
    ['/api/chat', chat('llama3'), 200, 'llama3'],
    ['/api/chat', chat('Llama3:latest'), 200, 'llama3'],
    ['/api/chat', chat('registry.ollama.ai/library/FRONTIER:latest'), 403,
        'frontier'],
    ['/api/pull', { name: 'small' }, 404, null],
    ['/v2/chat', chat('small'), 200, 'small'],
    ['/generate', { inputs: 'x' }, 200, 'small'],
    ['/generate_stream', { inputs: 'x' }, 404, null],
    ['/v1/rerank', { documents: ['a'], query: 'b' }, 200, 'small'],
    ['/v1/rerank', { model: 'frontier', documents: ['a'] }, 403],
    ['/v1/agents/completions', { agent_id: 'frontier', messages: [] }, 403],
    ['/v1/agents/completions', { agent_id: 'ag:1', messages: [] }, 404],
    ['/v1/batches', { input_file_id: 'f' }, 404, null],
]) {
    const title = `${target} ${JSON.stringify(body).slice(0, 60)}`;

    test(`${title}: ${status}`, async () => {
        const seen = g.upstream.arrivals.length;
        const got = await post(target, body);
        const [record] = await g.waitRecords('decision', 1,
            (r) => r.id === got.headers['x-request-id']
                || r.id === g.upstream.arrivals[seen]?.id);

        assert.equal(got.status, status, got.text);

        if (model) {
            assert.equal(record.req.model, model);
        }

        // what was judged is what was sent
        if (g.upstream.arrivals.length > seen) {
            assert.equal(g.upstream.arrivals[seen].url, target);
            assert.deepEqual(JSON.parse(g.upstream.arrivals[seen].body), body);
        }
    });
}


test('no form, and a closed call like one that is none', async () => {
    const call = (type) => post('/v1/audio/transcriptions', 'x',
        { headers: { 'Content-Type': type } });

    assert.equal((await call('multipart/form-data; boundary=a')).status, 400);
    assert.equal((await call('multipart/form-data')).status, 415);
    assert.equal((await call('application/json')).status, 415);

    const list = { key: 'sk-acme', method: 'GET' };

    assert.equal((await g.call({ ...list, path: '/v1/batches' })).status, 404);
    assert.equal((await g.call({ ...list, path: '/v1/files' })).json?.error
        ?.message, 'no such path');   // open: the upstream has none
});


test('each dialect is answered in its own form', async () => {
    for (const [target, header, read] of [
        ['/v1/chat/completions', 'x-request-id', (j) => j.error.code],
        ['/v1/messages', 'request-id', (j) => j.error.details.error_code],
        ['/v1beta/models/small:generateContent', 'x-request-id',
            (j) => j.error.status],
        ['/openai/deployments/small/chat/completions', 'apim-request-id',
            (j) => j.error.type],
        ['/model/small/converse', 'x-amzn-requestid', (j) => j.message],
        ['/v2/chat', 'x-request-id', (j) => j.id],
        ['/api/chat', 'x-request-id', (j) => j.error],
        ['/v1/fim/completions', 'x-request-id', (j) => j.object],
        ['/generate', 'x-request-id', (j) => j.error_type],
    ]) {
        const got = await post(target, chat('small'), { key: 'sk-nobody' });

        assert.equal(got.status, 401, target);
        assert.ok(got.headers[header], `${target}: ${header}`);
        assert.equal(typeof read(got.json), 'string', got.text);
        assert.equal(got.headers['www-authenticate'], 'Bearer');
        assert.equal(got.headers['cache-control'], 'no-store');
        assert.equal(got.headers['x-amzn-errortype'],
            target.startsWith('/model/') ? 'AccessDeniedException'
                : undefined);
    }

    // Anthropic's API knows no 415
    assert.equal((await post('/v1/messages', chat('small'), {
        headers: { 'Content-Type': 'text/plain' } })).status, 400);
});


test('texts of the policy stand where they belong', async () => {
    const legal = await post('/v1/chat/completions', chat(),
        { from: FROM.KP });
    const held = await post('/v1/chat/completions', chat(),
        { key: 'sk-held' });
    const nobody = await post('/v1/chat/completions', chat(),
        { key: 'sk-nobody' });

    assert.match(legal.json.error.message, /Legal basis: Act 7\. To appeal: /);
    assert.match(held.json.error.message,
        /To appeal: https:\S+ Contact: trust@provider\.example\./);
    assert.doesNotMatch(held.json.error.message, /Legal basis/);
    assert.doesNotMatch(nobody.json.error.message, /appeal|Contact/);
});


test('a request signed for AWS is told what to do', async () => {
    const got = await post('/model/small/converse', { messages: [] }, {
        key: undefined, headers: { Authorization: 'AWS4-HMAC-SHA256 '
            + 'Credential=AKID/20260101/us-east-1/bedrock/aws4_request, '
            + 'SignedHeaders=host, Signature=abc' } });

    assert.equal(got.status, 401);
    assert.match(got.json.message, /Signature Version 4 are not accepted/);
    assert.doesNotMatch(got.text, /AKID/);
});


test('unavailable_status: 429 where the policy says so', async (t) => {
    const down = await gate(t, { policy: POLICY, path: '/' });

    await down.redis.stop();

    for (const [target, status] of [
        ['/openai/deployments/small/chat/completions', 429],
        ['/v1/chat/completions', 503],
    ]) {
        const got = await down.call({ key: 'sk-acme', path: target,
            body: chat('small') });

        assert.equal(got.status, status, got.text);
        assert.ok(Number(got.headers['retry-after']) >= 1);
        assert.equal((await down.waitRecords('decision', 1,
            (r) => r.id === got.headers['x-request-id']))[0].status, status);
    }
});


test('the command sees routes as the gate does', async () => {
    const run = (...args) => spawnSync(path.join(BUILD, 'sallyport'), args,
        { encoding: 'utf8' });
    const rows = JSON.parse(run('routes', g.policy, '--format', 'json')
        .stdout);
    const row = (route, dialect) => rows.find((r) =>
        r.route === route && r.dialect === dialect);

    assert.equal(row('images.generations', 'openai').open, false);
    assert.equal(row('files.list', 'openai').open, true);
    assert.equal(row('files.get', 'openai').open, false);
    assert.equal(row('generate', 'tgi').open, true);
    assert.equal(row('generate_stream', 'tgi').open, false);
    assert.equal(row('converse', 'bedrock').unavailable_status, 503);
    assert.equal(row('embeddings', 'azure').unavailable_status, 429);
    assert.ok(row('chat.completions', 'openai').paths.includes('/llm/chat'));
    assert.equal(run('routes', '--format', 'xml').status, 4);

    // closing a call is a difference: something is newly denied
    const wider = g.file('wider.yaml');

    fs.writeFileSync(wider, POLICY.replace('images.generations: {open: no}',
        'images.generations: {open: yes}'));

    const open = run('diff', g.policy, wider);
    const closed = run('diff', wider, g.policy);

    assert.match(open.stdout, /newly allowed/);
    assert.match(open.stdout, /images\.generations/);
    assert.match(closed.stdout, /newly denied/);
});
