// Copyright (C) the Sallyport authors
//
// Policies of a given number of rules.

import fs from 'node:fs';
import path from 'node:path';

const PER_FILE = 2500;      // rules


// One rule, for a policy that is smaller than the shipped one.
const SMALL = `sallyport: 1
policy: small
include:
models:
  tiers:
    2: [gpt-4o]
allow:
  - id: verified
    when: account.status == verified
`;


// A policy of n rules: the shipped ones, if there is room for them, and deny
// rules that match nobody of the load, of four kinds, so that they cannot all
// be decided by one fact.
export function policyOf(bed, n) {
    const file = path.join(bed.dir, 'policy', `rules-${n}.yaml`);
    const count = (t) => t.match(/^  - id:/mg).length;
    const shipped = fs.readFileSync(bed.policy, 'utf8');
    const text = count(shipped) < n ? shipped : SMALL;
    const more = n - count(text);
    const country = (i) => ['KP', 'IR', 'CU', 'BY', 'SY'][i % 5];
    const when = [
        (i) => `ip.country == ${country(i)} and account.level < ${i % 4}`,
        (i) => `has(model.id) and model.id == "none-${i}"`,
        (i) => `account.id == "nobody-${i}"`,
        (i) => `has(model.tier) and model.tier == 3 and ` +
            `account.screened_age > ${i % 1000 + 1000}h`,
    ];
    const rule = (i) => `  - id: grown-${i}\n    when: ${when[i % 4](i)}\n` +
        '    unknown: skip\n    reason: JUR_IP_EMBARGO\n';
    let includes = '';

    // A file is no larger than a megabyte.
    for (let i = 0; i < more; i += PER_FILE) {
        const name = `grown-${n}-${i}.yaml`;

        fs.writeFileSync(path.join(bed.dir, 'policy', name), 'deny:\n' +
            Array.from({ length: Math.min(PER_FILE, more - i) },
                (_, k) => rule(i + k)).join('\n'));
        includes += `  - ${name}\n`;
    }

    fs.writeFileSync(file, text.replace(/^include:\n/m,
        'include:\n' + includes));

    return file;
}
