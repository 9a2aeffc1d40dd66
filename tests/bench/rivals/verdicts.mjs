// Copyright (C) the Sallyport authors
//
// Before anything is measured: each proxy lets through what it has to and
// nothing else that it claims to check.

import fs from 'node:fs';
import http from 'node:http';

import { FROM } from '../../e2e/lib/harness.mjs';
import { apiKey } from '../bed.mjs';
import { cases, mayPass } from './data.mjs';


function call(port, { key, address, model }) {
    const body = JSON.stringify({ messages: [{ role: 'user',
        content: 'hello' }], model });

    return new Promise((resolve, reject) => {
        const req = http.request({ host: '127.0.0.1', port, method: 'POST',
            path: '/v1/chat/completions', agent: false, headers: {
                authorization: 'Bearer ' + key, 'x-forwarded-for': address,
                'content-type': 'application/json',
                'content-length': Buffer.byteLength(body) } }, (res) => {
            res.resume();
            res.on('end', () => resolve(res.statusCode));
        });

        req.on('error', reject);
        req.end(body);
    });
}

const requestOf = ({ key, country, model }) => ({
    key: key ? apiKey(0) : apiKey(0).replace('sk-sp-0', 'sk-sp-x'),
    address: country ? FROM.US : FROM.KP,
    model: model ? 'gpt-4o' : 'another-model' });

const named = (c) => Object.entries(c).map(([fact, good]) =>
    `${good ? 'good' : 'bad'} ${fact}`).join(', ');


// Lines of what is wrong: none is what must be.
export async function wrongVerdicts(bed, rival, c) {
    const wrong = [];

    for (const facts of cases) {
        const status = await call(c.port, requestOf(facts));
        const passed = status === 200;

        if (passed !== mayPass(facts, rival.checks)
            || (!passed && !(status >= 400 && status < 500)))
        {
            wrong.push(`${rival.name}: ${named(facts)}: status ${status}`);
        }
    }

    // The callers of the measurement, one of each hundred.
    if (rival.checks.includes('country')) {
        wrong.push(...await wrongCallers(bed, rival, c));
    }

    return wrong;
}


async function wrongCallers(bed, rival, c) {
    const wrong = [];

    for (const [name, pass] of [['open', true], ['shut', false]]) {
        const lines = fs.readFileSync(bed.requests[name], 'utf8').split('\n');

        for (let i = 0; i < lines.length - 1; i += 100) {
            const [key, address] = lines[i].split(' ');
            const status = await call(c.port,
                { key, address, model: 'gpt-4o' });

            if ((status === 200) !== pass) {
                wrong.push(`${rival.name}: ${address} (${name}): ${status}`);
            }
        }
    }

    return wrong.slice(0, 5);
}
