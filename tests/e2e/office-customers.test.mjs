// Copyright (C) the Sallyport authors
//
// A reseller's end customers: named in a header or in the body, looked up as
// a third record, and never forgotten by what the gate remembers.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { accountFields, gate, until } from './lib/harness.mjs';

const POLICY = (from) => `sallyport: 1
policy: resellers
revision: r1
customers:
  from: ${from}
models:
  tiers:
    1: [small, claude-*]
lists:
  restricted:
    type: country
    items: [KP, RU]
deny:
  - id: end-customer-missing
    when: account.resale == passthrough and not has(customer.id)
    unknown: match
    reason: RESELL_ENDCUSTOMER_MISSING
  - id: end-customer-parent
    when: has(customer.parent) and customer.parent in @restricted
    reason: RESELL_ENDCUSTOMER_DENIED
  - id: end-customer-unverified
    when: has(customer.id) and customer.status != verified
    reason: RESELL_ENDCUSTOMER_DENIED
allow:
  - id: all
    when: account.status == verified
`;

const RESELLER = { type: 'reseller', resale: 'passthrough' };
const HEADER = '{header: X-End-Customer}';
const BODY = '{body: user}';

const customer = (g, id, fields = {}, reseller = 'resi') =>
    g.redis.call('HSET', `sp:data:cust:${reseller}:${id}`,
        ...accountFields(fields));

const as = (name) => name === undefined ? {}
    : { headers: { 'X-End-Customer': name } };

async function recalled(g) {
    const { text } = await g.call({ path: '/metrics' });

    return Number(/^sallyport_recalled_total (\d+)$/m.exec(text)[1]);
}


async function started(t, from, o = {}) {
    const g = await gate(t, { policy: POLICY(from), ...o });

    await g.enrol('resi', RESELLER);
    await g.enrol('acme');
    await customer(g, 'good');
    await customer(g, 'ours', { parent: 'KP' });
    await customer(g, 'gone', { status: 'suspended' });
    await customer(g, 'odd', { level: 'many' });
    await customer(g, 'theirs', {}, 'other');

    return g;
}




test('each customer is judged by its own record', async (t) => {
    const g = await started(t, HEADER);
    const last = () => g.records().filter((r) => r.t === 'decision').at(-1);
    const CASES = [
        [undefined, 403, 'RESELL_ENDCUSTOMER_MISSING', 'none'],
        ['', 403, 'RESELL_ENDCUSTOMER_MISSING', 'none'],
        ['nobody', 403, 'RESELL_ENDCUSTOMER_UNKNOWN', 'no_such'],
        ['theirs', 403, 'RESELL_ENDCUSTOMER_UNKNOWN', 'no_such'],
        ['a b', 403, 'RESELL_ENDCUSTOMER_UNKNOWN', 'malformed'],
        ['x:good', 403, 'RESELL_ENDCUSTOMER_UNKNOWN', 'malformed'],
        ['x'.repeat(65), 403, 'RESELL_ENDCUSTOMER_UNKNOWN', 'malformed'],
        ['ours', 403, 'RESELL_ENDCUSTOMER_DENIED', 'found'],
        ['gone', 403, 'RESELL_ENDCUSTOMER_DENIED', 'found'],
        ['odd', 403, 'KYC_RECORD_INVALID', 'invalid'],
        ['good', 200, undefined, 'found'],
    ];

    for (let round = 0; round < 3; round++) {
        for (const [name, status, reason, st] of CASES) {
            const answer = await g.chat('sk-resi', 'small', as(name));

            assert.equal(answer.status, status, `"${name}"`);
            await until(() => last()?.facts.customer !== undefined
                && last().status === (status === 200 ? undefined : status),
            'its record');

            const record = last();

            assert.equal(record.reason, reason, `"${name}"`);
            assert.equal(record.facts.customer.st, st, `"${name}"`);
            assert.equal(record.who.account, 'resi');
            assert.equal(record.who.customer,
                ['none', 'malformed'].includes(st) ? undefined : name);

            if (st === 'found') {
                assert.equal(record.facts.customer.record.parent,
                    name === 'ours' ? 'KP' : 'US');
                assert.equal(record.facts.customer.ver, 1);
            }
        }
    }

    assert.ok(!(await g.errorLog()).includes('x:good'));
});


test('a name that is given twice is none, unless it is the same', async (t) => {
    const g = await started(t, HEADER);
    const status = async (names) => (await g.chat('sk-resi', 'small',
        { headers: { 'X-End-Customer': names } })).status;

    assert.equal(await status(['good', 'good']), 200);
    assert.equal(await status(['good', 'ours']), 403);
    assert.equal(await status(['ours', 'good']), 403);
});


test('who does not resell may name whom it likes', async (t) => {
    const g = await started(t, HEADER);

    for (const name of [undefined, 'nobody', 'ours', 'a b']) {
        assert.equal((await g.chat('sk-acme', 'small', as(name))).status, 200);
    }

    assert.ok(g.records().filter((r) => r.t === 'decision')
        .every((r) => r.facts.customer.st === 'none'));
});


test('the body names one in the words of its API', async (t) => {
    const g = await started(t, BODY);
    const OPENAI = (user) => ['/v1/chat/completions',
        { model: 'small', messages: [], ...(user !== undefined && { user }) }];
    const ANTHROPIC = (user) => ['/v1/messages', { model: 'claude-x',
        max_tokens: 9, messages: [],
        ...(user !== undefined && { metadata: { user_id: user } }) }];

    for (const dialect of [OPENAI, ANTHROPIC]) {
        for (const [user, status] of [['good', 200], ['ours', 403],
            ['nobody', 403], [undefined, 403], [null, 403], [7, 400],
            ['', 403], ['good', 200]])
        {
            const [path, body] = dialect(user);
            const answer = await g.call({ key: 'sk-resi', path, body,
                headers: { 'anthropic-version': '2023-06-01' } });

            assert.equal(answer.status, status, `${path} "${user}"`);

            // of others the name is not looked at
            const [, own] = dialect(user);
            const other = await g.call({ key: 'sk-acme', path, body: own,
                headers: { 'anthropic-version': '2023-06-01' } });

            assert.equal(other.status, user === 7 ? 400 : 200);
        }
    }

    // a name that comes after a large text, and one that comes twice
    const long = JSON.stringify({ model: 'small', messages: [
        { role: 'user', content: 'x'.repeat(300000) }], user: 'ours' });

    assert.equal((await g.call({ key: 'sk-resi', body: long })).status, 403);
    assert.equal((await g.call({ key: 'sk-resi', body: long.replace('ours',
        'good') })).status, 200);
    assert.equal((await g.call({ key: 'sk-resi', body:
        '{"model":"small","messages":[],"user":"good","user":"ours"}' }))
        .status, 400);

    // nothing to name one in
    assert.equal((await g.call({ method: 'GET', path: '/v1/models',
        key: 'sk-resi' })).status, 403);
    assert.equal((await g.call({ method: 'GET', path: '/v1/models',
        key: 'sk-acme' })).status, 200);
});


for (const from of [HEADER, BODY]) {
    test(`what is remembered knows who was named, ${from}`, async (t) => {
        const g = await started(t, from, { audit: 'allows=excepted' });
        const call = (key, name) => g.chat(key, 'small', from === HEADER
            ? as(name) : name === undefined ? {} : { body:
                { model: 'small', messages: [], user: name } });

        // of one that does not resell plain allows come back
        const before = await recalled(g);

        await until(async () => {
            assert.equal((await call('sk-acme', undefined)).status, 200);
            assert.equal((await call('sk-acme', 'nobody')).status, 200);

            return await recalled(g) > before + 4;
        }, 'acme is recalled');

        // a reseller's do not, however often: each request is looked up
        const after = await recalled(g);

        for (let i = 0; i < 10; i++) {
            assert.equal((await call('sk-resi', 'good')).status, 200);
            assert.equal((await call('sk-resi', 'ours')).status, 403);
            assert.equal((await call('sk-resi', undefined)).status, 403);
            assert.equal((await call('sk-resi', 'gone')).status, 403);
        }

        assert.equal(await recalled(g), after);

        // and what becomes of a customer is seen
        await customer(g, 'good', { status: 'suspended', ver: 2 });
        await until(async () => (await call('sk-resi', 'good')).status === 403,
            'the suspension is seen');
    });
}


test('a store that is gone is no customer\'s fault', async (t) => {
    const g = await started(t, HEADER, { store: undefined });

    assert.equal((await g.chat('sk-resi', 'small', as('good'))).status, 200);
    await g.redis.kill('SIGSTOP');

    const { status } = await g.chat('sk-resi', 'small', as('never-seen'));

    assert.equal(status, 503);
    await g.redis.kill('SIGCONT');
    await until(async () => (await g.chat('sk-resi', 'small', as('good')))
        .status === 200, 'it answers again');
});


test('observe sees the same and changes nothing', async (t) => {
    const g = await started(t, HEADER, { mode: 'observe' });

    for (const name of ['good', 'ours', 'nobody', undefined]) {
        assert.equal((await g.chat('sk-resi', 'small', as(name))).status, 200);
    }

    const records = await g.waitRecords('decision', 4);

    assert.deepEqual(records.map((r) => [r.dec, r.reason, r.enforced]), [
        ['allow', undefined, false],
        ['deny', 'RESELL_ENDCUSTOMER_DENIED', false],
        ['deny', 'RESELL_ENDCUSTOMER_UNKNOWN', false],
        ['deny', 'RESELL_ENDCUSTOMER_MISSING', false]]);
});
