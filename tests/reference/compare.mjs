// Random policies and requests, decided by the engine and by the reference.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { decide, fromEngine } from './decide.mjs';
import { PolicyMaker } from './generate-policy.mjs';
import { RequestMaker } from './generate-request.mjs';
import { load } from './policy.mjs';
import { Random } from './random.mjs';

const COMMAND = join(process.cwd(), process.env.BUILD ?? 'build', 'sallyport');

/** Lines that the engine prints for requests: { code, lines, stderr }. */
export function engine(file, requests) {
    return new Promise((resolve, reject) => {
        const child = spawn(COMMAND, ['explain', file, '--batch', '-']);
        const out = [];
        let stderr = '';

        child.stdout.on('data', (data) => out.push(data));
        child.stderr.on('data', (data) => { stderr += data; });
        child.stdin.on('error', () => {});
        child.on('error', reject);
        child.on('close', (code) => resolve({ code, stderr, lines: Buffer
            .concat(out).toString().split('\n').slice(0, -1) }));
        child.stdin.end(requests.map((request) => `${JSON.stringify(request)}\n`)
            .join(''));
    });
}

/**
 * One policy of a seed and "n" requests. Resolves to { cases, verdicts } or
 * throws with policy, request and both answers.
 */
export async function compare(seed, n) {
    const random = new Random(seed);
    const dir = mkdtempSync(join(tmpdir(), 'sallyport-reference-'));

    try {
        const files = new PolicyMaker(random).make();

        for (const [name, text] of Object.entries(files)) {
            writeFileSync(join(dir, name), text);
        }

        const file = join(dir, 'policy.yaml');
        const maker = new RequestMaker(random);
        const requests = Array.from({ length: n }, () => maker.make());
        const { code, lines, stderr } = await engine(file, requests);
        const shown = () => Object.entries(files).map(
            ([name, text]) => `# ${name}\n${text}`).join('\n');

        if (code !== 0 || lines.length !== n) {
            throw new Error(`seed ${seed}: the engine ended with ${code} after `
                + `${lines.length} requests\n${stderr}\n${shown()}\n`
                + `${JSON.stringify(requests[lines.length])}`);
        }

        return judge(load(file), requests, lines, (i, expected, found) =>
            `seed ${seed}, request ${i}: the engine (found) and the reference `
            + `(expected) differ\n${difference(expected, found)}\n`
            + `${JSON.stringify(requests[i])}\n${shown()}`);

    } finally {
        rmSync(dir, { recursive: true });
    }
}

function difference(expected, found) {
    const lines = [];

    for (const key of Object.keys({ ...expected, ...found })) {
        const [a, b] = [expected[key], found[key]];

        if (Array.isArray(a)) {
            lines.push(...a.filter((x) => !b.includes(x)).map(
                (x) => `${key}: expected ${x}`), ...b.filter(
                (x) => !a.includes(x)).map((x) => `${key}: found ${x}`));

        } else if (!isDeepStrictEqual(a, b)) {
            lines.push(`${key}: expected ${a}, found ${b}`);
        }
    }

    return lines.join('\n');
}

function judge(policy, requests, lines, explain) {
    const seen = {};
    const count = (what) => { seen[what] = (seen[what] ?? 0) + 1; };

    requests.forEach((request, i) => {
        const expected = decide(policy, request);
        const found = fromEngine(JSON.parse(lines[i]));

        if (!isDeepStrictEqual(expected, found)) {
            throw new Error(explain(i, expected, found));
        }

        count(expected.decision);
        count(expected.reason ?? 'OK');

        if (expected.excepted) {
            count('excepted');
        }

        if (expected.limits.length !== 0) {
            count('limits');
        }

        for (const line of expected.matches) {
            const [rule, , ...words] = line.split(' ');

            words.slice(0, words.indexOf('by') >>> 0).forEach(count);

            if (rule.startsWith('builtin:')) {
                count('builtin');
            }
        }
    });

    return seen;
}
