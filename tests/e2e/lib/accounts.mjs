// Copyright (C) the Sallyport authors
//
// Records as the issuer of keys and the KYC back office write them to Redis.

import { createHash, createHmac } from 'node:crypto';

export const PEPPER = 'e2e-pepper-of-more-than-sixteen-bytes';

const DAY = 86400;
const now = () => Math.floor(Date.now() / 1000);


// The id under which the store knows a key.
export function kid(key, pepper = PEPPER) {
    const digest = createHash('sha256').update(key).digest();

    return createHmac('sha256', pepper).update(digest).digest('hex')
        .slice(0, 32);
}


// A verified organisation of the United States; "fields" change and add,
// undefined removes.
export function accountFields(fields = {}) {
    const all = {
        v: 1, ver: 1, type: 'organization', status: 'verified', level: 3,
        verified_at: now() - DAY, expires_at: now() + 365 * DAY,
        incorporated: 'US', headquarters: 'US', parent: 'US',
        use_locations: 'US', owners: 'US:10000', owners_method: 'cascade',
        owners_as_of: now() - DAY, owners_floor: 500,
        screening: 'clear', screened_at: now() - DAY,
        end_use: 'commercial', end_use_expires: now() + 365 * DAY,
        resale: 'none', linkage: 'ok', plan: 'standard',
        by: 'tests', why: 'tests', changed_at: now(),
        ...fields,
    };

    return Object.entries(all).filter(([, v]) => v !== undefined).flat();
}


export function keyFields(account, fields = {}) {
    const all = {
        v: 1, ver: 1, account, name: 'k_' + account, status: 'active',
        by: 'tests', why: 'tests', changed_at: now(),
        ...fields,
    };

    return Object.entries(all).filter(([, v]) => v !== undefined).flat();
}


// What tells an emptied database from one without this key.
export const writeMeta = (redis) =>
    redis.call('HSET', 'sp:data:meta', 'schema', 1, 'dataset', 'tests');


// Writes both; returns the key to call with.
export async function enrol(redis, id, account = {}, key = {},
    { raw = 'sk-' + id, pepper = PEPPER } = {})
{
    await writeMeta(redis);
    await redis.call('HSET', 'sp:data:acct:' + id, ...accountFields(account));
    await redis.call('HSET', 'sp:data:key:' + kid(raw, pepper),
        ...keyFields(id, key));

    return raw;
}
