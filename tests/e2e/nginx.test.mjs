// Copyright (C) the Sallyport authors
//
// The gate among nginx's own features: none opens a way around it, none
// breaks what is recorded.

import fs from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, chat, startUpstream, ledger, FROM } from './lib/harness.mjs';


async function enrolled(t, options) {
    const g = await gate(t, options);

    await g.enrol('acme');

    return g;
}


test('satisfy any: an allowed address is no pass', async (t) => {
    const g = await enrolled(t, {
        location: 'satisfy any; allow 127.0.0.1; allow 8.0.0.0/8; deny all;',
    });

    assert.equal((await g.chat('sk-nobody')).status, 401);
    assert.equal((await g.chat('sk-acme')).status, 200);
});


test('deny: nginx refuses before the gate is asked', async (t) => {
    const g = await enrolled(t, { location: 'deny 8.8.8.8;' });

    assert.equal((await g.chat('sk-acme')).status, 403);
    assert.equal(g.records().filter((r) => r.t === 'decision').length, 0);
});


test('error_page of an upstream failure inside nginx', async (t) => {
    const g = await enrolled(t, {
        location: 'proxy_intercept_errors on; error_page 502 /sorry;',
        locations: 'location = /sorry { internal; return 200 "sorry"; }',
    });

    g.upstream.hook = (req, res) => {
        res.writeHead(502);
        res.end();

        return true;
    };

    const res = await g.chat('sk-acme');

    assert.equal(res.status, 502);
    assert.equal(res.text, 'sorry');
});


test('error_page into another gated location decides anew', async (t) => {
    const g = await enrolled(t, {
        location: 'proxy_intercept_errors on; error_page 500 = /v1/models;',
    });

    g.upstream.hook = (req, res) => {
        if (req.method === 'POST') {
            res.writeHead(500);
            res.end();

            return true;
        }

        return false;
    };

    await g.chat('sk-acme');
    await g.stop();

    const { decisions } = ledger(g.records());

    assert.ok(decisions.size >= 1);
});


test('a refusal keeps its body under error_page', async (t) => {
    const g = await enrolled(t, {
        location: 'error_page 401 403 451 /page;',
        locations: 'location = /page { internal; return 200 "open"; }',
    });
    const res = await g.chat('sk-nobody');

    assert.equal(res.status, 401);
    assert.ok(res.json?.error, res.text);
});


test('mirror: one decision, the copy rides on it', async (t) => {
    const copies = await startUpstream();

    t.after(() => copies.stop());

    const g = await enrolled(t, {
        location: 'mirror /copy;',
        locations: `location = /copy { internal;
            proxy_pass http://127.0.0.1:${copies.port}$request_uri; }`,
    });

    assert.equal((await g.chat('sk-acme')).status, 200);
    assert.equal((await g.chat('sk-nobody')).status, 401);
    await g.stop();

    assert.equal(copies.arrivals.length, 1);
    assert.equal(ledger(g.records()).decisions.size, 2);
});


test('try_files to a named location that proxies', async (t) => {
    const g = await enrolled(t, {
        location: 'try_files /nothing @models;', proxy: '',
        locations: `location @models { sallyport on;
            proxy_pass http://models; proxy_http_version 1.1;
            proxy_set_header Connection ""; }`,
    });

    assert.equal((await g.chat('sk-nobody')).status, 401);
    assert.equal((await g.chat('sk-acme')).status, 200);
    assert.equal(g.upstream.arrivals.length, 1);
});


test('proxy_next_upstream: every attempt is counted', async (t) => {
    const second = await startUpstream();

    t.after(() => second.stop());

    const g = await enrolled(t, {
        upstreams: `server 127.0.0.1:${second.port};`,
        location: 'proxy_next_upstream error http_503 non_idempotent;',
        checkLedger: false,
    });
    const refuse = (req, res) => {
        res.writeHead(503);
        res.end();

        return true;
    };

    g.upstream.hook = refuse;
    second.hook = refuse;
    await g.chat('sk-acme');

    const [settle] = await g.waitRecords('settle');

    assert.equal(settle.attempts, 2);
    assert.equal(g.upstream.arrivals.length + second.arrivals.length, 2);
    assert.equal(g.upstream.arrivals[0].id, second.arrivals[0].id);
});


test('an upstream that is not there: settled as not sent', async (t) => {
    const g = await enrolled(t, { checkLedger: false });

    await g.upstream.stop();
    assert.equal((await g.chat('sk-acme')).status, 502);

    const [settle] = await g.waitRecords('settle');

    assert.equal(settle.sent, false);
    assert.equal(settle.attempts, 0);
});


test('two gated locations: each with its own mode', async (t) => {
    const g = await enrolled(t, {
        locations: 'location = /v1/models { proxy_pass http://models; }',
    });

    assert.equal((await g.call({ path: '/v1/models' })).status, 200);
    assert.equal((await g.chat('sk-nobody')).status, 401);
    g.upstream.arrivals.length = 0;
});


test('variables for logs', async (t) => {
    const names = ['decision', 'reason', 'rule', 'account', 'model',
        'country', 'source', 'tokens_in', 'tokens_out'];
    const g = await enrolled(t, {
        logFormat: names.map((n) => `${n}=$sallyport_${n}`).join('|') +
            '|id=$sallyport_id|us=$sallyport_us',
    });

    const served = await g.chat('sk-acme');
    const refused = await g.chat('sk-acme', 'small', { from: FROM.KP });

    await g.stop();

    const [one, two] = fs.readFileSync(g.file('access.log'),
        'utf8').trim().split('\n')
        .map((line) => Object.fromEntries(line.split('|')
            .map((pair) => pair.split('='))));

    assert.equal(served.status, 200);
    assert.equal(one.decision, 'allow');
    assert.equal(one.account, 'acme');
    assert.equal(one.model, 'small');
    assert.equal(one.country, 'US');
    assert.equal(one.tokens_out, '8');
    assert.match(one.us, /^\d+$/);
    assert.equal(one.id, g.upstream.arrivals[0].id);
    assert.equal(two.decision, 'deny');
    assert.equal(two.reason, 'JUR_IP_EMBARGO');
    assert.equal(two.rule, 'embargo-address');
    assert.equal(two.country, 'KP');
    assert.equal(two.id, refused.headers['x-request-id']);
});
