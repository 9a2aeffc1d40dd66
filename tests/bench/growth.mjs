// Copyright (C) the Sallyport authors
//
// How the cost of the gate grows: workers, TLS, HTTP/2, bodies, accounts,
// rules. Each row is the gate beside a bare nginx of the same configuration,
// in interleaved rounds. GROWTH names the rows to measure.

import fs from 'node:fs';
import path from 'node:path';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { promisify } from 'node:util';

import { accountFields, keyFields, kid, nginxVersion,
    until } from '../e2e/lib/harness.mjs';
import { KEYS, apiKey, childrenOf, openBed, pin, startCase } from './bed.mjs';
import { cpuTime, runLoad, send } from './load.mjs';
import { RESULTS, dropAudit, keep, machine } from './results.mjs';
import { policyOf } from './rules.mjs';
import { interval, median } from './stats.mjs';

const execute = promisify(execFile);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.ROUND_SECONDS ?? 2);
const HERE = import.meta.dirname ?? path.dirname(
    new URL(import.meta.url).pathname);

const WARM_RATE = 3000;     // new accounts a second; each is two look-ups
const http2 = nginxVersion[0] > 1 || nginxVersion[1] >= 25
    ? { listen: '', server: 'http2 on;' } : { listen: ' http2', server: '' };


// A self-signed certificate of this run.
function certificate(bed) {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
        '/CN=localhost', '-keyout', path.join(bed.dir, 'key.pem'), '-out',
        path.join(bed.dir, 'cert.pem')], { stdio: 'ignore' });

    return `ssl_certificate ${bed.dir}/cert.pem; ` +
        `ssl_certificate_key ${bed.dir}/key.pem;`;
}


// "n" accounts with a key each, and a file of callers that has them all.
async function enrolMany(bed, n) {
    const pipe = spawn('redis-cli', ['-p', String(bed.redis.port), '--pipe'],
        { stdio: ['pipe', 'ignore', 'inherit'] });
    const addresses = fs.readFileSync(bed.requests.open, 'utf8').trim()
        .split('\n').map((line) => line.split(' ')[1]);
    const command = (...args) => `*${args.length}\r\n` + args.map((a) =>
        `$${Buffer.byteLength(String(a))}\r\n${a}\r\n`).join('');
    const fields = accountFields({
        use_locations: 'US,DE,FR,GB,JP,NL,SE,KR,AU,CA,BR,IN,IT,ES,PL,SG' });
    const file = path.join(bed.dir, `callers-${n}.txt`);
    const out = fs.createWriteStream(file);

    for (let i = 0; i < n; i += 1000) {
        let commands = '';
        let lines = '';

        for (let k = i; k < Math.min(n, i + 1000); k++) {
            if (k >= KEYS) {
                commands += command('HSET', 'sp:data:acct:bench-' + k,
                    ...fields) + command('HSET', 'sp:data:key:' +
                    kid(apiKey(k)), ...keyFields('bench-' + k));
            }

            lines += `${apiKey(k)} ${addresses[k % addresses.length]}\n`;
        }

        if (!pipe.stdin.write(commands)) {
            await new Promise((resolve) => pipe.stdin.once('drain', resolve));
        }

        out.write(lines);
    }

    pipe.stdin.end();
    await new Promise((resolve) => pipe.once('exit', resolve));
    await new Promise((resolve) => out.end(resolve));

    return file;
}


// Load that is not plain HTTP/1.1: requests and CPU as runLoad gives them.
async function runOther(bed, c, command, args, parse) {
    const cpu = () => [c.worker].flat().reduce((sum, pid) =>
        sum + cpuTime(pid), 0n);
    const before = cpu();
    const { stdout } = await execute(...pin(bed.cpu.rest, command, args));
    const { requests, seconds, good } = parse(stdout);

    if (requests === 0 || Math.abs(requests - good) > 64) {
        throw new Error(`${c.name}: ${stdout.slice(-600)}`);
    }

    return { rps: requests / seconds,
        cpu_us: Number(cpu() - before) / 1000 / requests };
}

const runTls = (bed, c, seconds) => runOther(bed, c, 'wrk', ['-t1', '-c64',
    `-d${seconds}s`, '-s', path.join(HERE, 'load.lua'),
    `https://127.0.0.1:${c.port}`, '--', bed.requests.open, '0'], (text) => {
    const r = JSON.parse(text.trim().split('\n').pop());

    return { requests: r.requests, seconds: r.duration_us / 1e6,
        good: r.requests - r.refused - r.errors };
});

function runHttp2(bed, c, seconds) {
    const [key, address] = fs.readFileSync(bed.requests.open, 'utf8')
        .split('\n', 1)[0].split(' ');
    const body = path.join(bed.dir, 'body.json');

    fs.writeFileSync(body, JSON.stringify({ messages: [{ role: 'user',
        content: 'The door is guarded on both sides. '.repeat(26) }],
    model: 'gpt-4o', max_tokens: 64 }));

    return runOther(bed, c, 'h2load', ['-c16', '-m16', '-t1',
        '-D', String(seconds), '-d', body,
        '-H', `authorization: Bearer ${key}`,
        '-H', `x-forwarded-for: ${address}`,
        '-H', 'content-type: application/json',
        `http://127.0.0.1:${c.port}/v1/chat/completions`], (text) => ({
        requests: Number(/requests: (\d+) total/.exec(text)[1]),
        seconds,
        good: Number(/status codes: (\d+) 2xx/.exec(text)[1]) }));
}


const plain = (way = {}) => (bed, c, seconds) =>
    runLoad(bed, c, { ...way, seconds });


// { name: [what changes, how it is loaded, what must be made first] }
const rows = {
    '1 worker, 1 KB': {},
    '2 workers': { change: { workers: 2 }, cpu: 'both' },
    'TLS': { load: runTls, scheme: 'https', change: (bed) => ({
        listen: ' ssl', server: certificate(bed) }) },
    'HTTP/2, one caller': { load: runHttp2, scheme: 'h2', change: http2 },
    'body 64 KB': { change: { body: '2m' }, load: plain({ body: 65536 }) },
    'body 1 MB': { change: { body: '2m' }, load: plain({ body: 1048576 }) },
    ...Object.fromEntries([100000, 1000000].map((n) =>
        [`${n} accounts`, { accounts: n, change: {
            zone: n > 100000 ? '2048m' : '256m', store: ' ttl=10m' } }])),
    ...Object.fromEntries([10, 100, 1000, 10000].map((n) =>
        [`${n} rules`, { change: (bed) =>
            ({ policy: policyOf(bed, n) }) }])),
};


async function warm(bed, gate, file, n, scheme) {
    if (scheme !== undefined) {
        return;     // its load is of callers that are warmed by the load
    }

    if (n === undefined) {
        await send(bed, gate, KEYS, { connections: 2, pairs: KEYS,
            again: 20000 });

        return;
    }

    // Every account once, not faster than the store is asked for strangers.
    await runLoad(bed, gate, { file, rate: WARM_RATE,
        seconds: Math.ceil(n / WARM_RATE) + 1, lenient: 1 });
}


async function measure(bed, name, row) {
    const change = typeof row.change === 'function' ? row.change(bed)
        : row.change ?? {};
    const file = row.accounts && await enrolMany(bed, row.accounts);
    const load = row.load ?? plain(file ? { file } : {});
    const where = { scheme: row.scheme, ...(row.cpu === 'both' && {
        cpu: `${bed.cpu.proxy},${bed.cpu.rest}` }) };
    const id = name.replace(/\W+/g, '-');
    const start = (kind, c) => startCase(bed, `${id}-${kind}`,
        { ...where, c: { ...c, ...change } });
    const cases = { bare: await start('bare', { load: false }),
        gate: await start('gate', { gate: 'sallyport on;' }) };

    try {
        for (const c of Object.values(cases)) {
            c.worker = await until(() => {
                const all = childrenOf(c.master);

                return all.length >= (change.workers ?? 1) && all;
            }, 'workers');
        }

        await warm(bed, cases.gate, file, row.accounts, row.scheme);

        const rounds = [];

        for (let i = -1; i < ROUNDS; i++) {
            const round = {};

            for (const [kind, c] of Object.entries(cases)) {
                round[kind] = await load(bed, c, i < 0 ? 1 : SECONDS)
                    .catch((e) => { if (i >= 0) { throw e; } });
            }

            dropAudit(cases.gate);
            i >= 0 && rounds.push(round);
        }

        const of = (f) => median(rounds.map(f));
        const ratios = rounds.map((r) => r.gate.rps / r.bare.rps);

        return { rps: Math.round(of((r) => r.gate.rps)),
            ratio: median(ratios), ratio_ci: interval(ratios),
            bare_cpu_us: of((r) => r.bare.cpu_us),
            cpu_us: of((r) => r.gate.cpu_us),
            added_us: of((r) => r.gate.cpu_us - r.bare.cpu_us) };

    } finally {
        for (const c of Object.values(cases)) {
            await c.server.stop('SIGQUIT', 5000);
        }
    }
}


const wanted = process.env.GROWTH?.split(',');
const bed = await openBed();
const growth = {};
const right = (text, n) => String(text).padStart(n);

try {
    console.log('What the gate adds, beside a bare nginx of the same kind; ' +
        `medians of ${ROUNDS} rounds of ${SECONDS} s\n`);
    console.log(`${'row'.padEnd(20)}${right('req/s', 8)}` +
        `${right('of bare', 9)}${right('bare us', 10)}${right('gate us', 10)}` +
        right('added us', 10));

    for (const [name, row] of Object.entries(rows)) {
        if (wanted && !wanted.some((w) => name.includes(w))) {
            continue;
        }

        try {
            const r = growth[name] = await measure(bed, name, row);

            console.log(name.padEnd(20) + right(r.rps, 8) +
                right(r.ratio.toFixed(2), 9) +
                right(r.bare_cpu_us.toFixed(1), 10) +
                right(r.cpu_us.toFixed(1), 10) +
                right(r.added_us.toFixed(2), 10));

        } catch (e) {
            growth[name] = { error: e.message };
            console.log(`${name.padEnd(20)} ${e.message}`);
            process.exitCode = 1;
        }
    }

    keep({ growth: { machine: machine(bed, { rounds: ROUNDS,
        seconds: SECONDS }), rows: growth } });
    console.log(`\n${path.relative(process.cwd(), RESULTS)} has all figures`);

} finally {
    await bed.close();
}
