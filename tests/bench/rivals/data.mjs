// Copyright (C) the Sallyport authors
//
// What every rival is told: the same accounts, keys, countries and models
// that the gate finds in Redis, in its database and in the shipped policy.

import fs from 'node:fs';
import path from 'node:path';

import { ROOT } from '../../e2e/lib/harness.mjs';
import { KEYS, apiKey } from '../bed.mjs';


function countries(list) {
    const text = fs.readFileSync(
        path.join(ROOT, 'policy/lists', list + '.yaml'), 'utf8');
    const found = text.replace(/#.*/g, '').split(/\bitems:/)[1]
        ?.match(/\b[A-Z]{2}\b/g);

    if (!found) {
        throw new Error(`policy/lists/${list}.yaml: no countries found`);
    }

    return found;
}

// From where nobody is let in; an address of no country is XX.
export const refused = [...countries('embargoed'), ...countries('unsupported'),
    'XX'];

// Models that a caller of these accounts may use, and their tiers. The
// policy's patterns are left out: a rival gets by with a look-up.
export const models = { 'gpt-4o-mini': 1, 'gpt-4o': 2,
    'demo-frontier-1': 3 };

// As much of a record as the rival's language can hold well.
export const accounts = () => Array.from({ length: KEYS }, (_, i) => ({
    key: apiKey(i), id: `bench-${i}`, status: 'verified', level: 3,
    screening: 'clear', expires: Math.floor(Date.now() / 1000) + 365 * 86400,
    rate: 100000, burst: 100000 }));


// The cases of the check: each is one request and whether it may pass. A
// rival is asked only for what it claims to check.
export const cases = [true, false].flatMap((key) =>
    [true, false].flatMap((country) =>
        [true, false].map((model) => ({ key, country, model }))));

export const mayPass = (c, checks) => checks.every((fact) => c[fact]);
