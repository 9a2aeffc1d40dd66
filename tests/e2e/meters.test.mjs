// Copyright (C) the Sallyport authors
//
// What throttles count besides requests: tokens, spend, bytes and requests
// under way, by rates and by calendar budgets, reserved before a request goes
// on and settled once when it is over.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { gate, until, spawnedWorkers, chat, BUILD, FROM } from './lib/harness.mjs';


export const policy = (throttles, prices = '') => `sallyport: 1
policy: meters
revision: r1
${prices}
allow:
  - id: verified
    when: account.status == verified

throttle:
${throttles}`;

export async function sums(g) {
    const { text } = await g.call({ path: '/metrics' });
    const found = {};

    for (const [, name, meter, value] of text.matchAll(
        /^sallyport_meter_(\w+?)(?:_total)?(?:\{meter="(\w+)"\})? (\d+)$/gm))
    {
        found[meter ? `${name} ${meter}` : name] = Number(value);
    }

    return found;
}

/** Nothing is under way any more, and nothing was lost on the way. */
export async function settled(g) {
    const s = await until(async () => {
        const now = await sums(g);

        return now.open === 0 && now;
    }, 'all is settled');

    for (const meter of ['tokens', 'spend', 'bytes', 'concurrency']) {
        assert.equal(s[`reserved ${meter}`],
            s[`settled ${meter}`] + s[`refunded ${meter}`], meter);
    }

    return s;
}

async function metered(t, throttles, options = {}) {
    const g = await gate(t, { policy: policy(throttles, options.prices),
        ...options });

    await g.enrol('acme');

    return g;
}

const ask = (g, rest = {}, key = 'sk-acme') =>
    g.call({ key, body: chat('small', rest) });


test('tokens are reserved as bounded, and settled as used', async (t) => {
    const g = await metered(t, `
  - id: tokens
    meter: tokens
    per: [account.id]
    budget: 130/day`);

    // 73 bytes or so are some 20 tokens; 70 of output fit once
    const first = await ask(g, { max_tokens: 70 });

    assert.equal(first.status, 200, first.text);

    const { usage } = first.json;
    const s = await settled(g);

    assert.equal(s['settled tokens'] + s['over tokens'], usage.total_tokens);
    assert.equal(s.full, 0);

    // what was not used is there again
    assert.equal((await ask(g, { max_tokens: 70 })).status, 200);

    const late = await ask(g, { max_tokens: 120 });

    assert.equal(late.status, 403, late.text);
    assert.equal(late.json.error.code, 'insufficient_quota');
    assert.equal(late.headers['retry-after'], undefined);
    assert.equal(late.headers['x-should-retry'], 'false');
});


test('a request that could never fit is told so', async (t) => {
    const g = await metered(t, `
  - id: tokens
    meter: tokens
    per: [account.id]
    rate: 100/min
    burst: 100`);

    const r = await ask(g, { max_tokens: 1000 });

    assert.equal(r.status, 403, r.text);
    assert.equal(r.headers['retry-after'], undefined);
    assert.equal((await ask(g, { max_tokens: 10 })).status, 200);
    await settled(g);
});


test('requests under way are bounded, however they end', async (t) => {
    const g = await metered(t, `
  - id: slots
    meter: concurrency
    per: [account.id]
    limit: 3`, { workers: 2 });
    let open = [];

    g.upstream.hook = (req, res) => { open.push(res); return true; };

    const calls = Array.from({ length: 10 }, () => ask(g)
        .catch((e) => ({ status: e.code })));

    await until(() => open.length === 3, 'three are at the upstream');

    const done = await Promise.all(calls.map((c) =>
        Promise.race([c, new Promise((r) => setTimeout(r, 500))])));

    assert.equal(done.filter((r) => r?.status === 429).length, 7);
    open.forEach((res) => res.end('{}'));
    await Promise.all(calls);
    await settled(g);

    // a client that goes away, an upstream that dies
    open = [];

    const gone = new AbortController();
    const aborted = fetch(g.url + '/v1/chat/completions', {
        method: 'POST', signal: gone.signal, body: JSON.stringify(chat()),
        headers: { authorization: 'Bearer sk-acme',
            'content-type': 'application/json',
            'x-forwarded-for': '8.8.8.8' } }).catch(() => 'aborted');

    await until(() => open.length === 1, 'it is at the upstream');
    gone.abort();
    assert.equal(await aborted, 'aborted');
    await settled(g);

    open = [];
    const broken = ask(g);
    await until(() => open.length === 1, 'it is at the upstream');
    open[0].destroy();
    assert.equal((await broken).status, 502);
    const s = await settled(g);

    assert.equal(s['settled concurrency'] + s['refunded concurrency'], 5);
});


test('a killed worker leaves no slot taken', async (t) => {
    const g = await metered(t, `
  - id: slots
    meter: concurrency
    per: [account.id]
    limit: 4
  - id: tokens
    meter: tokens
    per: [account.id]
    budget: [1000000/day, 9000000/month]`, { workers: 2, mayBeTorn: true,
        checkLedger: false, expectLog: [/exited on signal 9/] });
    const open = [];

    g.upstream.hook = (req, res) => { open.push(res); return true; };

    for (let round = 1; round <= 3; round++) {
        const calls = Array.from({ length: 4 }, () => ask(g)
            .catch((e) => ({ status: e.code })));

        await until(() => open.length === 4 * round, 'all at the upstream');
        assert.equal((await sums(g)).open, 4);
        spawnedWorkers(g).forEach((pid) => process.kill(pid, 'SIGKILL'));
        await Promise.all(calls);
        await until(() => spawnedWorkers(g).length === 2, 'new workers');

        const s = await settled(g);

        assert.equal(s.orphans, 4 * round);
    }
});


test('slots and reservations go through a reload', async (t) => {
    const g = await metered(t, `
  - id: slots
    meter: concurrency
    per: [account.id]
    limit: 2`);
    const open = [];

    g.upstream.hook = (req, res) => { open.push(res); return true; };

    const calls = [ask(g), ask(g)];

    await until(() => open.length === 2, 'both at the upstream');
    g.signal('SIGHUP');
    await until(() => spawnedWorkers(g).length === 2, 'a new worker');
    await until(async () => (await ask(g)).status === 429, 'still bounded');
    open.forEach((res) => res.end('{}'));
    await Promise.all(calls);
    await settled(g);
});


test('spend is by the price table, at the dearest of several models',
    async (t) => {
        const g = await metered(t, `
  - id: money
    meter: spend
    per: [account.id]
    budget: 10/day`, { prices: `
prices:
  small: {input: 1000, output: 2000}
  large*: {input: 100000, output: 400000}` });

        const r = await ask(g, { max_tokens: 100 });

        assert.equal(r.status, 200, r.text);

        const s = await settled(g);
        const { prompt_tokens: i, completion_tokens: o } = r.json.usage;

        assert.equal(s['settled spend'] + s['over spend'],
            i * 1000 + o * 2000);

        // 100 tokens of the large model are 40
        assert.equal((await ask(g, { max_tokens: 100, fallbacks:
            [{ model: 'large-1' }] })).status, 403);
        // and a model that nobody priced costs what the dearest does
        assert.equal((await g.call({ key: 'sk-acme',
            body: chat('nobody', { max_tokens: 100 }) })).status, 403);
    });


test('a request is held for as long as it has to wait', async (t) => {
    const g = await metered(t, `
  - id: r
    meter: requests
    per: [account.id]
    rate: 120/min
    burst: 1
    delay_ms: 1200`);
    const start = performance.now();
    const answers = await Promise.all(Array.from({ length: 6 },
        () => ask(g)));
    const took = performance.now() - start;

    assert.deepEqual(answers.map((r) => r.status).sort(),
        [200, 200, 200, 429, 429, 429]);
    assert.ok(took >= 1000 && took < 3000, `took ${took} ms`);
    await settled(g);
});


test('a warm request is metered as the first one is', async (t) => {
    const g = await metered(t, `
  - id: tokens
    meter: tokens
    per: [account.id]
    budget: 1000000/day
  - id: few
    meter: requests
    per: [account.id]
    budget: 30/day`, { audit: 'allows=off' });
    let used = 0;
    let passed = 0;

    for (let i = 0; i < 40; i++) {
        const r = await ask(g, { max_tokens: 5 });

        if (r.status === 200) {
            used += r.json.usage.total_tokens;
            passed++;
        }
    }

    const s = await settled(g);

    assert.equal(passed, 30);
    assert.equal(s['settled tokens'] + s['over tokens'], used);

    const { text } = await g.call({ path: '/metrics' });

    assert.match(text, /^sallyport_recalled_total [1-9]/m);
});


test('observe meters nothing', async (t) => {
    const g = await metered(t, `
  - id: tokens
    meter: tokens
    per: [account.id]
    budget: 10/day`, { mode: 'observe' });

    for (let i = 0; i < 3; i++) {
        assert.equal((await ask(g, { max_tokens: 100 })).status, 200);
    }

    assert.equal((await sums(g)).reserved, undefined);
    assert.equal((await sums(g))['reserved tokens'], 0);
});


const TOKENS = `
  - id: tokens
    meter: tokens
    per: [account.id]
    budget: 1000000/day`;

const data = (text) => text.split('\n\n').filter(Boolean)
    .map((line) => line.replace(/^data: /, ''));


test('usage is asked for where the client did not, and hidden again',
    async (t) => {
        const g = await metered(t, TOKENS);
        let used = 0;

        for (const [options, asked] of [[undefined, false], [{}, false],
            [{ include_usage: false }, false], [{ include_usage: null,
                include_obfuscation: true }, false],
            [{ include_usage: true }, true]])
        {
            const body = chat('small', { stream: true, max_tokens: 9,
                ...(options && { stream_options: options }) });
            const r = await g.call({ key: 'sk-acme', body });
            const events = data(r.text);
            const sent = JSON.parse(g.upstream.arrivals.at(-1).body);

            assert.equal(r.status, 200, r.text);
            assert.equal(sent.stream_options.include_usage, true);
            assert.equal(sent.stream_options.include_obfuscation,
                options?.include_obfuscation);
            delete sent.stream_options;
            delete body.stream_options;
            assert.deepEqual(sent, body, 'the rest is what was sent');
            assert.equal(g.upstream.arrivals.at(-1)
                .headers['content-length'],
            String(Buffer.byteLength(g.upstream.arrivals.at(-1).body)));
            assert.equal(events.at(-1), '[DONE]');
            assert.equal(events.some((e) => /usage/.test(e)), asked, r.text);

            const s = await settled(g);

            assert.ok(s['settled tokens'] > used);
            used = s['settled tokens'];
        }

        assert.deepEqual(g.records().filter((r) => r.t === 'decision')
            .map((r) => r.req.added), [...Array(4).fill(
            'stream_options.include_usage'), undefined]);
        g.records().filter((r) => r.t === 'settle').forEach((r) =>
            assert.equal(r.tok_guessed, undefined));
    });


test('an answer that does not say is guessed, and the record says so',
    async (t) => {
        const g = await metered(t, TOKENS);

        g.upstream.hook = (req, res) => {
            res.writeHead(200, { 'content-type': 'text/event-stream' });

            for (let i = 0; i < 5; i++) {
                res.write('data: {"choices":[{"delta":{"content":"word"}}]}'
                    + '\n\n');
            }

            res.end('data: [DONE]\n\n');
            return true;
        };

        await ask(g, { stream: true, max_tokens: 50 });
        const s = await settled(g);
        const [record] = await g.waitRecords('settle');

        assert.equal(record.tok_guessed, true);
        assert.equal(record.tok_out, 5);
        assert.equal(s['settled tokens'], record.tok_in + 5);
    });


test('hidden usage: events cut anywhere, of every kind of line end',
    async (t) => {
        const g = await metered(t, TOKENS);
        const chunk = (more, choices = '[{"delta":{"content":"\\"usage\\":'
            + 'null"}}]') => `{"id":"c","choices":${choices}${more}}`;
        const usage = ',"usage":{"prompt_tokens":3,"completion_tokens":4}';

        for (const end of ['\n', '\r\n', '\r']) {
            const event = (text) => `data: ${text}${end}${end}`;
            const whole = event(chunk(',"usage":null')) + `: ping${end}${end}`
                + event(chunk(',"usage": null,"x":1'))
                + event(chunk(usage, '[]')) + event('[DONE]');
            const want = event(chunk('')) + `: ping${end}${end}`
                + event(chunk(',"x":1')) + event('[DONE]');

            for (const size of [1, 2, 3, 7, 19, 64, 1000]) {
                g.upstream.hook = async (req, res) => {
                    res.writeHead(200,
                        { 'content-type': 'text/event-stream' });

                    for (let i = 0; i < whole.length; i += size) {
                        res.write(whole.slice(i, i + size));
                        await new Promise(setImmediate);
                    }

                    res.end();
                    return true;
                };

                const { text } = await ask(g, { stream: true });

                assert.equal(text, want, `${JSON.stringify(end)} ${size}`);
            }
        }

        const s = await settled(g);

        assert.equal(s['settled tokens'], 21 * 7);
    });


test('a key used from many countries within an hour', async (t) => {
    const g = await gate(t, { workers: 2, policy: `sallyport: 1
policy: countries
revision: r1
deny:
  - id: shared
    when: key.country_count > 2
    reason: LINK_CLUSTER_BLOCKED
allow:
  - id: verified
    when: account.status == verified
`, geo: undefined });

    await g.enrol('acme');
    await g.enrol('other', {}, {}, { raw: 'sk-other' });

    const from = async (country, key = 'sk-acme') => (await g.chat(key,
        'small', { from: FROM[country] })).status;

    for (let round = 0; round < 5; round++) {
        assert.equal(await from('US'), 200);
        assert.equal(await from('NL'), 200);
    }

    assert.equal(await from('KP'), 403, 'the third');
    assert.equal(await from('US'), 403, 'and it stays so');
    assert.equal(await from('US', 'sk-other'), 200, 'of this key alone');

    const { text } = await g.call({ path: '/metrics' });

    assert.match(text, /^sallyport_meter_full_total 0$/m);
});


for (const [dialect, path, limit] of [
    ['openai', '/v1/chat/completions', 'x-ratelimit-limit-tokens'],
    ['anthropic', '/v1/messages', 'anthropic-ratelimit-tokens-limit']])
{
    test(`headers of a limit: ${dialect}`, async (t) => {
        const g = await metered(t, `
  - id: tokens
    meter: tokens
    per: [account.id]
    rate: 6000/min
    burst: 200`);
        const send = () => g.call({ key: 'sk-acme', path,
            headers: { 'anthropic-version': '2023-06-01' },
            body: chat('small', { max_tokens: 150 }) });

        g.upstream.hook = (req, res) => res.end(JSON.stringify({ usage: {
            input_tokens: 20, output_tokens: 150 } })) && true;

        assert.equal((await send()).status, 200);

        const r = await send();
        const wait = Number(r.headers['retry-after']);

        assert.equal(r.status, 429, r.text);
        assert.ok(wait >= 1 && wait <= 3, `retry-after ${wait}`);
        assert.equal(r.headers[limit], '6000');
        assert.equal(r.headers['ratelimit-policy'], '"tokens";q=6000;w=60');
        assert.match(r.headers.ratelimit, /^"tokens";r=0;t=\d+$/);
    });
}


test('limits of an account: shown and reset by the command', async (t) => {
    const socket = path.join(fs.mkdtempSync(path.join(os.tmpdir(),
        'sallyport-')), 'control.sock');

    const g = await metered(t, `
  - id: day
    meter: tokens
    per: [account.id]
    budget: {by: account.level, 0: 60/day, 1: 60/day, 2: 60/day, 3: 60/day}
  - id: few
    meter: requests
    per: [account.id]
    rate: 10/min
    burst: 9
  - id: money
    meter: spend
    per: [account.id, model.tier]
    budget: 100.5/month
  - id: slots
    meter: concurrency
    per: [account.id]
    limit: 5
  - id: by-key
    meter: requests
    per: [key.id]
    rate: 100/min`, { prices: `
prices:
  small: {input: 1000, output: 2000}`, http: `
    server {
        listen unix:${socket};
        location /limits { sallyport_limits; }
    }` });
    const command = (...args) => spawnSync(path.join(BUILD, 'sallyport'),
        ['limits', ...args, '--socket', socket], { encoding: 'utf8' });
    const shown = (...args) => JSON.parse(command(...args, '--format',
        'json').stdout).limits;

    t.after(() => fs.rmSync(path.dirname(socket), { recursive: true }));
    fs.chmodSync(path.dirname(socket), 0o755);
    assert.equal((await ask(g, { max_tokens: 5 })).status, 200);
    await settled(g);

    const { usage } = (await ask(g, { max_tokens: 5 })).json;
    const one = usage.total_tokens;

    await settled(g);

    const before = shown('show', 'acme');
    const of = (rows, rule) => rows.find((r) => r.rule === rule);

    assert.equal(of(before, 'day').used, 2 * one);
    assert.equal(of(before, 'day').limit, undefined);
    assert.equal(of(before, 'few').used, 2);
    assert.ok(of(before, 'few').full_in_ms > 9000);
    assert.deepEqual([of(before, 'slots').used, of(before, 'slots').limit],
        [0, 5]);
    assert.equal(of(before, 'by-key'), undefined);
    assert.equal(before.filter((r) => r.rule === 'money').length, 4);
    assert.equal(before.filter((r) => r.rule === 'money')
        .reduce((sum, r) => sum + r.used, 0), 2 * (usage.prompt_tokens * 1000
        + usage.completion_tokens * 2000));
    assert.match(command('show', 'acme').stdout,
        /money .*tier 0 .*spend a month: 0\.\d+ of 100\.500000 in use, until/);
    assert.match(command('show', 'acme').stdout, /few .* 2 of 10 in use/);

    assert.deepEqual(shown('show', 'nobody').map((r) => r.used),
        shown('show', 'nobody').map(() => 0));

    // without a name and a reason nothing is changed
    const refused = command('reset', 'acme');

    assert.notEqual(refused.status, 0);
    assert.equal(of(shown('show', 'acme'), 'day').used, 2 * one);

    assert.equal(of(shown('reset', 'acme', '--by', 'jo', '--reason',
        'OPS-17 & more'), 'day').used, 2 * one);
    assert.equal(of(shown('show', 'acme'), 'day').used, 0);
    assert.equal(of(shown('show', 'acme'), 'few').used, 0);
    assert.match(g.errorLog(),
        /limits of account "acme" were reset by "jo": OPS-17 & more/);

    const away = spawnSync(path.join(BUILD, 'sallyport'), ['limits', 'show',
        'acme', '--socket', socket + 'x'], { encoding: 'utf8' });

    assert.equal(away.status, 1);
    assert.match(away.stderr, /does not answer/);
});


test('limits are told on a unix socket only', async (t) => {
    const g = await metered(t, TOKENS, { locations:
        'location = /limits { sallyport_limits; }',
    expectLog: [/unix socket only/] });

    assert.equal((await g.call({ path: '/limits?account=acme' })).status,
        403);
});


// The race by which a proxy that adds up after the answer lets many through
// (BerriAI/litellm issue 34732): all are tested and debited at once here.
test('64 clients race for one budget', async (t) => {
    const rounds = Number(process.env.METER_ROUNDS ?? 20);
    const g = await metered(t, Array.from({ length: rounds }, (_, n) => `
  - id: round-${n}
    when: model.id == "m-${n}"
    meter: tokens
    per: [account.id]
    budget: 400/day`).join(''), { workers: 2, bodyBuffer: '16k' });

    g.upstream.hook = (req, res, raw) => {
        res.setHeader('content-type', 'application/json');
        res.end(JSON.stringify({ usage: { prompt_tokens: 20,
            completion_tokens: JSON.parse(raw).max_tokens } }));
        return true;
    };

    for (let n = 0; n < rounds; n++) {
        const before = g.upstream.arrivals.length;

        await Promise.all(Array.from({ length: 64 }, () => g.call({
            key: 'sk-acme', body: chat(`m-${n}`, { max_tokens: 60 }) })));

        // an estimate of 20 or so and 60: at most five at once
        const passed = g.upstream.arrivals.length - before;

        assert.ok(passed * 80 <= 400 + 80 && passed >= 4,
            `round ${n}: ${passed}`);
    }

    await settled(g);
});


test('random aborts leave nothing behind', async (t) => {
    const aborts = Number(process.env.METER_ABORTS ?? 5000);
    const g = await metered(t, `
  - id: slots
    meter: concurrency
    per: [account.id]
    limit: 40
  - id: tokens
    meter: tokens
    per: [account.id]
    budget: 900000000/day
    rate: 900000000/min
  - id: bytes
    meter: bytes
    per: [ip.network, model.id]
    budget: 900000000/month`, { workers: 2, checkLedger: false });
    let seed = 20261124;
    const random = (n) => {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        return (seed >> 8) % n;
    };

    t.diagnostic(`seed ${seed}`);
    g.upstream.gap = 1;

    let left = aborts;

    await Promise.all(Array.from({ length: 50 }, async () => {
        while (left-- > 0) {
            const gone = new AbortController();
            const timer = setTimeout(() => gone.abort(), random(40));

            try {
                const r = await fetch(g.url + '/v1/chat/completions', {
                    method: 'POST', signal: gone.signal,
                    body: JSON.stringify(chat('small',
                        { stream: random(2) === 1, max_tokens: 15 })),
                    headers: { authorization: 'Bearer sk-acme',
                        'content-type': 'application/json',
                        'x-forwarded-for': '8.8.8.8' } });

                await r.text();
            } catch {
                // gone
            }

            clearTimeout(timer);
        }
    }));

    const s = await settled(g);

    assert.ok(s.opened === undefined && s['reserved tokens'] > 0);

    // every slot is free again
    const all = await Promise.all(Array.from({ length: 40 }, () => ask(g)));

    assert.ok(all.every((r) => r.status === 200));
    await settled(g);
});
