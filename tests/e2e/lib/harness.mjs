// Copyright (C) the Sallyport authors
//
// A gate for one test: real nginx with the module, real Redis, an upstream
// that counts arrivals, all on ports of their own in a directory of their
// own. When the test ends, everything is stopped and checked: nothing in the
// error log that must not be there, audit chains whole, every arrival
// allowed, every allow settled.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import http from 'node:http';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { execFileSync, spawnSync } from 'node:child_process';

import { startUpstream } from '../../../demo/upstream.mjs';
import { spawnServer, freePort, until } from './process.mjs';
import { startRedis } from './redis.mjs';
import { readLanes, readRecords, verifyLanes, verifyLedger,
    verifyRecords } from './audit.mjs';
import { PEPPER, enrol, writeMeta } from './accounts.mjs';

export { until, spawnServer, freePort } from './process.mjs';
export { kid, enrol, writeMeta, accountFields, keyFields,
    PEPPER } from './accounts.mjs';
export { ledger, readLanes, readRecords, verifyChain, verifyLanes } from './audit.mjs';
export { startRedis, connectRedis } from './redis.mjs';
export { startUpstream } from '../../../demo/upstream.mjs';

export const ROOT = path.resolve(import.meta.dirname ??
    path.dirname(new URL(import.meta.url).pathname), '../../..');
export const BUILD = path.resolve(ROOT, process.env.BUILD ?? 'build');
export const NGINX = process.env.SALLYPORT_NGINX ?? '/usr/sbin/nginx';

const MODULE = process.env.SALLYPORT_MODULE
    ?? path.join(BUILD, 'ngx_http_sallyport_module.so');
const about = spawnSync(NGINX, ['-V'], { encoding: 'utf8' }).stderr ?? '';
export const isStatic = /--add-module=/.test(about);
const isRoot = process.getuid() === 0;

export const nginxVersion = (/nginx\/(\d+)\.(\d+)\.(\d+)/.exec(about) ?? [])
    .slice(1).map(Number);

const hasHttp2Directive = nginxVersion[0] > 1 || nginxVersion[1] > 25
    || (nginxVersion[1] === 25 && nginxVersion[2] >= 1);

// What an error log must never hold.
const BAD = /\[(alert|emerg)\]|Sanitizer|runtime error:|exited on signal/;

// nginx asks five times for a port that a client of another test has just
// been given; if it never gets it, it ends, and the test sees that.
const TAKEN = /\[emerg\] .* bind\(\) to 127\.0\.0\.1:\d+ failed \(98: /;

// Public addresses of the sample database (build/geo/country.mmdb).
export const FROM = {
    US: '8.8.8.8', NL: '193.0.6.139', KP: '175.45.176.1', IR: '5.160.0.1',
    nowhere: '194.150.168.168',
};

const npm = createRequire(path.join(BUILD, 'npm/tests/package.json'));

// A package of tests/package.json.
export const sdk = (name) => npm(name);


const DEFAULT_POLICY = fs.readFileSync(
    new URL('../policy.yaml', import.meta.url), 'utf8');


function configuration(g, o) {
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((n) => `${n}_temp_path ${g.dir}/tmp/${n};`).join('\n    ');
    const h2 = !o.h2 ? ''
        : hasHttp2Directive ? `listen 127.0.0.1:${g.h2Port}; http2 on;`
            : `listen 127.0.0.1:${g.h2Port} http2;`;
    const server = (listen) => `
    server {
        ${listen}
        client_max_body_size 8m;
        client_body_buffer_size ${o.bodyBuffer ?? '1m'};
        ${o.server ?? ''}

        location ${o.path ?? '/v1/'} {
            sallyport ${o.mode ?? 'on'};
            ${o.location ?? ''}
            ${o.proxy ?? 'proxy_pass http://models;'}
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Accept-Encoding "";
            proxy_buffering ${o.buffering ?? 'off'};
            proxy_read_timeout ${o.readTimeout ?? '600s'};
        }

        ${o.locations ?? ''}

        location = /healthz { sallyport_health; }
        location = /metrics { sallyport_metrics; }
    }`;

    return `
${isStatic ? '' : `load_module ${o.module ?? MODULE};`}
daemon off;
master_process on;
worker_processes ${o.workers ?? 1};
error_log ${g.dir}/error.log ${o.logLevel ?? 'info'};
pid ${g.dir}/nginx.pid;
${isRoot ? 'user www-data;' : ''}
worker_shutdown_timeout ${o.shutdown ?? '10s'};
${o.main ?? ''}
events { worker_connections 2048; }
http {
    ${temp}
    ${o.logFormat ? `log_format own '${o.logFormat}';` : ''}
    access_log ${g.dir}/access.log ${o.logFormat ? 'own' : 'combined'};
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    sallyport_policy ${g.policy};
    ${o.geo ?? `sallyport_geo country=${BUILD}/geo/country.mmdb;`}
    ${o.store ?? `sallyport_store redis://127.0.0.1:${g.redis?.port}/0;`}
    sallyport_pepper ${g.dir}/pepper;
    sallyport_zone ${o.zone ?? '8m'};
    sallyport_state ${g.dir}/state;
    sallyport_audit ${g.dir}/audit ${o.audit ?? 'allows=on'};
    upstream models {
        server 127.0.0.1:${g.upstream?.port ?? 9};
        ${o.upstreams ?? ''}
        keepalive 16;
    }
    ${o.http ?? ''}
    ${server(`listen 127.0.0.1:${g.port};`)}
    ${h2 && server(h2)}
}
`;
}


function makeDirectories(g, o) {
    g.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sallyport-'));
    fs.chmodSync(g.dir, 0o755);

    for (const name of ['tmp', 'state', 'audit', 'redis']) {
        fs.mkdirSync(path.join(g.dir, name));
    }

    g.policy = path.join(g.dir, 'policy.yaml');
    fs.writeFileSync(g.policy, o.policy ?? DEFAULT_POLICY);
    fs.writeFileSync(path.join(g.dir, 'pepper'), o.pepper ?? PEPPER,
        { mode: 0o400 });

    if (isRoot) {
        execFileSync('chown', ['-R', 'www-data:', g.dir]);
    }
}


// Starts nginx on fresh ports; another process may take one meanwhile.
async function startNginx(g, o) {
    for (let attempt = 0; ; attempt++) {
        g.port = await freePort();

        do {
            g.h2Port = o.h2 && await freePort();
        } while (g.h2Port === g.port);

        g.url = `http://127.0.0.1:${g.port}`;
        fs.writeFileSync(path.join(g.dir, 'nginx.conf'), configuration(g, o));

        g.nginx = spawnServer(NGINX, ['-e', g.file('error.log'),
            '-p', g.dir, '-c', g.file('nginx.conf')],
        { env: { ...process.env, ...o.env } });

        const up = await until(() => g.nginx.ended ? 'ended'
            : fs.existsSync(path.join(g.dir, 'nginx.pid'))
                && spawnedWorkers(g).length >= (o.workers ?? 1) && 'up',
        'nginx starts');

        if (up === 'up') {
            return;
        }

        if (attempt === 4 || !/Address already in use/.test(g.nginx.output)) {
            throw new Error('nginx ended at start: ' + g.nginx.output +
                g.errorLog());
        }

        fs.rmSync(path.join(g.dir, 'error.log'), { force: true });
    }
}


// The master's children, as the kernel knows them.
export function spawnedWorkers(g) {
    return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))
        .filter((pid) => {
            try {
                const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
                const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2)
                    .split(' ');

                return Number(parent) === g.nginx.pid && state !== 'Z';

            } catch {
                return false;
            }
        }).map(Number);
}


function call(g, { method, path: target = '/v1/chat/completions', key,
    from = FROM.US, headers = {}, body, port = g.port, agent = false,
    onResponse } = {})
{
    const payload = body === undefined || typeof body === 'string'
        || Buffer.isBuffer(body) ? body : JSON.stringify(body);

    return new Promise((resolve, reject) => {
        const req = http.request({
            host: '127.0.0.1', port, path: target, agent,
            method: method ?? (payload === undefined ? 'GET' : 'POST'),
            headers: {
                'X-Forwarded-For': from,
                ...(payload !== undefined && {
                    'Content-Type': 'application/json',
                    'Content-Length': Buffer.byteLength(payload),
                }),
                ...(key && { Authorization: 'Bearer ' + key }),
                ...headers,
            },
        }, async (res) => {
            const chunks = [];

            onResponse?.(res, req);

            try {
                for await (const chunk of res) {
                    chunks.push(chunk);
                }
            } catch (e) {
                return reject(e);
            }

            const text = Buffer.concat(chunks).toString();
            let json;

            try {
                json = JSON.parse(text);
            } catch {
                // a stream, or no body
            }

            resolve({ status: res.statusCode, headers: res.headers, text,
                json, rawHeaders: res.rawHeaders });
        });

        req.on('error', reject);
        req.end(payload);
    });
}


export const chat = (model = 'small', rest = {}) =>
    ({ model, messages: [{ role: 'user', content: 'hello there' }], ...rest });


// Checks of the ledger on what the gate left behind.
function verify(g, o) {
    const bad = g.errorLog().split('\n').filter((line) => BAD.test(line)
        && !TAKEN.test(line) && !(o.expectLog ?? []).some((re) => re.test(line)));

    assert.deepEqual(bad, [], 'lines that must not be in the error log');

    if (o.checkAudit === false) {
        return;
    }

    verifyLanes(readLanes(g.audit), { mayBeTorn: o.mayBeTorn });
    verifyRecords(readRecords(g.audit));

    if (/allows=on/.test(o.audit ?? 'allows=on') && (o.mode ?? 'on') === 'on'
        && o.checkLedger !== false)
    {
        verifyLedger(readRecords(g.audit), g.upstream.arrivals);
    }
}


// A running gate that ends with the test "t". Options are those read above;
// "without" names parts not to start: redis, nginx.
export async function gate(t, o = {}) {
    const g = { options: o };

    makeDirectories(g, o);
    g.audit = path.join(g.dir, 'audit');
    g.file = (name) => path.join(g.dir, name);
    g.errorLog = () => fs.existsSync(g.file('error.log'))
        ? fs.readFileSync(g.file('error.log'), 'utf8') : '';
    g.records = () => readRecords(g.audit);

    g.call = (options) => call(g, options);
    g.chat = (key, model, rest) =>
        call(g, { key, body: chat(model), ...rest });
    g.enrol = (id, account, key, more) =>
        enrol(g.redis, id, account, key, more);
    g.signal = (signal) => g.nginx.kill(signal);

    // New workers serve and the old ones are gone.
    g.reload = async () => {
        const before = spawnedWorkers(g);

        g.signal('SIGHUP');
        await until(() => {
            const after = spawnedWorkers(g);

            return after.length >= (o.workers ?? 1)
                && !after.some((pid) => before.includes(pid));
        }, 'the reload ends', 20000);
    };

    // Resolves when "count" records of a kind satisfy "filter".
    g.waitRecords = (kind, count = 1, filter = () => true) => until(() => {
        const found = readLanes(g.audit)
            .flatMap(({ lines }) => lines.map(JSON.parse))
            .filter((r) => r.t === kind && filter(r));

        return found.length >= count && found;
    }, `${count} ${kind} record(s)`);

    let stopped = false;

    g.stop = async () => {
        if (stopped) {
            return;
        }

        stopped = true;

        if (g.nginx && !g.nginx.ended) {
            await g.nginx.stop('SIGQUIT');
            assert.ok(!g.nginx.killed, 'nginx did not end on QUIT');
        }
    };

    t.after(async () => {
        try {
            await g.stop();
            g.nginx && verify(g, o);

        } catch (e) {
            e.message += `\n(${g.dir} is kept)\n` +
                g.errorLog().split('\n').slice(-15).join('\n');
            g.keep = true;
            throw e;

        } finally {
            await g.upstream?.stop();
            await g.redis?.stop();

            if (!g.keep && !process.env.SALLYPORT_KEEP) {
                fs.rmSync(g.dir, { recursive: true, force: true });
            }
        }
    });

    g.upstream = await startUpstream();

    if (!o.without?.includes('redis')) {
        g.redis = await startRedis(g.file('redis'));
        await writeMeta(g.redis);
        await o.seed?.(g.redis);
    }

    if (!o.without?.includes('nginx')) {
        await startNginx(g, o);
    }

    g.start = () => startNginx(g, o);

    return g;
}


// For gate() in place of a test: a gate that all tests of a file share, which
// ends with the file. To be called at the top of the file: an after() inside
// a hook would run at the end of the hook.
export function sharedBy(after) {
    const ends = [];

    after(async () => {
        for (const end of ends) {
            await end();
        }
    });

    return { after: (end) => ends.push(end) };
}


// What nginx says to a configuration: { ok, output }, directory names and
// line numbers as they are.
export async function testConfiguration(t, o = {}) {
    const g = await gate(t, { ...o, without: ['redis', 'nginx'] });

    g.port = await freePort();
    g.h2Port = await freePort();
    g.redis = { port: 1, stop() {} };

    const text = (o.whole ?? ((x) => x))(configuration(g, o));

    fs.writeFileSync(g.file('nginx.conf'), text);

    // nginx leaves its pools to the kernel when it has only tested.
    const run = spawnSync(NGINX, ['-t', '-e', g.file('error.log'), '-p', g.dir,
        '-c', g.file('nginx.conf')], { encoding: 'utf8',
        env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } });

    assert.doesNotMatch(run.stderr, /Sanitizer|runtime error:/);

    return { ok: run.status === 0, output: run.stderr, text, dir: g.dir };
}
