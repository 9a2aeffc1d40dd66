// Copyright (C) the Sallyport authors
//
// The command, as people call it, in a directory of the test's own.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

import { BUILD, PEPPER } from './harness.mjs';

export const COMMAND = path.join(BUILD, 'sallyport');
export const WHO = ['--by', 'jo', '--reason', 'TICKET-1'];
export const EXPLAINED = `sallyport: 1
policy: explained
revision: r1

lists:
  embargoed:
    type: country
    items: [KP, IR]

models:
  tiers:
    1: [small]
    2: [medium]
    3: [frontier]

deny:
  - id: embargo-address
    when: ip.country in @embargoed
    unknown: match
    reason: JUR_IP_EMBARGO

  - id: unlisted-model
    when: not has(model.tier)
    reason: MODEL_UNKNOWN

  - id: level-for-tier
    when: has(model.tier) and model.tier == 3 and account.level < 3
    reason: KYC_LEVEL

allow:
  - id: verified
    when: account.status == verified

throttle:
  - id: per-account
    meter: requests
    per: [account.id]
    rate: 6000/min
    burst: 100
`;


// The caller sets env.SALLYPORT_STORE if it has one, and removes dir.
export function command() {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sallyport-cli-'));
    const env = {};

    function write(name, text) {
        const file = path.join(dir, name);

        fs.writeFileSync(file, text);

        return file;
    }

    // { code, out, err } of one call; "input" goes to its standard input.
    function run(args, { input = '', env: more = {} } = {}) {
        const { status, stdout, stderr, signal } = spawnSync(COMMAND, args, {
            input,
            encoding: 'utf8',
            env: { PATH: process.env.PATH,
                SALLYPORT_PEPPER: path.join(dir, 'pepper'), ...env, ...more },
            timeout: 30000,
        });

        assert.equal(signal, null, `${args.join(' ')} ended by a signal`);
        assert.doesNotMatch(stderr, /Sanitizer|runtime error/);

        return { code: status, out: stdout, err: stderr };
    }

    function fine(args, options) {
        const r = run(args, options);

        assert.equal(r.code, 0, `${args.join(' ')}\n${r.out}${r.err}`);

        return r;
    }

    function refused(args, code, pattern, options) {
        const r = run(args, options);

        assert.equal(r.code, code, `${args.join(' ')}\n${r.out}${r.err}`);
        assert.match(r.err, pattern);

        return r;
    }

    write('pepper', PEPPER + '\n');

    return { dir, env, write, run, fine, refused };
}
