// Copyright (C) the Sallyport authors
//
// Policies that change while the gate runs: pointers that move under load,
// bundles that are bad, half-written or wrongly signed, lease holders that
// die, candidates beside the policy in force.

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { gate, chat, until, spawnedWorkers, testConfiguration,
    FROM } from './lib/harness.mjs';
import { COMMAND, WHO } from './lib/command.mjs';


// A public key whose secret one nobody has kept.
const KEY = execFileSync('sh', ['-c', `d=$(mktemp -d); "${COMMAND}" policy \
keygen --out "$d/key" --name x.example.com/policy; rm -r "$d"`],
{ encoding: 'utf8' });


// A policy whose every verdict on a US client tells which one it was: "even"
// allows, "odd" refuses with a reason of its own.
export function policy(revision, { deny, more = '', unlimited = false } = {}) {
    return `sallyport: 1
policy: rollout
revision: ${revision}

models:
  tiers:
    1: [small, small-*]
${deny ? `
deny:
  - id: deny-${revision}
    when: account.status == verified
    reason: ${deny}
` : ''}
allow:
  - id: allow-${revision}
    when: account.status == verified
${unlimited ? '' : `
throttle:
  - id: per-account
    meter: requests
    per: [account.id]
    rate: 60000/min
    burst: 10000
`}${more}`;
}


// A directory of versions with a pointer, as people keep them; "move" makes
// the pointer lead elsewhere by one rename.
export function versions(g, name = 'policies') {
    const root = g.file(name);

    fs.mkdirSync(root);

    const v = {
        root,
        path: path.join(root, 'current', 'policy.yaml'),

        write(version, files) {
            const dir = path.join(root, version);

            fs.mkdirSync(dir, { recursive: true });

            for (const [file, text] of Object.entries(
                typeof files === 'string' ? { 'policy.yaml': files } : files))
            {
                fs.mkdirSync(path.dirname(path.join(dir, file)),
                    { recursive: true });
                fs.writeFileSync(path.join(dir, file), text);
            }

            return dir;
        },

        move(version, pointer = 'current') {
            const link = path.join(root, pointer + '.new');

            fs.symlinkSync(version, link);
            fs.renameSync(link, path.join(root, pointer));
        },
    };

    return v;
}


// A gate that follows "current"; the first version is r1.
async function following(t, options = {}) {
    const g = await gate(t, { ...options, without: ['nginx'] });

    g.v = versions(g);
    g.v.write('r1', options.first ?? policy('r1'));
    g.v.move('r1');
    await options.before?.(g);
    g.policy = g.v.path + (options.more?.(g) ?? '');
    await g.enrol('acme');
    await g.start();

    return g;
}

const revision = async (g) => /revision="([^"]*)"/.exec(
    (await g.call({ path: '/metrics' })).text)?.[1];

const metric = async (g, name, labels = 'policy="0"') => {
    const { text } = await g.call({ path: '/metrics' });

    return Number(text.split('\n')
        .find((line) => line.startsWith(`${name}{${labels}} `))
        ?.split(' ').at(-1));
};

const becomes = (g, wanted) => until(async () => await revision(g) === wanted,
    `revision ${wanted} is in force`);


test('a moved pointer is followed; a saved file is not', async (t) => {
    const g = await following(t, { workers: 2 });

    assert.equal((await g.chat('sk-acme')).status, 200);

    // Saved in place, and saved by renaming: nothing moves.
    fs.writeFileSync(path.join(g.v.root, 'r1', 'policy.yaml'),
        policy('r1b', { deny: 'KYC_LEVEL' }));
    fs.writeFileSync(path.join(g.v.root, 'r1', 'new'),
        policy('r1c', { deny: 'KYC_LEVEL' }));
    fs.renameSync(path.join(g.v.root, 'r1', 'new'),
        path.join(g.v.root, 'r1', 'policy.yaml'));

    g.v.write('r2', policy('r2', { deny: 'KYC_LEVEL' }));
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.equal(await revision(g), 'r1');
    assert.equal((await g.chat('sk-acme')).status, 200);

    g.v.move('r2');
    await becomes(g, 'r2');

    const { status, json } = await g.chat('sk-acme');

    assert.equal(status, 403, JSON.stringify(json));
    assert.match(g.errorLog(), /is revision "r2" from now on/);
    assert.equal(await metric(g, 'sallyport_policy_loads_total'), 2);
    assert.equal(await metric(g, 'sallyport_policy_failures_total'), 0);

    // A reload takes what the file says now.
    fs.writeFileSync(path.join(g.v.root, 'r2', 'policy.yaml'), policy('r2b'));
    await g.reload();
    assert.equal(await revision(g), 'r2b');
    assert.equal((await g.chat('sk-acme')).status, 200);
});


test('a pointer of a ConfigMap: a file behind ..data', async (t) => {
    const g = await following(t, {
        before(h) {
            const { root } = h.v;

            h.v.write('..1', policy('r1'));
            h.v.move('..1', '..data');
            fs.symlinkSync('..data/policy.yaml',
                path.join(root, 'policy.yaml'));
            h.v.path = path.join(root, 'policy.yaml');
        },
    });

    g.v.write('..2', policy('r2', { deny: 'KYC_LEVEL' }));
    g.v.move('..2', '..data');
    fs.rmSync(path.join(g.v.root, '..1'), { recursive: true });
    await becomes(g, 'r2');
    assert.equal((await g.chat('sk-acme')).status, 403);
});


// Even revisions allow, odd ones refuse: a verdict that is of two policies
// would allow under an odd one, or name the rule of another.
function agrees(record) {
    const n = Number(/\d+/.exec(record.pol.rev)[0]);

    assert.equal(record.dec, n % 2 ? 'deny' : 'allow', JSON.stringify(record));

    if (n % 2) {
        assert.ok(record.by.every(({ r }) => r === `deny-r${n}`),
            JSON.stringify(record));
    } else {
        assert.equal(record.allow, `allow-r${n}`);
    }
}


test('moved under load: no request lost, no verdict of two policies',
    async (t) => {
        const g = await following(t, { workers: 3,
            first: policy('r0') });
        const seen = new Set();
        let stop = false;
        let n = 0;

        const client = async (slow) => {
            while (!stop) {
                const body = JSON.stringify(chat('small',
                    { stream: slow, user: 'x'.repeat(slow ? 200000 : 1) }));
                const { status } = await g.chat('sk-acme', 'small', { body });

                assert.ok([200, 403].includes(status), String(status));
                n++;
            }
        };
        const clients = [0, 0, 0, 1, 1].map((slow) => client(slow === 1));

        for (let v = 1; v <= 12; v++) {
            g.v.write(`v${v}`, policy(`r${v}`,
                { deny: v % 2 ? 'KYC_LEVEL' : undefined }));
            g.v.move(`v${v}`);

            if (v === 5) {
                await g.reload();
            }

            await becomes(g, `r${v}`);
        }

        stop = true;
        await Promise.all(clients);
        await g.stop();

        const decisions = g.records().filter(({ t: kind }) =>
            kind === 'decision');

        for (const record of decisions) {
            agrees(record);
            seen.add(record.pol.rev);
        }

        assert.equal(decisions.length, n);
        assert.equal(seen.size, 13, [...seen].join(' '));
    });


test('bad bundles: the policy in force stays, and it is said', async (t) => {
    const g = await following(t);
    const whole = policy('r9', { deny: 'KYC_LEVEL' });

    const bad = {
        syntax: 'sallyport: 1\npolicy: [',
        half: whole.slice(0, whole.indexOf('KYC_LEVEL') + 4),
        unknown: whole.replace('account.status', 'account.colour'),
        empty: '',
        large: '#'.repeat(2 * 1024 * 1024),
        missing: { 'other.yaml': whole },
        list: { 'policy.yaml': whole + '\ninclude: [lists/*.yaml]\n' },
    };

    for (const [name, files] of Object.entries(bad)) {
        const failures = await metric(g, 'sallyport_policy_failures_total');

        g.v.write(name, files);
        g.v.move(name);
        await until(async () =>
            await metric(g, 'sallyport_policy_failures_total') > failures,
        `${name} is refused`);
        assert.equal(await metric(g, 'sallyport_policy_behind'), 1);
        assert.equal(await revision(g), 'r1');
        assert.equal((await g.chat('sk-acme')).status, 200);
    }

    fs.rmSync(path.join(g.v.root, 'current'));
    await until(() => /\[error\].*moved to what cannot be used, .*No such/
        .test(g.errorLog()), 'a pointer that is gone is told');

    assert.match(g.errorLog(),
        /\[error\].*unknown\/policy\.yaml:\d+:\d+: error\[SP\d+\]/);
    assert.match(g.errorLog(), /\[error\].*unknown\/policy\.yaml"\), the one in force stays/);

    g.v.write('good', policy('r2'));
    g.v.move('good');
    await becomes(g, 'r2');
    assert.equal(await metric(g, 'sallyport_policy_behind'), 0);
});


test('a half-written bundle is taken once it is whole', async (t) => {
    const g = await following(t);
    const whole = policy('r2', { deny: 'KYC_LEVEL' });

    g.v.write('r2', whole.slice(0, -40));
    fs.appendFileSync(path.join(g.v.root, 'r2', 'policy.yaml'), 'x: [');
    g.v.move('r2');
    await until(async () =>
        await metric(g, 'sallyport_policy_failures_total') > 0, 'refused');
    g.v.write('r2', whole);
    await becomes(g, 'r2');
});


// A request whose head is judged, and whose body is "rest" of what was said.
function unfinished(g, body, rest) {
    const req = http.request({ host: '127.0.0.1', port: g.port, agent: false,
        method: 'POST', path: '/v1/chat/completions',
        headers: { 'X-Forwarded-For': FROM.US, Authorization: 'Bearer sk-acme',
            'Content-Type': 'application/json',
            'Content-Length': body.length } });
    const answer = new Promise((resolve, reject) => {
        req.on('error', reject);
        req.on('response', (res) => {
            res.resume();
            res.on('end', () => resolve(res.statusCode));
        });
    });

    req.write(body.slice(0, rest));

    return { finish: () => { req.end(body.slice(rest)); return answer; } };
}


test('a request keeps its policy until its verdict; another waits for room',
    async (t) => {
        // The zone has room for two of these.
        const names = Array.from({ length: 9850 },
            (_, n) => `      - small-${n}-${'x'.repeat(20)}\n`).join('');
        const large = (name, options) => policy(name, options).replace(
            '    1: [small, small-*]\n', `    1:\n      - small\n${names}`);
        const g = await following(t, { first: large('r0'),
            more: () => ' zone=1m' });
        const body = JSON.stringify(chat('small', { user: 'x'.repeat(9000) }));
        const [first, second] = [0, 1].map(() => unfinished(g, body, 5000));

        // Both heads are judged once another request is.
        for (let n = 0; n < 5; n++) {
            assert.equal((await g.chat('sk-acme')).status, 200);
        }

        g.v.write('v1', large('r1', { deny: 'KYC_LEVEL' }));
        g.v.move('v1');
        await becomes(g, 'r1');
        assert.equal((await g.chat('sk-acme')).status, 403);

        g.v.write('v2', large('r3', { deny: 'KYC_LEVEL' }));
        g.v.move('v2');
        await until(() => /no room for one of \d+ bytes/.test(g.errorLog()),
            'no room is told');
        assert.equal((await g.chat('sk-acme')).status, 403);
        assert.equal(await first.finish(), 200);
        assert.equal(await revision(g), 'r1');
        assert.equal(await second.finish(), 200);
        await becomes(g, 'r3');

        // It stands where r0 stood: nothing kept of r0 is used with it.
        assert.equal((await g.chat('sk-acme')).status, 403);

        await g.stop();

        const decisions = g.records().filter(({ t: kind }) =>
            kind === 'decision');

        decisions.forEach(agrees);
        assert.deepEqual(decisions.map(({ pol }) => pol.rev),
            ['r0', 'r0', 'r0', 'r0', 'r0', 'r1', 'r1', 'r0', 'r0', 'r3']);
    });


test('a dead lease holder, killed while it compiles, holds nothing up',
    async (t) => {
        const g = await following(t, { workers: 2, mayBeTorn: true,
            checkLedger: false, expectLog: [/exited on signal 9/] });
        // Large enough to be seen compiling: 12 lists of 45,000 networks.
        const networks = (k) => Array.from({ length: 45000 }, (_, n) =>
            `      - ${(n >> 8) % 223 + 1}.${n & 255}.${k}.0/24\n`).join('');
        const lists = Object.fromEntries(Array.from({ length: 12 }, (_, k) =>
            [`l${k}.yaml`, `sallyport: 1\nlists:\n  l${k}:\n    type: cidr\n` +
                `    items:\n${networks(k)}`]));
        // Those that a worker has for this, beside the one of its audit lane.
        const threads = (pid) => fs.readdirSync(`/proc/${pid}/task`)
            .filter((task) => Number(task) !== pid
                && !/^sallyport-(audit|file|follow)/.test(fs.readFileSync(
                    `/proc/${pid}/task/${task}/comm`, 'utf8')));
        const holder = () => {
            const found = spawnedWorkers(g).filter((pid) =>
                threads(pid).length > 0);

            assert.ok(found.length < 2, 'two follow the pointer');

            return found[0];
        };
        const busy = (pid) => threads(pid)
            .some((task) => /^\S+ \(.*\) R/.test(fs.readFileSync(
                `/proc/${pid}/task/${task}/stat`, 'utf8')));

        for (let n = 2; n <= 4; n++) {
            const pid = await until(holder, 'one follows the pointer');

            g.v.write(`v${n}`, { ...lists,
                'policy.yaml': policy(`r${n}`) + "\ninclude: ['l*.yaml']\n" });
            g.v.move(`v${n}`);
            await until(() => busy(pid), 'it compiles');
            process.kill(pid, 'SIGKILL');
            await becomes(g, `r${n}`);
            assert.equal((await g.chat('sk-acme')).status, 200);
        }

        assert.equal(await metric(g, 'sallyport_policy_loads_total'), 4);
        await until(holder, 'one follows the pointer');
    });


test('workers that drain follow, too, and hand on the lease', async (t) => {
    const g = await following(t);
    const body = JSON.stringify(chat('small', { user: 'x'.repeat(9000) }));
    const [old] = spawnedWorkers(g);
    const slow = unfinished(g, body, 5000);

    assert.equal((await g.chat('sk-acme')).status, 200);

    // A connection that is kept serves on while its worker drains.
    g.signal('SIGHUP');
    await until(() => spawnedWorkers(g).length === 2, 'a new worker');
    g.v.write('v2', policy('r2', { deny: 'KYC_LEVEL' }));
    g.v.move('v2');
    await becomes(g, 'r2');
    assert.ok(spawnedWorkers(g).includes(old), 'the old one drains');
    // Its body took long: the records are asked for again, and a worker that
    // drains may have no connection to the store any more. Then it refuses.
    assert.ok([200, 503].includes(await slow.finish()));
    await until(() => !spawnedWorkers(g).includes(old), 'it ends');
    assert.equal((await g.chat('sk-acme')).status, 403);
    g.v.write('v3', policy('r3'));
    g.v.move('v3');
    await becomes(g, 'r3');
});


test('several policies in one nginx, each with a pointer of its own',
    async (t) => {
        const g = await following(t, {
            before(h) {
                h.other = versions(h, 'others');
                h.other.write('o1', policy('o1', { deny: 'KYC_LEVEL' }));
                h.other.move('o1');
                h.options.locations = `location /other/ {
                    sallyport on;
                    sallyport_policy ${h.other.path};
                    rewrite ^/other(/.*)$ $1 break;
                    proxy_pass http://models;
                }`;
            },
        });
        const other = () => g.chat('sk-acme', 'small',
            { path: '/other/v1/chat/completions' });

        assert.equal((await g.chat('sk-acme')).status, 200);
        assert.equal((await other()).status, 403);

        g.other.write('o2', policy('o2'));
        g.other.move('o2');
        await until(async () => (await other()).status === 200, 'it is o2');
        assert.equal((await g.chat('sk-acme')).status, 200);

        g.v.write('v2', policy('r2', { deny: 'KYC_LEVEL' }));
        g.v.move('v2');
        await until(async () => (await g.chat('sk-acme')).status === 403, 'r2');
        assert.equal((await other()).status, 200);
    });


test('a candidate is asked beside the policy in force, and changes nothing',
    async (t) => {
        const decided = (h) => h.records().filter((r) => r.t === 'decision');
        const g = await following(t, {
            audit: 'allows=off', checkLedger: false,
            more: (h) => ` candidate=${path.join(h.v.root, 'candidate',
                'policy.yaml')}`,
        });
        const counted = async () => {
            const { text } = await g.call({ path: '/metrics' });

            return ['same', 'allows', 'denies', 'reasons'].map((name) =>
                Number(new RegExp(`^sallyport_candidate_${name}_total` +
                    '\\{[^}]*\\} (\\d+)$', 'm').exec(text)?.[1]));
        };
        const candidate = (revised) => until(async () =>
            new RegExp(`role="candidate".*revision="${revised}"`)
                .test((await g.call({ path: '/metrics' })).text),
        `candidate ${revised}`);

        // None yet.
        for (let n = 0; n < 5; n++) {
            assert.equal((await g.chat('sk-acme')).status, 200);
        }

        assert.deepEqual(await counted(), [0, 0, 0, 0]);

        g.v.write('c1', policy('c1', { deny: 'KYC_LEVEL' }));
        g.v.move('c1', 'candidate');
        await candidate('c1');

        for (let n = 0; n < 4; n++) {
            assert.equal((await g.chat('sk-acme')).status, 200);
        }

        assert.deepEqual(await counted(), [0, 0, 4, 0]);
        assert.match(g.errorLog(),
            /candidate would deny with KYC_LEVEL, in force allows/);

        // Recorded, although plain allows are not; those before are not.
        await until(() => decided(g).length === 4, 'records');
        decided(g).forEach((r) => {
            assert.deepEqual([r.dec, r.cand.dec, r.cand.status, r.cand.reason],
                ['allow', 'deny', 403, 'KYC_LEVEL']);
            assert.equal(r.cand.by.length, 1);
            assert.notEqual(r.cand.hash, r.pol.hash);
        });

        // In force now, with a candidate that lets all through again.
        g.v.write('c2', policy('c2'));
        g.v.move('c2', 'candidate');
        g.v.move('c1');
        await candidate('c2');
        await until(async () => (await g.chat('sk-acme')).status === 403,
            'c1 is in force');
        assert.ok((await counted())[1] > 0);
        assert.deepEqual(decided(g).at(-1).cand.dec, 'allow');
        assert.deepEqual(decided(g).at(-1).dec, 'deny');

        // A bad one, and none: neither is anybody's business.
        g.v.write('c3', 'sallyport: [');
        g.v.move('c3', 'candidate');
        await until(async () => await metric(g, 'sallyport_policy_failures_total')
            > 0, 'it is refused');
        fs.rmSync(path.join(g.v.root, 'candidate'));
        await until(() => /no candidate/.test(g.errorLog()), 'it is gone');
        assert.equal((await g.chat('sk-acme')).status, 403);
    });


test('promoted by the command, followed by the gate', async (t) => {
    const g = await following(t, { workers: 2 });
    const verb = (...args) => execFileSync(COMMAND, ['policy', ...args,
        '--dir', g.v.root, ...WHO], { encoding: 'utf8' });
    const source = (rev, more) => {
        const dir = g.file('source-' + rev);

        fs.mkdirSync(dir);
        fs.writeFileSync(path.join(dir, 'policy.yaml'), policy(rev, more));

        return dir;
    };

    verb('stage', source('r2', { deny: 'KYC_LEVEL' }));
    assert.throws(() => verb('promote', 'r2', '--untested'), /newly be denied/);
    assert.equal(await revision(g), 'r1');
    verb('promote', 'r2', '--untested', '--max-newly-denied', '100%');
    await becomes(g, 'r2');
    assert.equal((await g.chat('sk-acme')).status, 403);

    verb('stage', source('r3'));
    verb('promote', 'r3', '--untested', '--max-newly-allowed', '100%');
    await becomes(g, 'r3');
    assert.equal((await g.chat('sk-acme')).status, 200);

    verb('rollback');
    await becomes(g, 'r2');
    assert.equal((await g.chat('sk-acme')).status, 403);
});


test('with keys, what is unsigned, altered or older is refused', async (t) => {
    let keys;
    const command = (...args) => execFileSync(COMMAND, ['policy', ...args],
        { encoding: 'utf8' });
    const sign = (g, rev, serial) => command('sign',
        path.join(g.v.root, rev), '--key', g.file('key'), '--name',
        'ops.example.com/policy', '--serial', `${serial}`);
    const g = await following(t, {
        workers: 2,
        expectLog: [/was in force/],
        before: (h) => {
            keys = h.file('keys');
            fs.writeFileSync(keys, command('keygen', '--out', h.file('key'),
                '--name', 'ops.example.com/policy'));
            sign(h, 'r1', 5);
        },
        more: () => ` keys=${keys}`,
    });
    const put = (rev, serial) => {
        g.v.write(rev, policy(rev));

        if (serial !== undefined) {
            sign(g, rev, serial);
        }
    };
    const stays = async (rev, pattern) => {
        const failures = await metric(g, 'sallyport_policy_failures_total');

        g.v.move(rev);
        await until(() => pattern.test(g.errorLog()), `${rev} is refused`);
        assert.notEqual(await revision(g), rev);
        assert.equal((await g.chat('sk-acme')).status, 200);
        assert.ok(await metric(g, 'sallyport_policy_failures_total')
            >= failures);
    };

    assert.equal(await revision(g), 'r1');

    put('plain');
    await stays('plain', /SP107.*not signed/);
    put('altered', 6);
    fs.appendFileSync(path.join(g.v.root, 'altered/policy.yaml'), '\n');
    await stays('altered', /SP107.*not as it was signed/);
    put('older', 4);
    await stays('older', /SP107.*serial 4.*serial 5/);

    put('r2', 7);
    g.v.move('r2');
    await becomes(g, 'r2');
    put('between', 6);
    await stays('between', /SP107.*serial 6.*serial 7/);

    // Nor after a restart: sallyport_state has the highest.
    const [kept] = fs.readdirSync(g.file('state'));

    await until(() => /serial 0*7\n/.test(fs.readFileSync(
        path.join(g.file('state'), kept))), 'the serial is kept');
    await g.nginx.stop('SIGQUIT');
    await assert.rejects(g.start(), /serial 6, and one with serial 7 was/);

    g.v.move('r2');
    fs.appendFileSync(path.join(g.file('state'), kept), 'x');
    await assert.rejects(g.start(), /is not what was written there/);

    fs.writeFileSync(path.join(g.file('state'), kept), fs.readFileSync(
        path.join(g.file('state'), kept)).subarray(0, -1));
    await g.start();
    assert.equal(await revision(g), 'r2');
});


test('what nginx -t says about sallyport_policy', async (t) => {
    const said = async (directive) => {
        const { ok, output } = await testConfiguration(t, {
            http: '',
            whole: (text) => text.replace(/sallyport_policy [^;]*;/,
                (line) => directive(line.slice(17, -1))),
        });

        assert.equal(ok, false, output);

        return output;
    };

    assert.match(await said((p) => `sallyport_policy ${p} colour=red;`),
        /unknown "colour=red"; known are candidate=PATH, keys=FILE and /);
    assert.match(await said((p) => `sallyport_policy ${p} zone=1k;`),
        /bad "zone=1k", a size of at least 1m/);
    assert.match(await said((p) => `sallyport_policy ${p} keys=${p};`),
        /has something else at line 1/);
    assert.match(await said((p) => `sallyport_policy ${p} keys=${p}.not;`),
        /keys ".*\.not" cannot be read.*No such file/);
    assert.match(await said((p) => {
        fs.writeFileSync(`${p}.keys`, KEY);

        return `sallyport_policy ${p} keys=${p}.keys;`;
    }), /SP107.*the policy is not signed/);
    assert.match(await said((p) => `sallyport_policy ${p}.not;`),
        /policy ".*\.not" cannot be used.*No such file/);
});
