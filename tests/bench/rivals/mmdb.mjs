// Copyright (C) the Sallyport authors
//
// The country database in the forms that rivals read: as a list of networks,
// and with MaxMind's own layout of records. Every proxy under test looks up
// the same networks. The format is MaxMind DB 2.0.

import fs from 'node:fs';

const MARK = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
const POINTER = 1, STRING = 2, UINT16 = 5, UINT32 = 6, MAP = 7, ARRAY = 11;


// [value, offset after it]; pointers count from "base".
function decode(b, at, base) {
    const control = b[at++];
    let type = control >> 5;

    if (type === POINTER) {
        const size = (control >> 3) & 3;
        const high = control & 7;
        const to = [() => (high << 8) + b[at],
            () => (high << 16) + b.readUInt16BE(at) + 2048,
            () => (high << 24) + b.readUIntBE(at, 3) + 526336,
            () => b.readUInt32BE(at)][size]();

        return [decode(b, base + to, base)[0], at + size + 1];
    }

    if (type === 0) {
        type = 7 + b[at++];
    }

    let size = control & 31;

    if (size > 28) {
        const more = size - 28;

        size = b.readUIntBE(at, more) + [0, 29, 285, 65821][more];
        at += more;
    }

    if (type === STRING) {
        return [b.toString('utf8', at, at + size), at + size];
    }

    if (type === MAP || type === ARRAY) {
        const out = type === MAP ? {} : [];

        for (let i = 0; i < size; i++) {
            let key = i;

            if (type === MAP) {
                [key, at] = decode(b, at, base);
            }

            [out[key], at] = decode(b, at, base);
        }

        return [out, at];
    }

    if (type === UINT16 || type === UINT32 || type === 9) {
        let n = 0;

        for (const byte of b.subarray(at, at + size)) {
            n = n * 256 + byte;
        }

        return [n, at + size];
    }

    throw new Error(`type ${type} in a database of countries`);
}


// { bytes, count, width, meta, record(node, side), country(record) }
function open(file) {
    const bytes = fs.readFileSync(file);
    const end = bytes.lastIndexOf(MARK);
    const [meta] = decode(bytes, end + MARK.length, end + MARK.length);

    if (meta.record_size !== 24 || meta.ip_version !== 6) {
        throw new Error(`${file}: records of ${meta.record_size} bits, IP ` +
            `version ${meta.ip_version}; 24 and 6 are read here`);
    }

    const count = meta.node_count;
    const data = count * 6 + 16;

    return { bytes, end, count, meta,
        record: (node, side) => bytes.readUIntBE(node * 6 + side * 3, 3),
        country: (record) => decode(bytes, data + record - count - 16,
            data)[0].country_code };
}


const text6 = (n) => n.toString(16).padStart(32, '0').match(/.{4}/g).join(':');
const text4 = (n) => [24n, 16n, 8n, 0n].map((s) => (n >> s) & 255n).join('.');


// Writes a line "NETWORK COUNTRY" for each network, neighbours of the same
// country as one.
export function writeNetworks(from, to) {
    const db = open(from);
    const names = new Map();
    const lines = [];
    const name = (record) => {
        if (!names.has(record)) {
            names.set(record, db.country(record));
        }

        return names.get(record);
    };
    const put = (country, at, depth) => {
        if (typeof country === 'string') {
            lines.push(depth >= 96 && at >> 32n === 0n
                ? `${text4(at)}/${depth - 96} ${country}`
                : `${text6(at)}/${depth} ${country}`);
        }
    };
    // The country of a whole subtree, or null, with its networks written.
    const walk = (record, at, depth) => {
        if (record >= db.count) {
            return record === db.count ? undefined : name(record);
        }

        const next = at | (1n << BigInt(127 - depth));
        const left = walk(db.record(record, 0), at, depth + 1);
        const right = walk(db.record(record, 1), next, depth + 1);

        // ::/96 is the top of IPv4.
        if (left === right && depth >= 96) {
            return left;
        }

        if (left === right && left === undefined) {
            return undefined;
        }

        put(left, at, depth + 1);
        put(right, next, depth + 1);

        return null;
    };

    put(walk(0, 0n, 0), 0n, 0);
    fs.writeFileSync(to, lines.join('\n') + '\n');

    return lines.length;
}


// The same tree with records { country: { iso_code } }.
export function writeMaxMind(from, to) {
    const db = open(from);
    const offsets = new Map();
    const parts = [];
    let length = 0;
    const tree = Buffer.from(db.bytes.subarray(0, db.count * 6));
    const string = (s) => Buffer.concat([Buffer.from([0x40 | s.length]),
        Buffer.from(s)]);

    const data = (country) => {
        if (!offsets.has(country)) {
            const record = Buffer.concat([Buffer.from([0xe1]),
                string('country'), Buffer.from([0xe1]), string('iso_code'),
                string(country)]);

            offsets.set(country, length);
            parts.push(record);
            length += record.length;
        }

        return offsets.get(country);
    };

    for (let at = 0; at < tree.length; at += 3) {
        const record = tree.readUIntBE(at, 3);

        if (record > db.count) {
            tree.writeUIntBE(db.count + 16 + data(db.country(record)), at, 3);
        }
    }

    const meta = Buffer.from(db.bytes.subarray(db.end));
    const type = Buffer.from('database_typeNcountry ipvAll');
    const where = meta.indexOf(type);

    // Some readers go by the name: the same length, so nothing else moves.
    if (where > 0) {
        meta.write('database_typeNBench-Country ', where);
    }

    fs.writeFileSync(to, Buffer.concat([tree, Buffer.alloc(16), ...parts,
        meta]));
}
