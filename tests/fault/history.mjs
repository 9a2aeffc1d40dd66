// Copyright (C) the Sallyport authors
//
// What was written to the store, what clients were told, and whether the two
// fit: no decision may rest on a version that was overwritten longer ago than
// the bound, and no allow may follow a denial that rested on a higher one.

import http from 'node:http';
import { FROM, accountFields, chat } from '../e2e/lib/harness.mjs';

const now = () => performance.timeOrigin + performance.now();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));


// Writes records of "names" and keeps the times. A state is in force from
// "from", when its write was sent, until "to", when the write that ended it
// was acknowledged. Version 0: there was no record.
export class Writer {
    constructor(redis, names) {
        this.redis = redis;
        this.states = new Map(names.map((name) => [name, []]));
        this.busy = Promise.resolve();
    }

    // One write after the other, whoever asks.
    locked(work) {
        const done = this.busy.then(work);

        this.busy = done.catch(() => {});

        return done;
    }

    last(name) {
        return this.states.get(name).at(-1);
    }

    highest(name) {
        return Math.max(0, ...this.states.get(name).map((s) => s.ver));
    }

    async set(name, ver, denies) {
        const state = { ver, denies, from: now(), to: Infinity };
        const before = this.last(name);

        // It is in force at some time from here on, acknowledged or not.
        this.states.get(name).push(state);
        await this.redis.call('HSET', 'sp:data:acct:' + name,
            ...accountFields({ ver, status: denies ? 'suspended'
                : 'verified' }));
        state.acked = now();

        if (before) {
            before.to = state.acked;
        }
    }

    toggle(name) {
        return this.locked(() => this.set(name, this.highest(name) + 1,
            !this.last(name).denies));
    }

    // A backup: the state before the last one, for a while.
    goBack(name, ms) {
        return this.locked(async () => {
            const list = this.states.get(name);
            const [old, last] = [list.at(-2), list.at(-1)];

            if (!old || old.ver >= last.ver || old.ver === 0) {
                return;
            }

            await this.set(name, old.ver, old.denies);
            await pause(ms);
            await this.set(name, this.highest(name) + 1, last.denies);
        });
    }

    // Everything is gone, and comes back with higher versions. "rest" writes
    // what else the gate needs.
    flush(rest, ms) {
        return this.locked(async () => {
            const from = now();

            for (const list of this.states.values()) {
                list.push({ ver: 0, denies: true, from, to: Infinity });
            }

            await this.redis.call('FLUSHALL');

            for (const list of this.states.values()) {
                list.at(-2).to = now();
            }

            await pause(ms);
            await rest();

            for (const [name, list] of this.states) {
                await this.set(name, this.highest(name) + 1,
                    list.at(-2).denies);
            }
        });
    }
}


// Clients in closed loops until stop(); told: { name, sent, got, status, id }.
export function startClients(g, names, next, { callers, think = 0 }) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: callers });
    const body = JSON.stringify(chat('small'));
    const told = [];
    let calls = 0;
    let going = true;

    const request = (name) => new Promise((resolve) => {
        const sent = now();
        const call = String(++calls);
        const done = (about) => resolve({ name, call, sent, got: now(),
            ...about });
        const req = http.request({ host: '127.0.0.1', port: g.port, agent,
            path: '/v1/chat/completions', method: 'POST', headers: {
                'X-Forwarded-For': FROM.US, Authorization: 'Bearer sk-' + name,
                'X-Call': call,
                'Content-Type': 'application/json',
                'Content-Length': Buffer.byteLength(body) } }, (res) => {
            // The head is the verdict; its time is that of the first byte.
            const about = { status: res.statusCode,
                id: res.headers['x-request-id'], got: now() };

            res.on('data', () => {});
            res.on('error', () => done(about));
            res.on('end', () => done(about));
        });

        req.setTimeout(10000, () => req.destroy());
        req.on('error', (e) => done({ error: e.code ?? String(e) }));
        req.end(body);
    });

    const caller = async () => {
        while (going) {
            const name = names[Math.floor(next() * names.length)];

            told.push(await request(name));
            await pause(think * next());
        }
    };
    const all = Array.from({ length: callers }, caller);

    return { told, stop: async () => {
        going = false;
        await Promise.all(all);
        agent.destroy();
    } };
}


// A refusal tells its decision id; of what was let through, the upstream was
// told. "told" are those that have a decision.
export function withIds(g, told) {
    const ids = new Map(g.upstream.arrivals.map((a) =>
        [a.headers['x-call'], a.id]));

    return told.map((t) => ({ ...t, id: t.id ?? ids.get(t.call) }))
        .filter((t) => t.id !== undefined);
}


// What of the audit records the check reads, by decision id.
export function decided(records) {
    const found = new Map();

    for (const r of records) {
        if (r.t === 'decision') {
            found.set(r.id, { at: Date.parse(r.ts.slice(0, 23) + 'Z')
                + Number(r.ts.slice(23, 26)) / 1000,
            allows: r.dec === 'allow', reason: r.reason,
            ver: r.facts.record?.ver, src: r.facts.record?.src,
            age: r.facts.record?.age_ms });
        }
    }

    return found;
}


// Whether a state with this version was in force at any time in [from, to].
const inForce = (states, ver, from, to) => states.some((s) =>
    s.ver === ver && s.to >= from && s.from <= to);


// Every breach of the two rules, as text. "bound" is S, ms. A denial that is
// obeyed though its record is not fresh says so, and may be older.
export function breaches(writer, told, decisions, bound) {
    const found = [];
    const known = told.filter((t) => decisions.has(t.id))
        .map((t) => ({ ...t, ...decisions.get(t.id) }));

    for (const d of known) {
        const states = writer.states.get(d.name);

        // A frozen worker goes on with the clock it had: what it stamps is no
        // later than what it decides, and that is within sent and got.
        const at = Math.max(d.at, d.sent);

        if (d.ver !== undefined && (d.allows || d.src === 'fresh')
            && !inForce(states, d.ver, at - bound, d.got))
        {
            const over = states.filter((s) => s.ver === d.ver).at(-1);

            found.push({ rule: 'old', text: `${d.name}: ${d.allows ? 'allow'
                : 'deny'} ${d.id} at ${at.toFixed(1)} rests on version ` +
                `${d.ver} (${d.src}, ${d.age} ms), overwritten ` +
                `${over ? (at - over.to).toFixed(1) : '?'} ms before` });
        }
    }

    // By the time that a denial was seen; a request sent later may not pass.
    for (const name of writer.states.keys()) {
        const mine = known.filter((d) => d.name === name
            && d.ver !== undefined);
        const denials = mine.filter((d) => !d.allows)
            .sort((a, b) => a.got - b.got);
        let i = 0;
        let highest = { ver: 0 };

        for (const d of mine.filter((m) => m.allows)
            .sort((a, b) => a.sent - b.sent))
        {
            for (; i < denials.length && denials[i].got < d.sent; i++) {
                if (denials[i].ver > highest.ver) {
                    highest = denials[i];
                }
            }

            if (d.ver < highest.ver) {
                found.push({ rule: 'back', text: `${name}: ${d.id} allowed ` +
                    `with version ${d.ver} (${d.src}), ${highest.id} was ` +
                    `refused with ${highest.ver} before it was sent` });
            }
        }
    }

    return found;
}
