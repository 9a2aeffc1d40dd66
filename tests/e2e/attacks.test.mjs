// Copyright (C) the Sallyport authors
//
// Attacks on a running gate by what a request says: bodies, types,
// credentials, forged headers, addresses. Nearly all of them try to have a
// large model served to an account that may only use small ones, or to have
// anything served at all.

import fs from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { FROM } from './lib/harness.mjs';
import { attacked, attack, refused, raw, request, statuses, idsOf, g,
    small } from './lib/attack.mjs';

attacked();


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
    ['a NUL behind the key', 400, '{"model":"small","model\\u0000":"x"}'],
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

for (const encoding of ['gzip', 'zstd', 'GZIP']) {
    refused(`encoding, and a plain body: ${encoding}`, 400,
        { head: `Content-Encoding: ${encoding}\r\n` });
}

for (const encoding of ['br', 'deflate', 'x-gzip', 'gzip, gzip', 'identity, gzip', 'identity,identity', '', 'chunked',
    'gzip\r\nContent-Encoding: identity', 'aes128gcm'])
{
    refused(`encoding: ${JSON.stringify(encoding)}`, 415,
        { head: `Content-Encoding: ${encoding}\r\n` });
}


const P = '/v1/chat/completions';


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
