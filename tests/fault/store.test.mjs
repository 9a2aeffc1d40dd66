// Copyright (C) the Sallyport authors
//
// The store fails: it is killed, hangs, is slow, answers with errors or with
// bytes that are no answer, is empty, or holds damaged records. Whatever it
// does, nothing is allowed that the records do not allow, no failure reads
// as a legal refusal or as an unknown key, and service comes back by itself.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { until, kid, enrol, writeMeta, spawnedWorkers,
    accountFields } from '../e2e/lib/harness.mjs';
import { real, fake, decisions, unavailable, recordedAsFailure,
    served, LEASE } from './broken.mjs';
import { array, bulk, pause } from './fake-redis.mjs';


test('F1 killed: refused at once, cached for the lease, back within 2 s',
    async (t) => {
        const g = await real(t, 'ttl=1s');

        await served(g, 'sk-acme');
        g.redis.kill('SIGKILL');
        await g.redis.server.exit;

        assert.equal((await g.chat('sk-acme')).status, 200, 'cached');
        await pause(LEASE + 100);

        for (let n = 0; n < 10; n++) {
            const start = performance.now();

            unavailable(await g.chat(n % 2 ? 'sk-acme' : 'sk-new-' + n));
            assert.ok(performance.now() - start < 250, 'at once');
        }

        recordedAsFailure(g);

        await g.redis.start();
        await g.enrol('acme');
        await served(g, 'sk-acme', 2000);
    });


test('F1 refused connections: at most one a second and worker', async (t) => {
    const g = await fake(t, 'ttl=1s');

    await served(g, 'sk-acme');
    g.redis.hook = (words, c) => { c.socket.destroy(); return null; };
    g.redis.drop();
    g.redis.connects.length = 0;

    const end = Date.now() + 4000;

    while (Date.now() < end) {
        await g.chat('sk-new-' + Math.random());
        await pause(20);
    }

    const { connects } = g.redis;

    assert.ok(connects.length >= 3, `${connects.length} connects`);
    connects.slice(1).forEach((at, n) => assert.ok(at - connects[n] >= 950,
        `${at - connects[n]} ms between two connects`));

    g.redis.hook = null;
    await served(g, 'sk-acme', 2000);
});


test('F2 black hole: cached keys are served as fast as ever', async (t) => {
    const g = await real(t, 'ttl=60s timeout=50ms');

    await served(g, 'sk-acme');
    g.redis.kill('SIGSTOP');

    const slow = Array.from({ length: 30 }, (_, n) => g.chat('sk-new-' + n));
    const start = performance.now();

    for (let n = 0; n < 20; n++) {
        const res = await g.chat('sk-acme');

        assert.equal(res.status, 200, res.text);
    }

    assert.ok(performance.now() - start < 1000, 'the worker is not blocked');

    (await Promise.all(slow)).forEach(unavailable);
    g.redis.kill('SIGCONT');
    await until(async () => (await g.chat('sk-new-1')).status === 401,
        'the store is asked again', 3000);
});


test('F3 slow: in time is served, late is refused and given to nobody else',
    async (t) => {
        const g = await fake(t, 'ttl=1s timeout=200ms');

        await g.enrol('other');
        g.redis.hook = async () => { await pause(10); };
        await served(g, 'sk-acme');

        // The late reply for one comes when another one is awaited.
        let first = true;

        g.redis.hook = async ([, key]) => {
            if (first && key.includes(':key:')) {
                first = false;
                await pause(300);
            }
        };

        const late = await g.chat('sk-other');

        unavailable(late);
        await pause(1000);
        g.upstream.arrivals.length = 0;

        const answers = await Promise.all(['acme', 'other', 'acme', 'nobody']
            .map((name) => g.chat('sk-' + name)));

        assert.deepEqual(answers.map((r) => r.status), [200, 200, 200, 401]);
        g.options.checkLedger = false;     // arrivals were forgotten

        // One byte each 40 ms never makes a record in time.
        g.redis.hook = async ([name, key], c) => {
            const reply = array(Object.entries(
                g.redis.data.get(key) ?? {}).flat());

            for (const byte of reply.slice(0, 40)) {
                c.write(byte);
                await pause(40);
            }

            return name === 'HGETALL' ? reply.slice(40) : '+OK\r\n';
        };
        await pause(LEASE + 1100);

        const start = performance.now();

        unavailable(await g.chat('sk-acme'));
        assert.ok(performance.now() - start < 1000, 'within the deadline');
    });


// What a look-up may be answered with, and what the caller gets. 403 is "the
// record cannot be read"; all others are "the store cannot be asked".
const REPLIES = {
    'LOADING': ['-LOADING Redis is loading the dataset in memory\r\n', 503],
    'READONLY': ['-READONLY You can\'t write\r\n', 503],
    'MOVED': ['-MOVED 3999 127.0.0.1:6381\r\n', 503],
    'ASK': ['-ASK 3999 127.0.0.1:6381\r\n', 503],
    'NOAUTH': ['-NOAUTH Authentication required.\r\n', 503],
    'NOPERM': ['-NOPERM this user has no permissions\r\n', 503],
    'WRONGTYPE': ['-WRONGTYPE Operation against a key\r\n', 403],
    'OOM': ['-OOM command not allowed\r\n', 503],
    'BUSY': ['-BUSY Redis is busy running a script\r\n', 503],
    'NOSCRIPT': ['-NOSCRIPT No matching script\r\n', 503],
    'CLUSTERDOWN': ['-CLUSTERDOWN Hash slot not served\r\n', 503],
    'MASTERDOWN': ['-MASTERDOWN Link with MASTER is down\r\n', 503],
    'an unknown error': ['-SOMETHING else\r\n', 503],
    'an error without a word': ['-\r\n', 503],
    'nil': ['$-1\r\n', 503],
    'a nil array': ['*-1\r\n', 503],
    'a status': ['+OK\r\n', 503],
    'an integer': [':1\r\n', 503],
    'a string': [bulk('v'), 503],
    'an odd array': [array(['v', 1, 'ver']), 503],
    'integers in the array': ['*2\r\n$1\r\nv\r\n:1\r\n', 503],
    'nil in the array': ['*2\r\n$1\r\nv\r\n$-1\r\n', 503],
    'a nested array': ['*2\r\n$1\r\nv\r\n*1\r\n$1\r\n1\r\n', 503],
    'nesting without end': ['*1\r\n'.repeat(5000), 503],
    'an array of 2^32 - 1': ['*4294967295\r\n', 503],
    'an array of 258': ['*258\r\n' + bulk('x').repeat(258), 503],
    'a bulk of 512 MB': ['*2\r\n$1\r\nv\r\n$536870912\r\n', 503],
    'a length below zero': ['*2\r\n$1\r\nv\r\n$-7\r\n', 503],
    'a reply over 64 KiB':
        [array(['v', 1, 'name', 'x'.repeat(70000)]), 503],
    'a short reply': ['*4\r\n$1\r\nv\r\n', 503],
    'a lying length': ['*2\r\n$1\r\nvv\r\n$1\r\n1\r\n', 503],
    'a RESP3 map': ['%1\r\n$1\r\nv\r\n$1\r\n1\r\n', 503],
    'a RESP3 null': ['_\r\n', 503],
    'a push message': ['>2\r\n$7\r\nmessage\r\n$1\r\nx\r\n', 503],
    'HTTP': ['HTTP/1.1 200 OK\r\n\r\n', 503],
    'nothing': [null, 503],
};

test('F5 each reply that is no record refuses, and the next one is served',
    async (t) => {
        const g = await fake(t, 'ttl=1s timeout=200ms');
        const seen = {};
        const expected = {};

        await served(g, 'sk-acme');

        for (const [name, [reply, status]] of Object.entries(REPLIES)) {
            const id = 'id' + Object.keys(seen).length;
            const key = await g.enrol(id);
            const victim = 'sp:data:acct:' + id;

            g.redis.hook = ([, k]) => k === victim ? reply : undefined;

            const res = await g.chat(key);

            seen[name] = res.status;
            expected[name] = status;

            if (res.status === 503) {
                unavailable(res);
            }

            g.redis.hook = null;
            await served(g, key, 4000);
        }

        assert.deepEqual(seen, expected);
    });


test('F5 a reply that nothing asked for ends the connection', async (t) => {
    const g = await fake(t, 'ttl=1s');

    await g.enrol('closed', { status: 'closed' });
    await served(g, 'sk-acme');

    // The reply to one look-up, and another record behind it.
    const active = array(Object.entries(
        g.redis.data.get('sp:data:key:' + kid('sk-acme'))).flat());
    let once = true;

    g.redis.hook = ([, key]) => {
        if (once && key === 'sp:data:key:' + kid('sk-closed')) {
            once = false;
            return active.repeat(3);
        }
    };

    const before = g.redis.connects.length;
    const res = await g.chat('sk-closed');

    assert.notEqual(res.status, 401);
    await until(() => g.redis.connects.length > before, 'a new connection',
        3000);
    assert.match(g.errorLog(), /a reply that nothing asked for/);
    await until(async () => (await g.chat('sk-nobody')).status === 401,
        'the store is asked again', 3000);
});


test('F5 a reply without end is cut off at 64 KiB', async (t) => {
    const g = await fake(t, 'ttl=1s timeout=500ms');

    await served(g, 'sk-acme');
    g.redis.hook = ([, key]) => key?.endsWith(kid('sk-endless'))
        ? '*2\r\n$1\r\nv\r\n$536870912\r\n' + 'x'.repeat(200000) : undefined;

    const start = performance.now();

    unavailable(await g.chat('sk-endless'));
    assert.ok(performance.now() - start < 400, 'before the deadline');
    assert.match(g.errorLog(), /sent a reply over 64 KiB/);
});


test('F7 emptied: unknown is not what an empty database says', async (t) => {
    const g = await real(t, 'ttl=1s');

    await g.enrol('shut', { status: 'suspended' });
    await served(g, 'sk-acme');
    assert.equal((await g.chat('sk-shut')).status, 403);
    assert.equal((await g.chat('sk-nobody')).status, 401);

    await g.redis.call('FLUSHALL');
    await pause(1100);

    unavailable(await g.chat('sk-acme'));
    unavailable(await g.chat('sk-nobody-else'));
    assert.notEqual((await g.chat('sk-shut')).status, 200);

    // Restarted empty is no better.
    g.redis.kill('SIGKILL');
    await g.redis.server.exit;
    await g.redis.start();
    await pause(1500);
    unavailable(await g.chat('sk-acme'));
    unavailable(await g.chat('sk-nobody-at-all'));
    assert.match(g.errorLog(), /has no "meta" hash/);

    await g.enrol('acme');
    await served(g, 'sk-acme');
    assert.equal((await g.chat('sk-nobody-now')).status, 401);
});


test('F7 rolled back: an older version never allows more', async (t) => {
    const g = await real(t, 'ttl=1s');
    const write = (fields) => g.redis.call('HSET', 'sp:data:acct:acme',
        ...accountFields(fields));

    await write({ ver: 7 });
    await served(g, 'sk-acme');

    await write({ ver: 8, status: 'suspended' });
    await until(async () => (await g.chat('sk-acme')).status === 403,
        'the suspension is seen', 3000);

    await write({ ver: 7 });
    await pause(1200);

    for (let n = 0; n < 3; n++) {
        assert.equal((await g.chat('sk-acme')).status, 403, 'still suspended');
    }

    // A backup may refuse, though, and a newer version is believed.
    await write({ ver: 9 });
    await until(async () => (await g.chat('sk-acme')).status === 200,
        'the newer version is seen', 3000);
    await write({ ver: 2, status: 'closed' });
    await until(async () => (await g.chat('sk-acme')).status === 403,
        'the older refusal is seen', 3000);
});


test('a revoked key and a suspended account stay refused without a store',
    async (t) => {
        const g = await real(t, 'ttl=1s');

        await g.enrol('shut', { status: 'suspended' });
        await g.enrol('gone', {}, { status: 'revoked' });
        assert.equal((await g.chat('sk-shut')).status, 403);
        assert.equal((await g.chat('sk-gone')).status, 401);

        // The store hangs: this one waits for it, in vain.
        g.redis.kill('SIGSTOP');
        await pause(1200);
        assert.equal((await g.chat('sk-gone')).status, 401);
        assert.equal(decisions(g).at(-1).reason, 'CRED_REVOKED');

        g.redis.kill('SIGKILL');
        await g.redis.server.exit;
        await pause(300);

        // The key of the suspended account is not known to be good any more.
        assert.ok([403, 503].includes((await g.chat('sk-shut')).status));
        assert.equal((await g.chat('sk-gone')).status, 401);
        assert.equal(decisions(g).at(-1).reason, 'CRED_REVOKED');
    });


test('F11 kill -9 of workers under load: nobody gets another\'s record',
    async (t) => {
        const g = await real(t, 'ttl=100ms', { workers: 2, zone: '1m',
            mayBeTorn: true, checkLedger: false,
            expectLog: [/exited on signal 9/] });
        const names = Array.from({ length: 40 }, (_, n) => 'a' + n);
        const wrong = [];
        let stop = false;
        let good = 0;

        for (const name of names) {
            await g.enrol(name, { status: name.endsWith('7')
                ? 'suspended' : 'verified', ver: 1 });
        }

        const client = async (seed) => {
            for (let n = seed; !stop; n += 7) {
                const name = names[n % names.length];
                const res = await g.chat('sk-' + name)
                    .catch((e) => ({ status: e.code }));

                if (res.status === 200) {
                    good++;
                }

                if (res.status === 200 ? name.endsWith('7')
                    : ![403, 429, 503].includes(res.status)
                        && !/^E|HPE/.test(res.status)
                    || (res.status === 403 && !name.endsWith('7')))
                {
                    wrong.push([name, res.status]);
                }
            }
        };
        const clients = [0, 1, 2, 3].map(client);

        for (let n = 0; n < 15; n++) {
            await pause(150);

            const workers = spawnedWorkers(g);

            process.kill(workers[n % workers.length], 'SIGKILL');
            await until(() => spawnedWorkers(g).length === 2, 'new worker');
        }

        stop = true;
        await Promise.all(clients);

        assert.deepEqual(wrong, []);
        assert.ok(good > 50, `${good} served`);

        // The zone works on.
        await pause(1000);
        await served(g, 'sk-a1');
        assert.equal((await g.chat('sk-a17')).status, 403);

        for (const { headers } of g.upstream.arrivals) {
            assert.ok(!/a\d*7$/.test(headers['x-sallyport-account'] ?? ''));
        }
    });


test('F12 a damaged record refuses, is not cached, and harms nobody else',
    async (t) => {
        const g = await real(t, 'ttl=60s');
        const damage = {
            'no status': { status: undefined },
            'unknown status': { status: 'fine' },
            'unknown schema': { v: 99 },
            'no version': { ver: undefined },
            'version is text': { ver: 'seven' },
            'level out of range': { level: 9 },
            'a country that is none': { incorporated: 'USA' },
            'owners over 100 %': { owners: 'US:9000,DE:9000' },
        };

        await served(g, 'sk-acme');

        for (const [name, fields] of Object.entries(damage)) {
            const id = 'bad' + Object.keys(damage).indexOf(name);

            await g.redis.call('HSET', 'sp:data:acct:' + id,
                ...accountFields(fields));
            await enrolKey(g, id);

            const res = await g.chat('sk-' + id);

            assert.equal(res.status, 403, `${name}: ${res.text}`);
            assert.equal(decisions(g).at(-1).reason, 'KYC_RECORD_INVALID',
                name);

            await g.redis.call('DEL', 'sp:data:acct:' + id);
            await g.enrol(id);
            assert.equal((await g.chat('sk-' + id)).status, 200,
                `${name}: repaired counts at once`);
        }

        assert.equal((await g.chat('sk-acme')).status, 200);
    });

async function enrolKey(g, id) {
    const key = await enrol(g.redis, id + '-other');
    const record = await g.redis.call('HGETALL', 'sp:data:key:' + kid(key));
    const at = record.indexOf('account') + 1;

    record[at] = id;
    await g.redis.call('HSET', 'sp:data:key:' + kid('sk-' + id), ...record);
}
