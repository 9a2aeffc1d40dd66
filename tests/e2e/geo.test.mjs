// Copyright (C) the Sallyport authors
//
// What the gate knows of addresses: databases of cities, autonomous systems
// and anonymizers, that are replaced while it serves; addresses that are no
// client's; and that an allow given again is never that of another place.

import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { ROOT, chat, gate, sharedBy, testConfiguration,
    until } from './lib/harness.mjs';

const HOUR = 3600;
const now = () => Math.floor(Date.now() / 1000);

const POLICY = `sallyport: 1
policy: places
revision: r1
sources:
  geoip: {max_age: 30d}
lists:
  regions: {type: region, items: [UA-43]}
deny:
  - id: crimea
    when: ip.region in @regions
    reason: JUR_IP_REGION_EMBARGO
    unknown: match
  - id: tor
    when: ip.tor
    reason: NET_TOR
    unknown: match
  - id: as
    when: ip.asn in [AS28761, AS64500]
    reason: JUR_IP_UNSUPPORTED
    unknown: skip
  - id: nowhere
    when: not has(ip.country)
    reason: JUR_IP_UNKNOWN
  - id: texas
    when: has(ip.region) and ip.region in [US-TX]
    reason: JUR_IP_UNSUPPORTED
allow:
  - id: verified
    when: account.status == verified
`;

let dir;

function databases(to, { seed = 7, epoch = now() - HOUR, place } = {}) {
    fs.mkdirSync(to, { recursive: true });
    execFileSync('perl', [path.join(ROOT, 'tests/geo/databases.pl'), to, seed,
        epoch, ...place ? [place] : []]);
}

before(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sallyport-geo-'));
    fs.chmodSync(dir, 0o755);
    databases(path.join(dir, 'a'));
    databases(path.join(dir, 'b'), { place: 'UA-43', epoch: now() - 60 });
});

after(() => fs.rmSync(dir, { recursive: true, force: true }));

const ALL = (where) => `sallyport_geo city=${where}/city.mmdb
    asn=${where}/asn.mmdb anonymous=${where}/anonymous.mmdb`;

// A copy of the databases "a" that a test may replace.
async function placed(t, o = {}) {
    const where = fs.mkdtempSync(path.join(dir, 'w-'));

    fs.chmodSync(where, 0o755);
    fs.cpSync(path.join(dir, 'a'), where, { recursive: true });

    const g = await gate(t, { policy: POLICY, audit: 'allows=on', ...o,
        geo: o.geo?.(where) ?? `${ALL(where)};` });

    g.where = where;
    g.put = (name, from) => {
        fs.copyFileSync(from, path.join(where, name + '.new'));
        fs.renameSync(path.join(where, name + '.new'), path.join(where, name));
    };
    await g.enrol('acme');

    return g;
}

const status = async (g, from, rest = {}) =>
    (await g.chat('sk-acme', 'small', { from, ...rest })).status;

// 403 and 451 are one: which, the policy's reasons say.
function allowed(got) {
    assert.ok([200, 403, 451].includes(got), got);

    return got === 200;
}

const metric = async (g, re) => Number(
    re.exec((await g.call({ path: '/metrics' })).text)?.[1]);

const behind = async (g, name) => metric(g, new RegExp(
    `^sallyport_file_behind\\{file="[^"]*${name}"\\} (\\d)$`, 'm'));


// Precedents by the names of those whose bugs they were.
const ADDRESSES = [
    ['envoy: a region is read, not only a country', '1.231.232.9', 451],
    ['a subdivision that no rule names', '8.8.8.8', 200],
    ['another one of the same country', '9.9.9.9', 403],
    ['maxmind: hosting is no Tor', '193.0.6.9', 200],
    ['maxmind: registered_country is not where it is', '67.43.156.1', 451],
    ['maxmind: a base abroad is where it stands', '202.196.224.1', 200],
    ['a network that no database has', '196.0.0.1', 451],
    ['IPv6', '2600:7000::1', 200],
    ['kgateway: mapped is the same address', '::ffff:1.231.232.9', 451],
    ['mapped, allowed', '::ffff:8.8.8.8', 200],
    ['geoip2: 6to4 has no country, whatever is embedded', '2002:808:808::1', 451],
    ['Teredo', '2001:0:808:808::1', 451],
    ['NAT64, that is not declared', '64:ff9b::808:808', 451],
    ['IPv4-compatible', '::8.8.8.8', 451],
    ['private', '10.0.0.1', 451],
    ['loopback of a trusted hop', '127.0.0.1', 451],
    ['link-local', '169.254.1.1', 451],
    ['carrier NAT', '100.64.1.1', 451],
    ['documentation', '192.0.2.1', 451],
    ['multicast', '224.0.0.1', 451],
    ['unique local', 'fd00::1', 451],
    ['broadcast', '255.255.255.255', 451],
];

test('each address has its verdict, on the long way and when it is given again',
    async (t) => {
        const g = await placed(t, { audit: 'allows=excepted' });

        // round after round, so that an allow of one may not be another's
        for (let round = 0; round < 6; round++) {
            for (const [title, from, want] of ADDRESSES) {
                const got = await status(g, from);

                assert.equal(allowed(got), allowed(want),
                    `${title}: ${from} got ${got}, not ${want}`);
            }
        }

        assert.ok(await metric(g, /^sallyport_recalled_total (\d+)$/m) > 0,
            'none was given again');
    });


test('records say what each database said, and when it was built',
    async (t) => {
        const g = await placed(t);

        await status(g, '1.231.232.9');
        await status(g, '9.9.9.9');
        await status(g, '8.8.8.8');

        const [ua, tor, ok] = (await g.waitRecords('decision', 3));

        assert.equal(ua.net.country, 'UA');
        assert.equal(ua.net.region, 'UA-43');
        assert.equal(ua.net.asn, 28761);
        assert.equal(ua.net.tor, false);
        assert.equal(ua.net.relay, '?', 'of which the database knows nothing');
        assert.equal(tor.net.tor, true);
        assert.equal(tor.net.asn, null);
        assert.equal(ok.net.asn, 15169);
        assert.equal(ok.net.region, 'US-CA');

        for (const kind of ['city', 'asn', 'anonymous']) {
            assert.ok(now() - ok.facts.geo[kind] >= HOUR - 60, kind);
        }

        assert.equal(ok.facts.geo.build, undefined);
    });


test('a database that is renamed over is in force without a reload',
    async (t) => {
        const g = await placed(t, { workers: 2 });

        for (let i = 0; i < 20; i++) {
            assert.equal(await status(g, '8.8.8.8'), 200);
        }

        g.put('city.mmdb', path.join(dir, 'b/city.mmdb'));

        await until(async () => await status(g, '8.8.8.8') === 451
            && (g.errorLog().match(/is another one from now on/g) ?? []).length,
        'the new database is in force', 20000);

        // both workers: each on its own, within a second or two
        await until(async () => {
            const all = await Promise.all(Array.from({ length: 30 },
                () => status(g, '8.8.8.8')));

            return all.every((s) => s === 451);
        }, 'in force in every worker', 20000);

        const builds = new Set(g.records().filter((r) => r.t === 'decision')
            .map((r) => `${r.net.region} ${r.facts.geo.city}`));

        assert.equal(builds.size, 2, 'a decision of one database alone');
        assert.equal(await behind(g, 'city.mmdb'), 0);

        // a worker that is born again has the new one at once
        const [pid] = fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p))
            .filter((p) => {
                try {
                    return fs.readFileSync(`/proc/${p}/stat`, 'utf8')
                        .split(') ')[1].split(' ')[1] === String(g.nginx.pid);
                } catch {
                    return false;
                }
            });

        process.kill(Number(pid), 'SIGTERM');

        for (let i = 0; i < 40; i++) {
            const got = await status(g, '8.8.8.8').catch(() => 'closed');

            assert.ok(got === 451 || got === 'closed', `an old answer: ${got}`);
        }
    });


const BAD = [
    ['cut off', (bytes) => bytes.subarray(0, bytes.length >> 1), /usable|damaged/],
    ['empty', () => Buffer.alloc(0), /usable/],
    ['no database', () => Buffer.from('<html>403 Forbidden</html>'), /usable/],
    ['of another sort', () => fs.readFileSync(path.join(dir, 'a/asn.mmdb')),
        /has no subdivision/],
    ['too old', () => {
        databases(path.join(dir, 'old'), { epoch: now() - 40 * 24 * HOUR });
        return fs.readFileSync(path.join(dir, 'old/city.mmdb'));
    }, /40 days ago, and the policy lets it be 30 days old/],
    ['of tomorrow', () => {
        databases(path.join(dir, 'new'), { epoch: now() + 24 * HOUR });
        return fs.readFileSync(path.join(dir, 'new/city.mmdb'));
    }, /in the future/],
];

test('what cannot be used keeps the one in force, and says why', async (t) => {
    const g = await placed(t);
    const bytes = fs.readFileSync(path.join(dir, 'a/city.mmdb'));

    for (const [title, make, why] of BAD) {
        const from = g.errorLog().length;

        fs.writeFileSync(path.join(dir, 'bad'), make(bytes));
        g.put('city.mmdb', path.join(dir, 'bad'));

        const line = await until(() => g.errorLog().slice(from).split('\n')
            .find((l) => /the one in force stays/.test(l)), title, 20000);

        assert.match(line, /\[error\]/);
        assert.match(line, why);
        assert.equal(await status(g, '8.8.8.8'), 200, title);
        assert.equal(await status(g, '1.231.232.9'), 451, title);
        assert.equal(await behind(g, 'city.mmdb'), 1, title);
    }

    // taken away, and written over in place: no SIGBUS, no other answer
    fs.rmSync(path.join(g.where, 'city.mmdb'));
    fs.truncateSync(path.join(g.where, 'asn.mmdb'), 100);
    fs.writeFileSync(path.join(g.where, 'anonymous.mmdb'), 'x'.repeat(200000));
    await until(async () => await behind(g, 'asn.mmdb') === 1, 'noticed', 20000);
    assert.equal(await status(g, '8.8.8.8'), 200);
    assert.equal(await status(g, '9.9.9.9'), 403);

    // and the next good one is taken
    g.put('city.mmdb', path.join(dir, 'b/city.mmdb'));
    await until(async () => await status(g, '8.8.8.8') === 451, 'taken', 20000);
    assert.equal(await behind(g, 'city.mmdb'), 0);
});


test('swaps under load: each decision is of one database',
    async (t) => {
        const g = await placed(t);
        const epochs = Object.fromEntries(['a', 'b'].map((name) => [name,
            path.join(dir, name, 'city.mmdb')]));
        let going = true, swaps = 0;

        const load = Promise.all([1, 2, 3].map(async () => {
            while (going) {
                assert.ok([200, 451].includes(await status(g, '8.8.8.8')));
            }
        }));

        const end = Date.now() + 6000;

        while (Date.now() < end || swaps < 20) {
            g.put('city.mmdb', epochs[++swaps % 2 ? 'b' : 'a']);
            await new Promise((done) => setTimeout(done, 5));
        }

        going = false;
        await load;

        const seen = new Map();

        for (const r of g.records().filter((x) => x.t === 'decision')) {
            const key = r.facts.geo.city;

            seen.set(key, (seen.get(key) ?? new Set()).add(r.net.region));
        }

        assert.ok(seen.size >= 2, 'both were in force');

        for (const regions of seen.values()) {
            assert.equal(regions.size, 1, [...regions].join());
        }
    });


test('hops of one\'s own are no clients, and a translator\'s addresses are',
    async (t) => {
        const g = await placed(t, {
            geo: (where) => `${ALL(where)} nat64=64:ff9b::/96;
                sallyport_hops 8.8.8.0/28 2600:7000::/64;` });

        assert.ok(!allowed(await status(g, '8.8.8.8')), 'a hop');
        assert.equal(await status(g, '8.8.8.200'), 200, 'beside it');
        assert.ok(!allowed(await status(g, '2600:7000::5')));
        assert.equal(await status(g, '2600:7000:0:1::5'), 200);
        assert.equal(await status(g, '64:ff9b::808:8c8'), 200, 'unwrapped');
        assert.ok(!allowed(await status(g, '64:ff9b::808:808')), 'and a hop');
        assert.ok(!allowed(await status(g, '64:ff9b::1e7:e809')), 'Crimea');
        assert.ok(!allowed(await status(g, '64:ff9b::a00:1')), 'private');
        assert.ok(!allowed(await status(g, '64:ff9b:1::808:8c8')), 'another');

        const hop = g.records().find((r) => r.t === 'decision');

        assert.equal(hop.net.class, 'none');
    });


// The rightmost address that is not trusted; nonsense of a trusted hop is no
// client of its own (it stays that of the hop, which sallyport_hops names).
const FORWARDED = [
    ['left of an untrusted hop is the client\'s word', '1.231.232.9, 8.8.8.8', 200],
    ['and the other way round', '8.8.8.8, 1.231.232.9', 451],
    ['envoy: the nearest that is not trusted', '8.8.8.8, 1.231.232.9, 127.0.0.1', 451],
    ['nginx realip: nonsense leaves the hop\'s own address', 'unknown', 451],
    ['an empty one', ' ', 451],
    ['a port', '8.8.8.8:1234', 200],
    ['brackets and a port', '[2600:7000::1]:443', 200],
    ['a zone', 'fe80::1%eth0', 451],
    ['hexadecimal', '0x08080808', 451],
    ['one number', '134744072', 451],
    ['octal', '010.010.010.010', 451],
];

test('a forwarded address counts as far as hops are trusted', async (t) => {
    const g = await placed(t, { server: 'real_ip_recursive on;',
        geo: (where) => `${ALL(where)}; sallyport_hops 127.0.0.0/8;` });

    for (const [title, from, want] of FORWARDED) {
        assert.equal(allowed(await status(g, from)), allowed(want),
            `${title}: ${from}`);
    }
});


test('the PROXY protocol says whose address it is', async (t) => {
    const g = await placed(t, { server: 'real_ip_header proxy_protocol;',
        h2: false, geo: (where) => `${ALL(where)};
            sallyport_hops 127.0.0.0/8;
            server { listen unix:${where}/proxied proxy_protocol;
                set_real_ip_from unix:; real_ip_header proxy_protocol;
                location / { sallyport on; proxy_pass http://models; } }` });
    const body = JSON.stringify(chat());
    const ask = (line) => new Promise((resolve) => {
        const socket = net.connect(path.join(g.where, 'proxied'));
        let got = '';

        socket.on('data', (d) => { got += d; });
        socket.on('close', () => resolve(Number(got.slice(9, 12))));
        socket.write(`${line}POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n` +
            'Content-Type: application/json\r\nConnection: close\r\n' +
            'X-Forwarded-For: 8.8.8.8\r\nAuthorization: Bearer sk-acme\r\n' +
            `Content-Length: ${body.length}\r\n\r\n${body}`);
    });

    const rows = [
        ['PROXY TCP4 8.8.8.8 10.0.0.1 1 2\r\n', 200],
        ['PROXY TCP4 1.231.232.9 10.0.0.1 1 2\r\n', 451],
        ['PROXY TCP6 2600:7000::1 ::1 1 2\r\n', 200],
        ['PROXY TCP6 ::ffff:1.231.232.9 ::1 1 2\r\n', 451],
        ['PROXY UNKNOWN\r\n', 451],
    ];

    for (const [line, want] of rows) {
        assert.equal(allowed(await ask(line)), allowed(want), line);
    }
});


test('nginx -t says what is wrong with databases', async (t) => {
    const rows = [
        ['sallyport_geo;', /invalid number of arguments/],
        ['sallyport_geo nat64=64:ff9b::/96;', /needs country=FILE/],
        ['sallyport_geo city=DIR/asn.mmdb;', /has no subdivision of a country/],
        ['sallyport_geo asn=DIR/city.mmdb;', /has no autonomous system/],
        ['sallyport_geo anonymous=DIR/city.mmdb;', /has no flag/],
        ['sallyport_geo city=DIR/none.mmdb;', /cannot be opened/],
        ['sallyport_geo citty=DIR/city.mmdb;', /invalid parameter "citty=/],
        ['sallyport_geo city=DIR/city.mmdb city=DIR/city.mmdb;', /each once/],
        ['sallyport_geo city=DIR/city.mmdb path.region=a..b;', /no look-up path/],
        ['sallyport_geo city=DIR/city.mmdb nat64=10.0.0.0/8;', /no IPv6 prefix/],
        ['sallyport_geo city=DIR/city.mmdb; sallyport_hops 10.0.0.1/8;',
            /is no network/],
        ['sallyport_geo country=DIR/city.mmdb;', /SP211.*add city=FILE/],
    ];

    for (const [geo, why] of rows) {
        const { ok, output } = await testConfiguration(t, { policy: POLICY,
            geo: geo.replaceAll('DIR', path.join(dir, 'a')) });

        assert.ok(!ok, geo);
        assert.match(output, why, geo);
    }

    for (const geo of ['city=DIR/city.mmdb', 'city=DIR/flat.mmdb',
        'country=DIR/flat.mmdb city=DIR/city.mmdb asn=DIR/as-text.mmdb',
        'city=DIR/city.mmdb anonymous=DIR/privacy.mmdb path.tor=tor']) {
        const { ok, output } = await testConfiguration(t, { policy: POLICY,
            geo: `sallyport_geo ${geo.replaceAll('DIR', path.join(dir, 'a'))};` });

        assert.ok(ok, output);
    }
});


test('the command looks up addresses as the gate does', () => {
    const policy = path.join(dir, 'policy.yaml');
    const geo = `city=${dir}/a/city.mmdb,asn=${dir}/a/asn.mmdb,` +
        `anonymous=${dir}/a/anonymous.mmdb`;
    const run = (...args) => execFileSync(path.join(
        process.env.BUILD ?? path.join(ROOT, 'build'), 'sallyport'), args,
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

    fs.writeFileSync(policy, POLICY);
    run('check', policy, '--geo', geo);
    assert.throws(() => run('check', policy), /SP211/);
    assert.throws(() => run('check', policy, '--geo', `${dir}/a/city.mmdb`),
        /SP211/);
    assert.throws(() => run('check', policy, '--now', '+60d', '--geo', geo),
        /max_age lets it be 30/);
    assert.throws(() => run('check', policy, '--geo', 'town=x'), /no 'town'/);

    fs.writeFileSync(path.join(dir, 'geo_test.yaml'), `sallyport_test: 1
policy: policy.yaml
now: 2026-11-24T00:00:00Z
base:
  account: {type: individual, status: verified, level: 1, residence: US,
            verified_at: 2026-01-01, expires_at: 2027-01-01, screening: none}
cases:
  - name: by address
    table:
      columns: [ip.addr, decision]
      rows:
        - [8.8.8.8, allow]
        - [1.231.232.9, deny]
        - [9.9.9.9, deny]
`);
    assert.match(run('test', path.join(dir, 'geo_test.yaml'), '--geo', geo),
        /0 failed|passed|ok/);
});
