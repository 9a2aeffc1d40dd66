// Copyright (C) the Sallyport authors
//
// What a user would take in place of the gate. Each has a name, what it
// "checks" (of key, country, model), a word on what it is, "missing": why it
// cannot be had here, and "start".

import { startCase } from '../bed.mjs';
import { authRequest, geoip2LimitReq, lua } from './nginx.mjs';
import { envoy } from './envoy.mjs';
import { haproxy } from './haproxy.mjs';
import { litellm } from './litellm.mjs';

export const rivals = [
    {
        name: 'bare',
        checks: [],
        says: 'nginx, proxy_pass alone',
        missing: () => undefined,
        start: (bed) => startCase(bed, 'bare'),
    },
    {
        name: 'gate',
        checks: ['country', 'key', 'model'],
        says: 'the shipped policy, refusals recorded',
        missing: () => undefined,
        start: (bed) => startCase(bed, 'gate'),
    },
    geoip2LimitReq, authRequest, lua, haproxy, envoy, litellm,
];
