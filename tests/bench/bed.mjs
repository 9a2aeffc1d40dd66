// Copyright (C) the Sallyport authors
//
// The test bed: an upstream, Redis with a thousand accounts, and for each
// case an nginx of its own. Everything on 127.0.0.1, in one directory, ended
// and removed by close().

import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { execFileSync, spawnSync } from 'node:child_process';

import { BUILD, FROM, NGINX, PEPPER, ROOT, accountFields, freePort, keyFields,
    kid, spawnServer, startRedis, until } from '../e2e/lib/harness.mjs';

const MODULE = path.join(BUILD, 'ngx_http_sallyport_module.so');
export const GEO = path.join(BUILD, 'geo/country.mmdb');

export const KEYS = 1000;
const PAIRS = 4096;

// None of them is on a shipped list; those of SHUT are embargoed.
const OPEN = ['US', 'DE', 'FR', 'GB', 'JP', 'NL', 'SE', 'KR', 'AU', 'CA',
    'BR', 'IN', 'IT', 'ES', 'PL', 'SG'];
const SHUT = ['KP', 'IR', 'CU'];

// What an upstream answers: 319 bytes, with usage.
const ANSWER = '{"id":"chatcmpl-bench","object":"chat.completion",' +
    '"created":1764000000,"model":"gpt-4o","choices":[{"index":0,"message":' +
    '{"role":"assistant","content":"Both doors are shut; say who you are ' +
    'and what you want, and one of them may open."},"finish_reason":"stop"' +
    '}],"usage":{"prompt_tokens":224,"completion_tokens":21,' +
    '"total_tokens":245}}';

// What each is compared with, and the status that its requests get (200).
export const CASES = {
    bare: { load: false, base: 'bare' },
    off: { gate: 'sallyport off;', base: 'bare' },
    gate: { gate: 'sallyport on;', base: 'bare' },
    gate_audit_all: { gate: 'sallyport on;', audit: 'allows=on',
        base: 'bare' },
    return_403: { load: false, answer: 'return 403;', base: 'return_403',
        status: 403 },
    deny: { gate: 'sallyport on;', from: 'shut', base: 'return_403',
        status: 451 },
};


// The program PIN runs a command on one processor; both are allowed ones.
export function processors() {
    const list = /Cpus_allowed_list:\s*(\S+)/.exec(
        fs.readFileSync('/proc/self/status', 'utf8'))[1];
    const all = list.split(',').flatMap((range) => {
        const [a, b = a] = range.split('-').map(Number);

        return Array.from({ length: b - a + 1 }, (_, i) => a + i);
    });

    return { proxy: all[0], rest: all[1] ?? all[0], count: all.length };
}

export const pin = (cpu, command, args) =>
    ['taskset', ['-c', String(cpu), command, ...args]];

// Where nginx looks for "modules/" of a distribution's packages.
export const modulesPath = /--modules-path=(\S+)/.exec(
    spawnSync(NGINX, ['-V'], { encoding: 'utf8' }).stderr ?? '')?.[1]
    ?? '/usr/lib/nginx/modules';


export function compile(name) {
    const to = path.join(BUILD, 'bench', name);

    fs.mkdirSync(path.dirname(to), { recursive: true });
    execFileSync('gcc', ['-std=gnu11', '-D_GNU_SOURCE', '-O2', '-g',
        '-I' + path.join(ROOT, 'include'), '-o', to,
        path.join(ROOT, 'tests/bench', name + '.c'),
        path.join(BUILD, 'libsallyport.a'), '-lmaxminddb', '-lyaml',
        '-lcrypto', '-lz', '-lzstd', '-lm']);

    return to;
}


// The shipped policy with rates that no load generator reaches.
function writePolicy(dir) {
    const to = path.join(dir, 'policy');

    fs.cpSync(path.join(ROOT, 'policy'), to, { recursive: true });

    const file = path.join(to, 'policy.yaml');
    const text = fs.readFileSync(file, 'utf8');
    const raised = text.replace(/\b(\d+)\/min\b/g,
        (_, n) => `${Number(n) * 1000}/min`);

    if (raised === text) {
        throw new Error('the shipped policy has no rates to raise');
    }

    fs.writeFileSync(file, raised);

    return file;
}


function writeRequests(dir, addresses) {
    const write = (name, countries, n) => {
        const file = path.join(dir, name);
        const list = execFileSync(addresses, [GEO, String(n), '20261123',
            ...countries], { encoding: 'utf8' }).trim().split('\n');

        fs.writeFileSync(file, Array.from({ length: PAIRS }, (_, i) =>
            `${apiKey(i * 7 % KEYS)} ${list[i % n]}\n`).join(''));

        return file;
    };

    // The countries of the second are small: drawing takes its time.
    return { open: write('open.txt', OPEN, PAIRS),
        shut: write('shut.txt', SHUT, PAIRS / 4) };
}


export const apiKey = (i) =>
    `sk-sp-${String(i).padStart(49, '0')}`;


async function enrolAll(redis) {
    await redis.call('HSET', 'sp:data:meta', 'schema', 1, 'dataset', 'bench',
        'term', 1);

    for (let i = 0; i < KEYS; i++) {
        const id = `bench-${i}`;

        // At home wherever the load comes from: a plain allow, with no flag.
        await redis.call('HSET', 'sp:data:acct:' + id, ...accountFields({
            use_locations: OPEN.join(',') }));
        await redis.call('HSET', 'sp:data:key:' + kid(apiKey(i)),
            ...keyFields(id));
    }
}


// "single" for callgrind: one process that is not a master. A case that is
// not of CASES may bring modules of the distribution (modules), lines of its
// own (http, gate), and change: workers, listen, zone, policy, store, body.
export function configuration(bed, name, port,
    { single = false, c = CASES[name] } = {})
{
    const dir = path.join(bed.dir, name);
    const gated = c.load !== false;

    for (const sub of ['audit', 'state', 'tmp']) {
        fs.mkdirSync(path.join(dir, sub), { recursive: true });
    }

    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((n) => `${n}_temp_path ${dir}/tmp/${n};`).join('\n    ');
    const file = path.join(dir, 'nginx.conf');

    fs.writeFileSync(file, `
${gated ? `load_module ${bed.module};` : ''}
${(c.modules ?? []).map((m) => `load_module ${modulesPath}/${m};\n`).join('')}
daemon off;
master_process ${single ? 'off' : 'on'};
worker_processes ${c.workers ?? 1};
${process.getuid() === 0 ? 'user root;' : ''}
error_log ${dir}/error.log warn;
pid ${dir}/nginx.pid;
events { worker_connections 1024; }
http {
    ${temp}
    access_log off;
    keepalive_timeout 300s;
    keepalive_requests 100000000;
    client_header_buffer_size 4k;
    client_body_buffer_size ${c.body ?? '64k'};
    client_max_body_size 8m;
    tcp_nodelay on;
    sendfile off;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    ${gated ? `
    sallyport_policy ${c.policy ?? bed.policy};
    sallyport_geo country=${GEO};
    sallyport_store redis://127.0.0.1:${bed.redis.port}/0${single
        ? ' ttl=10m timeout=5s lease=10m canary=1m' : ''}${
    c.store ?? ''};  # slow under valgrind
    sallyport_pepper ${bed.dir}/pepper;
    sallyport_zone ${c.zone ?? '64m'};
    sallyport_state ${dir}/state;
    sallyport_audit ${dir}/audit ${c.audit ?? ''};` : ''}
    upstream models {
        server 127.0.0.1:${bed.upstreamPort};
        keepalive 256;
        keepalive_requests 100000000;
        keepalive_timeout 300s;
    }
    ${c.http ?? ''}
    server {
        listen 127.0.0.1:${port}${c.listen ?? ''};
        ${c.server ?? ''}
        location / { return 204; }
        location /v1/ {
            ${c.gate ?? ''}
            ${c.answer ?? ''}
            proxy_pass http://models;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Accept-Encoding "";
        }
    }
}
`);

    return file;
}


async function startUpstream(bed, cpu) {
    const dir = path.join(bed.dir, 'upstream');
    const file = path.join(dir, 'nginx.conf');

    fs.mkdirSync(path.join(dir, 'tmp'), { recursive: true });
    bed.upstreamPort = await freePort();
    fs.writeFileSync(file, `
daemon off;
worker_processes 1;
error_log ${dir}/error.log warn;
pid ${dir}/nginx.pid;
events { worker_connections 2048; }
http {
    client_body_temp_path ${dir}/tmp/b;
    proxy_temp_path ${dir}/tmp/p;
    fastcgi_temp_path ${dir}/tmp/f;
    uwsgi_temp_path ${dir}/tmp/u;
    scgi_temp_path ${dir}/tmp/s;
    access_log off;
    keepalive_timeout 300s;
    keepalive_requests 100000000;
    client_header_buffer_size 4k;
    client_max_body_size 64m;
    default_type application/json;
    server {
        listen 127.0.0.1:${bed.upstreamPort};
        location / { return 200 '${ANSWER}'; }
    }
}
`);
    bed.servers.push(spawnServer(...pin(cpu, NGINX, ['-p', dir, '-c', file,
        '-e', path.join(dir, 'error.log')])));
    await answers(bed.upstreamPort, 'the upstream answers');
}


// A port that is listened on is enough where it is not plain HTTP.
export async function answers(port, what, server, scheme = 'http') {
    await until(async () => {
        if (server?.ended) {
            throw new Error(`${what}: it ended`);
        }

        if (scheme !== 'http') {
            return new Promise((resolve) => {
                const socket = net.connect(port, '127.0.0.1');

                socket.once('connect', () => resolve(true));
                socket.once('error', () => resolve(false));
                socket.once('connect', () => socket.destroy());
            });
        }

        try {
            await fetch(`http://127.0.0.1:${port}/`);

            return true;

        } catch {
            return false;
        }
    }, what, 120000);
}


export function childrenOf(master) {
    const text = fs.readFileSync(
        `/proc/${master}/task/${master}/children`, 'utf8');

    return text.trim().split(' ').filter(Boolean).map(Number);
}

// The one child of a master.
export const workerOf = (master) => childrenOf(master)[0];


export async function openBed() {
    const bed = { servers: [], cpu: processors(),
        dir: fs.mkdtempSync(path.join(os.tmpdir(), 'sallyport-bench-')) };

    bed.close = async () => {
        for (const server of bed.servers.reverse()) {
            await server.stop('SIGQUIT', 5000);
        }

        await bed.redis?.stop();
        fs.rmSync(bed.dir, { recursive: true, force: true });
    };

    // The last resort; servers are killed at exit by their own file.
    const remove = () => fs.rmSync(bed.dir, { recursive: true, force: true });

    process.once('exit', remove);
    ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) =>
        process.once(signal, () => process.exit(1)));

    try {
        fs.chmodSync(bed.dir, 0o755);
        bed.module = path.join(bed.dir, 'module.so');    // a build may go on
        fs.copyFileSync(MODULE, bed.module);
        bed.policy = writePolicy(bed.dir);
        bed.requests = writeRequests(bed.dir, compile('addresses'));
        fs.writeFileSync(path.join(bed.dir, 'pepper'), PEPPER, { mode: 0o600 });
        fs.mkdirSync(path.join(bed.dir, 'redis'));
        bed.redis = await startRedis(path.join(bed.dir, 'redis'));
        execFileSync('taskset', ['-a', '-pc', String(bed.cpu.rest),
            String(bed.redis.server.pid)], { stdio: 'ignore' });
        await enrolAll(bed.redis);
        await startUpstream(bed, bed.cpu.rest);

    } catch (e) {
        await bed.close();
        throw e;
    }

    return bed;
}


// { name, port, dir, master, worker } of one case, on the proxy's processor
// unless it says where. "scheme" is that of its port.
export async function startCase(bed, name,
    { c = CASES[name], cpu = bed.cpu.proxy, scheme = 'http' } = {})
{
    const port = await freePort();
    const file = configuration(bed, name, port, { c });
    const dir = path.dirname(file);
    const server = spawnServer(...pin(cpu, NGINX, ['-p', dir, '-c',
        file, '-e', path.join(dir, 'error.log')]));

    bed.servers.push(server);

    try {
        await answers(port, `nginx of "${name}" answers`, server, scheme);

    } catch (e) {
        e.message += '\n' + server.output;
        throw e;
    }

    return { name, port, dir, server, master: server.pid,
        worker: workerOf(server.pid) };
}


export { FROM };
