// Copyright (C) the Sallyport authors
//
// Attacks on a running gate by how a request is written: targets, methods,
// lengths and chunks, pipelines, upgrades, HTTP/2 by hand.

import assert from 'node:assert/strict';
import { attacked, attack, refused, raw, request, statuses, idsOf, g,
    small, frontier } from './lib/attack.mjs';
import { h2, PSEUDO, FIELDS } from './lib/h2.mjs';

attacked();


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
    '/v1/uploads', '/v1/images/edit', '/v1/engines/frontier/' +
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
    [P + '?MODEL=small'], [P + '?a#&model=frontier'],
    [P + '?#model=frontier'], ['/v1/responses?model=frontier',
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

for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE',
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


// Upgrades.

for (const value of ['websocket', 'WebSocket', 'h2c, websocket',
    'foo/1,websocket', 'WEBSOCKET/13'])
{
    refused(`upgrade: ${value}`, 404, { method: 'GET', target:
        '/v1/models', type: '', body: '', length: '', head:
        `Upgrade: ${value}\r\nConnection: Upgrade\r\n`, close: false });
}


// HTTP/2 by hand.

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
