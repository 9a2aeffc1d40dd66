// The facts of the policy language: name -> type, and what a type can hold.
// Written from the table of facts in the language's documentation.

const word = (text) => text.split(' ');

export const ENUMS = {
    'ip.class': word('public private loopback link_local cgnat transition '
        + 'reserved none'),
    'account.type': word('individual organization government reseller'),
    'account.status': word('unverified pending verified review rejected '
        + 'suspended closed'),
    'account.screening': word('clear potential hit error none'),
    'account.end_use': word('commercial research government military '
        + 'model_training resale'),
    'account.resale': word('none passthrough'),
    'account.linkage': word('ok watch blocked'),
    'request.route': word('models.list messages responses embeddings '
        + 'completions moderations audio.speech chat.completions '
        + 'images.generations messages.count_tokens models.get'),
    'request.dialect': word('openai anthropic unknown'),
};

export const FIELDS = {
    'ip.addr': 'ip',
    'ip.class': 'enum',
    'ip.country': 'country',
    'ip.region': 'region',
    'ip.asn': 'asn',
    'ip.tor': 'bool',
    'ip.vpn': 'bool',
    'ip.proxy': 'bool',
    'ip.hosting': 'bool',
    'ip.relay': 'bool',
    'ip.registered': 'bool',
    'key.id': 'string',
    'key.country_count': 'int',
    'account.id': 'string',
    'account.type': 'enum',
    'account.status': 'enum',
    'account.level': 'int',
    'account.plan': 'string',
    'account.tags': 'strings',
    'account.incorporated': 'place',
    'account.headquarters': 'place',
    'account.parent': 'place',
    'account.residence': 'place',
    'account.billing': 'place',
    'account.places': 'places',
    'account.verified_age': 'duration',
    'account.expired_for': 'duration',
    'account.pending_age': 'duration',
    'account.screened_age': 'duration',
    'account.owners_age': 'duration',
    'account.end_use_expired_for': 'duration',
    'account.screening': 'enum',
    'account.end_use': 'enum',
    'account.resale': 'enum',
    'account.linkage': 'enum',
    'model.id': 'string',
    'model.tier': 'int',
    'request.route': 'enum',
    'request.stream': 'bool',
    'request.tokens': 'int',
    'request.dialect': 'enum',
    now: 'time',
};

// An end customer has what an account has.

for (const table of [ENUMS, FIELDS]) {
    for (const [name, value] of Object.entries(table)) {
        if (name.startsWith('account.')) {
            table[name.replace('account.', 'customer.')] = value;
        }
    }
}

export const INT_RANGE = {
    'key.country_count': [0, 676],
    'account.level': [0, 3],
    'customer.level': [0, 3],
    'model.tier': [1, 3],
};

// States of a fact. A known one is { state: KNOWN, value }.

export const KNOWN = 'known';
export const ABSENT = 'absent';
export const UNKNOWN = 'unknown';
export const FAILED = 'failed';

export const known = (value) => ({ state: KNOWN, value });
export const without = (state) => ({ state });


// ISO codes: what is written differently and means the same place.

const ALIASES = {
    UK: 'GB', EL: 'GR', 'CN-HK': 'HK', 'CN-MO': 'MO', 'CN-TW': 'TW',
    'CN-91': 'HK', 'CN-92': 'MO', 'CN-71': 'TW',
};

export const place = (code) => ALIASES[code] ?? code;
export const countryOf = (code) => code.slice(0, 2);
export const isPart = (code) => code.length > 2;


const UNITS = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

export function duration(text) {
    const m = /^(0|[1-9]\d*)([smhdw])$/.exec(text);

    if (m === null) {
        throw new Error(`no duration: ${text}`);
    }

    return Number(m[1]) * UNITS[m[2]];
}

/** Basis points. */
export function percent(text) {
    const m = /^(\d+)(?:\.(\d{1,2}))?%$/.exec(text);

    if (m === null) {
        throw new Error(`no percentage: ${text}`);
    }

    return Number(m[1]) * 100 + Number((m[2] ?? '').padEnd(2, '0'));
}

/** Seconds east of UTC: "UTC", "Z" or "+02:00". */
export function zone(text) {
    if (text === 'UTC' || text === 'Z') {
        return 0;
    }

    const m = /^([+-])(\d\d):(\d\d)$/.exec(text);

    return (m[1] === '-' ? -1 : 1) * (Number(m[2]) * 3600 + Number(m[3]) * 60);
}

/** Unix seconds of a date or an instant; "end": the end of that day. */
export function time(text, east, end = false) {
    if (/^\d{4}-\d\d-\d\d$/.test(text)) {
        return Date.parse(`${text}T00:00:00Z`) / 1000 - east
            + (end ? 86400 : 0);
    }

    return Date.parse(text) / 1000;
}


// Addresses and networks, as 16 bytes in a BigInt; IPv4 is ::ffff:a.b.c.d.

export function address(text) {
    const v4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);

    if (v4 !== null) {
        return v4.slice(1).reduce((n, part) => (n << 8n) | BigInt(part), 0n)
            | (0xffffn << 32n);
    }

    const [head, tail] = text.split('::').map((side) => side
        .split(':').filter((group) => group !== ''));
    const groups = tail === undefined ? head
        : [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail];

    return groups.reduce((n, group) => (n << 16n) | BigInt(`0x${group}`), 0n);
}

export function network(text) {
    const [base, length] = text.split('/');
    const wide = base.includes(':') ? 128 : 32;
    const bits = BigInt(wide - Number(length ?? wide));

    return { base: address(base) >> bits, bits };
}

export const inNetwork = (net, addr) => (addr >> net.bits) === net.base;

const CLASSES = [['private', '10.0.0.0/8'], ['private', '172.16.0.0/12'],
    ['private', '192.168.0.0/16'], ['private', 'fc00::/7'],
    ['loopback', '127.0.0.0/8'], ['loopback', '::1/128'],
    ['link_local', '169.254.0.0/16'], ['link_local', 'fe80::/10'],
    ['cgnat', '100.64.0.0/10'], ['reserved', '192.0.2.0/24'],
    ['reserved', '198.51.100.0/24'], ['reserved', '203.0.113.0/24'],
    ['reserved', '2001:db8::/32'],
].map(([name, net]) => [name, network(net)]);

export const addressClass = (text) => CLASSES.find(
    ([, net]) => inNetwork(net, address(text)))?.[0] ?? 'public';


/** A name with at most one "*" that stands for any letters. */
export function matches(pattern, name) {
    const star = pattern.indexOf('*');

    if (star === -1) {
        return pattern === name;
    }

    const head = pattern.slice(0, star);
    const tail = pattern.slice(star + 1);

    return name.length >= head.length + tail.length && name.startsWith(head)
        && name.endsWith(tail);
}
