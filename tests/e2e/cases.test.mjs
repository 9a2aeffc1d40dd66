// Copyright (C) the Sallyport authors
//
// Tables of cases: attacks on how a request is written (H), where it comes
// from (G) and what it shows as its key (C), most of them made from axes:
// every route by every malformation. After each case the ledger must balance:
// what came to the upstream since is what the gate allowed since.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { readLanes, freePort, BUILD, FROM } from './lib/harness.mjs';
import { attacked, g, raw, request, statuses, idsOf,
    small } from './lib/attack.mjs';
import { h2, PSEUDO, FIELDS } from './lib/h2.mjs';

const POLICY = `sallyport: 1
policy: cases
revision: r1
lists:
  embargoed: {type: country, items: [KP, IR]}
models:
  tiers:
    1: [small, small-*]
    3: [frontier]
deny:
  - id: embargo
    when: ip.country in @embargoed
    unknown: match
    reason: JUR_IP_EMBARGO
  - id: unlisted
    when: has(model.id) and not has(model.tier)
    reason: MODEL_UNKNOWN
  - id: frontier
    when: has(model.tier) and model.tier == 3 and account.level < 3
    reason: KYC_LEVEL
allow:
  - id: verified
    when: account.status == verified
`;

const proxied = await freePort();

attacked({ policy: POLICY, path: '/', audit: 'allows=on flood=10000', http: `
    server {
        listen 127.0.0.1:${proxied} proxy_protocol;
        real_ip_header proxy_protocol;
        location / { sallyport on; proxy_pass http://models; }
    }` });


// The calls whose paths are literal, with a body that "small" may have.
const ROUTES = JSON.parse(execFileSync(path.join(BUILD, 'sallyport'),
    ['routes', '--format', 'json'])).filter((r) => r.open
        && r.method === 'POST' && ['body', 'may be'].includes(r.model)
        && !/^(audio\.trans|images\.edits)/.test(r.route));
const PATHS = ROUTES.flatMap((r) => r.paths.filter((p) => !p.includes('{'))
    .map((target) => ({ target, name: r.route })));
const FEW = PATHS.filter((p, i) => i === 0 || p.name !== PATHS[i - 1].name)
    .slice(0, 14);

const seen = new Map();

// Sends one and holds the ledger against it. "want": "no", nothing arrives and
// nothing but a refusal comes; "yes", it is served once; "either" of them.
async function one(c) {
    const from = g.upstream.arrivals.length;

    const got = await c.send();
    const records = readLanes(g.audit, seen).flatMap(({ lines }) =>
        lines.map(JSON.parse)).filter((r) => r.t === 'decision');
    const allows = records.filter((r) => r.dec === 'allow').map((r) => r.id);
    const arrivals = g.upstream.arrivals.slice(from);

    assert.deepEqual(arrivals.map((a) => a.id).sort(), allows.sort(),
        `${c.name}: arrivals and allows differ`);

    for (const id of idsOf(got)) {
        assert.ok(records.some((r) => r.id === id && r.dec !== 'allow'),
            `${c.name}: ${id} has no record`);
    }

    if (c.want === 'no') {
        assert.deepEqual(arrivals.map((a) => a.url), [], c.name);
    }

    if (c.want === 'yes') {
        assert.equal(arrivals.length, 1, `${c.name}: ${got.slice(0, 200)}`);
    }

    for (const status of statuses(got)) {
        assert.ok(c.want === 'no' ? status >= 400 && status !== 500
            && status !== 502 && status !== 504 : status !== 500,
        `${c.name}: ${got.slice(0, 200)}`);
    }

    assert.ok(!g.nginx.ended, 'nginx is gone');
}

// "cases": { name, want, send or what request() takes, ms }.
function table(rule, about, make) {
    test(`${rule}: ${about}`, async () => {
        const cases = make();

        readLanes(g.audit, seen);

        for (const { name, want = 'no', send, ms, port, ...rest } of cases) {
            await one({ name, want, send: send
                ?? (() => raw(request(rest), { ms, port })) });
        }

        count[rule] = (count[rule] ?? 0) + cases.length;
    });
}

const count = {};

after(() => {
    const all = Object.values(count).reduce((a, b) => a + b, 0);

    console.log(`cases: ${all} (${Object.entries(count).map(([rule, n]) =>
        `${rule} ${n}`).join(', ')})`);
    assert.ok(all >= 3000, `${all} cases`);
});


const cross = (a, b, f) => a.flatMap((x) => b.map((y) => f(x, y)));
const chunk = (s) => `${Buffer.byteLength(s).toString(16)}\r\n${s}\r\n0\r\n\r\n`;
const TE = 'Transfer-Encoding: chunked\r\n';
const CL = `Content-Length: ${small.length}\r\n`;

const FRAMES = [
    ['kettle CL.TE', { length: CL + TE, body: chunk(small) }],
    ['kettle TE.CL', { length: TE + CL, body: chunk(small) }],
    ['kettle CL.0', { length: 'Content-Length: 0\r\n' }],
    ['kettle TE.TE', { length: TE + 'Transfer-Encoding: x\r\n',
        body: chunk(small) }],
    ['kettle TE.TE identity', { length: TE + 'Transfer-Encoding: identity\r\n',
        body: chunk(small) }],
    ['two lengths', { length: CL + 'Content-Length: 5\r\n' }],
    ['two equal lengths', { length: CL + CL }],
    ['a list of lengths', { length: `Content-Length: ${small.length},5\r\n` }],
    ['garden: plus', { length: `Content-Length: +${small.length}\r\n` }],
    ['garden: minus', { length: 'Content-Length: -1\r\n' }],
    ['garden: hexadecimal', { length: 'Content-Length: 0x40\r\n' }],
    ['garden: octal', { length: 'Content-Length: 0o10\r\n' }],
    ['garden: exponent', { length: 'Content-Length: 1e2\r\n' }],
    ['garden: underscore', { length: 'Content-Length: 1_0\r\n' }],
    ['garden: fraction', { length: 'Content-Length: 10.0\r\n' }],
    ['garden: blank in it', { length: 'Content-Length: 1 0\r\n' }],
    ['garden: empty', { length: 'Content-Length: \r\n' }],
    ['garden: 20 digits', { length: 'Content-Length: 99999999999999999999\r\n' }],
    ['garden: chunk of 0x', { length: TE, body: `0x${chunk(small)}` }],
    ['garden: chunk of 0_2e', { length: TE, body: `0_${chunk(small)}` }],
    ['garden: chunk of +', { length: TE, body: `+${chunk(small)}` }],
    ['garden: chunk of -', { length: TE, body: `-${chunk(small)}` }],
    ['garden: chunk of 17 digits', { length: TE,
        body: `fffffffffffffffff\r\n${small}` }],
    ['garden: chunk of nothing', { length: TE, body: `\r\n${small}` }],
    ['garden: chunk too short', { length: TE, body: `3\r\n${small}\r\n0\r\n\r\n` }],
    ['CVE-2013-2028: chunk beyond', { length: TE,
        body: `ffffffffffffffed\r\n${small}` }],
    ['TE: xchunked', { length: 'Transfer-Encoding: xchunked\r\n',
        body: chunk(small) }],
    ['TE: chunked, gzip', { length: 'Transfer-Encoding: chunked, gzip\r\n',
        body: chunk(small) }],
    ['TE: two in one line', { length: 'Transfer-Encoding: chunked, chunked\r\n',
        body: chunk(small) }],
    ['TE: in quotes', { length: 'Transfer-Encoding: "chunked"\r\n',
        body: chunk(small) }],
    ['TE: with a tab', { length: 'Transfer-Encoding: \vchunked\r\n',
        body: chunk(small) }],
    ['TE: blank before the colon', { length: 'Transfer-Encoding : chunked\r\n',
        body: chunk(small) }],
    ['TE: folded', { length: 'Transfer-Encoding:\r\n chunked\r\n',
        body: chunk(small) }],
    ['TE in HTTP/1.0', { version: 'HTTP/1.0', length: TE, body: chunk(small) }],
];

table('H1', 'lengths and chunks on each route', () => cross(FEW, FRAMES,
    ({ target }, [name, rest]) => ({ name: `${target} ${name}`, target,
        ...rest })));

table('H2', 'request lines', () => cross(FEW, [
    ['', '#x'], ['', '%23'], ['', '\\'], ['', '%7f'], ['', ';'], ['', '|'],
    ['//gate', ''], ['//', ''], ['gate:80', ''], ['?', ''], ['', '%0d%0aX:y'],
    ['', '\x7f'], ['http://gate/', ''], ['.', ''], ['', '"'], ['', '<'],
    ['', '^'], ['', '{'], ['', '}'], ['', '`']],
({ target }, [a, b]) => ({ name: `${a}${target}${JSON.stringify(b)}`,
    target: a + target + b })).concat(
    ['HTTP/0.9', 'HTTP/1.32', 'HTTP/2.0', 'HTTP/3', 'http/1.1', 'HTTP/1',
        'HTTP/01.1', 'HTTP/1.1.1', 'HTTPS/1.1', 'ICAP/1.0', 'HTTP/-1.1',
        'HTTP/1.1 x', 'HTTP/9.9', 'H'].map((version) => ({ name:
        `version ${version}`, version, want: version === 'HTTP/1.32'
        ? 'either' : 'no' }))));

const pct = (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`;

const MUTATIONS = [
    (p) => p + '/', (p) => p + '//', (p) => p + '.', (p) => p + '/.',
    (p) => p + '/..', (p) => p + '/x/..', (p) => '/.' + p, (p) => '/x/..' + p,
    (p) => '/' + p, (p) => p.replace(/\/(?=[^/]*$)/, '//'),
    (p) => p.replace(/\/(?=[^/]*$)/, '/./'),
    (p) => p.replace(/\/(?=[^/]*$)/, '/x/../'),
    (p) => p.replace(/\/(?=[^/]*$)/, '%2f'),
    (p) => p.replace(/\/(?=[^/]*$)/, '%5c'),
    (p) => p.replace(/\/(?=[^/]*$)/, '\\'),
    (p) => p.toUpperCase(), (p) => p[0] + p[1].toUpperCase() + p.slice(2),
    (p) => p[0] + pct(p[1]) + p.slice(2),
    (p) => p.slice(0, -1) + pct(p.at(-1)),
    (p) => p.slice(0, -1) + '%25' + pct(p.at(-1)).slice(1),
    (p) => p + '%20', (p) => p + '%00', (p) => p + '%0a', (p) => p + '%2e',
    (p) => p + '%2f', (p) => p + '%3f', (p) => p + '%3b', (p) => p + '%',
    (p) => p + '%2', (p) => p + '%zz', (p) => p + '%c0%af',
    (p) => p + '%e2%80%ae', (p) => p + ';a=b', (p) => p + ',', (p) => p + '+',
    (p) => p + '.json', (p) => p + '*', (p) => p + '\u00e9',
    (p) => p + '?model=frontier', (p) => p + '?Model=frontier',
    (p) => p + '?mod%65l=x', (p) => p + '?a&model=x', (p) => p + '?deployment=x',
    (p) => p + '?engine=frontier', (p) => p + '#?x', (p) => p.slice(0, -1),
    (p) => '/%2e' + p, (p) => '/%2e%2e' + p, (p) => '/..' + p, (p) => '/..;' + p,
];

table('H3', 'istio CVE-2021-29492 and kin: each path by each mutation', () =>
    cross(PATHS, MUTATIONS, ({ target }, f) => ({ target: f(target),
        name: f(target) })).filter((c) => !PATHS.some((p) =>
        p.target === c.target)));

table('H4', 'litellm CVE-2026-49468 and kin: hosts', () => cross(FEW.slice(0, 6),
    ['', 'Host: gate\r\nHost: gate\r\n', 'Host: gate\r\nHost: other\r\n',
        'Host: ga te\r\n', 'Host: gate,other\r\n', 'Host: ga/te\r\n',
        'Host: ga\\te\r\n', 'Host: user@gate/\r\n', 'Host: gate\0\r\n',
        'Host: [::1\r\n', 'Host: \x7f\r\n', 'Host: gate/../x\r\n',
        'Host : gate\r\n', 'Host: \r\n'],
    ({ target }, host) => ({ name: `${target} ${JSON.stringify(host)}`, target,
        host, want: /^Host: (gate,other|user@|\r|\[|ga\\te)|^Host : /.test(host)
            ? 'either' : 'no' })));

const CARRIERS = {
    authorization: (k) => ({ head: `Authorization: Bearer ${k}\r\n` }),
    'x-api-key': (k) => ({ head: `x-api-key: ${k}\r\n` }),
    'api-key': (k) => ({ head: `api-key: ${k}\r\n` }),
    'x-goog-api-key': (k) => ({ head: `x-goog-api-key: ${k}\r\n` }),
    query: (k) => ({ query: `?key=${k}` }),
    cookie: (k) => ({ head: `Cookie: Authorization=Bearer%20${k}\r\n` }),
    subprotocol: (k) => ({ head: 'Sec-WebSocket-Protocol: realtime, ' +
        `openai-insecure-api-key.${k}\r\n` }),
};
const JUDGED = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key',
    'query'];

table('H5', 'istio CVE-2026-26308 and kin: two carriers of keys', () =>
    cross(Object.entries(CARRIERS), Object.entries(CARRIERS),
        ([a, f], [b, h]) => [['sk-low', 'sk-acme'], ['sk-acme', 'sk-low'],
            ['sk-low', 'sk-low'], ['sk-low', 'sk-nobody'], ['sk-low', '']]
            .map(([k, l]) => {
                const [x, y] = [f(k), h(l)];
                const both = JUDGED.includes(a) && JUDGED.includes(b);
                const none = !JUDGED.includes(a) && !JUDGED.includes(b);

                return { name: `${a} ${k}, ${b} ${l}`, key: '',
                    head: (x.head ?? '') + (y.head ?? ''),
                    target: '/v1/chat/completions' + (x.query ?? '') +
                        (y.query ?? '').replace(x.query ? '?' : /^$/, '&'),
                    want: none || both && (k !== l || a === b) ? 'no'
                        : 'either' };
            })).flat());

table('H6', 'envoy: each byte in a key and around it', () => {
    const byte = (n) => String.fromCharCode(n);
    const all = [...Array(256).keys()];

    return [
        ...all.map((n) => ({ name: `within, ${n}`,
            head: `Authorization: Bearer sk-l${byte(n)}ow\r\n` })),
        ...all.filter((n) => n !== 32).map((n) => ({ name: `for the blank, ${n}`,
            head: `Authorization: Bearer${byte(n)}sk-low\r\n` })),
        ...all.map((n) => ({ name: `before, ${n}`, want: 'either',
            head: `Authorization: ${byte(n)}Bearer sk-low\r\n` })),
        ...all.map((n) => ({ name: `behind, ${n}`, want: 'either',
            head: `x-api-key: sk-low${byte(n)}\r\n` })),
        ...all.filter((n) => !/[-\r\n:]/.test(byte(n))).map((n) => ({
            name: `in the name, ${n}`, head: `x${byte(n)}api-key: sk-low\r\n` })),
        ...['bearer', 'BEARER', 'BeArEr'].map((s) => ({ name: s, want: 'yes',
            head: `Authorization: ${s} sk-low\r\n` })),
        ...['Basic', 'Digest', 'Token', 'Bearer:', 'Bearer,', 'Bearerx',
            'Api-Key', 'AWS4-HMAC-SHA256', ''].map((s) => ({ name: `scheme ${s}`,
            head: `Authorization: ${s} sk-low\r\n`.replace(':  ', ': ') })),
    ].map((c) => ({ key: '', ...c }));
});

const FORGED = ['X-Sallyport-Account', 'X-Sallyport-Id', 'x-sallyport-account',
    'X_Sallyport_Account', 'X-Sallyport_Account', 'X-SALLYPORT-ID',
    'X-Sallyport-Model', 'X-Sallyport', 'X-HTTP-Method-Override',
    'X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Prefix', 'Upgrade',
    'Sec-WebSocket-Protocol'];

table('H7', 'apisix CVE-2026-39998 and kin: what only the gate may say', () =>
    cross(FEW.slice(0, 4), FORGED, ({ target }, name) => ({
        name: `${target} ${name}`, want: 'yes', send: async () => {
            const got = await raw(request({ target,
                head: `${name}: forged-root\r\n` }));
            const last = g.upstream.arrivals.at(-1);

            if (!/Prefix/.test(name)) {
                assert.ok(!JSON.stringify(last.rawHeaders)
                    .includes('forged-root'), name);
            }

            assert.equal(last.account, 'low');

            return got;
        } })));

const SPOOFS = ['unknown', '_hidden', 'x', '0x08080808', '134744072',
    '010.8.8.8', '8.8.8', '8.8.8.8.8', '8.8.8.256', '8.8.8.-1', '8.8.8.8/32',
    '::ffff:8.8.8.8.8', ':::', '1::2::3', 'g::1', 'fe80::1%eth0',
    'unix:/run/x', 'localhost', '127.1', '0', '::', '8.8.8.8x', '[8.8.8.8]',
    '"8.8.8.8"', 'for=8.8.8.8', '8.8.8.8;', '\u0661.1.1.1'];

table('H8', 'perils of the real client address: forwarded for whom', () => [
    ...SPOOFS.map((from) => ({ name: from, from, want: 'no' })),
    ...SPOOFS.map((a) => ({ name: `last: ${a}`, from: `${FROM.US}, ${a}` })),
    ...SPOOFS.map((a) => ({ name: `first: ${a}`, from: `${a}, ${FROM.KP}` })),
    ...SPOOFS.map((a) => ({ name: `first, then a good one: ${a}`, want: 'yes',
        from: `${a}, ${FROM.US}` })),
    { name: 'a thousand, the last of embargo',
        from: `${FROM.US}, `.repeat(400) + FROM.KP },
    ...['X-Real-IP', 'True-Client-IP', 'CF-Connecting-IP', 'Forwarded',
        'X-Client-IP', 'X_Forwarded_For', 'X-Cluster-Client-IP', 'Fastly-Client-IP',
        'X-Originating-IP', 'X-Remote-Addr', 'Client-IP', 'Via']
        .flatMap((n) => [{ name: `${n} cannot clear`, from: FROM.KP,
            head: `${n}: ${FROM.US}\r\n` }, { name: `${n} cannot accuse`,
            head: `${n}: ${FROM.KP}\r\n`, want: 'yes' }]),
]);

table('H9', 'PROXY protocol', () => {
    const v2 = (cmd, family, ...rest) => Buffer.concat([
        Buffer.from('\r\n\r\n\0\r\nQUIT\n'), Buffer.from([cmd, family]),
        Buffer.from(rest.flat())]);
    const ip = [0, 12, 8, 8, 8, 8, 127, 0, 0, 1, 4, 0, 31, 144];
    const heads = [
        ['none', 'no', ''], ['v1 of a good one', 'yes',
            'PROXY TCP4 8.8.8.8 127.0.0.1 1 2\r\n'],
        ['v1 of embargo', 'no', `PROXY TCP4 ${FROM.KP} 127.0.0.1 1 2\r\n`],
        ['v1 UNKNOWN', 'no', 'PROXY UNKNOWN\r\n'],
        ['v1 UNKNOWN with an address', 'no',
            'PROXY UNKNOWN 8.8.8.8 127.0.0.1 1 2\r\n'],
        ['v1 cut', 'no', 'PROXY TCP4 8.8.8.8\r\n'],
        ['v1 of rubbish', 'no', 'PROXY TCP4 x y 1 2\r\n'],
        ['v1 of TCP9', 'no', 'PROXY TCP9 8.8.8.8 127.0.0.1 1 2\r\n'],
        ['v1 of IPv6 as IPv4', 'no', 'PROXY TCP4 2001:: 127.0.0.1 1 2\r\n'],
        ['v1 twice', 'no', 'PROXY TCP4 8.8.8.8 127.0.0.1 1 2\r\n'.repeat(2)],
        ['v2 of a good one', 'yes', v2(0x21, 0x11, ip)],
        ['v2 LOCAL', 'no', v2(0x20, 0, [0, 0])],
        ['v2 of no family', 'no', v2(0x21, 0, ip)],
        ['v2 of a Unix socket', 'no', v2(0x21, 0x31, [0, 0])],
        ['v2 of version 1', 'no', v2(0x11, 0x11, ip)],
        ['v2 cut', 'no', v2(0x21, 0x11, [0, 12, 8])],
        ['v2 of a short address', 'no', v2(0x21, 0x11, [0, 4, 8, 8, 8, 8])],
        ['v2 with a length beyond', 'no', v2(0x21, 0x11, [255, 255, 8])],
    ];

    return heads.map(([name, want, head]) => ({ name, want, send: () =>
        raw(Buffer.concat([Buffer.from(head), request({ from: '' })]),
            { port: proxied }) })).concat(
        heads.slice(1).map(([name, , head]) => ({ want: 'no',
            name: `${name}, where none is expected`, send: () => raw(
                Buffer.concat([Buffer.from(head), request()])) })));
});

const swap = (list, name, value) => list.map(([n, v]) =>
    [n, n === name ? value : v]);

table('H10', 'HTTP/2 heads on each route', () => cross(FEW.slice(0, 8), [
    ['two paths', (p) => [...p, [':path', '/v1/models']]],
    ['two methods', (p) => [...p, [':method', 'GET']]],
    ['an empty path', (p) => swap(p, ':path', '')],
    ['no path', (p) => p.filter(([n]) => n !== ':path')],
    ['no method', (p) => p.filter(([n]) => n !== ':method')],
    ['a pseudo-header behind', (p) => [...p.slice(1), ['a', 'b'], p[0]]],
    ['an unknown one', (p) => [...p, [':model', 'frontier']]],
    ['a name in capitals', (p) => [...p, ['X-Api-Key', 'sk-acme']]],
    ['a value with a line', (p) => [...p, ['x-a', 'b\r\nx-c: d']]],
    ['a value with a NUL', (p) => [...p, ['x-a', 'b\0']]],
    ['CONNECT', (p) => swap(p, ':method', 'CONNECT')],
    ['a length too short', (p) => [...p, ['content-length', '5']]],
    ['a length too long', (p) => [...p, ['content-length', '5000']]],
    ['two keys', (p) => [...p, ['x-api-key', 'sk-acme']]],
    ['a path with a blank', (p) => swap(p, ':path', '/v1/x HTTP/1.1')],
], ({ target }, [name, f]) => ({ name: `${target} ${name}`, want:
    name === 'a pseudo-header behind' ? 'either' : 'no', send: () =>
    h2([...f(swap(PSEUDO, ':path', target)), ...FIELDS]).then(() => '') })));

table('H11', 'assetnote h2csmuggler and kin: upgrades', () => cross([
    '/v1/models', '/v1/realtime', '/v1/realtime?model=small', '/v1/responses',
    '/openai/v1/realtime?model=small', '/v1/chat/completions',
    '//ws/google.ai.generativelanguage.v1beta.GenerativeService.' +
        'BidiGenerateContent'],
['websocket', 'WebSocket', 'h2c, websocket', 'websocket, h2c', 'WEBSOCKET/13',
    'foo,websocket'], (target, value) => ({ name: `${target} ${value}`, target,
    method: 'GET', type: '', body: '', length: '', close: false,
    head: `Upgrade: ${value}\r\nConnection: Upgrade, close\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n' })));

table('H12', 'apisix OPTIONS and kin: methods on each route', () => cross(FEW,
    ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'CONNECT', 'PROPFIND',
        'LOCK', 'SEARCH', 'FOO', 'post', 'P-OST', 'POSTS', 'M_X', 'OPTIONS'],
    ({ target }, method) => ({ name: `${method} ${target}`, target, method,
        send: method === 'OPTIONS' ? () => raw(request({ target,
            method, body: '' })).then((got) => got.replace(/HTTP\/1.1 204/, ''))
            : undefined })));

table('H13', 'two accounts on one connection', () => [...Array(30).keys()]
    .map((n) => ({ name: `${n}`, want: 'either', send: async () => {
        const from = g.upstream.arrivals.length;
        const keys = [...Array(8).keys()].map((i) =>
            ['sk-low', 'sk-acme', 'sk-nobody', 'sk-held'][(i * 7 + n) % 4]);
        const got = await raw(Buffer.concat(keys.map((key, i) => request({ key,
            close: i === 7 }))), { ms: 5000 });

        assert.deepEqual(g.upstream.arrivals.slice(from).map((a) => a.account),
            keys.filter((k) => /low|acme/.test(k)).map((k) => k.slice(3)));

        return got;
    } })));

table('H14', 'gRPC and other bodies on each route', () => cross(FEW,
    ['application/grpc', 'application/grpc-web+proto', 'application/connect',
        'application/x-protobuf', 'application/octet-stream',
        'text/plain', 'text/json', 'application/xml', 'application/jsonp',
        'application/json; charset=utf-16', 'application/json, text/plain',
        'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
        'application/msgpack', 'application/cbor'],
    ({ target }, type) => ({ name: `${target} ${type}`, target,
        type: `Content-Type: ${type}\r\n` })));

table('H15', 'ranges, conditions and expectations', () => cross(FEW.slice(0, 5), [
    ['Range: bytes=0-1', 'yes'], ['If-Range: "x"', 'yes'],
    ['If-None-Match: *', 'yes'], ['If-Modified-Since: x', 'yes'],
    ['TE: trailers', 'yes'], ['Trailer: Authorization', 'yes'],
    ['Cache-Control: only-if-cached', 'yes'], ['Expect: 100-continue', 'yes'],
    ['Max-Forwards: 0', 'yes'], ['Content-Encoding: br', 'no'],
    ['Content-Encoding: gzip', 'no'], ['Content-Encoding: gzip, gzip', 'no'],
    ['Content-Encoding: x-gzip', 'no'], ['Content-Encoding: deflate', 'no'],
], ({ target }, [head, want]) => ({ name: `${target} ${head}`, target, want,
    head: head + '\r\n' })));

table('H16', 'slowloris: bodies and heads that do not end', () => FEW.flatMap(
    ({ target }) => [0, 1, small.length - 1].map((n) => ({ target, ms: 40,
        name: `${target}, ${n} bytes`, send: () => raw(request({ target })
            .subarray(0, n - small.length), { ms: 40 }) }))));

table('H17', 'X-Accel-Redirect of an upstream', () => FEW.slice(0, 6).map(
    ({ target }) => ({ name: target, want: 'yes', send: async () => {
        g.upstream.hook = (req, res) => {
            g.upstream.hook = null;
            res.writeHead(200, { 'X-Accel-Redirect': '/v1/files' });
            res.end();

            return true;
        };

        // the second decision is a refusal of its own
        const got = await raw(request({ target }));

        assert.ok(statuses(got).every((s) => s >= 400), got);

        return got.replace(/^HTTP\/1.1 \d+/, '');
    } })));

table('H18', 'no other protocol on this port', () => [
    ['QUIC', Buffer.from('c300000001088394c8f03e515708', 'hex')],
    ['TLS', Buffer.from('16030100050100000100', 'hex')],
    ['SSH', Buffer.from('SSH-2.0-x\r\n')], ['RESP', Buffer.from('*1\r\n$4\r\nPING\r\n')],
    ['HTTP/2 without its port', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['SOCKS', Buffer.from('050100', 'hex')], ['SMTP', Buffer.from('EHLO x\r\n')],
].map(([name, bytes]) => ({ name, send: () => raw(bytes, { ms: 200 }) })));


// Addresses.

const V4 = ['8.8.8.8', '193.0.6.139', '175.45.176.1', '5.160.0.1', '1.1.1.1',
    '9.9.9.9', '4.2.2.2', '208.67.222.222', '77.88.8.8', '114.114.114.114',
    '194.150.168.168', '195.46.39.39', '80.80.80.80', '156.154.70.1',
    '185.228.168.9', '76.76.2.0', '94.140.14.14', '223.5.5.5', '180.76.76.76',
    '64.6.64.6'];
const hex = (ip) => ip.split('.').map((n) => Number(n).toString(16)
    .padStart(2, '0')).join('').replace(/(....)(....)/, '$1:$2');
const flip = (ip) => ip.split('.').map((n) => 255 - n).join('.');

table('G1', 'IPv4 in IPv6 is that IPv4', () => V4.map((ip) => ({ name: ip,
    want: 'either', send: async () => {
        const got = await raw(request({ from: ip }));
        const [first] = statuses(got);

        for (const form of [`::ffff:${ip}`, `::FFFF:${hex(ip)}`,
            `0:0:0:0:0:ffff:${ip}`])
        {
            assert.deepEqual(statuses(await raw(request({ from: form }))),
                [first], form);
        }

        return '';
    } })));

for (const [rule, about, form] of [
    ['G2', 'compatible', (ip) => `::${ip}`],
    ['G2', '6to4', (ip) => `2002:${hex(ip)}::1`],
    ['G3', 'NAT64', (ip) => `64:ff9b::${ip}`],
    ['G3', 'local NAT64', (ip) => `64:ff9b:1::${hex(ip)}`],
    ['G3', 'Teredo', (ip) => `2001:0:808:808::${hex(flip(ip))}`],
    ['G3', 'ISATAP', (ip) => `fe80::5efe:${hex(ip)}`],
]) {
    table(rule, `${about} addresses are nobody's country`, () =>
        V4.map((ip) => ({ name: form(ip), from: form(ip) })));
}

table('G4', 'IANA\'s special registries', () => ['0.0.0.0', '0.1.2.3',
    '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.254', '127.0.0.2',
    '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.0.9',
    '192.0.2.1', '192.168.0.1', '198.18.0.1', '198.19.255.255', '198.51.100.1',
    '203.0.113.1', '224.0.0.1', '239.255.255.250', '240.0.0.1',
    '255.255.255.255', '192.88.99.1', '::1', '::', 'fc00::1', 'fd12:3456::1',
    'fe80::1', 'febf::1', 'ff02::1', 'ff0e::1', '2001:db8::1', '100::1',
    '2001:2::1', '2001:10::1', '2001:20::1', '3fff::1', '5f00::1', 'fec0::1']
    .map((from) => ({ name: from, from })));

table('G6', 'a place that no database has', () => ['194.150.168.168',
    '2a00::ffff', '240e::', '1234::1', '4000::1', 'e000::1']
    .map((from) => ({ name: from, from, want: from === '240e::'
        || from === '2a00::ffff' ? 'either' : 'no' })));

table('G7', 'within one network of 64 bits', () => [...Array(20).keys()]
    .map((n) => ({ name: `${n}`, want: 'either',
        from: `2001:4860:4860::${n.toString(16)}:8888` })));


// Keys. What a caller without one learns must not depend on which it shows.

const ODD_KEYS = ['*', '?', '[a-z]', 'sp:data:key:x', 'sk-low*', 'sk-lo?',
    'sk_low', 'SK-LOW', 'sk-low0', 'sk-lo', 'sk-low.sk-low', '%s%n%x',
    '${jndi:ldap://x}', '../../etc/passwd', '<script>', '\'OR\'1\'=\'1',
    '1;DROP', '{{7*7}}', '$(id)', '`id`', '|id', '&id', '\\x00', '%00', '%0d%0a',
    'null', 'undefined', 'true', '0', '-1', 'NaN', '[]', '{}', '""',
    'a'.repeat(32), 'f'.repeat(64), 'sk-' + 'x'.repeat(600), 'x'.repeat(4000),
    'eyJhbGciOiJub25lIn0.e30.', 'eyJhbGciOiJIUzI1NiJ9.e30.AAAA',
    'eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb3cifQ.', 'KEYS', 'FLUSHALL', 'HGETALL',
    '*1', '$4', '+OK', '-ERR', ':1', 'AKIAIOSFODNN7EXAMPLE', 'Bearer', 'basic'];

table('C1', 'all unknown keys are answered alike', () => {
    let first;

    return [...Array(40).keys()].map((n) => ({ name: `${n}`, send: async () => {
        const got = await raw(request({ key: n % 2 ? `sk-low${n}`
            : `none-${n}` }));
        const plain = got.replace(/[0-9A-Z]{10}-[0-9]+-[0-9A-Z]+/g, 'ID')
            .replace(/Date: .*/, 'Date');

        first ??= plain;
        assert.equal(plain, first);

        return got;
    } }));
});

table('C3', 'no key is written anywhere', () => ODD_KEYS.filter((k) =>
    /^[!-~]+$/.test(k)).map((key, n) => ({ name: key.slice(0, 40),
    send: async () => {
        const secret = `canary${n}z${key.slice(0, 30)}`;
        const got = await raw(request({ key: secret }));

        assert.ok(!got.includes(secret));
        assert.ok(!g.errorLog().includes(`canary${n}z`));

        return got;
    } })));

for (const rule of ['C2', 'C4']) {
    table(rule, rule === 'C2' ? 'keys in Redis are no keys'
        : 'litellm\'s injection and kin: what Redis sees of a key is its kid',
    () => cross(['authorization', 'x-api-key', 'query'], ODD_KEYS,
        (carrier, k) => {
            const key = rule === 'C2' ? `sp:data:key:${k}`.slice(0, 400) : k;
            const { head = '', query = '' } = CARRIERS[carrier](key);

            return { name: `${carrier} ${key.slice(0, 40)}`, key: '', head,
                target: '/v1/chat/completions' + query.replaceAll(/[#&?]/g,
                    (c, at) => at ? pct(c) : c) };
        }));
}

table('C5', 'many keys that nobody has', () => [...Array(150).keys()].map((n) =>
    ({ name: `${n}`, key: `sk-${n}-${'x'.repeat(n)}` })));

table('C6', 'clients that leave: nobody gets another\'s answer', () =>
    [...Array(40).keys()].map((n) => ({ name: `${n}`, want: 'either',
        send: async () => {
            await raw(request({ key: `sk-gone-${n}` }), { ms: 0 });

            const from = g.upstream.arrivals.length;
            const got = await raw(request({ key: n % 2 ? 'sk-low' : 'sk-acme' }));

            assert.equal(statuses(got)[0], 200);
            assert.deepEqual(g.upstream.arrivals.slice(from)
                .map((a) => a.account), [n % 2 ? 'low' : 'acme']);

            return got;
        } })));
