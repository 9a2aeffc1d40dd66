// Copyright (C) the Sallyport authors
//
// nginx with what its distribution offers: geoip2 and limit_req; that and
// auth_request to a second server; Lua doing the gate's checks.

import fs from 'node:fs';
import path from 'node:path';
import { createHash } from 'node:crypto';

import { GEO, modulesPath, startCase } from '../bed.mjs';
import { accounts, models, refused } from './data.mjs';

const HERE = import.meta.dirname ?? path.dirname(
    new URL(import.meta.url).pathname);

// Keys in an nginx map are long strings; the default tables are small.
const GEOIP2 = `
    geoip2 ${GEO} { $country default=XX country_code; }
    map $country $refused { default 0; ${refused.map((c) =>
        c + ' 1;').join(' ')} }`;
const LIMIT = `${GEOIP2}
    limit_req_zone $http_authorization zone=keys:20m rate=100000r/s;`;
const LIMITED = `
            if ($refused) { return 451; }
            limit_req zone=keys burst=100000 nodelay;
            limit_req_status 429;`;

const missing = (...names) => names
    .filter((n) => !fs.existsSync(path.join(modulesPath, n)))
    .map((n) => `${n} is not in ${modulesPath}`)[0];


export const geoip2LimitReq = {
    name: 'geoip2_limit_req',
    checks: ['country'],
    says: 'geoip2, map, limit_req by the key; knows no keys and no models',
    missing: () => missing('ngx_http_geoip2_module.so'),
    start: (bed) => startCase(bed, 'geoip2_limit_req', { c: {
        load: false, modules: ['ngx_http_geoip2_module.so'],
        http: LIMIT, gate: LIMITED } }),
};


// The second server knows the keys; it shares the processor of the upstream.
export const authRequest = {
    name: 'auth_request',
    checks: ['country', 'key'],
    says: 'that, and each key is asked for at a second nginx; no models',
    missing: () => missing('ngx_http_geoip2_module.so'),

    async start(bed) {
        const second = await startCase(bed, 'auth_request_second', {
            cpu: bed.cpu.rest, c: { load: false, http: `
    map_hash_max_size 8192;
    map_hash_bucket_size 256;
    map $http_authorization $account {
        ${accounts().map(({ key, id }) => `"Bearer ${key}" ${id};`)
        .join('\n        ')}
    }`, server: `
        location = /auth {
            if ($account = '') { return 401; }
            add_header X-Account $account;
            return 204;
        }` } });
        const c = await startCase(bed, 'auth_request', { c: { load: false,
            modules: ['ngx_http_geoip2_module.so'], http: `${LIMIT}
    upstream second {
        server 127.0.0.1:${second.port};
        keepalive 256;
        keepalive_requests 100000000;
        keepalive_timeout 300s;
    }`, server: `
        location = /auth {
            internal;
            proxy_pass http://second;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }`, gate: LIMITED + '\n            auth_request /auth;' } });

        return { ...c, beside: [second.worker] };
    },
};


// Records are in a shared dictionary from the start: there is no Redis.
export const lua = {
    name: 'lua',
    checks: ['country', 'key', 'model'],
    says: 'geoip2, and in Lua: SHA-256 of the key, record, model out of ' +
        'the body, token bucket; records preloaded, no Redis, no audit log',
    missing: () => missing('ngx_http_geoip2_module.so', 'ndk_http_module.so',
        'ngx_http_lua_module.so'),

    start(bed) {
        const file = path.join(bed.dir, 'lua-accounts.json');

        fs.writeFileSync(file, JSON.stringify(Object.fromEntries(
            accounts().map(({ key, ...rest }) =>
                [createHash('sha256').update(key).digest('hex'), rest]))));

        return startCase(bed, 'lua', { c: { load: false,
            modules: ['ngx_http_geoip2_module.so', 'ndk_http_module.so',
                'ngx_http_lua_module.so'],
            http: `${GEOIP2}
    lua_shared_dict accounts 20m;
    lua_shared_dict buckets 20m;
    lua_package_path "${HERE}/?.lua;;";
    init_by_lua_block {
        require("gate").load("${file}", ${luaTable(models)})
    }`, gate: 'access_by_lua_block { require("gate").check() }' } });
    },
};


const luaTable = (o) => '{ ' + Object.entries(o).map(([k, v]) =>
    `["${k}"] = ${v}`).join(', ') + ' }';
