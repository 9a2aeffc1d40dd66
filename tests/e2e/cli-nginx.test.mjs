// Copyright (C) the Sallyport authors
//
// `sallyport check --nginx`: ways around the gate in a configuration.

import fs from 'node:fs';
import test, { after } from 'node:test';
import assert from 'node:assert/strict';

import { command } from './lib/command.mjs';

const { dir, write, run, fine, refused } = command();

after(() => fs.rmSync(dir, { recursive: true, force: true }));

const conf = ({ http = '', location = '', other = '', gate = 'on' } = {}) =>
    `http {
    ${http}
    server {
        location /v1/ {
            sallyport ${gate};
            proxy_pass http://models;
            proxy_set_header Connection "";
            ${location}
        }
        ${other}
    }
}
`;

const check = (text, code) => {
    const r = run(['check', '--nginx', '-', '--format', 'json'],
        { input: text });

    assert.equal(r.code, code, r.out + r.err);

    return JSON.parse(r.out);
};


test('a plain gated location is fine', () => {
    const r = check(conf(), 0);

    assert.deepEqual([r.ok, r.gated_locations, r.errors, r.warnings],
        [true, 1, 0, 0]);
});


test('each way around is an error, with its place', () => {
    for (const [part, line, says] of [
        [{ other: 'location /x { proxy_pass http://models/y; }' }, 10,
            /proxy_pass models without the gate; .*:6 leads there/],
        [{ other: 'location /x { sallyport off; proxy_pass http://models; }' },
            10, /without the gate/],
        [{ location: 'proxy_set_body x;' }, 8, /another body/],
        [{ http: 'proxy_set_body x;' }, 2, /another body/],
        [{ location: 'proxy_cache zone;' }, 8, /another/],
        [{ location: 'proxy_method GET;' }, 8, /another method/],
        [{ location: 'proxy_pass_request_body off;' }, 8, /does not get/],
        [{ location: 'proxy_set_header Upgrade $http_upgrade;' }, 8,
            /after a 101/],
        [{ location: 'proxy_set_header X-Sallyport-Id 1;' }, 8,
            /gate's own/],
        [{ http: "log_format x '$remote_addr $http_authorization';" }, 2,
            /keys or prompts/],
        [{ http: 'set_real_ip_from 0.0.0.0/0;' }, 2, /names its own address/],
        [{ gate: 'off' }, 1, /no location .* has the gate on/],
    ]) {
        const r = check(conf(part), 1);
        const found = r.diagnostics.find((d) => d.severity === 'error'
            && says.test(d.message));

        assert.ok(found, JSON.stringify(r.diagnostics));
        assert.equal(found.line, line);
    }
});


test('what may be meant is a warning', () => {
    for (const part of [
        { other: 'location /x { proxy_pass http://elsewhere; }' },
        { other: 'location /x { proxy_pass http://$host; }' },
        { location: 'mirror /m;' }, { gate: 'observe' },
        { location: 'proxy_next_upstream error non_idempotent;' },
        { location: 'proxy_set_header Authorization $http_authorization;' },
    ]) {
        assert.equal(check(conf(part), 0).warnings, 1, JSON.stringify(part));
        assert.equal(run(['check', '--strict', '--nginx', '-'],
            { input: conf(part) }).code, 1);
    }
});


test('levels are inherited as nginx does', () => {
    check(conf({ http: 'proxy_cache zone;', location: 'proxy_cache off;' }),
        0);
    check(conf({ http: 'proxy_set_header Upgrade $http_upgrade;' }), 0);
    check('http { sallyport on; server { location / '
        + '{ proxy_pass http://a; } } }', 0);
});


test('what nginx -T prints: files where they are included', () => {
    const main = '# configuration file /etc/nginx/nginx.conf:\nhttp {\n'
        + 'include conf.d/*.conf; # all\n}\n\n';
    const part = '# configuration file /etc/nginx/conf.d/a.conf:\n'
        + 'server { location / { sallyport on; proxy_pass http://a; }\n'
        + 'location /b { proxy_pass "http://a"; }\n'
        + 'location /c { content_by_lua_block { x = {"}"[1]} } } }\n';
    const [found] = check(main + part, 1).diagnostics;

    assert.equal(found.file, '/etc/nginx/conf.d/a.conf');
    assert.equal(found.line, 2);
});


test('what is no configuration is refused', () => {
    for (const text of ['http {', 'http { server { }', '}', ';', 'a b',
        '{'.repeat(50), 'a {'.repeat(50)])
    {
        refused(['check', '--nginx', '-'], 1, /:\d+: /, { input: text });
    }

    refused(['check', '--nginx', 'x', 'policy'], 4, /one of them/);
    refused(['check'], 4, /a policy, or --nginx/);
    assert.match(fine(['check', '--nginx', write('n.conf', conf())]).out,
        /^1 gated location, 0 errors/);
});
