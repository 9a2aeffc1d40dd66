// Copyright (C) the Sallyport authors
//
// Credentials that are verified, not looked up: signed tokens and client
// certificates. Each becomes an account, whose record decides; two credentials
// that differ are refused; nothing of a token is written anywhere.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import https from 'node:https';
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { chat, freePort, gate, testConfiguration, until }
    from './lib/harness.mjs';

const now = () => Math.floor(Date.now() / 1000);
const b64 = (x) => Buffer.from(typeof x === 'string' ? x : JSON.stringify(x))
    .toString('base64url');

const KINDS = {
    RS256: ['rsa', { modulusLength: 2048 }],
    ES256: ['ec', { namedCurve: 'P-256' }],
    EdDSA: ['ed25519', {}],
};

const signer = (alg, kid) => ({ alg, kid, ...generateKeyPairSync(...KINDS[alg]) });

let dir;
const signers = {};

const jwks = (...of) => JSON.stringify({ keys: of.map((s) => ({
    ...s.publicKey.export({ format: 'jwk' }), kid: s.kid, use: 'sig' })) });

function token(s, claims = {}, head = {}) {
    const input = b64({ alg: s.alg, kid: s.kid, ...head }) + '.' +
        b64({ sub: 'acme', iss: 'https://id.example', aud: 'gate',
            exp: now() + 600, jti: 'login-7', ...claims });

    return input + '.' + sign(s.alg === 'EdDSA' ? null : 'sha256',
        Buffer.from(input), { key: s.privateKey, dsaEncoding: 'ieee-p1363' })
        .toString('base64url');
}

before(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sallyport-tokens-'));
    fs.chmodSync(dir, 0o755);

    for (const alg of Object.keys(KINDS)) {
        signers[alg] = signer(alg, 'key-' + alg);
    }
});

after(() => fs.rmSync(dir, { recursive: true, force: true }));

async function tokened(t, o = {}) {
    const file = path.join(fs.mkdtempSync(path.join(dir, 'j-')), 'jwks.json');

    fs.chmodSync(path.dirname(file), 0o755);
    fs.writeFileSync(file, jwks(...Object.values(signers)));

    const g = await gate(t, { ...o, location: `sallyport_jwt ${file}
        account=sub issuer=https://id.example audience=gate skew=2s;` +
        (o.location ?? '') });

    g.jwks = file;
    g.put = (text) => {
        fs.writeFileSync(file + '.new', text);
        fs.renameSync(file + '.new', file);
    };
    await g.enrol('acme');
    await g.enrol('other');

    return g;
}

const status = async (g, key, rest = {}) =>
    (await g.chat(key, 'small', rest)).status;


test('a token is its account\'s, by every algorithm', async (t) => {
    const g = await tokened(t);

    for (const s of Object.values(signers)) {
        const of = token(s);

        for (let i = 0; i < 5; i++) {
            assert.equal(await status(g, of), 200, s.alg);
        }
    }

    assert.equal(await status(g, 'sk-acme'), 200, 'keys go on');

    const [first] = await g.waitRecords('decision');

    assert.equal(first.who.account, 'acme');
    assert.equal(first.who.key, 'login-7');
    assert.equal(first.facts.key.st, 'found');

    for (const { headers } of g.upstream.arrivals) {
        assert.equal(headers.authorization, undefined);
        assert.equal(headers['x-sallyport-account'], 'acme');
    }
});


test('what is no token of this gate is refused', async (t) => {
    const g = await tokened(t);
    const s = signers.ES256;
    const good = token(s);
    const parts = good.split('.');
    const stranger = { ...signer('ES256', s.kid) };
    const pem = signers.RS256.publicKey.export({ type: 'spki', format: 'pem' });
    const hs = b64({ alg: 'HS256', kid: 'key-RS256' }) + '.' + parts[1];

    const rows = [
        ['rfc7515: none', b64({ alg: 'none' }) + '.' + parts[1] + '.'],
        ['none, with a signature', b64({ alg: 'none' }) + '.' + parts[1] + '.x'],
        ['apisix CVE-2026-39999', hs + '.' +
            createHmac('sha256', pem).update(hs).digest('base64url')],
        ['of a stranger', token(stranger)],
        ['another kid', token(s, {}, { kid: 'key-RS256' })],
        ['expired', token(s, { exp: now() - 5 })],
        ['not yet', token(s, { nbf: now() + 30 })],
        ['made in the future', token(s, { iat: now() + 30 })],
        ['another issuer', token(s, { iss: 'https://evil.example' })],
        ['another audience', token(s, { aud: ['billing'] })],
        ['no such account', token(s, { sub: 'nobody' })],
        ['no account', token(s, { sub: undefined })],
        ['claims of another', [parts[0], token(s, { sub: 'other' }).split('.')[1],
            parts[2]].join('.')],
        ['no signature', parts[0] + '.' + parts[1]],
        ['cut off', good.slice(0, -1)],
        ['too long', token(s, { pad: 'x'.repeat(7000) })],
        ['never expires', token(s, { exp: undefined })],
    ];

    for (const [title, key] of rows) {
        for (let i = 0; i < 2; i++) {
            const got = await status(g, key).catch(() => 400);

            assert.ok([400, 401, 403].includes(got), `${title}: ${got}`);
        }
    }

    assert.equal(g.upstream.arrivals.length, 0);
});


test('two credentials that differ are refused, equal ones are one',
    async (t) => {
        const g = await tokened(t);
        const one = token(signers.EdDSA);
        const two = token(signers.EdDSA, { sub: 'other' });

        assert.equal(await status(g, one, { headers: { 'x-api-key': one } }), 200);
        assert.equal(await status(g, one, { headers: { 'x-api-key': two } }), 401);
        assert.equal(await status(g, one,
            { headers: { 'x-api-key': 'sk-acme' } }), 401);
        assert.equal(await status(g, one, { headers: { 'api-key': two } }), 401);
        assert.equal(await status(g, undefined,
            { headers: { 'x-api-key': one } }), 200);
    });


test('a token does not outlive itself, its account or its key', async (t) => {
    const g = await tokened(t);
    const short = token(signers.ES256, { exp: now() + 1 });
    const long = token(signers.ES256, { jti: 'long' });
    const other = token(signers.RS256);

    assert.equal(await status(g, short), 200);
    assert.equal(await status(g, long), 200);
    assert.equal(await status(g, other), 200);
    await until(async () => await status(g, short) === 401, 'it expires', 15000);

    // the set without that key: what was verified before is not any more
    g.put(jwks(signers.RS256, signers.EdDSA));
    await until(async () => await status(g, long) === 401, 'withdrawn', 15000);
    assert.equal(await status(g, other), 200);

    // a set that cannot be used changes nothing, and says so
    for (const [text, why] of [['{"keys":[]}', /none of its 0 keys/],
        ['<html>', /no JSON/], [JSON.stringify({ keys: [
            signers.ES256.privateKey.export({ format: 'jwk' })] }),
        /private key/]]) {
        const from = g.errorLog().length;

        g.put(text);
        const line = await until(() => g.errorLog().slice(from).split('\n')
            .find((l) => /the one in force stays/.test(l)), text, 15000);

        assert.match(line, why);
        assert.equal(await status(g, other), 200);
    }

    await g.redis.call('HSET', 'sp:data:acct:acme', 'status', 'suspended',
        'ver', 2);
    await until(async () => await status(g, other) === 403, 'suspended', 15000);
});


test('of tokens nothing is kept in logs, records or the store', async (t) => {
    const g = await tokened(t, { logLevel: 'debug', checkAudit: true });
    const tokens = Array.from({ length: 50 }, (_, i) =>
        token(signers.ES256, { sub: i % 2 ? 'acme' : 'nobody', jti: 'j' + i }));

    for (const one of tokens) {
        await status(g, one);
    }

    await g.stop();

    const text = ['access.log'].map((n) => fs.readFileSync(g.file(n), 'utf8'))
        .join('') + JSON.stringify(g.records()) +
        JSON.stringify(await g.redis.call('KEYS', '*')) +
        JSON.stringify(g.upstream.arrivals.map((a) => a.headers));

    for (const one of tokens) {
        assert.ok(!text.includes(one.split('.')[2]), 'a signature is there');
        assert.ok(!text.includes(one.split('.')[1]), 'claims are there');
    }
});


test('nginx -t says what is wrong with tokens and certificates', async (t) => {
    const file = path.join(dir, 'jwks.json');

    fs.writeFileSync(file, jwks(signers.ES256));

    for (const [location, why] of [
        [`sallyport_jwt ${dir}/none;`, /cannot be opened|cannot be used/],
        [`sallyport_jwt ${file} account=exp;`, /no claim that names/],
        [`sallyport_jwt ${file} skew=10m;`, /300 seconds at most/],
        [`sallyport_jwt ${file} key=x;`, /invalid parameter "key=x"/],
        ['sallyport_mtls account=CN;', /ssl_verify_client/],
        ['sallyport_mtls account=fingerprint;', /needs map=FILE/],
        ['sallyport_mtls account=SAN-URI;', /prefix=TEXT/],
        ['sallyport_mtls account=mail;', /invalid parameter/],
    ]) {
        const { ok, output } = await testConfiguration(t, { location });

        assert.ok(!ok, location);
        assert.match(output, why, location);
    }
});


// A certificate authority, a certificate of the gate and those of clients.
function authority() {
    const run = (...args) => execFileSync('openssl', args,
        { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
    const make = (name, subject, ca, ext) => {
        run('req', '-new', '-newkey', 'ec', '-pkeyopt',
            'ec_paramgen_curve:P-256', '-nodes', '-keyout', name + '.key',
            '-out', name + '.csr', '-subj', subject);
        fs.writeFileSync(path.join(dir, name + '.ext'), ext ?? '');
        run('x509', '-req', '-in', name + '.csr', '-CA', ca + '.pem', '-CAkey',
            ca + '.key', '-CAcreateserial', '-days', '1', '-out', name + '.pem',
            '-extfile', name + '.ext');
    };

    for (const ca of ['ca', 'evil']) {
        run('req', '-x509', '-newkey', 'ec', '-pkeyopt',
            'ec_paramgen_curve:P-256', '-nodes', '-keyout', ca + '.key', '-out',
            ca + '.pem', '-days', '1', '-subj', '/CN=' + ca);
    }

    make('gate', '/CN=gate', 'ca');
    make('acme', '/O=Acme/CN=acme', 'ca',
        'subjectAltName=URI:spiffe://example.org/account/acme');
    make('other', '/CN=other', 'ca',
        'subjectAltName=URI:spiffe://example.org/account/other');
    make('two', '/CN=acme/CN=other', 'ca',
        'subjectAltName=URI:spiffe://example.org/account/acme,URI:urn:x');
    make('odd', '/CN=a c m e', 'ca');
    make('forged', '/CN=acme', 'evil');
    execFileSync('chmod', ['644', ...fs.readdirSync(dir)
        .filter((n) => n.endsWith('.key')).map((n) => path.join(dir, n))]);

    return run('x509', '-in', 'acme.pem', '-noout', '-fingerprint', '-sha256')
        .toString().split('=')[1].trim().replaceAll(':', '').toLowerCase();
}


const WAYS = [
    ['account=CN', { acme: 200, two: 401, odd: 401, other: 200 }],
    ['account=SAN-URI prefix=spiffe://example.org/account/',
        { acme: 200, two: 401, odd: 401, other: 200 }],
    ['account=fingerprint map=MAP', { acme: 200, two: 401, other: 401 }],
    ['account=CN map=NAMES', { acme: 401, other: 200 }],
];

test('a client certificate is its account\'s', async (t) => {
    const fingerprint = authority();
    const map = path.join(dir, 'map');

    fs.writeFileSync(map, `# gate\n${fingerprint} acme\n`);
    fs.writeFileSync(path.join(dir, 'names'), 'other acme\n');

    const ports = [];

    for (const _ of WAYS) {
        ports.push(await freePort());
    }

    const g = await gate(t, { http: WAYS.map(([way], i) => `server {
        listen 127.0.0.1:${ports[i]} ssl;
        ssl_certificate ${dir}/gate.pem; ssl_certificate_key ${dir}/gate.key;
        ssl_client_certificate ${dir}/ca.pem; ssl_verify_client optional;
        location / {
            sallyport on;
            sallyport_mtls ${way.replace('MAP', map)
                .replace('NAMES', path.join(dir, 'names'))};
            proxy_pass http://models;
        }
    }`).join('\n') });

    await g.enrol('acme');
    await g.enrol('other');

    const ask = (port, name, key) => new Promise((resolve, reject) => {
        const req = https.request({ host: '127.0.0.1', port, method: 'POST',
            path: '/v1/chat/completions', rejectUnauthorized: false,
            agent: false, ...name && {
                cert: fs.readFileSync(path.join(dir, name + '.pem')),
                key: fs.readFileSync(path.join(dir, name + '.key')) },
            headers: { 'Content-Type': 'application/json',
                'X-Forwarded-For': '8.8.8.8',
                ...key && { Authorization: 'Bearer ' + key } } }, (res) => {
            res.resume();
            res.on('end', () => resolve(res.statusCode));
        });

        req.on('error', reject);
        req.end(JSON.stringify(chat()));
    });

    for (const [i, [way, wants]] of WAYS.entries()) {
        for (const [name, want] of Object.entries(wants)) {
            for (let k = 0; k < 3; k++) {
                assert.equal(await ask(ports[i], name), want,
                    `${way}, certificate of ${name}`);
            }
        }

        assert.equal(await ask(ports[i]), 401, `${way}: none`);
        assert.equal(await ask(ports[i], undefined, 'sk-acme'), 200, way);
        assert.equal(await ask(ports[i], 'forged'), 400, way);
    }

    // beside a key, it must be the same account's: each time
    for (let k = 0; k < 4; k++) {
        assert.equal(await ask(ports[0], 'acme', 'sk-acme'), 200);
        assert.equal(await ask(ports[0], undefined, 'sk-other'), 200);
        assert.equal(await ask(ports[0], 'acme', 'sk-other'), 401);
        assert.equal(await ask(ports[0], 'acme', 'sk-nobody'), 401);
    }

    const mine = g.records().find((r) => r.t === 'decision'
        && /^cert:/.test(r.who.key));

    assert.equal(mine.who.account, 'acme');
    assert.equal(mine.who.key, 'cert:' + fingerprint.slice(0, 32));

    // another map is in force without a reload
    fs.writeFileSync(map + '.new', `${fingerprint} nobody\n`);
    fs.renameSync(map + '.new', map);
    await until(async () => await ask(ports[2], 'acme') !== 200,
        'the new map is in force', 15000);
});
