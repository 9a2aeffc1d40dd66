// Copyright (C) the Sallyport authors
//
// Floods of refusals: far more than anybody reads, of which few have lines of
// their own. However workers end, decisions and floods count what clients saw.

import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import assert from 'node:assert/strict';

import { gate, until, spawnedWorkers, FROM } from '../e2e/lib/harness.mjs';
import { COMMAND } from '../e2e/lib/command.mjs';

const KILLS = Number(process.env.SALLYPORT_AUDIT_TIMES ?? 20);

const sum = (list, f) => list.reduce((n, r) => n + f(r), 0);

const start = (t, options = {}) => gate(t, { workers: 2, checkLedger: false,
    store: undefined, ...options });


// Clients without a key that are refused until they are told to stop.
function flood(g, clients, from = () => FROM.US) {
    const answers = [];
    let asked = 0;
    let stop = false;

    const client = async (n) => {
        while (!stop) {
            const i = asked++;
            const res = await g.chat(undefined, 'small', { from: from(i, n) })
                .catch(() => null);

            res && answers.push({ status: res.status,
                id: res.headers['x-request-id'] });
        }
    };
    const all = Promise.all(Array.from({ length: clients }, (_, n) =>
        client(n)));

    return { answers, get asked() {
        return asked;
    }, end: async () => {
        stop = true;
        await all;

        return answers;
    } };
}


function counted(g) {
    const records = g.records();
    const refused = records.filter((r) => r.t === 'decision'
        && r.dec === 'deny');
    const floods = records.filter((r) => r.t === 'flood');

    return { refused, floods, n: refused.length + sum(floods, (r) => r.n) };
}


test('a flood is counted exactly, by reason and caller', async (t) => {
    const g = await start(t, { workers: 1, audit: 'allows=on flood=20',
        logFormat: '"$request" $status id=$sallyport_id' });

    await g.enrol('acme');

    const clients = flood(g, 16, (i) => [FROM.US, FROM.NL][i % 2]);

    await until(() => clients.answers.length > 1500, 'a flood', 30000);

    // What the law refuses has its own line, and so has an allow.
    const legal = [];

    for (let i = 0; i < 30; i++) {
        legal.push(await g.chat('sk-acme', 'small', { from: FROM.KP }));
    }

    assert.equal((await g.chat('sk-acme')).status, 200);

    const answers = await clients.end();

    await g.stop();

    const { refused, floods, n } = counted(g);

    assert.ok(answers.every((a) => a.status === 401));
    assert.ok(legal.every((r) => r.status === 451));
    assert.equal(n, answers.length + legal.length);
    assert.equal(refused.filter((r) => r.class === 'legal').length, 30);
    assert.ok(floods.length > 0 && refused.length < n / 2,
        `${refused.length} lines and ${floods.length} floods of ${n}`);
    assert.equal(new Set(floods.map((f) => f.net.ip_p)).size, 2);
    assert.ok(floods.every((f) => f.class === 'credential'
        && f.status === 401 && f.since <= f.until));

    // The command knows them: one of a flood, all by count, with nginx's log.
    const own = new Set(refused.map((r) => r.id));
    const one = answers.find((a) => !own.has(a.id)).id;
    const audit = (...args) => spawnSync(COMMAND, ['audit', ...args],
        { encoding: 'utf8' });
    const shown = audit('show', g.audit, one);

    assert.equal(shown.status, 0, shown.stderr);
    assert.match(shown.stdout, /CRED_MISSING.*in all, to /);

    const agrees = audit('reconcile', g.audit, path.join(g.dir, 'access.log'),
        '--format', 'json');
    const said = JSON.parse(agrees.stdout);

    assert.equal(agrees.status, 0, agrees.stdout);
    assert.equal(said.flooded, sum(floods, (f) => f.n));

    fs.appendFileSync(path.join(g.dir, 'access.log'),
        `"GET / HTTP/1.1" 401 id=${one}\n`);
    assert.equal(audit('reconcile', g.audit, path.join(g.dir, 'access.log'))
        .status, 3);

    const csv = audit('export', g.audit, '--format', 'csv',
        '--class', 'credential').stdout.trim().split('\r\n').slice(1);

    assert.equal(sum(csv, (row) => Number(row.split(',').pop())),
        answers.length);

    const page = path.join(g.dir, 'report.html');

    assert.equal(audit('report', g.audit, '--out', page).status, 0);
    assert.match(fs.readFileSync(page, 'utf8'), new RegExp(
        `: ${n + 1} decisions from`));
});


test(`${KILLS} deaths of workers in a flood: none is lost, none twice`,
    { timeout: 120000 }, async (t) => {
        const g = await start(t, { audit: 'allows=on flood=5',
            expectLog: [/exited on signal 9/] });
        const clients = flood(g, 16, (i) => `198.51.100.${i % 40}`);

        for (let i = 0; i < KILLS; i++) {
            const before = clients.answers.length;
            const workers = spawnedWorkers(g);
            const victim = workers[i % workers.length];

            await until(() => clients.answers.length > before + 150, 'load');
            process.kill(victim, 'SIGKILL');
            await until(() => {
                const now = spawnedWorkers(g);

                return now.length === 2 && !now.includes(victim);
            }, 'a new worker');
        }

        const answers = await clients.end();

        await g.stop();

        // A refusal may be counted whose answer was cut off with its worker.
        const { n, floods } = counted(g);

        assert.ok(floods.length > KILLS / 2, `${floods.length} floods`);
        assert.ok(n >= answers.length && n <= clients.asked,
            `${answers.length} seen, ${n} counted, ${clients.asked} asked`);
    });


test('flood=0: each refusal has its own line', async (t) => {
    const g = await start(t, { audit: 'flood=0' });
    const clients = flood(g, 16);

    await until(() => clients.answers.length > 1500, 'a flood', 30000);

    const answers = await clients.end();

    await g.stop();
    assert.equal(counted(g).refused.length, answers.length);
    assert.equal(counted(g).floods.length, 0);
});
