// Copyright (C) the Sallyport authors
//
// HAProxy: country by a map of networks, account by a map of the keys'
// SHA-256, rate by a stick table, model by json_query.

import fs from 'node:fs';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';

import { freePort, spawnServer } from '../../e2e/lib/harness.mjs';
import { GEO, answers, pin } from '../bed.mjs';
import { accounts, models, refused } from './data.mjs';
import { writeNetworks } from './mmdb.mjs';


const configuration = (bed, dir, port) => `
global
    maxconn 8000
    nbthread 1
    tune.bufsize 16384
    log 127.0.0.1:1 local0 emerg
defaults
    mode http
    timeout client 300s
    timeout server 300s
    timeout connect 5s
    timeout http-keep-alive 300s
    http-reuse always
    option http-keep-alive
    option http-no-delay
frontend front
    bind 127.0.0.1:${port} backlog 4096
    option http-buffer-request
    http-request set-var(txn.country) req.hdr(x-forwarded-for),map_ip(${dir}/networks.map,XX)
    http-request deny deny_status 403 if { var(txn.country) -m str ${refused.join(' ')} }
    http-request set-var(txn.account) http_auth_bearer(authorization),sha2(256),hex,lower,map_str(${dir}/keys.map)
    http-request deny deny_status 401 unless { var(txn.account) -m found }
    stick-table type string len 64 size 1m expire 60s store http_req_rate(10s)
    http-request track-sc0 var(txn.account)
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt 10000000 }
    http-request set-var(txn.model) req.body,json_query('$.model')
    http-request deny deny_status 403 unless { var(txn.model) -m str ${Object.keys(models).join(' ')} }
    default_backend models
backend models
    server one 127.0.0.1:${bed.upstreamPort} pool-max-conn -1 pool-purge-delay 300s
`;


export const haproxy = {
    name: 'haproxy',
    checks: ['country', 'key', 'model'],
    says: 'map of networks, map of SHA-256 of the keys, stick table, ' +
        'json_query; no record beyond the account\'s name, no audit log',
    missing: () => spawnSync('haproxy', ['-v']).status === 0 ? undefined
        : 'there is no haproxy',

    async start(bed) {
        const dir = path.join(bed.dir, 'haproxy');
        const file = path.join(dir, 'haproxy.cfg');
        const port = await freePort();

        fs.mkdirSync(dir);
        writeNetworks(GEO, path.join(dir, 'networks.map'));
        fs.writeFileSync(path.join(dir, 'keys.map'), accounts().map(
            ({ key, id }) => createHash('sha256').update(key).digest('hex') +
                ` ${id}\n`).join(''));
        fs.writeFileSync(file, configuration(bed, dir, port));

        const server = spawnServer(...pin(bed.cpu.proxy, 'haproxy',
            ['-db', '-q', '-f', file]));

        bed.servers.push(server);
        await answers(port, 'haproxy answers', server).catch((e) => {
            throw new Error(e.message + '\n' + server.output);
        });

        return { name: 'haproxy', port, dir, worker: server.pid };
    },
};
