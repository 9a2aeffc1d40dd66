// Copyright (C) the Sallyport authors
//
// Attacks on a running gate. Nearly all of them try to have a large model
// served to an account that may only use small ones, or to have anything
// served at all; after each of them the records must explain whatever the
// upstream has seen.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, chat, sharedBy, until, FROM } from './lib/harness.mjs';

const file = sharedBy(after);
let g;

before(async () => {
    g = await gate(file, { h2: true, bodyBuffer: '1k' });
    await g.enrol('low', { level: 1 });
    await g.enrol('acme');
    await g.enrol('held', { status: 'suspended' });
    assert.equal((await g.chat('sk-low')).status, 200);
    assert.equal((await g.chat('sk-low', 'frontier')).status, 403);
});


const small = JSON.stringify(chat());


// The records that came since the last call, without reading all again.
const offsets = new Map();

function newRecords() {
    return fs.readdirSync(g.audit, { recursive: true })
        .filter((name) => name.endsWith('.jsonl'))
        .flatMap((name) => {
            const text = fs.readFileSync(path.join(g.audit, name));
            const from = offsets.get(name) ?? 0;
            const to = text.lastIndexOf(10) + 1;

            offsets.set(name, to);

            return text.subarray(from, to).toString().split('\n')
                .filter(Boolean).map(JSON.parse);
        });
}


// A test that ends with DESIGN's 7.2 and 7.3: what came to the upstream has
// the id of an allow, and what the gate answered has its record. The ledger
// of the whole file is checked when the gate stops.
function attack(title, run) {
    test(title, async () => {
        newRecords();

        const seen = g.upstream.arrivals.length;
        const ids = await run(() => g.upstream.arrivals.slice(seen)) ?? [];
        const records = newRecords();
        const of = (id) => records.find((r) => r.t === 'decision'
            && r.id === id);

        for (const arrival of g.upstream.arrivals.slice(seen)) {
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


// Sends bytes, resolves with what comes until the server closes; a server
// that waits for more gets "ms".
function raw(bytes, { port = g.port, ms = 1500, end = false } = {}) {
    return new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1');
        const got = [];
        const done = () => {
            clearTimeout(timer);
            socket.destroy();
            resolve(Buffer.concat(got).toString('latin1'));
        };
        const timer = setTimeout(done, ms);

        socket.on('data', (data) => got.push(data));
        socket.on('close', done);
        socket.on('error', done);
        end ? socket.end(bytes) : socket.write(bytes);
    });
}

const statuses = (got) => (got.match(/HTTP\/1\.1 \d{3}/g) ?? [])
    .map((line) => Number(line.slice(9)));
const idsOf = (got) => [...got.matchAll(/^x-request-id: (\S+)/gim)]
    .map((m) => m[1]);


// A request as bytes. "head" are more lines, each with its CRLF.
function request({ method = 'POST', target = '/v1/chat/completions',
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
function refused(title, want, make) {
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


// JSON. The account may use "small", not "frontier".

const F = '"frontier"';
const two = (a, b) => `{${a},"messages":[],${b}}`;

const casings = [...Array(31).keys()].map((bits) => [...'model']
    .map((c, i) => bits + 1 & 1 << i ? c.toUpperCase() : c).join(''));

const BODIES = [
    // duplicate keys, escaped ones, and folded twins
    ['a second model', 400, two('"model":"small"', `"model":${F}`)],
    ['a first model', 400, two(`"model":${F}`, '"model":"small"')],
    ['three models', 400, `{"model":"small","model":${F},"model":"small"}`],
    ['a model a megabyte later', 400, two('"model":"small"',
        `"user":"${'x'.repeat(1 << 20)}","model":${F}`)],
    ['a model of null, too', 400, two('"model":"small"', '"model":null')],
    ['the same model twice', 400, two('"model":"small"', '"model":"small"')],
    ...[...'model'].map((c, i) => {
        const key = 'model'.slice(0, i) + '\\u00' +
            c.charCodeAt(0).toString(16) + 'model'.slice(i + 1);

        return [`an escaped twin ${key}`, 400,
            two('"model":"small"', `"${key}":${F}`)];
    }),
    ['an escaped key alone', 403, `{"\\u006dodel":${F},"messages":[]}`],
    ['an escaped key in capitals', 400, `{"\\u004dodel":${F},"messages":[]}`],
    ['an escaped value', 403,
        '{"model":"\\u0066\\u0072\\u006fntier","messages":[]}'],
    ...casings.map((key) => [`the twin ${key}`, 400,
        two('"model":"small"', `"${key}":${F}`)]),
    ['Model alone', 400, `{"Model":${F}}`],
    ['a long s in stream', 400, two('"model":"small"', '"\u017ftream":true')],
    ['a Kelvin sign in max_tokens', 400,
        two('"model":"small"', '"max_to\u212aens":9')],
    ['a long s in models', 400, two('"model":"small"',
        `"model\u017f":[${F}]`)],
    ['a Kelvin sign in fallbacks', 400, two('"model":"small"',
        `"fallbac\u212as":[${F}]`)],
    ['an escaped long s in tools', 400, two('"model":"small"',
        `"tool\\u017f":[{"model":${F}}]`)],
    ['Tools', 400, two('"model":"small"', `"Tools":[{"model":${F}}]`)],
    ['Model in tools', 400, two('"model":"small"',
        `"tools":[{"Model":${F}}]`)],
    ['two models in one tool', 400, two('"model":"small"',
        `"tools":[{"model":"small","model":${F}}]`)],
    ['two lists of tools', 400, two('"model":"small","tools":[]',
        `"tools":[{"model":${F}}]`)],

    // bytes
    ['a byte order mark', 400, '\ufeff' + small],
    ['UTF-16, little end first', 400, Buffer.from(small, 'utf16le')],
    ['UTF-16 with a mark', 400, Buffer.from('\ufeff' + small, 'utf16le')],
    ['UTF-16, big end first', 400, Buffer.from(small, 'utf16le').swap16()],
    ['UTF-32', 400, Buffer.from([...small].flatMap((c) =>
        [c.charCodeAt(0), 0, 0, 0]))],
    ['UTF-7', 400, '+AHs-"model":"small"}'],
    ['an overlong letter in a key', 400, Buffer.concat([
        Buffer.from('{"model":"small","'), Buffer.from([0xc1, 0xad]),
        Buffer.from(`odel":${F}}`)])],
    ['a lone surrogate in the model', 400, '{"model":"small\\ud800"}'],
    ['a lone surrogate in a message', 400,
        two('"model":"small"', '"user":"\\udc00"')],
    ['a surrogate in UTF-8', 400, Buffer.concat([
        Buffer.from('{"model":"small","user":"'),
        Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')])],
    ['a stray byte', 400, Buffer.concat([
        Buffer.from('{"model":"small","user":"'), Buffer.from([0xff]),
        Buffer.from('"}')])],
    ['a NUL in the model', 400, '{"model":"small\\u0000frontier"}'],
    ['a NUL behind the key', 404, '{"model":"smaller","model\\u0000":"x"}'],
    ['a raw NUL at the end', 400, small + '\0'],
    ['a raw line feed in a string', 400, '{"model":"small","user":"\n"}'],
    ['a form feed', 400, '{\f"model":"small"}'],
    ['a no-break space', 400, '\u00a0' + small],

    // two documents, and what is no strict JSON
    ['two documents', 400, `${small}{"model":${F}}`],
    ['two documents in lines', 400, `${small}\n{"model":${F}}`],
    ['a comment', 400, `{"model":"small"/*,"model":${F}*/}`],
    ['a comment at the end', 400, `${small}//`],
    ['a comment with #', 400, `#\n${small}`],
    ['single quotes', 400, "{'model':'small'}"],
    ['no quotes', 400, '{model:"small"}'],
    ['a comma at the end', 400, '{"model":"small",}'],
    ['two commas', 400, '{"model":"small",,"n":1}'],
    ['NaN', 400, two('"model":"small"', '"temperature":NaN')],
    ['Infinity', 400, two('"model":"small"', '"temperature":-Infinity')],
    ['a leading zero', 400, two('"model":"small"', '"n":01')],
    ['a plus sign', 400, two('"model":"small"', '"n":+1')],
    ['a hexadecimal number', 400, two('"model":"small"', '"n":0x1')],
    ['a bare dot', 400, two('"model":"small"', '"n":1.')],
    ['an odd escape', 400, '{"model":"sm\\x61ll"}'],
    ['a Python literal', 400, two('"model":"small"', '"stream":True')],
    ['an array', 400, `[${small}]`],
    ['an array read by place', 400, `[${F},[]]`],
    ['a string', 400, JSON.stringify(small)],
    ['nothing', 400, ''],
    ['white space', 400, ' \r\n'],
    ['a form', 400, 'model=small&messages=x'],
    ['cut off', 400, small.slice(0, -1)],
    ['cut off in a string', 400, '{"model":"sma'],
    ['depth', 400, '{"model":"small","x":' + '['.repeat(200) +
        ']'.repeat(200) + '}'],
    ['depth of a hundred thousand', 400, '{"model":"small","x":' +
        '{"a":'.repeat(100000)],

    // the model's value
    ['a model of another case', 404, '{"model":"SMALL"}'],
    ['a number', 400, '{"model":5}'],
    ['true', 400, '{"model":true}'],
    ['null', 400, '{"model":null}'],
    ['a list of models', 400, `{"model":[${F}]}`],
    ['an object', 400, `{"model":{"id":${F}}}`],
    ['an empty name', 400, '{"model":""}'],
    ['a space before', 400, '{"model":" frontier"}'],
    ['a space behind', 400, '{"model":"frontier "}'],
    ['a tab', 400, '{"model":"small\\t"}'],
    ['a line feed', 400, '{"model":"small\\nfrontier"}'],
    ['a name of 257 bytes', 400, `{"model":"${'small-' + 'x'.repeat(251)}"}`],
    ['a name of a megabyte', 400, `{"model":"small-${'x'.repeat(1 << 20)}"}`],
    ['a full-width name', 400, '{"model":"\uff53mall"}'],
    ['a Cyrillic letter', 400, '{"model":"sm\u0430ll"}'],
    ['a zero-width space', 400, '{"model":"small\u200b"}'],
    ['another catalogue', 404, '{"model":"openai/small"}'],
    ['a list in one name', 400, '{"model":"small-1,frontier"}'],
    ['a path in a name', 400, '{"model":"small-1/../frontier"}'],
    ['a path that ends in dots', 400, '{"model":"small-1/.."}'],
    ['a query in a name', 400, '{"model":"small-1?model=frontier"}'],
    ['a fragment in a name', 400, '{"model":"small-1#"}'],
    ['an escape in a name', 400, '{"model":"small-1%2f..%2ffrontier"}'],
    ['a backslash in a name', 400, '{"model":"small-1\\\\..\\\\frontier"}'],
    ['a path parameter in a name', 400, '{"model":"small-1;frontier"}'],

    // other carriers of a model
    ...['models', 'fallbacks'].map((k) => [`${k}`, 403,
        two('"model":"small"', `"${k}":["small",${F}]`)]),
    ['fallbacks with objects', 403, two('"model":"small"',
        `"fallbacks":[{"model":"small"},{"model":${F}}]`)],
    ['fallbacks by a key', 400, two('"model":"small"',
        `"fallbacks":[{"small":[${F}]}]`)],
    ['fallbacks as a word', 400, two('"model":"small"',
        '"fallbacks":"default"')],
    ['fallbacks in fallbacks', 400, two('"model":"small"',
        `"fallbacks":[[{"model":${F}}]]`)],
    ['models as an object', 400, two('"model":"small"',
        `"models":{"0":${F}}`)],
    ['models as a word', 400, two('"model":"small"', `"models":${F}`)],
    ['a tool with a model', 403, two('"model":"small"',
        `"tools":[{"type":"image_generation","model":${F}}]`)],
    ['a tool with a model, last of many', 403, two('"model":"small"',
        `"tools":[${'{"type":"function"},'.repeat(100)}{"model":${F}}]`)],
    ['tools as an object', 400, two('"model":"small"',
        `"tools":{"model":${F}}`)],
    ['a picture of a tool', 403, two('"model":"small"',
        `"tools":[{"svg":{"model":${F}}}]`)],
    ['a moderation model', 403, two('"model":"small"',
        `"moderation":{"model":${F}}`)],
    ...['route', 'engine', 'deployment', 'deployment_id', 'assistant_id',
        'agent_id', 'extra_body', 'extra_headers', 'extra_query',
        'context_window_fallbacks', 'content_policy_fallbacks', 'model_list',
        'user_config', 'api_base', 'base_url', 'custom_llm_provider']
        .map((k) => [`${k}`, 400, two('"model":"small"', `"${k}":${F}`)]),
    ['extra_body as an object', 400, two('"model":"small"',
        `"extra_body":{"model":${F}}`)],
    ['65 models', 400, two('"model":"small"', '"models":[' +
        [...Array(65).keys()].map((i) => `"small-${i}"`) + ']')],

    // bounds and flags that readers take for different ones
    ...['"10"', '1e2', '10.0', '-1', '0', 'true', '4294967296', '[]',
        '1e999999999', '9'.repeat(1 << 20)].map((v) =>
        [`max_tokens of ${v.slice(0, 12)}`, 400,
            two('"model":"small"', `"max_tokens":${v}`)]),
    ...['"true"', '1', '[]', '{}'].map((v) => [`stream of ${v}`, 400,
        two('"model":"small"', `"stream":${v}`)]),
];

for (const [title, want, body] of BODIES) {
    refused(`JSON: ${title}`, want, { body });
}


test('JSON: names inside of what nobody reads decide nothing', async () => {
    const body = two('"model":"small"', '"metadata":{"model":"frontier",' +
        '"Model":"x","model":"y"},"user":"\\"model\\":\\"frontier\\""');
    const seen = g.upstream.arrivals.length;
    const got = await raw(request({ body }));

    assert.deepEqual(statuses(got), [200]);
    assert.equal(g.upstream.arrivals.length, seen + 1);
    assert.equal(g.upstream.arrivals.at(-1).body, body);
});


// Types and encodings of a body that is fine in itself.

const frontier = JSON.stringify(chat('frontier'));

const TYPES = ['', 'Content-Type:\r\n', 'Content-Type: text/plain\r\n',
    'Content-Type: application/json;charset=utf-16\r\n',
    'Content-Type: application/json; charset=utf-8; charset=utf-16\r\n',
    'Content-Type: application/json, text/plain\r\n',
    'Content-Type: application/jsonx\r\n', 'Content-Type: json\r\n',
    'Content-Type: application/x-www-form-urlencoded\r\n',
    'Content-Type: multipart/form-data; boundary=x\r\n',
    'Content-Type: application/json\r\nContent-Type: application/json\r\n',
    'Content-Type: application/json\r\nContent-Type: text/plain\r\n',
    'Content_Type: application/json\r\n', 'Content-Type: */*\r\n',
    'Content-Type: application/grpc\r\n',
    'Content-Type: application/json\x0b\r\n'];

for (const type of TYPES) {
    refused(`type: ${JSON.stringify(type)}`, [415, 400], { type });
}

for (const encoding of ['gzip', 'br', 'zstd', 'deflate', 'x-gzip', 'GZIP',
    'gzip, gzip', 'identity, gzip', 'identity,identity', '', 'chunked',
    'gzip\r\nContent-Encoding: identity', 'aes128gcm'])
{
    refused(`encoding: ${JSON.stringify(encoding)}`, 415,
        { head: `Content-Encoding: ${encoding}\r\n` });
}


// Paths and methods: only the exact ones are routes.

const P = '/v1/chat/completions';

const TARGETS = ['/v1//chat/completions', '//v1/chat/completions',
    '/v1/chat//completions', '/v1/./chat/completions',
    '/v1/x/../chat/completions', '/v1/models/../chat/completions',
    '/v1/%2e/chat/completions', '/v1/x/%2e%2e/chat/completions',
    '/v1/x/..%2fchat/completions', '/v1%2fchat/completions',
    '/v1/chat%2fcompletions', '/v1/chat%2Fcompletions', '/%761' + P.slice(3),
    P.replace('c', '%63'), P + '/', P + '//', P + '.', P + '%20', P + '%00',
    P + ';x', P + ';x=/../../v1/files', P + '%3b', P + '%3f', P + '%23',
    P + '#x', P + '\\', P.replaceAll('/', '\\'), P + '%0a', P + '%0d%0a',
    P + '%ff', P + '%c0%af', P + '%', P + '%2', P + '%zz', P + '%252f',
    P + ':x', P.toUpperCase(), '/V1/chat/completions', '/v1/Chat/completions',
    P + '/x', P + '/..', '/v1/', '/v1/files', '/v1/batches', '/v1/realtime',
    '/v1/assistants', '/v1/threads', '/v1/fine_tuning/jobs',
    '/v1/audio/transcriptions', '/v1/images/edits', '/v1/engines/frontier/' +
    'completions', '/v1/../v1/chat/completions', '/x/../v1/chat/completions',
    '/v1/x/../../v1/chat/completions', '/v1/openai' + P,
    'http://gate' + P + '/', 'http://gate/' + P, 'http://gate//v1/models',
    'http://gate?' + P, 'http:///v1/chat/completions', 'https:' + P,
    'gate:80', '*', P + '\t', P + '\x7f', P + '\u00e9', '.' + P,
    '?' + P, P + '%2f%2e%2e%2ffiles'];

for (const target of TARGETS) {
    refused(`target: ${JSON.stringify(target)}`, [400, 404, 405], { target });
}

refused('target: none', [400, 404], { target: '' });

for (const [target, body] of [[P + '?model=frontier'], [P + '?models=x'],
    [P + '?Model=frontier'], [P + '?mod%65l=frontier'], [P + '?a&model=x'],
    [P + '?%6dodel'], [P + '?deployment=x'], [P + '?deployment_id=x'],
    [P + '?engine=x'], [P + '?fallbacks=x'], [P + '?a;model=x'],
    [P + '?model%00=x'], [P + '?+model=x'], [P + '?model[]=x'],
    [P + '?MODEL=small'], ['/v1/responses?model=frontier',
        '{"input":"x"}']])
{
    refused(`a model in the query: ${target}`, 400,
        { target, body: body ?? small });
}

attack('target: an absolute one is its path', async (arrived) => {
    const got = await raw(request({ target: 'http://gate' + P }));

    assert.deepEqual(statuses(got), [200]);
    assert.deepEqual(arrived().map((a) => a.url), [P]);
});

for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE',
    'COPY', 'PROPFIND', 'LOCK', 'TRACE', 'CONNECT', 'PRI', 'FOO', 'post',
    'Post', 'P-OST', 'POSTS', 'SEARCH', 'M_SEARCH'])
{
    refused(`method: ${method}`, [400, 404, 405], { method });
}

refused('method: GET of the models, with a body', 400,
    { method: 'GET', target: '/v1/models', body: frontier });
refused('method: GET of the models, with chunks', 400,
    { method: 'GET', target: '/v1/models', body: '3\r\nabc\r\n0\r\n\r\n',
        length: 'Transfer-Encoding: chunked\r\n' });

for (const name of ['X-HTTP-Method-Override', 'X-HTTP-Method',
    'X-Method-Override', 'X_HTTP_Method_Override', 'X-Original-URL',
    'X-Rewrite-URL', 'Upgrade'])
{
    attack(`an override: ${name} does not go on`, async (arrived) => {
        const got = await raw(request({ head: `${name}: h2c\r\n` }));

        assert.deepEqual(statuses(got), [200]);
        assert.ok(!JSON.stringify(arrived()[0].rawHeaders).includes('h2c'));
    });
}


// Framing.

for (const [title, want, options] of [
    ['two lengths', 400, { head: 'Content-Length: 5\r\n' }],
    ['two equal lengths', 400,
        { head: `Content-Length: ${small.length}\r\n` }],
    ['a list of lengths', 400, { length: `Content-Length: ${small.length}, ` +
        `${small.length}\r\n` }],
    ['a signed length', 400, { length: `Content-Length: +${small.length}` +
        '\r\n' }],
    ['a negative length', 400, { length: 'Content-Length: -1\r\n' }],
    ['a hexadecimal length', 400, { length: 'Content-Length: 0x40\r\n' }],
    ['a length beyond all', [400, 413], { length:
        'Content-Length: 99999999999999999999999\r\n' }],
    ['a length with an underscore', [400, 411], { length:
        `Content_Length: ${small.length}\r\n`, body: '' }],
    ['a length and chunks', 400, { head: 'Transfer-Encoding: chunked\r\n' }],
    ['chunks twice', [400, 501], { length: 'Transfer-Encoding: chunked\r\n' +
        'Transfer-Encoding: chunked\r\n', body: '0\r\n\r\n' }],
    ['chunked, chunked', [400, 501], { length: 'Transfer-Encoding: chunked, ' +
        'chunked\r\n', body: '0\r\n\r\n' }],
    ['gzip, chunked', 501, { length: 'Transfer-Encoding: gzip, chunked\r\n',
        body: '0\r\n\r\n' }],
    ['xchunked', 501, { length: 'Transfer-Encoding: xchunked\r\n',
        body: '0\r\n\r\n' }],
    ['identity', 501, { length: 'Transfer-Encoding: identity\r\n' }],
    ['chunked in HTTP/1.0', [400, 501], { version: 'HTTP/1.0',
        length: 'Transfer-Encoding: chunked\r\n', body: '0\r\n\r\n' }],
    ['a space before the colon', 400, { head:
        'Transfer-Encoding : chunked\r\n' }],
    ['a folded line', [400, 415], { head: 'X: y\r\n Transfer-Encoding: ' +
        'chunked\r\n', type: '' }],
    ['no chunk at all', 400, { length: 'Transfer-Encoding: chunked\r\n',
        body: '0\r\n\r\n' }],
    ['a chunk size with 0x', 400, { length: 'Transfer-Encoding: chunked\r\n',
        body: `0x${small.length.toString(16)}\r\n${small}\r\n0\r\n\r\n` }],
    ['a chunk size beyond all', 400, { length: 'Transfer-Encoding: ' +
        'chunked\r\n', body: `ffffffffffffffff1\r\n${small}\r\n0\r\n\r\n` }],
    ['a negative chunk', 400, { length: 'Transfer-Encoding: chunked\r\n',
        body: `-1\r\n${small}\r\n0\r\n\r\n` }],
    ['two host lines', 400, { host: 'Host: gate\r\nHost: other\r\n' }],
    ['no host', 400, { host: '' }],
    ['an odd host', 400, { host: 'Host: ga/te\r\n' }],
    ['a version of the future', [400, 505], { version: 'HTTP/2.0' }],
    ['a version of letters', 400, { version: 'HTTP/1.x' }],
    ['another protocol', 400, { version: 'ICE/1.0' }],
    ['a NUL in a header', 400, { head: 'X-A: a\0b\r\n' }],
]) {
    refused(`framing: ${title}`, want, options);
}

attack('framing: HTTP/0.9 reaches nobody', async (arrived) => {
    await raw('GET /v1/models\r\n', { ms: 300 });
    await raw('GET /v1/models?key=sk-acme\r\n', { ms: 300 });
    assert.deepEqual(arrived(), []);
});

attack('framing: trailers are no headers', async (arrived) => {
    const got = await raw(request({ key: '', body:
        `${small.length.toString(16)}\r\n${small}\r\n0\r\n` +
        'Authorization: Bearer sk-acme\r\nX-Sallyport-Account: root\r\n\r\n',
    length: 'Transfer-Encoding: chunked\r\n' }));

    assert.deepEqual(statuses(got), [401]);
    assert.deepEqual(arrived(), []);

    return idsOf(got);
});

attack('framing: trailers of an allowed request go no further',
    async (arrived) => {
        const got = await raw(request({ body:
            `${small.length.toString(16)};x=y\r\n${small}\r\n0\r\n` +
            'X-Sallyport-Account: root\r\n\r\n',
        length: 'Transfer-Encoding: chunked\r\n' }));

        assert.deepEqual(statuses(got), [200]);
        assert.equal(arrived().length, 1);
        assert.equal(arrived()[0].body, small);
        assert.ok(!JSON.stringify(arrived()[0]).includes('root'));
    });

for (const [title, first, want] of [
    ['refused by its key', { key: 'sk-nobody', body: request() }, [401, 401]],
    ['refused by its path', { target: '/v1/files', body: request() },
        [404, 401]],
    ['refused by its body', { body: Buffer.concat([Buffer.from('{"x":1}'),
        request()]) }, [400, 401]],
    ['refused by its model', { body: frontier }, [403, 401]],
    ['refused, in chunks', { key: 'sk-nobody', body: `${small.length
        .toString(16)}\r\n${small}\r\n0\r\n\r\n`,
    length: 'Transfer-Encoding: chunked\r\n' }, [401, 401]],
    ['that expects to be asked on', { key: 'sk-nobody', body: request(),
        head: 'Expect: 100-continue\r\n' }, [401, 401]],
    ['with an odd expectation', { key: 'sk-nobody', body: request(),
        head: 'Expect: the-inquisition\r\n' }, [401, 401]],
    ['GET with a body', { method: 'GET', target: '/v1/models',
        body: request() }, [400, 401]],
    ['OPTIONS with a body', { method: 'OPTIONS', target: '*',
        body: request() }, null],
]) {
    attack(`pipeline behind one ${title}`, async (arrived) => {
        const got = await raw(Buffer.concat([
            request({ ...first, close: false }),
            request({ key: 'sk-nobody' })]));

        assert.deepEqual(arrived(), []);
        want && assert.deepEqual(statuses(got), want, got);

        return idsOf(got);
    });
}

attack('pipeline: two accounts on one connection', async (arrived) => {
    const keys = [...Array(40).keys()].map((i) =>
        ['sk-low', 'sk-acme', 'sk-nobody', 'sk-held'][i % 4]);
    const got = await raw(Buffer.concat(keys.map((key, i) =>
        request({ key, close: i === keys.length - 1 }))), { ms: 5000 });

    assert.deepEqual(statuses(got), keys.map((key) =>
        ({ 'sk-nobody': 401, 'sk-held': 403 })[key] ?? 200));
    assert.deepEqual(arrived().map((a) => a.account),
        keys.slice(0, 20).map((_, i) => i % 2 ? 'acme' : 'low'));
});


// Credentials.

const bearer = (value) => `Authorization: ${value}\r\n`;

for (const [title, want, head] of [
    ['two Authorization lines', [400, 401], bearer('Bearer sk-low') +
        bearer('Bearer sk-acme')],
    ['two equal Authorization lines', [400, 401], bearer('Bearer sk-low') +
        bearer('Bearer sk-low')],
    ['a key of each', 401, bearer('Bearer sk-low') + 'x-api-key: sk-acme\r\n'],
    ['a key of each, turned', 401, 'api-key: sk-acme\r\n' +
        bearer('Bearer sk-low')],
    ['two x-api-key', 401, 'x-api-key: sk-low\r\nx-api-key: sk-acme\r\n'],
    ['two equal x-api-key', 401, 'x-api-key: sk-low\r\nx-api-key: sk-low\r\n'],
    ['two x-goog-api-key', 401,
        'x-goog-api-key: sk-low\r\nX-Goog-Api-Key: sk-acme\r\n'],
    ['an empty one and a good one', 401, bearer('') + 'x-api-key: sk-low\r\n'],
    ['Basic and a good one', 401, bearer('Basic c2stbG93') +
        'x-api-key: sk-low\r\n'],
    ['Basic', 401, bearer('Basic sk-low')],
    ['no scheme', 401, bearer('sk-low')],
    ['two spaces', 401, bearer('Bearer  sk-low')],
    ['a tab', 401, bearer('Bearer\tsk-low')],
    ['a list', 401, bearer('Bearer sk-low, Bearer sk-acme')],
    ['a list of keys', 401, bearer('Bearer sk-low,sk-acme')],
    ['a space inside', 401, bearer('Bearer sk-low sk-acme')],
    ['quotes', 401, bearer('Bearer "sk-low"')],
    ['a byte of Latin-1', 401, bearer('Bearer sk-l\u00f6w')],
    ['other letters', 401, bearer('Bearer SK-LOW')],
    ['a prefix', 401, bearer('Bearer sk-lo')],
    ['a suffix', 401, bearer('Bearer sk-low0')],
    ['a key that is a hash', 401, bearer('Bearer ' + 'a'.repeat(32))],
    ['a pattern of Redis', 401, bearer('Bearer *')],
    ['a name in Redis', 401, bearer('Bearer sp:data:key:x')],
    ['600 bytes', 401, bearer('Bearer sk-' + 'x'.repeat(600))],
    ['underscores', 401, 'x_api_key: sk-low\r\n'],
    ['a cookie', 401, 'Cookie: Authorization=Bearer sk-low\r\n'],
    ['a proxy\'s', 401, 'Proxy-Authorization: Bearer sk-low\r\n'],
    ['a subprotocol', 401, 'Sec-WebSocket-Protocol: realtime, ' +
        'openai-insecure-api-key.sk-low\r\n'],
]) {
    refused(`credential: ${title}`, want, { key: '', head });
}

for (const target of [P + '?key=sk-acme', P + '?key=sk-low&key=sk-acme',
    P + '?key=', P + '?x=1&key=sk-low&key=sk-low', P + '?key=sk%2dacme'])
{
    refused(`credential: ${target} beside a header`, 401, { target });
}

attack('credential: one in the query is nowhere else', async (arrived) => {
    const got = await raw(request({ key: '',
        target: P + '?a=1&key=sk-low&b=2' }));

    assert.deepEqual(statuses(got), [200]);
    assert.deepEqual(arrived().map((a) => a.url), [P + '?a=1&b=2']);
    assert.ok(!fs.readFileSync(g.file('access.log'), 'utf8')
        .includes('sk-low&'));
});


// What only the gate may say.

const FORGED = ['X-Sallyport-Id', 'x-sallyport-id', 'X-SALLYPORT-ACCOUNT',
    'X_Sallyport_Account', 'X-Sallyport_Account', 'x_sallyport-account',
    'X-Sallyport-Model', 'X-Sallyport', 'X-SallyPort-Account-Id',
    'X-Sallyport.Account', 'X-Sallyport-Account '];

for (const name of FORGED) {
    attack(`forged: ${JSON.stringify(name)}`, async (arrived) => {
        const got = await raw(request({ head: `${name}: root\r\n` }));
        const [one, ...more] = arrived();

        if (one === undefined) {
            assert.deepEqual(statuses(got), [400]);
            return;
        }

        const names = one.rawHeaders.filter((_, i) => i % 2 === 0)
            .map((n) => n.toLowerCase().replaceAll('_', '-'));

        assert.equal(more.length, 0);
        assert.equal(one.account, 'low');
        assert.ok(!JSON.stringify(one.rawHeaders).includes('root'));
        assert.deepEqual(names.filter((n) => n.startsWith('x-sallyport'))
            .sort(), ['x-sallyport-account', 'x-sallyport-id']);
    });
}

attack('forged: Connection names the gate\'s headers', async (arrived) => {
    await raw(request({ close: false, head: 'Connection: close, ' +
        'X-Sallyport-Account, X-Sallyport-Id, Authorization\r\n' }));
    assert.equal(arrived()[0].account, 'low');
});


// Addresses: only what the last hop before us says counts.

for (const [title, want, from, head] of [
    ['of embargo', 451, FROM.KP],
    ['of embargo, the last in a list', 451, `${FROM.US}, ${FROM.KP}`],
    ['of embargo, in a second line', 451, FROM.US,
        `X-Forwarded-For: ${FROM.KP}\r\n`],
    ['of embargo, mapped into IPv6', 451, `::ffff:${FROM.KP}`],
    ['of embargo, with a port', 451, `${FROM.KP}:1234`],
    ['none, so that it is ours', [403, 451], ''],
    ['rubbish', [403, 451], 'x'],
    ['rubbish at the end', [403, 451], `${FROM.US}, x`],
    ['unknown', [403, 451], 'unknown'],
    ['hexadecimal', [403, 451], '0x08080808'],
    ['one number', [403, 451], '134744072'],
    ['loopback', [403, 451], '127.0.0.1'],
    ['private', [403, 451], '10.1.2.3'],
    ['shared', [403, 451], '100.64.0.1'],
    ['link-local', [403, 451], '169.254.1.1'],
    ['of IPv6, loopback', [403, 451], '::1'],
    ['6to4 of a good one', [403, 451], '2002:0808:0808::1'],
    ['compatible', [403, 451], '::8.8.8.8'],
    ['NAT64', [403, 451], '64:ff9b::8.8.8.8'],
    ['Teredo', [403, 451], '2001:0:808:808::1'],
    ['with a zone', [403, 451], 'fe80::1%eth0'],
    ['a Unix socket', [403, 451], 'unix:'],
]) {
    refused(`address: ${title}`, want, { from, head: head ?? '' });
}

for (const name of ['X-Real-IP', 'True-Client-IP', 'CF-Connecting-IP',
    'Forwarded', 'X-Client-IP', 'X_Forwarded_For'])
{
    refused(`address: ${name} is nobody's word`, 451,
        { from: FROM.KP, head: `${name}: ${FROM.US}\r\n` });
}


// Upgrades.

for (const value of ['websocket', 'WebSocket', 'h2c, websocket',
    'foo/1,websocket', 'WEBSOCKET/13'])
{
    refused(`upgrade: ${value}`, 404, { method: 'GET', target:
        '/v1/models', type: '', body: '', length: '', head:
        `Upgrade: ${value}\r\nConnection: Upgrade\r\n`, close: false });
}


// HTTP/2 by hand: the client library refuses to be this rude.

const frame = (type, flags, stream, payload) => {
    const head = Buffer.alloc(9);

    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);

    return Buffer.concat([head, payload]);
};

const number = (n, bits) => {
    const most = (1 << bits) - 1;
    const bytes = [Math.min(n, most)];

    for (let rest = n - most; n >= most && rest >= 0; rest >>= 7) {
        bytes.push(rest > 127 ? rest & 127 | 128 : rest);

        if (rest < 128) {
            break;
        }
    }

    return Buffer.from(bytes);
};

const literal = ([name, value]) => Buffer.concat([Buffer.from([0]),
    number(name.length, 7), Buffer.from(name, 'latin1'),
    number(value.length, 7), Buffer.from(value, 'latin1')]);

const PSEUDO = [[':method', 'POST'], [':scheme', 'http'], [':path', P],
    [':authority', 'gate']];
const FIELDS = [['content-type', 'application/json'],
    ['x-forwarded-for', FROM.US], ['authorization', 'Bearer sk-low']];

// One stream; resolves when the server ends the connection or the stream.
function h2(headers, body = small, { padded = false } = {}) {
    const settings = frame(4, 0, 0, Buffer.alloc(0));
    const head = frame(1, body === null ? 5 : 4, 1,
        Buffer.concat(headers.map(literal)));
    const data = body === null ? Buffer.alloc(0)
        : padded ? frame(0, 9, 1, Buffer.concat([Buffer.from([7]),
            Buffer.from(body), Buffer.alloc(7)]))
            : frame(0, 1, 1, Buffer.from(body));

    return raw(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        settings, head, data]), { port: g.h2Port, ms: 250 });
}

attack('HTTP/2: the same request without tricks is served',
    async (arrived) => {
        await h2([...PSEUDO, ...FIELDS]);
        assert.equal(arrived().length, 1);
        assert.equal(arrived()[0].account, 'low');
    });

const H2 = [
    ['two paths', [...PSEUDO, [':path', '/v1/models'], ...FIELDS]],
    ['two methods', [...PSEUDO, [':method', 'GET'], ...FIELDS]],
    ['an empty path', [[':method', 'POST'], [':scheme', 'http'],
        [':path', ''], [':authority', 'gate'], ...FIELDS]],
    ['no path', [...PSEUDO.filter(([n]) => n !== ':path'), ...FIELDS]],
    ['no method', [...PSEUDO.slice(1), ...FIELDS]],
    ['an absolute path', [...PSEUDO.slice(0, 2), [':path', 'http://gate' + P],
        ...FIELDS]],
    ['a path with a space', [...PSEUDO.slice(0, 2), [':path', P + ' HTTP/1.1'],
        ...FIELDS]],
    ['a path with a line', [...PSEUDO.slice(0, 2),
        [':path', P + '\r\nX: y'], ...FIELDS]],
    ['two slashes', [...PSEUDO.slice(0, 2), [':path', '/' + P], ...FIELDS]],
    ['a method with a space', [[':method', 'POST /v1/files'],
        ...PSEUDO.slice(1), ...FIELDS]],
    ['an unknown pseudo-header', [...PSEUDO, [':model', 'x'], ...FIELDS]],
    ['a name in capitals', [...PSEUDO, ['X-Api-Key', 'sk-acme'], ...FIELDS]],
    ['a value with a line', [...PSEUDO, ['x-a', 'b\r\nx-c: d'], ...FIELDS]],
    ['a value with a NUL', [...PSEUDO, ['x-a', 'b\0'], ...FIELDS]],
    ['a protocol', [[':protocol', 'websocket'], [':method', 'CONNECT'],
        ...PSEUDO.slice(1), ...FIELDS]],
    ['CONNECT', [[':method', 'CONNECT'], ...PSEUDO.slice(1), ...FIELDS]],
    ['a length too short', [...PSEUDO, ['content-length', '5'], ...FIELDS]],
    ['a length too long', [...PSEUDO, ['content-length', '5000'], ...FIELDS]],
    ['an upgrade', [...PSEUDO, ['upgrade', 'websocket'], ...FIELDS]],
    ['two keys', [...PSEUDO, ['x-api-key', 'sk-acme'], ...FIELDS]],
    ['no key', [...PSEUDO, ...FIELDS.slice(0, 2)]],
    ['another host', [...PSEUDO, ['host', 'other'], ['host', 'gate'],
        ...FIELDS]],
];

for (const [title, headers] of H2) {
    attack(`HTTP/2: ${title}`, async (arrived) => {
        await h2(headers);
        assert.deepEqual(arrived(), []);
    });
}

attack('HTTP/2: a padded body is judged without its padding',
    async (arrived) => {
        await h2([...PSEUDO, ...FIELDS], frontier, { padded: true });
        assert.deepEqual(arrived(), []);
        await h2([...PSEUDO, ...FIELDS], small, { padded: true });
        assert.equal(arrived().length, 1);
    });

attack('HTTP/2: forged headers', async (arrived) => {
    await h2([...PSEUDO, ...FIELDS, ['x-sallyport-account', 'root'],
        ['x_sallyport_account', 'root'], ['x-sallyport-id', 'root']]);
    assert.equal(arrived()[0].account, 'low');
    assert.ok(!JSON.stringify(arrived()[0].rawHeaders).includes('root'));
});
