// Copyright (C) the Sallyport authors
//
// Where a store is: a name that nginx's resolver is asked for, again at each
// connect, and a socket of this machine.

import dgram from 'node:dgram';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, until, enrol, startRedis,
    testConfiguration } from './lib/harness.mjs';


// A name server that knows "store.test" by one address: { port, is }.
async function names(t) {
    const dns = { is: null, asked: 0 };
    const socket = dgram.createSocket('udp4');

    socket.on('message', (query, from) => {
        const type = query.readUInt16BE(query.indexOf(0, 12) + 1);
        const address = type === 1 && dns.is?.split('.').map(Number);
        const head = Buffer.from(query.subarray(0, query.indexOf(0, 12) + 5));

        dns.asked++;
        head.writeUInt16BE(dns.is ? 0x8180 : 0x8183, 2);
        head.writeUInt16BE(address ? 1 : 0, 6);
        head.writeUInt32BE(0, 8);
        socket.send(address ? Buffer.concat([head, Buffer.from([0xc0, 12, 0, 1,
            0, 1, 0, 0, 0, 1, 0, 4, ...address])]) : head, from.port,
        from.address);
    });

    await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
    dns.port = socket.address().port;
    t.after(() => socket.close());

    return dns;
}


test('a name is resolved while nginx runs, and again at each connect',
    async (t) => {
        const dns = await names(t);
        const o = { audit: 'allows=excepted', without: ['redis', 'nginx'] };
        const g = await gate(t, o);

        g.redis = await startRedis(g.file('redis'), ['--bind', '127.0.0.1',
            '127.0.0.2']);
        await enrol(g.redis, 'acme');

        o.store = `resolver 127.0.0.1:${dns.port} ipv6=off valid=1s; \
sallyport_store redis://store.test:${g.redis.port};`;
        await g.start();

        const status = async () => (await g.chat('sk-acme', 'small')).status;
        const becomes = (want) => until(async () => await status() === want,
            'becomes ' + want, 15000);

        // Nobody knows it yet.
        await until(() => /has a host that the resolver does not know/
            .test(g.errorLog()), 'it is said');
        assert.equal(await status(), 503);

        dns.is = '127.0.0.2';
        await becomes(200);

        const seen = () => g.redis.call('CLIENT', 'LIST').then((list) =>
            /laddr=127\.0\.0\.2/.test(list) ? '127.0.0.2'
                : /laddr=127\.0\.0\.1.*name=sallyport/.test(list)
                    && '127.0.0.1');

        assert.equal(await seen(), '127.0.0.2');

        // It moves.
        dns.is = '127.0.0.1';
        await until(async () => {
            await g.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME',
                'yes');
            await new Promise((resolve) => setTimeout(resolve, 600));

            return await seen() === '127.0.0.1';
        }, 'the new address is used', 15000);

        // A resolver that says nothing any more is no outage.
        dns.is = null;
        await new Promise((resolve) => setTimeout(resolve, 1200));
        await g.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        await enrol(g.redis, 'acme', { ver: 2, status: 'suspended' });
        await becomes(403);
    });


test('a name that is not known now needs a resolver', async (t) => {
    const none = await testConfiguration(t,
        { store: 'sallyport_store redis://no-such-host.invalid:6379;' });

    assert.equal(none.ok, false);
    assert.match(none.output, /"no-such-host\.invalid" is not known now, and there is no resolver/);

    const some = await testConfiguration(t, { store: 'resolver 127.0.0.1; ' +
        'sallyport_store redis://no-such-host.invalid:6379;' });

    assert.equal(some.ok, true, some.output);
});


test('a socket of this machine', async (t) => {
    const o = { audit: 'allows=excepted', without: ['redis', 'nginx'] };
    const g = await gate(t, o);

    g.redis = await startRedis(g.file('redis'), ['--unixsocket',
        g.file('redis.sock'), '--unixsocketperm', '777']);
    await enrol(g.redis, 'acme');
    o.store = `sallyport_store unix:${g.file('redis.sock')};`;
    await g.start();
    await until(async () => (await g.chat('sk-acme', 'small')).status === 200,
        'it serves');
});
