// Copyright (C) the Sallyport authors
//
// A store by TLS, and one that wants to know who we are: what is right is
// served, and whatever is wrong is said once in the log and refused.

import fs from 'node:fs';
import { test } from 'node:test';

import assert from 'node:assert/strict';
import { gate, until, enrol, startRedis, freePort,
    testConfiguration } from './lib/harness.mjs';
import { certificates } from './lib/certificates.mjs';


// A gate and a Redis with TLS of its own; start(url, more) serves. The
// server's certificate is that of "issue", the client's authority is "ca".
async function secure(t, { issue, extra = () => [] } = {}) {
    const o = { audit: 'allows=excepted', without: ['redis', 'nginx'] };
    const g = await gate(t, o);
    const made = certificates(g.dir);

    g.ca = made.authority('ca');
    g.made = made;
    g.tlsPort = await freePort();

    const cert = issue ? issue(made, g.ca)
        : made.issue(g.ca, 'server', { san: 'IP:127.0.0.1,DNS:localhost' });

    g.redis = await startRedis(g.file('redis'), ['--tls-port', g.tlsPort,
        '--tls-cert-file', cert.cert, '--tls-key-file', cert.key,
        '--tls-ca-cert-file', g.ca.cert, '--tls-auth-clients', 'no',
        ...extra(g)]);
    await enrol(g.redis, 'acme');

    g.serve = async (url, more = '') => {
        o.store = `sallyport_store ${url} ${more};`;
        await g.start();
    };
    g.status = async () => (await g.chat('sk-acme', 'small')).status;
    g.becomes = (status) => until(async () => await g.status() === status,
        'the answer is ' + status, 10000);

    // Refused, and said why, once in the ten seconds that are one line's.
    g.refuses = async (why) => {
        await until(() => why.test(g.errorLog()), String(why));

        for (let i = 0; i < 4; i++) {
            assert.equal(await g.status(), 503);
            await new Promise((resolve) => setTimeout(resolve, 300));
        }

        assert.equal(g.errorLog().split('\n').filter((l) => why.test(l)).length,
            1, 'it is said once');
        assert.doesNotMatch(g.errorLog(), /secret-of-the-test/);
    };

    return g;
}


test('a certificate of the address, of the name, of name=', async (t) => {
    for (const [url, more] of [['127.0.0.1', ''], ['localhost', ''],
        ['127.0.0.1', 'name=localhost'], ['localhost', 'name=127.0.0.1']])
    {
        await t.test(url + ' ' + more, async (sub) => {
            const g = await secure(sub);

            await g.serve(`rediss://${url}:${g.tlsPort}/0`,
                `ca=${g.ca.cert} ${more}`);
            await g.becomes(200);

            // a new connection resumes nothing and is verified again
            await g.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME',
                'yes');
            await enrol(g.redis, 'acme', { status: 'suspended', ver: 2 });
            await g.becomes(403);
            assert.doesNotMatch(g.errorLog(),
                /cannot be verified|the certificate is not one of/);
        });
    }
});


test('a record of many bytes arrives whole', async (t) => {
    const g = await secure(t);

    await enrol(g.redis, 'acme', { x_long: 'x'.repeat(400),
        y_ignored: 'y'.repeat(60000) });
    await g.serve(`rediss://127.0.0.1:${g.tlsPort}`, `ca=${g.ca.cert}`);
    await g.becomes(200);
});


test('a certificate of nobody we trust, of another name, of yesterday',
    async (t) => {
        const cases = {
            'by another authority': [
                (made) => made.issue(made.authority('other'), 'server',
                    { san: 'IP:127.0.0.1' }),
                /certificate of "127\.0\.0\.1" cannot be verified: unable to /],
            'of another name': [
                (made, ca) => made.issue(ca, 'server',
                    { san: 'DNS:redis.example.com,IP:127.0.0.2' }),
                /the certificate is not one of "127\.0\.0\.1"/],
            'of no name': [
                (made, ca) => made.issue(ca, '127.0.0.1'),
                /the certificate is not one of "127\.0\.0\.1"/],
            'that has expired': [
                (made, ca) => made.issue(ca, 'server',
                    { san: 'IP:127.0.0.1', days: -1 }),
                /"127\.0\.0\.1" cannot be verified: certificate has expired/],
        };

        for (const [name, [issue, why]] of Object.entries(cases)) {
            await t.test(name, async (sub) => {
                const g = await secure(sub, { issue });

                await g.serve(`rediss://127.0.0.1:${g.tlsPort}`,
                    `ca=${g.ca.cert}`);
                await g.refuses(why);
            });
        }
    });


test('without ca= the system\'s authorities are asked', async (t) => {
    const g = await secure(t);

    await g.serve(`rediss://127.0.0.1:${g.tlsPort}`);
    await g.refuses(/certificate of "127\.0\.0\.1" cannot be verified: /);
});


test('a server that speaks no TLS, and one that speaks nothing else',
    async (t) => {
        await t.test('TLS to a plain port', async (sub) => {
            const g = await secure(sub);

            await g.serve(`rediss://127.0.0.1:${g.redis.port}`,
                `ca=${g.ca.cert}`);
            await g.refuses(/store "\S+" (failed the TLS handshake|timed out)/);
        });

        await t.test('plain to a TLS port', async (sub) => {
            const g = await secure(sub);

            await g.serve(`redis://127.0.0.1:${g.tlsPort}`);
            await g.refuses(/store "\S+" (closed the connection|recv|sent what)/);
        });
    });


test('a server that wants a certificate gets ours', async (t) => {
    const extra = () => ['--tls-auth-clients', 'yes'];

    await t.test('it is there', async (sub) => {
        const g = await secure(sub, { extra });
        const mine = g.made.issue(g.ca, 'gate');

        await g.serve(`rediss://127.0.0.1:${g.tlsPort}`,
            `ca=${g.ca.cert} cert=${mine.cert} key=${mine.key}`);
        await g.becomes(200);
    });

    await t.test('it is missing', async (sub) => {
        const g = await secure(sub, { extra });

        await g.serve(`rediss://127.0.0.1:${g.tlsPort}`, `ca=${g.ca.cert}`);
        await g.refuses(/store "\S+" (ended the connection before|send\(\) failed)/);
    });
});


test('a user, and a password from a file', async (t) => {
    const g = await secure(t);

    fs.writeFileSync(g.file('password'), 'secret-of-the-test\n');
    await g.redis.call('ACL', 'SETUSER', 'gate', 'on', '>secret-of-the-test',
        '~*', '&*', '+@all', '-@dangerous', '+info', '+client');
    await g.redis.call('ACL', 'SETUSER', 'default', 'on', '>other');
    await g.serve(`rediss://127.0.0.1:${g.tlsPort}`,
        `ca=${g.ca.cert} user=gate password_file=${g.file('password')}`);
    await g.becomes(200);
    assert.doesNotMatch(g.errorLog(), /secret-of-the-test/);
});


test('a wrong password, a wrong user, none', async (t) => {
    for (const [options, why] of [
        ['user=gate password_file=password', /refused the user or the password/],
        ['user=nobody password_file=password',
            /refused the user or the password/],
        ['', /wants a password: add password_file=FILE/]])
    {
        await t.test(options || 'none', async (sub) => {
            const g = await secure(sub);

            fs.writeFileSync(g.file('password'), 'secret-of-the-test');
            await g.redis.call('ACL', 'SETUSER', 'gate', 'on', '>other', '~*',
                '+@all');
            await g.redis.call('ACL', 'SETUSER', 'default', 'on', '>other');
            await g.serve(`redis://127.0.0.1:${g.redis.port}`,
                options.replace('=password', '=' + g.file('password')));
            await g.refuses(why);
        });
    }
});


test('nginx -t names what is wrong', async (t) => {
    const dir = fs.mkdtempSync('/tmp/sallyport-tls-');
    t.after(() => fs.rmSync(dir, { recursive: true }));

    const made = certificates(dir);
    const ca = made.authority('ca');
    const mine = made.issue(ca, 'mine');
    const said = async (what, url, ok = false) => {
        const run = await testConfiguration(t,
            { store: `sallyport_store ${url};` });

        assert.equal(run.ok, ok, run.output);
        assert.match(run.output, what);
    };

    await said(/successful/, `rediss://127.0.0.1 ca=${ca.cert} \
cert=${mine.cert} key=${mine.key} name=redis.example.com`, true);
    await said(/cert=FILE and key=FILE of the store go together/,
        `rediss://127.0.0.1 cert=${mine.cert}`);
    await said(/are of a store with TLS: write rediss/,
        `redis://127.0.0.1 ca=${ca.cert}`);
    await said(/SSL_CTX_load_verify_locations.*no-such-file|no-such-file/,
        'rediss://127.0.0.1 ca=/no-such-file');
    await said(/key values mismatch|no-such|SSL_CTX_use_PrivateKey/,
        `rediss://127.0.0.1 cert=${mine.cert} key=${ca.key}`);

});
