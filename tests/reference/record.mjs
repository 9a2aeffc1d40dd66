// An account's record, from the fields that the store keeps, and the facts
// that it gives. Written from the documentation of the record.

import { ABSENT, UNKNOWN, known, place, without } from './fields.mjs';
import { TRUE, UNSURE, placeIn } from './condition.mjs';

export const ALL = 10000;

const text = (v) => (v === undefined || v === '' ? undefined : String(v));
const items = (v) => (text(v) === undefined ? [] : String(v).split(','));

const NEEDED = {
    pending: () => ['pending_since'],
    verified: (r) => ['verified_at', 'expires_at', 'screening',
        ...(r.screening === 'none' ? [] : ['screened_at']),
        ...(Number(r.level) >= 2 ? ['use_locations'] : []),
        ...({ individual: ['residence'], government: ['incorporated'] }[r.type]
            ?? ['incorporated', 'headquarters', 'parent',
                ...(Number(r.level) >= 3 ? ['owners'] : []),
                ...(r.type === 'reseller' ? ['resale'] : [])])],
};

/** Whether the record has all that one of its kind must have. */
export function complete(r) {
    const needed = ['type', 'status', 'level', ...(NEEDED[r.status]?.(r) ?? []),
        ...(r.owners === undefined ? []
            : ['owners_method', 'owners_as_of', 'owners_floor'])];

    return needed.every((name) => (name === 'owners' ? r[name] !== undefined
        : text(r[name]) !== undefined));
}

/** One holding: "CN+KY:2500-7500". */
function owner(entry) {
    const [places, held] = entry.split(':');
    const [min, max] = held.split('-').map(Number);
    const named = places.split('+');

    return { min, max: max ?? min,
        places: named.filter((p) => p !== 'ZZ' && p !== 'PUB').map(place),
        somewhere: named.includes('ZZ') };
}

function owns(holding, list) {
    return holding.places.reduce((v, p) => Math.max(v, placeIn(p, list)),
        holding.somewhere ? UNSURE : 0);
}

/** The record as rules read it: shares as intervals, in basis points. */
export function parse(r) {
    const owners = items(r.owners).map(owner);
    const listed = items(r.listed).map((entry) => {
        const [list, held] = entry.split(':');
        return { list, held: Number(held) };
    });
    const sum = (list, of) => list.reduce((n, h) => n + h[of], 0);
    const most = (list, of) => list.reduce((n, h) => Math.max(n, h[of]), 0);

    function owned(list, largest) {
        if (r.owners === undefined) {
            return r.type === 'individual' ? [0, 0] : [0, ALL];
        }

        const values = owners.map((holding) => owns(holding, list));
        const inside = owners.filter((_, i) => values[i] === TRUE);
        const elsewhere = owners.filter((_, i) => values[i] === 0);
        const perhaps = owners.filter((_, i) => values[i] !== 0);
        const low = largest ? most(inside, 'min') : sum(inside, 'min');

        if (r.owners_method !== 'cascade') {
            return [low, ALL];
        }

        // largest: a holding that may count, or all that is not disclosed

        const high = largest
            ? Math.max(most(perhaps, 'max'), ALL - sum(owners, 'min'))
            : ALL - sum(elsewhere, 'min');

        return [Math.min(low, high), high];
    }

    function byListed(names) {
        if (listed.length === 0 && r.screening !== 'clear') {
            return [0, ALL];
        }

        const held = listed.filter(({ list }) => names.includes(list));

        return [most(held, 'held'), Math.min(ALL, sum(held, 'held'))];
    }

    return {
        owner_share: (list) => owned(list, false),
        largest_owner: (list) => owned(list, true),
        listed_share: byListed,
        control: items(r.control).map((entry) => place(entry.split(':')[0])),
        status: r.status,
        tiers: items(r.tiers).map(Number),
        egress: items(r.egress),
    };
}

/** The facts account.* of a record; or customer.*. */
export function facts(id, r, now, of = 'account') {
    return Object.fromEntries(Object.entries(accountFacts(id, r, now)).map(
        ([name, fact]) => [name.replace('account.', `${of}.`), fact]));
}

export const resells = (r) => r.type === 'reseller'
    || r.resale === 'passthrough';

function accountFacts(id, r, now) {
    const given = (v, make) => (text(v) === undefined ? without(ABSENT)
        : make(String(v)));
    const at = (v) => given(v, (t) => (t === 'ZZ' ? without(UNKNOWN)
        : known(place(t))));
    const age = (v) => given(v, (t) => known(now - Number(t)));
    const value = (v) => given(v, known);
    const places = [...items(r.use_locations), ...items(r.accepted_locations)];

    return {
        'account.id': known(id),
        'account.type': known(r.type),
        'account.status': known(r.status),
        'account.level': known(Number(r.level)),
        'account.plan': value(r.plan),
        'account.tags': known(items(r.tags)),
        'account.incorporated': at(r.incorporated),
        'account.headquarters': at(r.headquarters),
        'account.parent': at(r.parent),
        'account.residence': at(r.residence),
        'account.billing': at(r.billing),
        'account.places': places.length === 0 ? without(ABSENT)
            : known(places.map(place)),
        'account.verified_age': age(r.verified_at),
        'account.expired_for': age(r.expires_at),
        'account.pending_age': age(r.pending_since),
        'account.screened_age': age(r.screened_at),
        'account.owners_age': age(r.owners_as_of),
        'account.end_use_expired_for': age(r.end_use_expires),
        'account.screening': value(r.screening),
        'account.end_use': value(r.end_use),
        'account.resale': value(r.resale),
        'account.linkage': value(r.linkage),
    };
}
