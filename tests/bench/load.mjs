// Copyright (C) the Sallyport authors
//
// Load: wrk for time, and exactly N requests for counting.

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { CASES, compile, pin } from './bed.mjs';

const WORDS = ['file', 'what', 'lenient'];    // no options of load.c
const execute = promisify(execFile);
const SCRIPT = path.join(import.meta.dirname ??
    path.dirname(new URL(import.meta.url).pathname), 'load.lua');


// CPU time of all threads of a process in ns.
export function cpuTime(pid) {
    return fs.readdirSync(`/proc/${pid}/task`).reduce((sum, thread) =>
        sum + BigInt(fs.readFileSync(`/proc/${pid}/task/${thread}/schedstat`,
            'utf8').split(' ')[0]), 0n);
}


// Load by load.c, whose options are those of "way"; every answer must be 200,
// if it is not "lenient".
// "worker" may be several; "beside" are servers that the case needs besides.
export async function runLoad(bed, c, way = {}) {
    bed.load ??= compile('load');

    const workers = [c.worker].flat();
    const cpu = (pids) => pids.reduce((sum, pid) => sum + cpuTime(pid), 0n);
    const before = [cpu(workers), cpu(c.beside ?? [])];
    const { stdout } = await execute(...pin(bed.cpu.rest, bed.load,
        [String(c.port), way.file ?? bed.requests.open,
            ...Object.entries(way)
                .filter(([name]) => !WORDS.includes(name))
                .map(([name, value]) => `${name}=${value}`)]));
    const r = JSON.parse(stdout);

    if (r.errors !== 0 || (r.refused !== 0 && !way.lenient)
        || r.requests === 0)
    {
        throw new Error(`${c.name}: ${stdout.trim()}; see ${c.dir}`);
    }

    return { rps: r.requests / (r.duration_us / 1e6), p50_us: r.p50_us,
        p99_us: r.p99_us, requests: r.requests, missed: r.missed,
        cpu_us: Number(cpu(workers) - before[0]) / 1000 / r.requests,
        beside_cpu_us: Number(cpu(c.beside ?? []) - before[1]) / 1000 /
            r.requests };
}


export async function runWrk(bed, c, seconds, first = 0) {
    const file = bed.requests[CASES[c.name]?.from ?? 'open'];
    const before = cpuTime(c.worker);
    const { stdout } = await execute(...pin(bed.cpu.rest, 'wrk', ['-t1',
        '-c64', `-d${seconds}s`, '-s', SCRIPT, `http://127.0.0.1:${c.port}`,
        '--', file, String(first)]));
    const cpu = Number(cpuTime(c.worker) - before);
    const r = JSON.parse(stdout.trim().split('\n').pop());
    const wrong = CASES[c.name].status === undefined ? r.refused
        : r.requests - r.refused;

    // wrk counts an answer that came in the last moment in one place only.
    if (r.errors !== 0 || Math.abs(wrong) > 64) {
        throw new Error(`${c.name}: ${r.requests} requests, ${r.refused} ` +
            `refused, ${r.errors} errors; see ${c.dir}/error.log`);
    }

    return { rps: r.requests / (r.duration_us / 1e6),
        cpu_us: cpu / 1000 / r.requests, p50_us: r.p50_us, p99_us: r.p99_us,
        requests: r.requests };
}


// Exactly n requests over "connections" kept connections, cycling over the
// first "pairs" of the case's file. Throws on an answer that is not "status".
// "again": how many requests may be sent again that got 503: a cold gate asks
// its store only so fast, and under valgrind look-ups can be too slow for it.
export async function send(bed, c, n, { connections = 8, pairs = 64,
    status = 200, again = 0 } = {})
{
    const lines = fs.readFileSync(bed.requests[CASES[c.name]?.from ?? 'open'],
        'utf8').split('\n', pairs).map((line) => line.split(' '));
    const body = JSON.stringify({ messages: [{ role: 'user',
        content: 'The door is guarded on both sides. '.repeat(26) }],
    temperature: 0.2, model: 'gpt-4o', max_tokens: 64 });
    const agent = new http.Agent({ keepAlive: true,
        maxSockets: connections });
    let at = 0;

    const one = (number) => new Promise((resolve, reject) => {
        const [key, address] = lines[number % lines.length];
        const req = http.request({ agent, host: '127.0.0.1', port: c.port,
            method: 'POST', path: '/v1/chat/completions', headers: {
                authorization: 'Bearer ' + key, 'x-forwarded-for': address,
                'content-type': 'application/json',
                'content-length': Buffer.byteLength(body) } }, (res) => {
            res.resume();
            res.on('end', () => {
                if (res.statusCode === status) {
                    resolve();

                } else if (res.statusCode === 503 && again-- > 0) {
                    one(number).then(resolve, reject);

                } else {
                    reject(new Error(`${c.name}: status ${res.statusCode}`));
                }
            });
        });

        req.on('error', reject);
        req.end(body);
    });

    const worker = async () => {
        while (at < n) {
            await one(at++);
        }
    };

    try {
        await Promise.all(Array.from({ length: connections }, worker));

    } finally {
        agent.destroy();
    }
}
