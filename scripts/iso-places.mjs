#!/usr/bin/env node

/*
 * Copyright (C) the Sallyport authors
 *
 * This file makes module/engine/address/sp_place_table.c: the codes of ISO
 * 3166 as Debian's package iso-codes has them, and what codes that are no
 * country's mean. Run it when that package is new, and read the difference.
 *
 *   apt-get install iso-codes && scripts/iso-places.mjs
 */


import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';


const dir = '/usr/share/iso-codes/json';
const root = path.join(import.meta.dirname, '..');
const out = path.join(root, 'module/engine/address/sp_place_table.c');


/* Codes by which databases and networks say that they do not know. */

const nowhere = [
    'ZZ',                        /* ISO: never assigned; used for unknown */
    'XX', 'T1',                  /* Cloudflare: unknown, Tor */
    'A1', 'A2', 'O1', 'AP', 'EU',  /* MaxMind's legacy databases */
    '--', '??'                   /* nginx's geoip, Tor's geoip */
];

/* One place, one value: what is read as another code. */

const aliases = {
    UK: 'GB',                    /* exceptionally reserved */
    EL: 'GR',                    /* the EU's code */
    'CN-HK': 'HK', 'CN-MO': 'MO', 'CN-TW': 'TW',
    'CN-91': 'HK', 'CN-92': 'MO', 'CN-71': 'TW'   /* until 2017 */
};

/* Not ISO's, but in use: Kosovo (EU, World Bank, GeoIP vendors). */

const extra = { XK: 'XKX' };

/* Withdrawn or never assigned: what to write instead. */

const instead = {
    AN: 'BQ, CW or SX', BU: 'MM', CS: 'RS or ME (before 1993: CZ or SK)',
    CT: 'KI', DD: 'DE', DY: 'BJ', FQ: 'TF or AQ', FX: 'FR', HV: 'BF',
    JT: 'UM', MI: 'UM', NH: 'VU', NQ: 'AQ', NT: 'IQ or SA',
    PC: 'FM, MH, MP or PW', PU: 'UM', PZ: 'PA', RH: 'ZW',
    SU: 'the code of the successor state, such as RU', TP: 'TL', VD: 'VN',
    WK: 'UM', XI: 'GB-NIR', YD: 'YE', YU: 'RS or ME', ZR: 'CD'
};


const read = (part) => JSON.parse(
    fs.readFileSync(path.join(dir, `iso_${part}.json`), 'utf8'))[part];

const dpkg = (format) => execFileSync('dpkg-query',
    ['-W', `-f=${format}`, 'iso-codes'], { encoding: 'utf8' });


/* Text as string literals of at most 71 characters, at spaces. */

function literals(words, indent) {
    const lines = [];
    let line = '';

    for (const word of words) {
        if (line.length + word.length > 70) {
            lines.push(line);
            line = '';
        }

        line += `${word} `;
    }

    lines.push(line.trimEnd());

    return lines.map((text) => `"${text}"`).join(`\n${indent}`);
}


/* Rows of a table, several a line. */

function wrap(rows) {
    const lines = ['   '];

    rows.forEach((row, i) => {
        const last = lines.length - 1;
        const item = ` ${row}${i === rows.length - 1 ? '' : ','}`;

        if (lines[last].length + item.length > 78) {
            lines.push(`   ${item}`);
        } else {
            lines[last] += item;
        }
    });

    return lines.join('\n');
}


const countries = new Map(read('3166-1').map((c) => [c.alpha_2, c.alpha_3]));

for (const [code, long] of Object.entries(extra)) {
    countries.set(code, long);
}

const parts = new Map([...countries.keys()].map((code) => [code, []]));

for (const { code } of read('3166-2')) {
    if (!/^[A-Z]{2}-[A-Z0-9]{1,3}$/.test(code)) {
        throw new Error(`${code} does not fit the form`);
    }

    if (aliases[code] === undefined) {
        parts.get(code.slice(0, 2)).push(code.slice(3));
    }
}

const withdrawn = read('3166-3').map((c) => c.alpha_2)
    .filter((code) => !countries.has(code) && aliases[code] === undefined);

for (const code of withdrawn) {
    if (instead[code] === undefined) {
        throw new Error(`what is written instead of ${code}?`);
    }
}

for (const code of Object.keys(instead)) {
    if (countries.has(code)) {
        throw new Error(`${code} is a country's`);
    }
}


const bits = new Array(26).fill(0);

for (const code of countries.keys()) {
    bits[code.charCodeAt(0) - 65] |= 1 << (code.charCodeAt(1) - 65);
}

const version = dpkg('${Version}');
const stamp = fs.statSync(path.join(dir, 'iso_3166-2.json')).mtime
    .toISOString().slice(0, 10);
const subs = [...parts.values()].reduce((n, list) => n + list.length, 0);

const text = `
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the codes of ISO 3166-1 and -2, the codes that mean
 * another one, and those that mean no place. Made by scripts/iso-places.mjs
 * from iso-codes ${version} of ${stamp}: ${countries.size} countries with Kosovo
 * (XK, user-assigned), ${subs} subdivisions. Not edited by hand.
 */


#include "sp_place_table.h"


const char  sp_place_table_source[] =
    "ISO 3166 as in iso-codes ${version} of ${stamp}";


/* By first letter; bit n: the second one is 'A' + n. */

const uint32_t  sp_place_assigned[26] = {
${bits.map((mask, i) => (i % 4 ? ' ' : '\n    ')
    + `/* ${String.fromCharCode(65 + i)} */ 0x`
    + mask.toString(16).padStart(7, '0')).join(',').slice(1)}
};


const char  sp_place_nowheres[][3] = {
    ${nowhere.map((code) => `"${code}"`).join(', ')}, ""
};


const sp_place_alias_t  sp_place_aliases[] = {
${wrap([...Object.entries(aliases), ['', '']].map(([from, to]) =>
    `{ "${from}", "${to}" }`))}
};


const sp_place_instead_t  sp_place_instead[] = {
${wrap([...Object.entries(instead), ['', '']].map(([from, to]) =>
    `{ "${from}", "${to}" }`))}
};


/* In the order of their codes; subdivisions too. */

const sp_place_row_t  sp_place_rows[] = {
${[...countries.keys()].sort().map((code) => {
    const list = parts.get(code).sort();
    const head = `    { "${code}", "${countries.get(code)}",`;

    return head.length + list.join(' ').length < 72
        ? `${head} "${list.join(' ')}" }`
        : `${head}\n      ${literals(list, '      ')} }`;
}).join(',\n')},
    { "", "", "" }
};
`;

fs.writeFileSync(out, text);
console.log(`${out}: ${countries.size} countries, ${subs} subdivisions`);
