#!/usr/bin/env node
// Copyright (C) the Sallyport authors
//
// to-file account set|suspend ID [FIELD=VALUE...] | to-file key import: what
// demo/accounts asks of the command, done to a file of JSON lines instead of
// Redis. Reads SALLYPORT_STORE (file:PATH) and PEPPER.

import fs from 'node:fs';
import { createHash, createHmac } from 'node:crypto';

const DAY = 86400;
const now = Math.floor(Date.now() / 1000);
const file = process.env.SALLYPORT_STORE.replace(/^file:/, '');
const [noun, verb, ...rest] = process.argv.slice(2);

const records = fs.existsSync(file)
    ? fs.readFileSync(file, 'utf8').trim().split('\n').map(JSON.parse) : [];

// The options --by and --reason have their values behind them.
const words = rest.filter((word, i) =>
    !word.startsWith('--') && !rest[i - 1]?.startsWith('--'));

function write(kind, id, fields) {
    const old = records.find((r) => r.kind === kind && r.id === id);
    const all = { v: '1', ...old, ...fields, ver: String(Number(old?.ver ?? 0) + 1),
        by: 'demo', why: 'sample data', changed_at: String(now) };

    records.splice(old ? records.indexOf(old) : records.length, old ? 1 : 0,
        { kind, id, ...all });
}

// "-30d" is so many days from now, in seconds.
const time = (value) => /^[+-]\d+d$/.test(value)
    ? String(now + Number(value.slice(0, -1)) * DAY) : value;

function kid(key) {
    const pepper = fs.readFileSync(process.env.PEPPER, 'utf8').trim();
    const digest = createHash('sha256').update(key).digest();

    return createHmac('sha256', pepper).update(digest).digest('hex').slice(0, 32);
}

if (noun === 'account') {
    const fields = verb === 'suspend' ? ['status=suspended'] : words.slice(1);

    write('account', words[0], Object.fromEntries(fields.map((field) => {
        const [name, ...value] = field.split('=');

        return [name, time(value.join('='))];
    })));

} else {
    for (const line of fs.readFileSync(0, 'utf8').trim().split('\n')) {
        const [account, name, key] = line.split(',');

        write('key', kid(key), { account, name, status: 'active' });
    }
}

fs.writeFileSync(file + '.new', records.map((r) => JSON.stringify(r) + '\n').join(''));
fs.renameSync(file + '.new', file);
