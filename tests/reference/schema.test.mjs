// policy/schema.json: it is what the command prints, it accepts whatever the
// loader takes, and refuses the keys and words that the loader refuses.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { PolicyMaker } from './generate-policy.mjs';
import { Random } from './random.mjs';

const BUILD = join(process.cwd(), process.env.BUILD ?? 'build');
const COMMAND = join(BUILD, 'sallyport');
const SEED = Number(process.env.SALLYPORT_SEED ?? 20261123);

const require = createRequire(join(BUILD, 'npm/tests/package.json'));
const yaml = require('yaml');
const Ajv = require('ajv');

const schema = JSON.parse(fs.readFileSync('policy/schema.json', 'utf8'));
const valid = new Ajv({ allowUnionTypes: true }).compile(schema);

/** What an editor sees of a text. */
const seen = (text) => yaml.parse(text, { uniqueKeys: true });

const wrong = (value) => (valid(value) ? ''
    : valid.errors.map((e) => `${e.instancePath} ${e.message}`).join('; '));

const files = fs.globSync
    ? fs.globSync('policy/**/*.yaml')
    : fs.readdirSync('policy', { recursive: true })
        .filter((name) => name.endsWith('.yaml'))
        .map((name) => join('policy', name));
const policies = files.filter((name) => !name.endsWith('_test.yaml'));

const samples = [...fs.readFileSync('policy/README.md', 'utf8')
    .matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text)
    .filter((text) => text.startsWith('sallyport: 1'));

test('the copy that ships is what the command prints', () => {
    assert.equal(fs.readFileSync('policy/schema.json', 'utf8'),
        execFileSync(COMMAND, ['schema'], { encoding: 'utf8' }));
});

test('what ships and what the manual shows is accepted', () => {
    assert.ok(policies.length >= 6 && samples.length >= 5);

    for (const name of policies) {
        assert.equal(wrong(seen(fs.readFileSync(name, 'utf8'))), '', name);
    }

    for (const text of samples) {
        assert.equal(wrong(seen(text)), '', text);
    }
});

test(`random policies that load are accepted (seed ${SEED})`, () => {
    const random = new Random(SEED);
    let n = 0;

    for (let i = 0; i < 300; i++) {
        for (const [name, text] of Object.entries(
            new PolicyMaker(random).make()))
        {
            if (name.endsWith('.yaml')) {
                assert.equal(wrong(seen(text)), '', text);
                n++;
            }
        }
    }

    assert.ok(n >= 300);
});

/** Each mapping of a document that has a fixed set of keys. */
function* mappings(node, definition) {
    const table = schema.definitions[definition];

    yield node;

    for (const { key, value } of node.items) {
        const shape = table.properties[key.value];
        const ref = (one) => one?.$ref?.split('/').pop();
        const map = ref(shape?.allOf?.[0]);
        const named = ref(shape?.additionalProperties);
        const rule = ref(shape?.items);

        if (map) {
            yield* mappings(value, map);
        } else if (named) {
            for (const item of value.items) {
                yield* mappings(item.value, named);
            }
        } else if (rule) {
            for (const item of value.items) {
                yield* mappings(item, rule);
            }
        }
    }
}

/** Whether the loader takes a text, and its words. */
function check(dir, text) {
    const file = join(dir, 'policy.yaml');

    fs.writeFileSync(file, text);

    const { status, stderr } = spawnSync(COMMAND, ['check', file],
        { encoding: 'utf8' });

    return { fine: status === 0, stderr };
}

test('a key that is not in the table is refused by both, everywhere', (t) => {
    const dir = fs.mkdtempSync(join(tmpdir(), 'sallyport-schema-'));
    let n = 0;

    try {
        for (const text of samples) {
            assert.ok(check(dir, text).fine
                || /SP211/.test(check(dir, text).stderr), text);

            const count = [...mappings(yaml.parseDocument(text).contents,
                'file')].length;

            for (let i = 0; i < count; i++) {
                const document = yaml.parseDocument(text);
                const map = [...mappings(document.contents, 'file')][i];

                map.flow = false;
                map.set('surplus', '1');

                const altered = document.toString({ lineWidth: 0 });
                const { fine, stderr } = check(dir, altered);

                assert.notEqual(wrong(seen(altered)), '', altered);
                assert.ok(!fine && /unknown key 'surplus'/.test(stderr),
                    `${altered}\n${stderr}`);
                n++;
            }
        }
    } finally {
        fs.rmSync(dir, { recursive: true });
    }

    t.diagnostic(`${n} mappings`);
    assert.ok(n > 40);
});

test('each word of the table is taken by the loader, none beside it', () => {
    const dir = fs.mkdtempSync(join(tmpdir(), 'sallyport-schema-'));
    const head = 'sallyport: 1\npolicy: words\n';
    const rule = 'deny:\n  - id: r\n    when: account.level < 1\n'
        + '    reason: OWN_RESTRICTED\n';
    const throttle = 'throttle:\n  - id: t\n    per: [key.id]\n'
        + '    rate: 1/s\n    meter: requests\n';
    const places = {
        deny: { mode: rule, unknown: rule },
        list: { type: 'lists:\n  l:\n    items: []\n' },
        reason: { class: 'reasons:\n  R:\n    rank: 100\n    public: a\n'
            + '    text: b\n', liftable: 'reasons:\n  OWN_RESTRICTED:\n' },
        route: { open: 'routes:\n  files.list:\n' },
        exception: { kind: `${rule}exceptions:\n  - id: e\n    account: a\n`
            + '    lifts: [r]\n    authority: b\n'
            + '    valid: {until: 2099-01-01}\n' },
        throttle: { mode: throttle, unknown: throttle },
        flag: { unknown: rule.replace('deny', 'flag') },
        invariant: { never: 'invariants:\n  - id: i\n    when: ip.tor\n',
            always: 'invariants:\n  - id: i\n    when: ip.tor\n' }
    };

    try {
        for (const [name, keys] of Object.entries(places)) {
            for (const [key, before] of Object.entries(keys)) {
                const shape = schema.definitions[name].properties[key];
                const words = (shape.enum ?? shape.anyOf[0].enum)
                    .filter((word) => typeof word === 'string');

                for (const word of [...words, 'surplus']) {
                    const text = `${head}${before}    ${key}: ${word}\n`;
                    const { fine, stderr } = check(dir, text);
                    const refused = /is not a value of/.test(stderr);

                    assert.equal(refused, word === 'surplus',
                        `${text}${stderr}`);
                    assert.ok(word === 'surplus' ? !fine : true);
                    assert.equal(wrong(seen(text)) !== '',
                        word === 'surplus', `${text}${wrong(seen(text))}`);
                }
            }
        }
    } finally {
        fs.rmSync(dir, { recursive: true });
    }
});
