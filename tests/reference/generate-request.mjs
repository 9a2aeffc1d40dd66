// Random requests, as `sallyport explain` takes them.

import { ENUMS, FIELDS } from './fields.mjs';
import { DAY, NOW, OTHER_FACT, OWN, POOL } from './pools.mjs';

const MISSING = ['absent', 'unknown', 'failed'];
const RECORD_PLACES = [...POOL.place, 'ZZ'];
const CONTROL = ['board', 'contract', 'other'];

export class RequestMaker {
    constructor(random) {
        this.random = random;
    }

    make() {
        const { random } = this;
        const request = { now: NOW + random.of([0, 0, 0, -1, 1, DAY, -DAY,
            3600 * random.range(-60, 60),

            // around midnight, in each time zone

            DAY * random.range(-2, 2) + random.of([43200, 36000, 77400])
                + random.range(-1, 1)]), route: 'chat.completions' };

        if (!random.once(12)) {
            request.ip = this.ip();
        }

        if (random.once(8)) {
            request.route = random.of(['messages', 'embeddings', 'responses',
                'completions']);
        }

        request.dialect = request.route === 'messages' ? 'anthropic' : 'openai';

        this.body(request);
        this.key(request);
        this.account(request);
        this.customer(request);

        if (random.once(3)) {
            this.overrides(request);
        }

        return request;
    }

    body(request) {
        const { random } = this;

        if (random.once(6)) {
            request.models = Array.from({ length: random.range(1, 3) },
                () => random.of(POOL.model));
            request.stream = random.once(2);
            request.tokens = random.of([1, 64, 4096]);

        } else if (random.once(8)) {
            request.route = 'models.list';
            request.dialect = 'openai';

        } else {
            request.model = random.of(POOL.model);
        }
    }

    key(request) {
        const { random } = this;

        if (random.once(25)) {
            request.key = random.of(['missing', 'malformed', 'ambiguous',
                'unknown', 'invalid', 'failed']);
            return;
        }

        if (random.once(3)) {
            request.key = { name: random.of(['gold', 'key', 'acct_a']) };

            if (random.once(4)) {
                request.key.tiers = random.some([1, 2, 3], 3).sort().join(',');
            }

            if (random.once(5)) {
                request.key.networks = random.some(POOL.cidr, 2).join(',');
            }

            if (random.once(9)) {
                request.key.status = random.of(['active', 'revoked']);
            }

            if (random.once(9)) {
                request.key.expires_at = request.now + random.range(-1, 1);
            }

            if (random.once(9)) {
                request.key.not_before = request.now + random.range(-1, 1);
            }
        }
    }

    fact(name) {
        const { random } = this;

        switch (FIELDS[name]) {
        case 'bool':
            return random.once(2);
        case 'enum':
            return random.of(ENUMS[name]);
        case 'country':
        case 'region':
        case 'place': {
            const code = random.of(POOL[FIELDS[name]]);

            return random.once(5) ? OTHER_FACT[code] ?? code : code;
        }
        case 'places':
            return random.some(POOL.place, 3);
        case 'strings':
            return random.some(POOL.name, 3);
        case 'asn':
            return Number(random.of(POOL.asn).replace('AS', ''));
        case 'ip':
            return random.of(POOL.ip);
        case 'duration':
            return random.of([0, 1, 5400, DAY, 2 * DAY, 14 * DAY, 7 * DAY])
                + random.range(-1, 1);
        case 'int':
            return name.endsWith('.level') ? random.below(4)
                : random.of([0, 1, 2, 3, 4, 64, 65]);
        default:
            return random.of(name === 'account.id' ? POOL.account : POOL.name);
        }
    }

    ip() {
        const { random } = this;
        const ip = {};

        for (const name of Object.keys(FIELDS)) {
            const [space, fact] = name.split('.');

            if (space === 'ip' && fact !== 'class' && fact !== 'registered'
                && !random.once(4))
            {
                ip[fact] = random.once(5) && fact !== 'addr'
                    ? random.of(MISSING) : this.fact(name);
            }
        }

        // of a country the address has a region of it, or none

        if (ip.region !== undefined && !random.once(10)
            && POOL.country.includes(ip.country))
        {
            const parts = POOL.region.filter(
                (code) => code.startsWith(ip.country));

            ip.region = parts.length !== 0 && !random.once(3)
                ? random.of(parts) : random.of(MISSING);
        }

        return ip;
    }

    account(request) {
        const { random } = this;

        if (typeof request.key === 'string') {
            return;
        }

        if (random.once(20)) {
            const word = random.of(['missing', 'invalid', 'failed', undefined]);

            if (word !== undefined) {
                request.account = word;
            }

            return;
        }

        request.account = this.record(request.now);
    }

    /** Resellers name most; others name some, which means nothing. */
    customer(request) {
        const { random } = this;

        if (typeof request.account !== 'object' || random.once(3)) {
            return;
        }

        if (random.once(4)) {
            request.customer = random.of(['missing', 'invalid', 'failed',
                'malformed', 'none']);
            return;
        }

        request.customer = this.record(request.now);
    }

    record(now) {
        const { random } = this;
        const at = () => now - random.of([0, 1, 5400, DAY, 2 * DAY, 7 * DAY,
            14 * DAY, 30 * DAY]) + random.range(-1, 1);
        const account = { id: random.of(POOL.account),
            type: random.of(ENUMS['account.type']),
            status: random.once(9) ? random.of(ENUMS['account.status'])
                : random.of(['verified', 'verified', 'pending', 'review',
                    'unverified']),
            level: random.below(4) };
        const maybe = (name, make, n = 3) => {
            if (!random.once(n)) {
                account[name] = make();
            }
        };
        const need = (name, make) => maybe(name, make, 60);
        const codes = (n) => random.some(RECORD_PLACES.filter(
            (code) => code !== 'ZZ'), n).join(',');
        const where = () => random.of(random.once(9) ? RECORD_PLACES
            : POOL.place);
        const kept = account.status === 'verified' ? need : maybe;

        for (const name of ['incorporated', 'headquarters', 'parent',
            'residence'])
        {
            kept(name, where);
        }

        maybe('billing', where);
        kept('use_locations', () => codes(3));
        maybe('accepted_locations', () => codes(2));
        kept('verified_at', at);
        kept('expires_at', () => now + DAY * random.range(-8, 30)
            + random.range(-1, 1));
        (account.status === 'pending' ? need : maybe)('pending_since', at);
        kept('screening', () => random.of(ENUMS['account.screening']));
        kept('screened_at', at);
        maybe('end_use', () => random.of(ENUMS['account.end_use']));
        maybe('end_use_expires', () => now + DAY * random.range(-2, 2));
        (account.type === 'reseller' ? kept : maybe)('resale',
            () => random.of(ENUMS['account.resale']));
        maybe('linkage', () => random.of(ENUMS['account.linkage']));
        maybe('plan', () => random.of(POOL.name));
        maybe('tags', () => random.some(POOL.name, 3).join(','));
        maybe('egress', () => random.some(POOL.cidr, 2).join(','));
        maybe('control', () => random.some(POOL.place, 2).map(
            (code) => `${code}:${random.of(CONTROL)}`).join(','));
        maybe('listed', () => random.some(POOL.screen, 3).map(
            (list) => `${list}:${random.of([0, 1000, 2500, 5000, 9000])}`)
            .join(','));

        for (const [name, { record }] of Object.entries(OWN)) {
            maybe(name.replace('account.', ''), () => random.of(record), 4);
        }

        if (random.once(8)) {
            account.tiers = random.some([1, 2, 3], 3).sort().join(',');
        }

        if (account.level === 3 || random.once(2)) {
            this.owners(account, need, at);
        }

        return account;
    }

    owners(account, need, at) {
        const { random } = this;
        const entries = [];
        let left = 10000;

        for (let n = random.below(4); n > 0; n--) {
            const min = Math.min(left, random.of([0, 1000, 2500, 3333, 5000,
                7550, 10000]));
            const max = random.once(3)
                ? Math.min(10000, min + random.of([500, 2500, 7500])) : min;

            left -= min;
            entries.push(`${random.some([...POOL.place, 'PUB', 'ZZ'], 2)
                .join('+')}:${min === max ? min : `${min}-${max}`}`);
        }

        account.owners = entries.join(',');
        need('owners_method', () => random.of(['cascade', 'cascade', 'direct',
            'prorata']));
        need('owners_as_of', at);
        need('owners_floor', () => 500);
    }

    /** Facts that are given outright have the last word. */
    overrides(request) {
        const { random } = this;
        const names = Object.keys(FIELDS).filter((name) => !/^(model|now|key)/
            .test(name) || name === 'key.country_count')
            .filter((name) => request.account !== undefined
                || !name.startsWith('account.'))
            .filter((name) => request.customer !== undefined
                || !name.startsWith('customer.'));

        request.facts = {};

        for (const name of random.some(names, 8)) {
            request.facts[name] = random.once(3) ? random.of(MISSING)
                : this.fact(name);
        }

        // the word is a value of these two, too

        for (const name of ['request.dialect', 'account.status',
            'customer.status'])
        {
            if (request.facts[name] === 'unknown') {
                delete request.facts[name];
            }
        }
    }
}
