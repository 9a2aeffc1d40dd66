// Copyright (C) the Sallyport authors
//
// Rows F1, F2, F3 and F11: the store is gone, hangs, is slow, or loads. The
// strict tier is refused after a lease, the lenient one is served with old
// records as long as its policy says, denials stay, and service comes back.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { writeMeta } from '../e2e/lib/harness.mjs';
import { overFake, overReal, outage, recovers, refused, sample, TIMES,
    metric } from './rows.mjs';
import { ERRORS, pause } from './fake-redis.mjs';

const OUTAGE = TIMES.stale + 1000;


async function enrolAgain(g) {
    await writeMeta(g.redis);
    await g.enrol('acme');
    await g.enrol('shut', { status: 'suspended' });
    await g.enrol('gone', {}, { status: 'revoked' });
}


test('F1 killed', async (t) => {
    const g = await overReal(t);

    g.redis.kill('SIGKILL');
    await g.redis.server.exit;

    const list = await sample(g, OUTAGE);

    outage(list);
    refused(list);

    for (const s of list) {
        assert.ok(s.took < 1000, `${s.who} waited ${s.took} ms`);
    }

    await g.redis.start();
    await enrolAgain(g);

    const took = await recovers(g);

    assert.ok(took <= 2000, `served again after ${took} ms`);
});


test('F1 connections reset, and refused from then on', async (t) => {
    const g = await overFake(t);

    g.redis.accept = () => false;
    g.redis.reset();

    const list = await sample(g, OUTAGE);

    outage(list);
    refused(list);

    g.redis.accept = null;

    const took = await recovers(g);

    assert.ok(took <= 2000, `served again after ${took} ms`);
});


test('F2 stopped', async (t) => {
    const g = await overReal(t);

    g.redis.kill('SIGSTOP');

    const list = await sample(g, OUTAGE);

    outage(list);
    refused(list);

    g.redis.kill('SIGCONT');

    const took = await recovers(g);

    assert.ok(took <= 2000, `served again after ${took} ms`);
});


test('F2 half-open: commands are taken and never answered', async (t) => {
    const g = await overFake(t);

    g.redis.greet = { deaf: true };
    g.redis.connections.forEach((c) => { c.script.deaf = true; c.hold(); });

    const list = await sample(g, OUTAGE);

    outage(list);
    refused(list);

    g.redis.greet = {};
    g.redis.drop();
    await recovers(g);
});


test('F3 slower than the lease', async (t) => {
    const g = await overFake(t);

    g.redis.greet = { delay: 2 * TIMES.lease };
    g.redis.connections.forEach((c) => { c.script.delay = 2 * TIMES.lease; });

    const list = await sample(g, OUTAGE);

    outage(list);
    refused(list);

    g.redis.greet = {};
    g.redis.drop();
    await recovers(g);
});


test('F3 one byte at a time', async (t) => {
    const g = await overFake(t);

    g.redis.greet = { drip: 20 };
    g.redis.connections.forEach((c) => { c.script.drip = 20; });

    const list = await sample(g, OUTAGE);

    outage(list);
    refused(list);

    g.redis.greet = {};
    g.redis.drop();
    await recovers(g);
});


for (const error of ['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'NOPERM']) {
    test(`F11 every command is answered with ${error}`, async (t) => {
        const g = await overFake(t);

        g.redis.hook = () => ERRORS[error];
        g.redis.drop();

        const list = await sample(g, OUTAGE);

        outage(list);
        refused(list);

        g.redis.hook = null;
        await recovers(g);
    });
}


test('F1 cut in the middle of a reply, wherever that is', async (t) => {
    const g = await overFake(t);

    for (let cut = 1; cut < 400; cut += 1 + Math.floor(cut / 3)) {
        g.redis.greet = { cut, reset: cut % 2 === 0 };
        g.redis.drop();
        refused(await sample(g, 20, ['shut', 'gone']));
        await pause(TIMES.canary);
    }

    g.redis.greet = {};
    g.redis.drop();
    await recovers(g, 3000);
    assert.ok(await metric(g, 'sallyport_epoch_total') > 1, 'epochs ended');
});
