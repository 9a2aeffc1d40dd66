// Copyright (C) the Sallyport authors
//
// What `nginx -t` says to a configuration that is wrong or dangerous, with
// the file and the line.

import fs from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { testConfiguration } from './lib/harness.mjs';


// The number of the line that holds "needle".
const lineOf = (text, needle) =>
    text.split('\n').findIndex((line) => line.includes(needle)) + 1;


test('the harness\'s own configuration is accepted', async (t) => {
    const { ok, output } = await testConfiguration(t);

    assert.ok(ok, output);
});


// title, options, text on the line that is blamed, what is said
const REFUSED = [
    ['a mode that is none', { mode: 'maybe' }, 'sallyport maybe',
        /invalid value "maybe"/],
    ['a policy that is not there',
        { whole: (c) => c.replace(/sallyport_policy .*;/,
            'sallyport_policy /nowhere/policy.yaml;') },
        'sallyport_policy /nowhere', /\/nowhere\/policy\.yaml/],
    ['a policy with an error', { policy: 'sallyport: 1\ndenny: []\n' },
        'sallyport_policy', /policy\.yaml:2:1/],
    ['a pepper that is too short', { pepper: 'short' }, 'sallyport_pepper',
        /at least 16/],
    ['a database that is none',
        { geo: 'sallyport_geo country=/etc/passwd;' }, 'sallyport_geo',
        /passwd/],
    ['a store that is none', { store: 'sallyport_store http://x/;' },
        'sallyport_store', /redis:\/\//],
    ['a zone that is too small', { zone: '1k' }, 'sallyport_zone', /zone/],
    ['a directive twice', { location: 'sallyport on;' }, null,
        /duplicate/],
    ['underscores_in_headers', { server: 'underscores_in_headers on;' }, null,
        /underscores_in_headers/],
    ['merge_slashes off', { server: 'merge_slashes off;' }, null,
        /merge_slashes/],
    ['error_page into an ungated proxy', {
        location: 'error_page 403 = /open;',
        locations: 'location = /open { proxy_pass http://models; }' }, null,
    /error_page/],
    ['no policy', { whole: (c) => c.replace(/sallyport_policy .*;/, '') },
        null, /sallyport_policy/],
    ['no pepper', { whole: (c) => c.replace(/sallyport_pepper .*;/, '') },
        null, /sallyport_pepper/],
    ['no store', { whole: (c) => c.replace(/sallyport_store .*;/, '') },
        null, /sallyport_store/],
];

for (const [title, options, blamed, said] of REFUSED) {
    test(`refused: ${title}`, async (t) => {
        const { ok, output, text, dir } = await testConfiguration(t, options);

        assert.ok(!ok, 'it was accepted: ' + output);
        assert.match(output, said);
        assert.match(output, /nginx\.conf:\d+|policy\.yaml:\d+/,
            'file and line');
        assert.ok(fs.existsSync(dir));

        if (blamed !== null) {
            assert.match(output,
                new RegExp(`nginx\\.conf:${lineOf(text, blamed)}\\b`));
        }
    });
}


test('warned: nginx\'s default body size and buffers', async (t) => {
    const { ok, output } = await testConfiguration(t, {
        whole: (c) => c.replace(/client_max_body_size .*;/, '')
            .replace(/client_body_buffer_size .*;/, ''),
    });

    assert.ok(ok, output);
    assert.match(output, /\[warn\].*client_max_body_size/);
});
