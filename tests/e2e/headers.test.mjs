// Copyright (C) the Sallyport authors
//
// What the upstream sees: the gate's own headers and no copy of them from the
// client; the credential stripped, passed or replaced.

import fs from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, chat } from './lib/harness.mjs';


test('no client forges the headers of the gate', async (t) => {
    const g = await gate(t, {
        server: 'underscores_in_headers off; ignore_invalid_headers on;',
    });

    await g.enrol('acme');

    const res = await g.call({ key: 'sk-acme', body: chat(), headers: {
        'X-Sallyport-Id': 'forged', 'x-sallyport-account': 'root',
        'X_Sallyport_Account': 'root', 'X-Sallyport_Id': 'forged',
    } });

    assert.equal(res.status, 200, res.text);

    const { headers, id, account } = g.upstream.arrivals[0];

    assert.equal(account, 'acme');
    assert.match(id, /^[0-9A-Za-z-]+$/);
    assert.ok(!JSON.stringify(headers).match(/forged|root/));
});


test('a forged twin that comes twice is gone too', async (t) => {
    const g = await gate(t);

    await g.enrol('acme');
    await g.call({ key: 'sk-acme', body: chat(), headers: {
        'X-Sallyport-Account': ['root', 'admin'],
    } });

    const names = g.upstream.arrivals[0].rawHeaders
        .filter((_, i) => i % 2 === 0).map((n) => n.toLowerCase());

    assert.equal(names.filter((n) => n === 'x-sallyport-account').length, 1);
    assert.equal(g.upstream.arrivals[0].account, 'acme');
});


const CARRIERS = [
    ['Authorization', (k) => ({ Authorization: 'Bearer ' + k })],
    ['authorization', (k) => ({ authorization: 'bearer ' + k })],
    ['x-api-key', (k) => ({ 'x-api-key': k })],
    ['api-key', (k) => ({ 'api-key': k })],
    ['both, the same', (k) => ({ 'x-api-key': k,
        Authorization: 'Bearer ' + k })],
];

for (const [name, headers] of CARRIERS) {
    test(`strip: a key in ${name} does not reach the upstream`, async (t) => {
        const g = await gate(t);

        await g.enrol('acme');

        const res = await g.call({ body: chat(), headers: headers('sk-acme') });

        assert.equal(res.status, 200, res.text);
        assert.ok(!JSON.stringify(g.upstream.arrivals[0].rawHeaders)
            .includes('sk-acme'));
    });
}


test('pass: the key goes on as it came', async (t) => {
    const g = await gate(t, { location: 'sallyport_credential pass;' });

    await g.enrol('acme');
    await g.chat('sk-acme');

    assert.equal(g.upstream.arrivals[0].headers.authorization,
        'Bearer sk-acme');
});


test('replace: the upstream sees the operator\'s key', async (t) => {
    const dir = fs.mkdtempSync('/tmp/sallyport-replace-');

    t.after(() => fs.rmSync(dir, { recursive: true }));
    fs.writeFileSync(dir + '/key', 'Bearer sk-of-the-operator\n');

    const g = await gate(t, {
        location: `sallyport_credential replace ${dir}/key;`,
    });

    await g.enrol('acme');

    for (const headers of [{ Authorization: 'Bearer sk-acme' },
        { 'x-api-key': 'sk-acme' }])
    {
        assert.equal((await g.call({ body: chat(), headers })).status, 200);

        const seen = g.upstream.arrivals.at(-1);

        assert.equal(seen.headers.authorization, 'Bearer sk-of-the-operator');
        assert.ok(!JSON.stringify(seen.rawHeaders).includes('sk-acme'));
    }
});
