// Copyright (C) the Sallyport authors
//
// Keys with a tag: a guessed one costs the store nothing, and nothing that is
// remembered of a key without one lets it pass where a tag is required.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { gate, kid, keyFields, until } from './lib/harness.mjs';
import { COMMAND } from './lib/command.mjs';

const GUESSES = 4000;
const SEED = 20261124;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ' +
    'abcdefghijklmnopqrstuvwxyz';


function made(g, account, name) {
    return execFileSync(COMMAND, ['key', 'new', '--account', account,
        '--name', name, '--pepper', path.join(g.dir, 'pepper'), '--store',
        `redis://127.0.0.1:${g.redis.port}/0`, '--by', 'tests', '--reason',
        'tests'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
        .trim();
}


// How often Redis was asked for a record so far.
async function lookups(g) {
    const stats = await g.redis.call('INFO', 'commandstats');

    return Number(/cmdstat_hgetall:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}


async function metric(g, name) {
    const { text } = await g.call({ path: '/metrics' });

    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)[1]);
}


// Many small requests on one connection after the other; how each ended.
function flood(g, keys) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

    return Promise.all(keys.map((key) => g.call({ key, agent, method: 'GET',
        path: '/v1/models' }).then(({ status }) => status)))
        .finally(() => agent.destroy());
}


test('a guessed key asks nobody and takes nobody\'s place', async (t) => {
    const g = await gate(t, { location: 'sallyport_key_tag required;',
        audit: 'allows=excepted', checkLedger: false });

    await g.enrol('acme');

    const key = made(g, 'acme', 'ci');

    assert.equal((await g.chat(key, 'small')).status, 200);

    let x = SEED;
    const random = (n) => (x = (x * 1103515245 + 12345) % 2147483648) % n;
    const guesses = Array.from({ length: GUESSES }, () => 'sk-sp-' +
        Array.from({ length: 49 }, () => DIGITS[random(62)]).join(''));

    t.diagnostic(`seed ${SEED}`);

    const before = await lookups(g);
    const misses = await metric(g, 'sallyport_cache_total{result="miss"}'
        .replace(/[{}"]/g, '\\$&'));
    const statuses = await flood(g, guesses);

    assert.deepEqual([...new Set(statuses)], [401]);
    assert.equal(await metric(g, 'sallyport_keys_untagged_total'), GUESSES);
    assert.equal(await metric(g, 'sallyport_cache_total{result="miss"}'
        .replace(/[{}"]/g, '\\$&')), misses);

    // the account that calls is still where it was
    assert.equal((await g.chat(key, 'small')).status, 200);
    assert.ok(await lookups(g) <= before + 2, 'its own record may be renewed');

    // a key with a tag whose record is gone is looked up, and is unknown
    const gone = made(g, 'acme', 'gone');

    await g.redis.call('DEL', 'sp:data:key:' + kid(gone));

    const asked = await lookups(g);

    assert.equal((await g.chat(gone, 'small')).status, 401);
    assert.ok(await lookups(g) > asked);
});


test('what is remembered does not stand in for a tag', async (t) => {
    const g = await gate(t, { audit: 'allows=excepted', locations: `
        location /tagged/ {
            sallyport on;
            sallyport_key_tag required;
            rewrite ^/tagged(/.*) $1 break;
            proxy_pass http://models;
        }` });

    await g.enrol('acme');
    await g.redis.call('HSET', 'sp:data:key:' + kid('sk-bare'),
        ...keyFields('acme'));

    const before = await metric(g, 'sallyport_recalled_total');

    await until(async () => {
        assert.equal((await g.chat('sk-bare', 'small')).status, 200);

        return await metric(g, 'sallyport_recalled_total') > before;
    }, 'it is recalled');

    for (let i = 0; i < 3; i++) {
        const { status } = await g.chat('sk-bare', 'small',
            { path: '/tagged/v1/chat/completions' });

        assert.equal(status, 401);
        assert.equal((await g.chat('sk-bare', 'small')).status, 200);
    }
});
