#!/usr/bin/env node
// Copyright (C) the Sallyport authors
//
// Makes the tables of records in AUDIT.md from records.json beside it. With
// --check it writes nothing and says whether they are what they should be.

import fs from 'node:fs';

const DIR = new URL('../module/engine/audit/', import.meta.url);
const BEGIN = '<!-- made by scripts/audit-docs.mjs from records.json -->';
const END = '<!-- end -->';

const schema = JSON.parse(fs.readFileSync(new URL('records.json', DIR)));
const defs = schema.$defs;
const EVERY = ['v', 't', 'ts', 'mono_us', 'seq', 'h'];
const LANE = ['host', 'lane', 'epoch'];

// What a definition says, with what it refers to.
function resolve(node) {
    const { $ref, ...own } = node;

    return $ref === undefined ? own
        : { ...resolve(defs[$ref.slice('#/$defs/'.length)]), ...own };
}

// The object in a member that is one, or null, or a list of them.
function objectIn(node) {
    const found = [node, node.items ?? {}, ...(node.anyOf ?? [])].map(resolve)
        .find((x) => x.properties !== undefined);

    return found;
}

function unitOf(node) {
    const words = node.enum?.map((word) => word === null ? 'null'
        : '`' + word + '`').join(', ');

    return words ?? node.unit ?? { integer: 'int', boolean: 'bool' }[node.type]
        ?? node.type ?? 'object';
}

function rows(object, prefix = '', within = false) {
    return Object.entries(object.properties).flatMap(([name, member]) => {
        const node = resolve(member);
        const inner = objectIn(node);
        const optional = within || !object.required.includes(name);

        if (prefix === '' && (EVERY.includes(name)
            || (LANE.includes(name) && object.required.includes('host'))))
        {
            return [];
        }

        if (member.$ref === '#/$defs/account') {
            return [`| \`${prefix}${name}\` | object, opt | the table of \`facts.account\` |`];
        }

        const cut = name.endsWith('_cut');
        const row = `| \`${prefix}${name}\` | ${unitOf(node)}` +
            `${optional && !cut ? ', opt' : ''} | ${node.description} |`;

        if (cut) {
            return [];
        }

        if (inner === undefined) {
            return [row];
        }

        return node.items !== undefined
            ? [row, ...rows(inner, `${prefix}${name}[].`)]
            : rows(inner, `${prefix}${name}.`, optional && !name.match(/^pol$/));
    });
}

const table = (name) => [
    `### ${name === 'account' ? '`facts.account`' : name}`, '',
    ...(defs[name].description ? [defs[name].description, ''] : []),
    '| key | type, unit | meaning |', '| --- | --- | --- |',
    ...rows(defs[name]), ''];

const every = ['| key | type, unit | meaning |', '| --- | --- | --- |',
    ...[...EVERY, ...LANE].filter((name) => name !== 't').map((name) => {
        const node = resolve(defs[name]);

        return `| \`${name}\` | ${unitOf(node)} | ${node.description} |`;
    }), ''];

const records = Object.keys(defs).filter((name) =>
    defs[name].properties !== undefined);

const made = [BEGIN, '', ...every, ...records.flatMap(table), END].join('\n');
const file = new URL('AUDIT.md', DIR);
const text = fs.readFileSync(file, 'utf8');
const from = text.indexOf(BEGIN);
const to = text.indexOf(END) + END.length;
const want = text.slice(0, from) + made + text.slice(to);

if (from === -1 || to < from) {
    console.error(`AUDIT.md has no place for the tables: ${BEGIN} ... ${END}`);
    process.exit(2);
}

if (!process.argv.includes('--check')) {
    fs.writeFileSync(file, want);

} else if (want !== text) {
    console.error('AUDIT.md is not what records.json says: run ' +
        'scripts/audit-docs.mjs');
    process.exit(1);
}
