// Copyright (C) the Sallyport authors
//
// A store behind Sentinels: real ones, a primary with replicas, fail-overs;
// Sentinels that are dead, lie, disagree or know nothing.

import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gate, until, enrol, startRedis, freePort, spawnServer, connectRedis,
    testConfiguration } from './lib/harness.mjs';


// Three Sentinels, or "count", that watch the Redis at "port" as "mymaster".
async function sentinels(t, g, port, { count = 3, quorum = 2, more = '' } = {})
{
    const all = [];

    for (let i = 0; i < count; i++) {
        const s = { port: await freePort() };
        const dir = g.file('sentinel-' + i);

        fs.mkdirSync(dir);
        fs.writeFileSync(path.join(dir, 'sentinel.conf'), `
port ${s.port}
bind 127.0.0.1
dir ${dir}
logfile ${dir}/log
sentinel monitor mymaster 127.0.0.1 ${port} ${quorum}
sentinel down-after-milliseconds mymaster 500
sentinel failover-timeout mymaster 4000
sentinel parallel-syncs mymaster 2
${more}`);
        s.server = spawnServer('redis-server',
            [path.join(dir, 'sentinel.conf'), '--sentinel']);
        s.client = await until(async () => {
            const client = connectRedis(s.port);

            return await client.call('PING').then(() => true,
                (e) => /NOAUTH/.test(e.message)) ? client
                : (client.close(), null);
        }, 'a Sentinel answers');
        t.after(async () => {
            s.client.close();
            await s.server.stop('SIGKILL');
        });
        all.push(s);
    }

    return all;
}


// A gate before a primary and its replicas, not yet started.
async function replicated(t, replicas = 1, o = {}) {
    Object.assign(o, { audit: 'allows=excepted', without: ['redis', 'nginx'] });

    const g = await gate(t, o);

    g.redis = await startRedis(g.file('redis'));
    g.replicas = [];

    for (let i = 0; i < replicas; i++) {
        fs.mkdirSync(g.file('replica-' + i));

        const replica = await startRedis(g.file('replica-' + i),
            ['--replicaof', '127.0.0.1', String(g.redis.port),
                '--repl-diskless-sync-delay', '0']);

        t.after(() => replica.stop());
        g.replicas.push(replica);
    }

    for (const replica of g.replicas) {
        await until(async () => /master_link_status:up/.test(
            await replica.call('INFO', 'replication')), 'it follows', 15000);
    }

    await enrol(g.redis, 'acme');
    g.serve = async (list, name = 'mymaster', more = '') => {
        o.store = `sallyport_store redis+sentinel://${list.map((s) =>
            '127.0.0.1:' + s.port).join(',')}/${name} ${more};`;
        await g.start();
    };
    g.status = async () => (await g.chat('sk-acme', 'small')).status;
    g.becomes = (status, ms = 15000) => until(
        async () => await g.status() === status, 'becomes ' + status, ms);
    g.logged = (why) => until(() => why.test(g.errorLog()), String(why));

    return g;
}


test('the primary that they name is asked, and the next after a fail-over',
    async (t) => {
        const g = await replicated(t, 2);
        const list = await sentinels(t, g, g.redis.port);

        await until(async () => /slaves=2,sentinels=3/.test(
            await list[0].client.call('INFO', 'sentinel')), 'all is known',
        15000);
        await g.serve(list);
        await g.becomes(200);

        await g.redis.kill('SIGKILL');

        const [, port] = await until(async () => {
            const answer = await list[1].client.call('SENTINEL',
                'GET-MASTER-ADDR-BY-NAME', 'mymaster');

            return Number(answer[1]) !== g.redis.port && answer;
        }, 'the fail-over', 30000);

        // Sentinels end the connections that a server had as a replica.
        const primary = connectRedis(Number(port));

        t.after(() => primary.close());

        // What is written there counts.
        await enrol(primary, 'acme', { ver: 2, status: 'suspended' });
        await g.becomes(403);
        await enrol(primary, 'acme', { ver: 3 });
        await g.becomes(200);
        await g.logged(new RegExp(`the primary is 127.0.0.1:${port} now`));
    });


test('one that is dead and one that does not know are outvoted', async (t) => {
    const g = await replicated(t, 0);
    const list = await sentinels(t, g, g.redis.port, { quorum: 1 });

    await list[0].server.stop('SIGKILL');
    await g.serve(list);
    await g.becomes(200);

    await list[1].client.call('SENTINEL', 'REMOVE', 'mymaster');
    await enrol(g.redis, 'acme', { ver: 2, status: 'suspended' });
    await g.becomes(403);
});


test('a server that is no primary is not asked, whoever says it is',
    async (t) => {
        const g = await replicated(t, 1);
        const list = await sentinels(t, g, g.redis.port);

        // They name the replica.
        for (const { client } of list) {
            await client.call('SENTINEL', 'REMOVE', 'mymaster');
        }

        const liars = await fakes(t, [g.replicas[0].port, g.replicas[0].port,
            g.redis.port]);

        await g.serve(liars);
        await g.logged(/is no primary, though Sentinels say it is/);
        assert.equal(await g.status(), 503);
    });


// Servers that answer every question with one address.
async function fakes(t, ports) {
    const net = await import('node:net');

    return Promise.all(ports.map((port) => new Promise((resolve) => {
        const server = net.createServer((socket) => {
            socket.on('error', () => {});
            socket.on('data', () => socket.write(
                `*2\r\n$9\r\n127.0.0.1\r\n$${String(port).length}\r\n${port}\r\n`));
        });

        server.listen(0, '127.0.0.1', () => resolve({
            port: server.address().port }));
        t.after(() => server.close());
    })));
}


test('when they do not agree nobody is asked', async (t) => {
    const g = await replicated(t, 0);
    const list = await fakes(t, [g.redis.port, 1, 2]);

    await g.serve(list);
    await g.logged(/has Sentinels that do not agree who is primary/);
    assert.equal(await g.status(), 503);
});


test('a name that none of them knows, and a password that they want',
    async (t) => {
        const g = await replicated(t, 0);
        const list = await sentinels(t, g, g.redis.port,
            { count: 1, quorum: 1, more: 'requirepass secret-of-them' });

        fs.writeFileSync(g.file('password'), 'secret-of-them\n');
        await g.serve(list, 'mymaster',
            `sentinel_password_file=${g.file('password')}`);
        await g.becomes(200);
        assert.doesNotMatch(g.errorLog(), /secret-of-them/);

        for (const [name, more, why] of [
            ['other', `sentinel_password_file=${g.file('password')}`,
                /knows no primary of that name/],
            ['mymaster', '', /wants a password|refused to say who is primary/]])
        {
            await t.test(name, async (sub) => {
                const other = await replicated(sub, 0);

                await other.serve(list, name, more);
                await other.logged(why);
                assert.equal(await other.status(), 503);
            });
        }
    });


test('nginx -t names what is wrong', async (t) => {
    for (const [url, why] of [
        ['redis+sentinel://127.0.0.1', /does not name the primary/],
        ['redis+sentinel://127.0.0.1/', /does not name the primary/],
        ['redis+sentinel://,127.0.0.1/m', /Sentinel "" cannot be used/],
        ['redis+sentinel://127.0.0.1/m/x', /invalid database "x"/],
        ['redis+sentinel://' + '127.0.0.1,'.repeat(10) + '127.0.0.1/m',
            /more than 9 Sentinels/],
        ['redis://127.0.0.1 sentinel_user=x', /invalid value "x"/]])
    {
        const run = await testConfiguration(t,
            { store: `sallyport_store ${url};` });

        assert.equal(run.ok, false, url);
        assert.match(run.output, why);
    }
});
