// Copyright (C) the Sallyport authors
//
// Each question the gate asks, answered wrongly once, and the verdict that a
// client then gets, with its audit record.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, chat, sharedBy, until, FROM } from './lib/harness.mjs';

const file = sharedBy(after);
let g;

before(async () => {
    g = await gate(file);
    await g.enrol('acme');
    await g.enrol('low', { level: 1 });
    await g.enrol('held', { status: 'suspended' });
    await g.enrol('shut', { status: 'closed' });
    await g.enrol('turned-down', { status: 'rejected' });
    await g.enrol('waiting', { status: 'pending', pending_since: 1700000000 });
    await g.enrol('odd', { status: 'maybe' });
    await g.enrol('short', { level: undefined });
    await g.enrol('revoked', {}, { status: 'revoked' });
    await g.enrol('past', {}, { expires_at: 1700000000 });
    await g.enrol('early', {}, { not_before: 4000000000 });
    await g.enrol('office', {}, { networks: '193.0.6.0/24' });
    await g.enrol('orphan');
    await g.redis.call('DEL', 'sp:data:acct:orphan');
});

test('a verified account is served, and the upstream sees who it is',
    async () => {
        const res = await g.chat('sk-acme');

        assert.equal(res.status, 200, res.text);
        assert.equal(res.json.object, 'chat.completion');

        const [arrival] = g.upstream.arrivals.slice(-1);

        assert.equal(arrival.account, 'acme');
        assert.equal(arrival.headers.authorization, undefined);
        assert.deepEqual(JSON.parse(arrival.body), chat());
    });


// title, options of the call, status, reason of the record
const REFUSALS = [
    ['no key', {}, 401, 'CRED_MISSING'],
    ['an unknown key', { key: 'sk-nobody' }, 401, 'CRED_UNKNOWN'],
    ['a key with an odd byte', { key: 'sk acme' }, 401, 'CRED_MALFORMED'],
    ['a revoked key', { key: 'sk-revoked' }, 401, 'CRED_REVOKED'],
    ['an expired key', { key: 'sk-past' }, 401, 'CRED_EXPIRED'],
    ['a key that is not valid yet', { key: 'sk-early' }, 401, 'CRED_EXPIRED'],
    ['a key outside its networks', { key: 'sk-office' }, 403, null],
    ['two different keys', { key: 'sk-acme',
        headers: { 'x-api-key': 'sk-held' } }, 401, 'CRED_AMBIGUOUS'],
    ['a suspended account', { key: 'sk-held' }, 403, 'ACCT_SUSPENDED'],
    ['a closed account', { key: 'sk-shut' }, 403, 'ACCT_CLOSED'],
    ['a rejected account', { key: 'sk-turned-down' }, 403, 'KYC_REJECTED'],
    ['an account that is not verified yet', { key: 'sk-waiting' }, 403, null],
    ['a record with an unknown status', { key: 'sk-odd' }, 403,
        'KYC_RECORD_INVALID'],
    ['a record without a level', { key: 'sk-short' }, 403,
        'KYC_RECORD_INVALID'],
    ['a key without an account', { key: 'sk-orphan' }, 403, 'KYC_MISSING'],
    ['an address under embargo', { key: 'sk-acme', from: FROM.KP }, 451,
        'JUR_IP_EMBARGO'],
    ['a level too low for the tier', { key: 'sk-low',
        body: chat('frontier') }, 403, 'KYC_LEVEL'],
    ['a model that is not in the catalogue', { key: 'sk-acme',
        body: chat('no-such-model') }, 404, 'MODEL_UNKNOWN'],
    ['an unknown route', { key: 'sk-acme', path: '/v1/files' }, 404,
        'ROUTE_UNKNOWN'],
    ['a known path with another method', { key: 'sk-acme', method: 'PUT' },
        404, 'ROUTE_UNKNOWN'],
    ['a path that nginx would change', { key: 'sk-acme',
        path: '/v1//chat/completions' }, 400, 'ROUTE_AMBIGUOUS'],
    ['a body with two models', { key: 'sk-acme',
        body: '{"model":"small","model":"frontier","messages":[]}' }, 400,
    'BODY_AMBIGUOUS'],
    ['a body that is not JSON', { key: 'sk-acme', body: '{"model":' }, 400,
        'BODY_AMBIGUOUS'],
    ['a body without a model', { key: 'sk-acme', body: '{"messages":[]}' },
        400, 'BODY_AMBIGUOUS'],
    ['a body of another type', { key: 'sk-acme',
        headers: { 'Content-Type': 'text/plain' } }, 415, 'BODY_TYPE'],
    ['an encoded body', { key: 'sk-acme',
        headers: { 'Content-Encoding': 'br' } }, 415, 'BODY_TYPE'],
];

for (const [title, options, status, reason] of REFUSALS) {
    test(`${title}: ${status}`, async () => {
        const seen = g.upstream.arrivals.length;
        const res = await g.call({ body: chat(), ...options });

        assert.equal(res.status, status, res.text);
        assert.equal(g.upstream.arrivals.length, seen, 'it went upstream');

        const id = res.headers['x-request-id'];
        const [record] = g.records().filter((r) => r.id === id);

        assert.ok(record, `no record of ${id}`);
        assert.equal(record.dec, 'deny');
        assert.equal(record.status, status);
        reason && assert.equal(record.reason, reason);

        // What the gate cannot read or ask is no finding about the caller.
        /INVALID$|UNAVAILABLE$/.test(record.reason) &&
            assert.equal(record.class, 'system');

        assert.match(res.headers['content-type'], /^application\/json/);
        assert.equal(res.headers['cache-control'], 'no-store');
        assert.equal(res.headers['x-should-retry'], 'false');
        assert.ok(res.json.error.message, res.text);
        assert.equal(status === 401, 'www-authenticate' in res.headers);
        assert.equal(status === 451, /blocked-by/.test(res.headers.link));
    });
}


test('no secret is in any log, record or Redis key', async () => {
    await g.chat('sk-acme');
    await g.chat('sk-secret-nobody-knows');

    const kept = JSON.stringify(g.records()) + g.errorLog() +
        (await g.redis.call('KEYS', '*')).join();

    for (const secret of ['sk-acme', 'sk-secret', 'hello there',
        FROM.US])
    {
        assert.ok(!kept.includes(secret), `"${secret}" was kept`);
    }
});


test('an account is suspended by hand and soon refused', async () => {
    await g.enrol('soon');
    assert.equal((await g.chat('sk-soon')).status, 200);
    await g.redis.call('HSET', 'sp:data:acct:soon', 'status', 'suspended');

    const res = await until(async () => {
        const answer = await g.chat('sk-soon');

        return answer.status !== 200 && answer;
    }, 'the account is refused', 90000);

    assert.equal(res.status, 403);
});


// The rule that a record settled is asked again as soon as the record changes.
test('a record that changes by hand changes what its rules say', async () => {
    const ask = () => g.call({ headers: { authorization: 'Bearer sk-riser' },
        body: chat('frontier') });
    const level = (n) =>
        g.redis.call('HSET', 'sp:data:acct:riser', 'level', n);
    const becomes = (status) => until(async () => {
        const answer = await ask();

        return answer.status === status && answer;
    }, `frontier is answered ${status}`, 90000);

    await g.enrol('riser');

    for (let i = 0; i < 4; i++) {
        assert.equal((await ask()).status, 200);
    }

    await level(2);

    const id = (await becomes(403)).headers['x-request-id'];

    assert.equal(g.records().find((r) => r.id === id).reason, 'KYC_LEVEL');

    for (let i = 0; i < 4; i++) {       // not only the one that fetched it
        assert.equal((await ask()).status, 403);
    }

    await level(3);
    await becomes(200);
});
