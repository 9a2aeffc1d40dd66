// Copyright (C) the Sallyport authors
//
// LiteLLM's proxy with custom authentication: it knows the models itself, and
// keys and countries by the function in litellm_auth.py, from memory.

import fs from 'node:fs';
import path from 'node:path';
import { createHash, randomBytes } from 'node:crypto';

import { BUILD, freePort, spawnServer } from '../../e2e/lib/harness.mjs';
import { GEO, answers, pin } from '../bed.mjs';
import { accounts, models, refused } from './data.mjs';

const HERE = import.meta.dirname ?? path.dirname(
    new URL(import.meta.url).pathname);
const PROGRAM = path.join(BUILD, 'rivals/python/bin/litellm');


export const litellm = {
    name: 'litellm',
    checks: ['country', 'key', 'model'],
    says: 'custom_auth in Python: SHA-256 of the key, record, country by ' +
        'maxminddb; its own list of models; no database, no audit log',
    slow: true,
    missing: () => fs.existsSync(PROGRAM) ? undefined
        : 'the PyPI package litellm[proxy] could not be had',

    async start(bed) {
        const dir = path.join(bed.dir, 'litellm');
        const port = await freePort();

        fs.mkdirSync(dir);
        fs.copyFileSync(path.join(HERE, 'litellm_auth.py'),
            path.join(dir, 'litellm_auth.py'));
        fs.writeFileSync(path.join(dir, 'accounts.json'),
            JSON.stringify(Object.fromEntries(accounts().map(
                ({ key, ...rest }) => [createHash('sha256').update(key)
                    .digest('hex'), rest]))));

        // JSON is YAML.
        fs.writeFileSync(path.join(dir, 'config.yaml'), JSON.stringify({
            model_list: Object.keys(models).map((model_name) => ({ model_name,
                litellm_params: { model: 'openai/' + model_name,
                    api_base: `http://127.0.0.1:${bed.upstreamPort}/v1`,
                    api_key: 'none' } })),
            litellm_settings: { telemetry: false, num_retries: 0 },
            router_settings: { disable_cooldowns: true },
            general_settings: {
                master_key: 'sk-' + randomBytes(24).toString('hex'),
                custom_auth: 'litellm_auth.user_api_key_auth',
                disable_spend_logs: true } }));

        const server = spawnServer(...pin(bed.cpu.proxy, PROGRAM, ['--config',
            path.join(dir, 'config.yaml'), '--host', '127.0.0.1', '--port',
            port, '--num_workers', '1', '--telemetry', 'False']), {
            cwd: dir, env: { PATH: process.env.PATH, HOME: dir,
                BENCH_GEO: GEO, BENCH_REFUSED: refused.join(' '),
                BENCH_ACCOUNTS: path.join(dir, 'accounts.json'),
                LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOG: 'ERROR',
                LITELLM_MODE: 'PRODUCTION', NO_DOCS: 'True' } });

        bed.servers.push(server);
        await answers(port, 'litellm answers', server).catch((e) => {
            throw new Error(e.message + '\n' + server.output.slice(-3000));
        });

        return { name: 'litellm', port, dir, worker: server.pid };
    },
};
