// Copyright (C) the Sallyport authors
//
// Attacks that need a configuration of their own, and attacks on the gate as
// a process: tunnels, ways around inside nginx, mutated bytes, clients that
// leave, bad files on a reload, a full disk.

import fs from 'node:fs';
import net from 'node:net';
import http2 from 'node:http2';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, chat, until, spawnedWorkers, testConfiguration,
    readLanes, BUILD, FROM } from './lib/harness.mjs';
import { raw, request, statuses, small, frontier } from './lib/attack.mjs';


async function enrolled(t, options) {
    const g = await gate(t, options);

    await g.enrol('low', { level: 1 });
    await g.enrol('acme');

    return g;
}


// A server of bytes: answers each piece with "answer" and keeps it.
async function echo(t, answer) {
    const seen = [];
    const server = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', (data) => {
            seen.push(String(data));
            socket.write(answer);
        });
    });

    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());

    return { seen, port: server.address().port };
}


for (const value of ['h2c', 'h2c, http/2', 'TLS/1.3', 'x']) {
    test(`no tunnel behind an upgrade to ${value}`, async (t) => {
        const upstream = await echo(t, 'HTTP/1.1 101 Switching Protocols\r\n' +
            'Upgrade: x\r\nConnection: Upgrade\r\n\r\n');
        const g = await enrolled(t, { checkLedger: false,
            proxy: `proxy_pass http://127.0.0.1:${upstream.port};
                proxy_set_header Upgrade $http_upgrade;` });
        const socket = net.connect(g.port, '127.0.0.1');

        socket.on('error', () => {});
        socket.write(request({ close: false, head:
            `Upgrade: ${value}\r\nConnection: Upgrade\r\n` }));
        await until(() => upstream.seen.length > 0, 'it came');
        socket.write('anything');
        await new Promise((resolve) => setTimeout(resolve, 100));
        socket.destroy();

        assert.doesNotMatch(upstream.seen[0], /^upgrade: \S/im);
        assert.ok(!upstream.seen.some((piece) => piece.includes('anything')));
    });
}


// Ways that lead out of a gated location: what is refused may not take them.
const OPEN = 'location = /open { proxy_pass http://models; }' +
    'location @open { proxy_pass http://models; }';

for (const [title, options] of [
    ['try_files to an ungated location', { proxy: '',
        location: 'try_files /nothing @open;', locations: OPEN }],
    ['if', { location: 'if ($http_x_go) { proxy_pass http://models; }' }],
    ['limit_except', { location: 'limit_except GET { allow all; }' }],
    ['error_page with a variable', { server: 'set $page /open;', locations:
        OPEN, location: 'error_page 400 401 403 404 413 415 451 $page;' }],
    ['a body in a file', { location: 'client_body_in_file_only clean;' }],
    ['a body in one buffer', { bodyBuffer: '64',
        location: 'client_body_in_single_buffer on;' }],
    ['unbuffered bodies', { location: 'proxy_request_buffering off;' }],
    ['auth_request', { location: 'auth_request /auth;',
        locations: 'location = /auth { internal; return 204; }' }],
    ['ssi', { location: 'ssi on; ssi_types *;' }],
    // nginx 1.22 never frees the context that it compiles regexes in
    ['a rewrite before us', { server: 'rewrite ^/x(/.*)$ $1;', expectLog: [
        /LeakSanitizer: detected/, /72 byte\(s\) leaked in 1 alloc/] }],
    ['satisfy any', { location: 'satisfy any; allow all;' }],
    ['post_action', { location: 'post_action /open;', locations: OPEN,
        actions: 1 }],
    ['mirror', { location: 'mirror /v1/models;', actions: 1 }],
]) {
    test(`a way around: ${title}`, async (t) => {
        const g = await enrolled(t, options);
        const go = (o) => raw(request({ head: 'X-Go: 1\r\n', ...o }),
            { port: g.port, ms: o.length ? 200 : 5000 });

        for (const [want, o] of [[401, { key: 'sk-nobody' }],
            [401, { key: '' }], [403, { body: frontier }],
            [404, { method: 'GET' }], [404, { target: '/v1/files' }],
            [400, { body: '{' }], [415, { type: '' }],
            [451, { from: FROM.KP }], [413, { body: '', length:
                'Content-Length: 9000000\r\n' }]])
        {
            const [status] = statuses(await go(o));

            // auth_request has a limit of its own
            assert.ok([want, 500].includes(status), `${status}, not ${want}`);
        }

        assert.equal(g.upstream.arrivals.length, 0);
        assert.deepEqual(statuses(await go({})), [200]);
        await until(() => g.upstream.arrivals.length
            === 1 + (options.actions ?? 0), 'it comes, once');
    });
}


for (const target of ['/v1/models', '/v1/files', '/gated', '/healthz']) {
    test(`X-Accel-Redirect to ${target} is judged`, async (t) => {
        const g = await enrolled(t, { locations: 'location = /gated {' +
            'sallyport on; proxy_pass http://models; }' });

        g.upstream.hook = (req, res) => {
            res.writeHead(200, { 'X-Accel-Redirect': target });
            res.end();

            return true;
        };

        await raw(request(), g);
        assert.equal(g.upstream.arrivals.length, 1);
    });
}


for (const name of ['headers', 'body']) {
    test(`nginx -t: proxy_pass_request_${name} off`, async (t) => {
        const { ok, output } = await testConfiguration(t,
            { location: `proxy_pass_request_${name} off;` });

        assert.ok(!ok);
        assert.match(output, new RegExp(`proxy_pass_request_${name} off`));
    });
}


// Mutated requests: none may end a worker, and the gate serves on.

function mutator(seed) {
    let state = seed;
    const rnd = (n) => {
        state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;

        return (state >>> 0) % n;
    };
    const pick = (list) => list[rnd(list.length)];

    const targets = ['/v1/chat/completions', '/v1/models', '/v1/models/small',
        '/v1/models/a%2fb', '/v1/models/%41%', '/v1/messages',
        '/v1/responses', '/v1/chat/completions?key=sk-low&a=b',
        '/v1/models?&&key=', '/v1/%00', '/v1/models/' + 'x'.repeat(300),
        'http://gate/v1/models/x', '/v1/models?' + '&'.repeat(300)];
    const bodies = [small, frontier, '', '{', '{"model":"\\ud83d\\ude00"}',
        '{"model":"small","tools":[{"model":"x","svg":{"model":"y"}}],' +
            '"fallbacks":[{"model":"small"}],"models":["a","b"]}',
        JSON.stringify(chat('small', { user: 'x'.repeat(20000) }))];
    const heads = ['Transfer-Encoding: chunked\r\n', 'Host: b\r\n',
        'Expect: 100-continue\r\n', 'Upgrade: websocket\r\n',
        'anthropic-version: 2023-06-01\r\n', 'x-api-key: sk-low\r\n',
        'X-Sallyport-Id: x\r\n', 'Content-Encoding: gzip\r\n', '', '', ''];

    return { rnd, next() {
        let bytes = request({ method: pick(['POST', 'POST', 'GET', 'HEAD']),
            target: pick(targets), body: pick(bodies), head: pick(heads),
            key: pick(['sk-low', 'sk-acme', 'sk-nobody', '']),
            from: pick(Object.values(FROM)), close: rnd(2) === 0 });

        for (let n = rnd(4); n > 0; n--) {
            const at = rnd(bytes.length);

            bytes = Buffer.concat([bytes.subarray(0, at),
                Buffer.alloc(rnd(3), rnd(256)),
                bytes.subarray(at + rnd(3))]);
        }

        return bytes;
    } };
}


test('mutated requests: no worker dies', async (t) => {
    // Node's parser refuses some bytes that nginx passes on: no arrivals.
    const g = await enrolled(t, { h2: true, workers: 2, bodyBuffer: '1k',
        checkLedger: false });
    const workers = spawnedWorkers(g).sort().join();
    const { rnd, next } = mutator(0x5a11);
    let left = 3000;

    const shoot = () => new Promise((resolve) => {
        const socket = net.connect(rnd(8) ? g.port : g.h2Port, '127.0.0.1');
        const done = () => {
            clearTimeout(timer);
            socket.destroy();
            resolve();
        };
        const timer = setTimeout(done, 40);

        socket.on('error', done);
        socket.on('close', done);
        socket.on('data', () => rnd(4) === 0 && done());
        socket.write(Buffer.concat([next(), next()]));
    });

    await Promise.all(Array.from({ length: 24 }, async () => {
        while (left-- > 0) {
            await shoot();
        }
    }));

    assert.equal((await g.chat('sk-low')).status, 200);
    assert.equal(spawnedWorkers(g).sort().join(), workers);

    await g.stop();

    const allows = new Set(g.records().filter((r) => r.dec === 'allow')
        .map((r) => r.id));

    g.upstream.arrivals.forEach(({ id }) => assert.ok(allows.has(id), id));
});


test('the list of models and one of it are served', async (t) => {
    const g = await enrolled(t);

    for (const target of ['/v1/models', '/v1/models/small',
        '/v1/models/sm%61ll'])
    {
        const seen = g.upstream.arrivals.length;

        await g.call({ path: target, key: 'sk-low' });
        assert.deepEqual(g.upstream.arrivals.slice(seen).map((a) => a.url),
            [target]);
    }

    for (const target of ['/v1/models/frontier', '/v1/models/fronti%65r',
        '/v1/models/small%2c', '/v1/models/small%2f..%2ffrontier',
        '/v1/models/..%2ffiles', '/v1/models/small,frontier'])
    {
        const seen = g.upstream.arrivals.length;
        const { status } = await g.call({ path: target, key: 'sk-low' });

        assert.ok([400, 403, 404].includes(status), `${target}: ${status}`);
        assert.equal(g.upstream.arrivals.length, seen);
    }
});


// A reload with a file that is no good: the old configuration serves on.

const BAD_FILES = [
    ['an empty policy', (g) => fs.writeFileSync(g.policy, '')],
    ['half a policy', (g) => fs.truncateSync(g.policy, 300)],
    ['a policy of zeros', (g) => fs.writeFileSync(g.policy,
        Buffer.alloc(5000))],
    ['a policy of aliases', (g) => fs.writeFileSync(g.policy,
        'a: &a [x,x,x,x,x,x,x,x,x]\n' + [...'bcdefghi'].map((c, i) =>
            `${c}: &${c} [${Array(9).fill('*' + 'abcdefgh'[i])}]\n`).join(''))],
    ['a policy nested deeply', (g) => fs.writeFileSync(g.policy,
        'sallyport: 1\ndeny: ' + '['.repeat(100000))],
    ['a policy that is a directory', (g) => {
        fs.rmSync(g.policy);
        fs.mkdirSync(g.policy);
    }],
    ['no policy', (g) => fs.rmSync(g.policy)],
    ['a pepper of nothing', (g) => {
        fs.rmSync(g.file('pepper'));
        fs.writeFileSync(g.file('pepper'), '');
    }],
    ['an empty database', (g) => fs.truncateSync(g.file('c.mmdb'), 0), 'own'],
    ['half a database', (g) => fs.writeFileSync(g.file('c.mmdb.new'),
        fs.readFileSync(g.file('c.mmdb')).subarray(0, 100000)), 'own'],
    ['a database of zeros', (g) => fs.writeFileSync(g.file('c.mmdb.new'),
        Buffer.alloc(100000)), 'own'],
    ['a configuration of rubbish', (g) => fs.writeFileSync(
        g.file('nginx.conf'), 'rubbish {')],
    ['a dangerous configuration', (g) => fs.writeFileSync(
        g.file('nginx.conf'), fs.readFileSync(g.file('nginx.conf'), 'utf8')
            .replace('client_max_body_size', 'underscores_in_headers on;' +
                'client_max_body_size'))],
];

test('a reload with a bad file leaves the gate as it is', async (t) => {
    const mmdb = fs.readFileSync(BUILD + '/geo/country.mmdb');
    const dir = fs.mkdtempSync('/tmp/sallyport-mmdb-');

    t.after(() => fs.rmSync(dir, { recursive: true }));
    fs.chmodSync(dir, 0o755);
    fs.writeFileSync(dir + '/c.mmdb', mmdb);

    const g = await enrolled(t, { expectLog: [/\[emerg\]/],
        geo: `sallyport_geo country=${dir}/c.mmdb;` });
    const own = { ...g, file: (name) => dir + '/c.mmdb' +
        (name.endsWith('.new') ? '.new' : '') };
    const keep = ['nginx.conf', 'policy.yaml', 'pepper'].map((name) =>
        [g.file(name), fs.readFileSync(g.file(name))]);

    for (const [title, spoil, where] of BAD_FILES) {
        const workers = spawnedWorkers(g).join();
        const seen = g.errorLog().split('[emerg]').length;

        spoil(where === 'own' ? own : g);

        if (fs.existsSync(dir + '/c.mmdb.new')) {
            fs.renameSync(dir + '/c.mmdb.new', dir + '/c.mmdb');
        }

        assert.equal((await g.chat('sk-low')).status, 200, title);
        g.signal('SIGHUP');
        await until(() => g.errorLog().split('[emerg]').length > seen,
            `${title} is refused`);
        assert.equal((await g.chat('sk-low')).status, 200, title);
        assert.equal((await g.chat('sk-low', 'frontier')).status, 403, title);
        assert.equal((await g.chat('sk-low', 'small',
            { from: FROM.KP })).status, 451, title);
        assert.equal(spawnedWorkers(g).join(), workers, title);

        for (const [name, data] of keep) {
            fs.rmSync(name, { recursive: true, force: true });
            fs.writeFileSync(name, data);
        }

        fs.writeFileSync(dir + '/c.mmdb.new', mmdb);
        fs.renameSync(dir + '/c.mmdb.new', dir + '/c.mmdb');
    }

    await g.reload();
    assert.equal((await g.chat('sk-low')).status, 200);
});


test('a burst of 5 admits 5 of 200, whatever they look like', async (t) => {
    const g = await enrolled(t, { workers: 2, policy: `
sallyport: 1
policy: burst
revision: r1
models: {tiers: {1: [small, small-*]}}
allow:
  - id: all
    when: account.status == verified
throttle:
  - id: few
    meter: requests
    per: [account.id]
    rate: 1/h
    burst: 5
` });
    const bodies = [chat(), chat('small-2'), chat('small', { stream: true }),
        chat('small-3', { models: ['small', 'small-4'] })];
    const shoot = (i) => raw(request({
        body: JSON.stringify(bodies[i % bodies.length]),
        from: ['8.8.8.8', '8.8.4.4', FROM.NL][i % 3],
        target: ['/v1/chat/completions', '/v1/chat/completions?a=' + i,
            '/v1/responses'][i % 3] }), { port: g.port, ms: 10000 });
    const some = (n) => Promise.all([...Array(n).keys()].map(shoot));

    const first = some(100);
    const again = g.reload();
    const got = [...await first, ...(await again, await some(100))]
        .flatMap(statuses);

    assert.equal(got.filter((s) => s === 200).length, 5);
    assert.equal(got.filter((s) => s === 403).length, 195);
    assert.equal(g.upstream.arrivals.length, 5);
});


test('no key is in a log, a record, a metric or Redis', async (t) => {
    const g = await enrolled(t, { logLevel: 'notice', bodyBuffer: '1k' });
    const secret = 'sk-very-secret';

    await g.enrol('other', {}, {}, { raw: secret });

    for (const o of [{ key: secret }, { key: secret, body: frontier },
        { key: '', head: `x-api-key: ${secret}\r\n` },
        { key: secret, head: `x-api-key: ${secret}x\r\n` },
        { key: '', target: `/v1/chat/completions?key=${secret}` },
        { key: '', target: `/v1/files?key=${secret}` },
        { key: '', target: `/v1//models?a&key=${secret}&key=${secret}` },
        { key: '', target: `/v1/models?key=${secret}`, from: FROM.KP },
        { key: secret + ' x' }, { key: secret, type: '' },
        { key: secret, body: `{"model":"${secret}"` },
        { key: secret, body: '{"model":"small","user":"' +
            secret.repeat(2000) + '"}' }])
    {
        await raw(request(o), g);
    }

    const { text } = await g.call({ path: '/metrics' });
    const kept = [text, g.errorLog(), JSON.stringify(g.records()),
        fs.readFileSync(g.file('access.log'), 'utf8'),
        String(await g.redis.call('KEYS', '*'))];

    kept.forEach((where) => assert.ok(!where.includes(secret), where));
});


// Streams that are reset as soon as they are opened, with keys made up.
test('HTTP/2: rapid resets cost nothing that stays', async (t) => {
    const g = await enrolled(t, { h2: true });
    const session = http2.connect(`http://127.0.0.1:${g.h2Port}`);

    session.on('error', () => {});

    for (let i = 0; i < 1000 && !session.destroyed; i++) {
        const stream = session.request({ ':method': 'POST',
            ':path': '/v1/chat/completions', 'x-forwarded-for': FROM.US,
            'content-type': 'application/json',
            authorization: `Bearer sk-${i % 2 ? 'low' : i}` });

        stream.on('error', () => {});
        stream.write(small);
        stream.close(8);
    }

    await new Promise((resolve) => setTimeout(resolve, 200));
    session.destroy();
    assert.equal((await g.chat('sk-low')).status, 200);
});


test('a full disk: refusals for want of a record, and none without one',
    async (t) => {
        const g = await gate(t, { workers: 2, without: ['nginx'],
            checkAudit: false, logLevel: 'notice' });
        const mount = (...args) =>
            spawnSync('mount', args).status === 0;

        if (!mount('-t', 'tmpfs', '-o', 'size=800k', 'tmpfs', g.audit)) {
            t.skip('no mount here');
            return;
        }

        try {
            spawnSync('chown', ['www-data:', g.audit]);
            await g.enrol('low', { level: 1 });
            await g.start();

            const answers = [];

            for (let i = 0; i < 1000; i++) {
                answers.push(await g.chat(i % 3 ? 'sk-low' : 'sk-nobody'));
            }

            // the last line may be cut off, and was then not obeyed
            const of = new Map(readLanes(g.audit).flatMap(({ lines }) =>
                lines.map(JSON.parse)).map((r) => [r.id, r.dec]));
            const full = answers.filter((a) => a.status === 503);

            assert.ok(full.length > 100, `${full.length} of 1000`);
            assert.ok(of.size > 100, `${of.size} recorded`);

            for (const { status, headers } of answers) {
                assert.ok(status === 503 || status === 200
                    || of.get(headers['x-request-id'])
                        === (status === 429 ? 'throttle' : 'deny'));
            }

            for (const { id } of g.upstream.arrivals) {
                assert.equal(of.get(id), 'allow', id);
            }

            assert.ok(mount('-o', 'remount,size=8m', g.audit));
            await until(async () => (await g.chat('sk-low')).status === 200,
                'it serves again');
            await g.stop();

        } finally {
            await g.stop();
            spawnSync('umount', ['-l', g.audit]);
        }
    });
