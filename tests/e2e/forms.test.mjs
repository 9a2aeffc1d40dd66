// Copyright (C) the Sallyport authors
//
// Forms (multipart/form-data) through the gate: the calls of real SDKs, each
// way in which a form may come, and what readers of forms in use take for the
// model of those that the gate lets through.

import http from 'node:http';
import http2 from 'node:http2';
import zlib from 'node:zlib';
import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, sdk, sharedBy, FROM } from './lib/harness.mjs';
import { READERS, parts } from './lib/forms.mjs';

const OpenAI = sdk('openai').default;
const { toFile } = sdk('openai');

const POLICY = `sallyport: 1
policy: forms
revision: r1

models:
  tiers:
    1: [small, small-*]
    3: [frontier]

routes:
  files.create: {open: yes}

deny:
  - id: unlisted
    when: has(model.id) and not has(model.tier)
    reason: MODEL_UNKNOWN
  - id: no-frontier
    when: has(model.tier) and model.tier == 3
    reason: KYC_LEVEL

allow:
  - id: verified
    when: account.status == verified
`;

const PATH = '/v1/audio/transcriptions';
const BOUNDARY = 'bound-9';

const file = sharedBy(after);
let g;

before(async () => {
    g = await gate(file, { h2: true, bodyBuffer: '16k', policy: POLICY });
    await g.enrol('acme');
});


const openai = (options = {}) => new OpenAI({ apiKey: 'sk-acme',
    baseURL: g.url + '/v1', maxRetries: 0,
    defaultHeaders: { 'X-Forwarded-For': FROM.US }, ...options });

const sound = () => toFile(Buffer.alloc(100000, '\r\n--bound-9 RIFF'),
    'speech.wav', { type: 'audio/wav' });

const send = (body, rest = {}) => g.call({ key: 'sk-acme', path: PATH, body,
    ...rest, headers: { 'Content-Type':
        `multipart/form-data; boundary=${BOUNDARY}`, ...rest.headers } });

const form = (...list) => parts(BOUNDARY, list);
const wav = (n) => ['file', Buffer.from('-\r\n--bound-\r\n'.repeat(n / 13)),
    { filename: 'a.wav', type: 'audio/wav' }];


test('openai: speech as text, plain and streamed', async () => {
    const answer = await openai().audio.transcriptions.create(
        { model: 'small', file: await sound(), language: 'en' });

    assert.match(answer.text, /^The gate/);

    const stream = await openai().audio.transcriptions.create({
        model: 'small-1', file: await sound(), stream: true,
        timestamp_granularities: ['word', 'segment'] });
    let text = '';

    for await (const event of stream) {
        text += event.delta ?? '';
    }

    assert.match(text, /^The gate/);

    const [record] = await g.waitRecords('decision', 1,
        (r) => r.req.model === 'small-1');

    assert.equal(record.dec, 'allow');
    assert.equal(record.req.stream, true);

    await assert.rejects(openai().audio.transcriptions.create(
        { model: 'frontier', file: await sound() }),
    OpenAI.PermissionDeniedError);
    await assert.rejects(openai().audio.transcriptions.create(
        { model: 'none', file: await sound() }), OpenAI.NotFoundError);
});


test('openai: an image is changed', async () => {
    const image = await toFile(Buffer.from('png'), 'a.png',
        { type: 'image/png' });

    assert.ok((await openai().images.edit({ model: 'small', prompt: 'a cat',
        image: [image, image], n: 2 })).data.length);
    await assert.rejects(openai().images.edit({ model: 'frontier', image,
        prompt: 'a cat' }), OpenAI.PermissionDeniedError);
});


test('openai: a file is stored where the policy says so, and no calls',
    async (t) => {
        const content = await toFile(Buffer.from('{"body":{"model":' +
            '"frontier"}}\n'), 'calls.jsonl');
        const answer = await openai().files.create(
            { file: content, purpose: 'assistants' });

        assert.equal(answer.filename, 'calls.jsonl');
        await assert.rejects(openai().files.create(
            { file: content, purpose: 'batch' }), OpenAI.BadRequestError);

        const [record] = await g.waitRecords('decision', 1,
            (r) => /file of calls/.test(r.detail ?? ''));

        assert.equal(record.dec, 'deny');

        const shut = await gate(t, { policy: POLICY.replace(
            'files.create: {open: yes}', 'files.list: {open: yes}') });

        await shut.enrol('acme');
        await assert.rejects(openai({ baseURL: shut.url + '/v1' })
            .files.create({ file: content, purpose: 'assistants' }),
        OpenAI.NotFoundError);
        assert.equal(shut.upstream.arrivals.length, 0);
    });


test('in one piece, spilled to disk, at the limit: sent as it came',
    async () => {
        for (const n of [10, 15000, 16384, 17000, 300000, 3000000]) {
            const body = form(wav(n), ['model', 'small']);
            const res = await send(body);

            assert.equal(res.status, 200, res.text);
            assert.equal(g.upstream.arrivals.at(-1).body, body.toString());
            assert.equal((await send(form(wav(n), ['model', 'frontier'])))
                .status, 403);
        }

        assert.equal((await send(form(wav(9 << 20), ['model', 'small']))
            .catch(() => ({ status: 413 }))).status, 413);
    });


// Without a length, in pieces of "step" bytes.
const chunked = (body, step) => new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port: g.port, path: PATH,
        method: 'POST', agent: false, headers: {
            authorization: 'Bearer sk-acme', 'x-forwarded-for': FROM.US,
            'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
            'transfer-encoding': 'chunked' } }, (res) => {
        res.resume();
        res.on('end', () => resolve(res.statusCode));
    });

    req.setNoDelay(true);
    req.on('error', reject);

    for (let at = 0; at < body.length; at += step) {
        req.write(body.subarray(at, at + step));
    }

    req.end();
});


test('in chunks, cut at every byte', async () => {
    const fine = form(['model', 'small'], ['file', 'x', { filename: 'a' }]);
    const bad = form(['model', 'small'], ['model', 'frontier']);

    for (let step = 1; step < fine.length; step += step < 20 ? 1 : 17) {
        assert.equal(await chunked(fine, step), 200);
        assert.equal(g.upstream.arrivals.at(-1).body, fine.toString());
        assert.equal(await chunked(bad, step), 400);
    }
});


test('over HTTP/2, cut in two at every byte', async () => {
    const session = http2.connect(`http://127.0.0.1:${g.h2Port}`);
    const post = (body, at) => new Promise((resolve, reject) => {
        const stream = session.request({ ':method': 'POST', ':path': PATH,
            authorization: 'Bearer sk-acme', 'x-forwarded-for': FROM.US,
            'content-type': `multipart/form-data; boundary=${BOUNDARY}` });
        let status;

        stream.on('response', (h) => { status = h[':status']; });
        stream.on('error', reject);
        stream.on('end', () => resolve(status));
        stream.resume();
        stream.write(body.subarray(0, at));
        setImmediate(() => stream.end(body.subarray(at)));
    });
    const fine = form(['file', 'x', { filename: 'a' }], ['model', 'small']);
    const bad = form(['model', 'small'], ['Model', 'frontier']);

    try {
        for (let at = 1; at < fine.length; at += 3) {
            assert.equal(await post(fine, at), 200);
            assert.equal(await post(bad, Math.min(at, bad.length - 1)), 400);
        }

    } finally {
        session.close();
    }
});


test('an encoded form is decoded, judged and sent plain', async () => {
    const fine = form(['model', 'small'], wav(4000));

    assert.equal((await send(zlib.gzipSync(fine), { headers:
        { 'Content-Encoding': 'gzip' } })).status, 200);
    assert.equal(g.upstream.arrivals.at(-1).body, fine.toString());
    assert.equal((await send(zlib.gzipSync(form(['model', 'frontier'])),
        { headers: { 'Content-Encoding': 'gzip' } })).status, 403);
});


test('a call that is repeated is judged each time', async () => {
    for (let i = 0; i < 5; i++) {
        assert.equal((await send(form(['model', 'small']))).status, 200);
        assert.equal((await send(form(['model', 'frontier']))).status, 403);
        assert.equal((await send(form(['model', 'none']))).status, 404);
    }
});


test('nothing, another type, two types', async () => {
    assert.equal((await send('')).status, 400);

    for (const type of ['multipart/form-data', 'multipart/mixed; boundary=b',
        'multipart/form-data; boundary=b; boundary=c', 'application/json',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=b; charset=utf-16',
        'multipart/form-data; boundary=b d'])
    {
        assert.equal((await send(form(['model', 'small']),
            { headers: { 'Content-Type': type } })).status, 415, type);
    }
});


// Each form, and what the readers that take it have for "model".

const reading = async (type, body) => {
    const models = {};

    for (const [name, read] of Object.entries(READERS)) {
        try {
            models[name] = await read(type, body);
        } catch {
            // it refuses the form
        }
    }

    return models;
};

const D = 'Content-Disposition: form-data; name=';
const whole = (...lines) => Buffer.from(lines.join('\r\n'), 'latin1');
const B = `--${BOUNDARY}`;

const ODD = [
    ['two models', form(['model', 'small'], ['model', 'frontier'])],
    ['a twin', form(['model', 'small'], ['MODEL', 'frontier'])],
    ['a list', form(['model', 'small'], ['model[]', 'frontier'])],
    ['a member', form(['model', 'small'], ['model[0]', 'frontier'])],
    ['a file', form(['model', 'frontier', { filename: 'm' }],
        ['model', 'small'])],
    ['a typed one', form(['model', 'small', { type: 'text/plain' }])],
    ['UTF-16', form(['model', 'small',
        { type: 'text/plain; charset=utf-16le' }])],
    ['bytes', form(['model', 'small', { type: 'application/octet-stream' }])],
    ['no quotes', whole(B, `${D}model`, '', 'small', `${B}--`, '')],
    ['single quotes', whole(B, `${D}'model'`, '', 'small', `${B}--`, '')],
    ['a starred name', whole(B, `${D}"x"; name*=utf-8''mod%65l`, '', 'small',
        `${B}--`, '')],
    ['two names', whole(B, `${D}"x"; name="model"`, '', 'small', `${B}--`, '')],
    ['a name in capitals', whole(B, 'Content-Disposition: form-data; ' +
        'NAME="model"', '', 'small', `${B}--`, '')],
    ['an escaped quote', whole(B, `${D}"mo\\"del"; x="model"`, '', 'small',
        `${B}--`, '')],
    ['an escaped name', whole(B, `${D}"mod%65l"`, '', 'small', `${B}--`, '')],
    ['two dispositions', whole(B, `${D}"x"`, `${D}"model"`, '', 'small',
        `${B}--`, '')],
    ['a transfer encoding', whole(B, `${D}"model"`,
        'Content-Transfer-Encoding: quoted-printable', '', 'sm=61ll',
        `${B}--`, '')],
    ['base64', whole(B, `${D}"model"`, 'Content-Transfer-Encoding: base64',
        '', 'c21hbGw=', `${B}--`, '')],
    ['a preamble', whole('x', B, `${D}"model"`, '', 'small', `${B}--`, '')],
    ['an epilogue', whole(B, `${D}"model"`, '', 'small', `${B}--`, B,
        `${D}"model"`, '', 'frontier', `${B}--`, '')],
    ['no end', whole(B, `${D}"model"`, '', 'small', '')],
    ['an end without dashes', whole(B, `${D}"model"`, '', 'small', B)],
    ['line feeds', Buffer.from(form(['model', 'small']).toString()
        .replaceAll('\r\n', '\n'))],
    ['carriage returns', Buffer.from(form(['model', 'small']).toString()
        .replaceAll('\r\n', '\r'))],
    ['a space behind the boundary', whole(`${B} `, `${D}"model"`, '', 'small',
        `${B}--`, '')],
    ['more behind the boundary', whole(`${B}x`, `${D}"model"`, '', 'frontier',
        B, `${D}"model"`, '', 'small', `${B}--`, '')],
    ['the boundary within', whole(B, `${D}"model"`, '', `small${B}`,
        `${D}"model"`, '', 'frontier', `${B}--`, '')],
    ['a folded header', whole(B, 'Content-Disposition: form-data;',
        ' name="model"', '', 'small', `${B}--`, '')],
    ['a space before the colon', whole(B, 'Content-Disposition : form-data; ' +
        'name="model"', '', 'small', `${B}--`, '')],
    ['a NUL in the name', whole(B, `${D}"model\0"`, '', 'small', `${B}--`, '')],
    ['a tab', whole(B, 'Content-Disposition:\tform-data;\tname="model"', '',
        'small', `${B}--`, '')],
    ['an attachment', whole(B, 'Content-Disposition: attachment; ' +
        'name="model"', '', 'small', `${B}--`, '')],
    ['a form in a form', whole(B, `${D}"model"`, 'Content-Type: ' +
        'multipart/mixed; boundary=i', '', '--i', `${D}"model"`, '',
    'frontier', '--i--', `${B}--`, '')],
    ['a proto', form(['__proto__[model]', 'frontier'], ['model', 'small'])],
    ['a charset', form(['_charset_', 'utf-16'], ['model', 'small'])],
];

for (const [title, body] of ODD) {
    test(`read in two ways: ${title}`, async () => {
        const type = `multipart/form-data; boundary=${BOUNDARY}`;
        const seen = g.upstream.arrivals.length;
        const res = await send(body);

        if (title === 'a proto') {    // no reader makes a model of it
            assert.equal(res.status, 200);
            assert.ok(Object.values(await reading(type, body))
                .every((model) => model === 'small'));
            return;
        }

        assert.equal(res.status, 400, res.text);
        assert.equal(g.upstream.arrivals.length, seen);
    });
}


// A form of odd and even parts that are made of what real ones have.
function randomForm(below) {
    const pick = (list) => list[below(list.length)];
    const names = ['model', 'model', 'file', 'prompt', 'n', 'stream', 'Model',
        'model[]', 'model.x', 'x', 'language', 'timestamp_granularities[]'];
    const values = ['small', 'frontier', '', 'a\r\nb', '--bound-9', 'true',
        '1', '\r\n', 'x'.repeat(600), 'small-1'];
    const list = [...Array(1 + below(4))].map(() => [pick(names),
        pick(values), pick([{}, {}, {}, {}, { filename: 'f' },
            { type: 'text/plain' }, { filename: 'f', type: 'a/b' }])]);
    let body = form(['model', 'small'], ...list);

    if (below(2)) {
        const at = below(body.length);

        body = Buffer.concat([body.subarray(0, at), Buffer.from(pick(['', '\r',
            '\n', '"', ';', '-', ' ', '\0', '\r\n', '--', `\r\n${B}\r\n`,
            `\r\n${B}--\r\n`, '\\'])), body.subarray(at + below(3))]);
    }

    return body;
}

test('random forms: readers that take one agree with the gate', async () => {
    let state = Number(process.env.SEED ?? Date.now() % 1e9);
    let fine = 0;
    const below = (n) => {
        state = state * 1103515245 + 12345 & 0x7fffffff;
        return Math.floor(state / 65536) % n;
    };

    console.log(`seed ${state}`);

    for (let i = 0; i < 1500; i++) {
        const body = randomForm(below);
        const seen = g.upstream.arrivals.length;
        const res = await send(body, { agent: undefined });

        assert.ok([200, 400, 403, 404].includes(res.status), res.text);

        if (res.status === 400) {
            assert.equal(g.upstream.arrivals.length, seen);
            continue;
        }

        fine++;
        const want = { 200: /^small/, 403: /^frontier/, 404: /./ };

        for (const [name, model] of Object.entries(await reading(
            `multipart/form-data; boundary=${BOUNDARY}`, body)))
        {
            assert.match(String(model), want[res.status],
                `${name}: ${JSON.stringify(body.toString('latin1'))}`);
        }
    }

    assert.ok(fine > 100, `${fine} forms were taken`);
});
