// Copyright (C) the Sallyport authors
//
// `--wait`: the receipt of a change, from gates that pass its fence.

import fs from 'node:fs';
import { spawn } from 'node:child_process';
import test, { after, before, beforeEach } from 'node:test';
import assert from 'node:assert/strict';

import { accountFields, startRedis, writeMeta } from './lib/harness.mjs';
import { COMMAND, WHO, command } from './lib/command.mjs';

const { dir, env } = command();

let redis;

before(async () => {
    redis = await startRedis(dir);
    env.SALLYPORT_STORE = `redis://127.0.0.1:${redis.port}/0`;
});

beforeEach(async () => {
    await redis.call('FLUSHALL');
    await writeMeta(redis);
    await redis.call('HSET', 'sp:data:acct:acme', ...accountFields());
});

after(async () => {
    await redis?.stop();
    fs.rmSync(dir, { recursive: true, force: true });
});


// The command's { code, text }; others go on meanwhile.
function ran(...args) {
    const child = spawn(COMMAND, [...args, ...WHO],
        { env: { ...process.env, ...env } });
    let text = '';

    child.stdout.on('data', (d) => { text += d; });
    child.stderr.on('data', (d) => { text += d; });

    return new Promise((resolve) => child.on('close', (code) =>
        resolve({ code, text })));
}


async function seen(node, ago = 0) {
    await redis.call('ZADD', 'sp:node', Date.now() - ago, node);
    await redis.call('HSET', 'sp:node:' + node, 'lease_ms', 300);
}


// What a gate does that hears of a fence, once the change stands before it.
async function passing(nodes) {
    for (;;) {
        const [fence] = await redis.call('KEYS', 'sp:data:~fence:*');

        if (fence !== undefined) {
            const [status] = await redis.call('HMGET', 'sp:data:acct:acme',
                'status');

            for (const node of nodes) {
                await redis.call('HSET', 'sp:ack:' + fence.slice(15), node,
                    Date.now());
            }

            return status;
        }
    }
}


test('all gates pass the fence behind the change', async () => {
    await seen('a.1');
    await seen('b.2');
    await seen('ended.3', 11000);

    const [{ code, text }, status] = await Promise.all([
        ran('account', 'suspend', 'acme', '--wait'), passing(['a.1', 'b.2'])]);

    assert.equal(code, 0, text);
    assert.match(text, /^enforced on 2 of 2 nodes, after \d+ ms$/m);
    assert.equal(status, 'suspended', 'the fence stands behind the change');
    assert.ok(await redis.call('PTTL',
        (await redis.call('KEYS', 'sp:data:~fence:*'))[0]) > 0);
});


test('the silent are named', async () => {
    await seen('a.1');
    await seen('quiet.2');

    const [{ code, text }] = await Promise.all([
        ran('account', 'suspend', 'acme', '--wait'), passing(['a.1'])]);

    assert.equal(code, 3, text);
    assert.match(text, /^enforced on 1 of 2 nodes, after \d+ ms$/m);
    assert.match(text, /^ {2}quiet\.2 is silent: .* 1500 ms/m);
});


test('nobody there is no receipt', async () => {
    const { code, text } = await ran('account', 'suspend', 'acme', '--wait');

    assert.equal(code, 3, text);
    assert.match(text, /no gate has reported/);
    assert.equal((await redis.call('HMGET', 'sp:data:acct:acme',
        'status'))[0], 'suspended');

    // asked again, it is the receipt of what stands there already
    await seen('a.1');

    const [again] = await Promise.all([
        ran('account', 'suspend', 'acme', '--wait'), passing(['a.1'])]);

    assert.equal(again.code, 0, again.text);
    assert.match(again.text, /nothing to change/);
    assert.match(again.text, /enforced on 1 of 1 nodes/);
});
