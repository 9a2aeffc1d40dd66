// Copyright (C) the Sallyport authors
//
// A Redis that a test scripts: it keeps hashes, answers in order as Redis
// does, tells trackers what changed, and lets a test put any bytes, late or
// never, where a reply belongs: per command (hook), per connection
// (connection.script) or for all connections that come (fake.greet).

import net from 'node:net';


// One command from the front of a buffer: [words, bytes used], or null.
function parseCommand(buf) {
    let at = 0;

    const number = (mark) => {
        const eol = buf.indexOf('\r\n', at);

        if (eol < 0) {
            return null;
        }

        const text = buf.toString('latin1', at, eol);

        if (text[0] !== mark || !/^\d+$/.test(text.slice(1))) {
            throw new Error(`not a command: ${JSON.stringify(text)}`);
        }

        at = eol + 2;

        return Number(text.slice(1));
    };

    const n = number('*');
    const words = [];

    for (let i = 0; n !== null && i < n; i++) {
        const length = number('$');

        if (length === null || buf.length < at + length + 2) {
            return null;
        }

        words.push(buf.toString('utf8', at, at + length));
        at += length + 2;
    }

    return n === null ? null : [words, at];
}


export const bulk = (text) =>
    text === null ? '$-1\r\n' : `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

export const array = (items) =>
    `*${items.length}\r\n` + items.map((item) => bulk(String(item))).join('');

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const CHANNEL = '__redis__:invalidate';

// What a tracker that redirects to itself over RESP2 gets; null: everything.
export const invalidation = (names) =>
    `*3\r\n${bulk('message')}${bulk(CHANNEL)}` +
    (names === null ? '*-1\r\n' : array(names));

// First words of errors, as Redis 7 and its Cluster say them.
export const ERRORS = {
    LOADING: '-LOADING Redis is loading the dataset in memory\r\n',
    READONLY: '-READONLY You can\'t write against a read only replica.\r\n',
    NOREPLICAS: '-NOREPLICAS Not enough good replicas to write.\r\n',
    MOVED: '-MOVED 3999 127.0.0.1:6381\r\n',
    ASK: '-ASK 3999 127.0.0.1:6381\r\n',
    MISCONF: '-MISCONF Redis is configured to save RDB snapshots, but it\'s ' +
        'currently unable to persist to disk.\r\n',
    OOM: '-OOM command not allowed when used memory > \'maxmemory\'.\r\n',
    NOSCRIPT: '-NOSCRIPT No matching script. Please use EVAL.\r\n',
    NOAUTH: '-NOAUTH Authentication required.\r\n',
    NOPERM: '-NOPERM this user has no permissions to run this command\r\n',
    MASTERDOWN: '-MASTERDOWN Link with MASTER is down\r\n',
    CLUSTERDOWN: '-CLUSTERDOWN Hash slot not served\r\n',
};


// One client. "script" is what a test makes of it:
//   delay     ms, or words => ms, before each reply
//   drip      ms between two bytes of each reply
//   cut       after this many bytes sent the socket ends...
//   reset     ... with RST in place of FIN
//   deaf      commands are read and never answered: half-open
// hold() keeps back all that is sent to it until release(): so that what one
// socket carries overtakes what another one does. With "pushes" only the
// invalidations are kept back.
class Connection {
    constructor(fake, socket, id) {
        Object.assign(this, { fake, socket, id, name: '', tracking: null,
            subscribed: false, script: { ...fake.greet }, sent: 0,
            held: null, heldPushes: null, commands: [], at: Date.now() });
    }

    hold({ pushes = false } = {}) {
        if (pushes) {
            this.heldPushes ??= [];
        } else {
            this.held ??= [];
        }
    }

    release() {
        const [held, pushes] = [this.held ?? [], this.heldPushes ?? []];

        this.held = this.heldPushes = null;
        [...held, ...pushes].forEach((bytes) => this.write(bytes));
    }

    write(data) {
        let bytes = Buffer.from(data);
        const { cut, reset } = this.script;

        if (this.socket.destroyed) {
            return;
        }

        if (this.held !== null) {
            this.held.push(bytes);
            return;
        }

        if (cut !== undefined && this.sent + bytes.length >= cut) {
            bytes = bytes.subarray(0, cut - this.sent);
            this.socket.write(bytes, () => reset ? this.socket.resetAndDestroy()
                : this.socket.destroy());

        } else {
            this.socket.write(bytes);
        }

        this.sent += bytes.length;
    }

    push(names) {
        if (this.heldPushes !== null) {
            this.heldPushes.push(Buffer.from(invalidation(names)));
        } else {
            this.write(invalidation(names));
        }
    }

    async answer(text) {
        if (!this.script.drip) {
            this.write(text);
            return;
        }

        for (const byte of Buffer.from(text)) {
            this.write(Buffer.from([byte]));
            await pause(this.script.drip);
        }
    }
}


// What Redis would say to words of a connection; changes what they change.
function honest(fake, c, [name, ...rest]) {
    const [key] = rest;
    const upper = name.toUpperCase();

    switch (upper) {
    case 'HGETALL':
        return array(Object.entries(fake.data.get(key) ?? {}).flat());
    case 'HGET':
        return bulk(fake.data.get(key)?.[rest[1]] ?? null);
    case 'PING':
        return c.subscribed ? array(['pong', '']) : '+PONG\r\n';
    case 'TIME': {
        const us = (Date.now() + fake.skew) * 1000;

        return array([Math.floor(us / 1e6), us % 1e6]);
    }
    case 'ROLE':
        return fake.role === 'master' ? '*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n'
            : `*5\r\n${bulk('slave')}${bulk('127.0.0.1')}:1\r\n` +
                `${bulk('connected')}:0\r\n`;
    case 'INFO':
        return bulk('# Server\r\nredis_version:7.0.15\r\n' +
            `redis_mode:${fake.mode}\r\nrun_id:${fake.runId}\r\n` +
            `tcp_port:${fake.port}\r\n\r\n# Replication\r\n` +
            `role:${fake.role}\r\nconnected_slaves:${fake.replicas}\r\n` +
            `\r\n# Memory\r\nmaxmemory_policy:${fake.policy}\r\n`);
    case 'CONFIG':
        return /^GET$/i.test(key) ? array(rest.slice(1).flatMap((word) =>
            word === 'maxmemory-policy' ? [word, fake.policy] : []))
            : '+OK\r\n';
    case 'WAIT':
        return `:${fake.replicas}\r\n`;
    case 'SET':
    case 'HSET':
    case 'DEL':
    case 'FLUSHALL':
    case 'FLUSHDB':
        fake.change(upper, rest);
        return upper === 'HSET' || upper === 'DEL' ? ':1\r\n' : '+OK\r\n';
    case 'SUBSCRIBE':
        c.subscribed = true;
        return rest.map((channel, n) =>
            `*3\r\n${bulk('subscribe')}${bulk(channel)}:${n + 1}\r\n`).join('');
    case 'CLIENT':
        return client(fake, c, rest);
    case 'EVALSHA':
        return ERRORS.NOSCRIPT;
    default:
        return '+OK\r\n';
    }
}


function client(fake, c, [what, ...rest]) {
    switch (what.toUpperCase()) {
    case 'ID':
        return `:${c.id}\r\n`;
    case 'SETNAME':
        c.name = rest[0];
        return '+OK\r\n';
    case 'TRACKING': {
        const at = (word) => rest.findIndex((w) => w.toUpperCase() === word);

        if (fake.noTracking) {
            return '-ERR unknown subcommand \'TRACKING\'. Try CLIENT HELP.\r\n';
        }

        c.tracking = {
            redirect: Number(rest[at('REDIRECT') + 1] ?? c.id),
            prefix: at('PREFIX') < 0 ? '' : rest[at('PREFIX') + 1],
            bcast: at('BCAST') >= 0,
        };
        return '+OK\r\n';
    }
    default:
        return '+OK\r\n';
    }
}


// Tells every tracker what changed in this turn of the loop, in one message
// each, ahead of the replies to whoever changed it.
function announce(fake) {
    const names = fake.changed === null ? null : [...fake.changed];

    fake.changed = new Set();

    for (const owner of fake.connections) {
        const target = [...fake.connections].find((c) =>
            c.id === owner.tracking?.redirect);

        if (!target?.subscribed || fake.silent) {
            continue;
        }

        const mine = names === null ? null
            : names.filter((n) => n.startsWith(owner.tracking.prefix)).sort();

        if (mine === null || mine.length > 0) {
            target.push(mine);
        }
    }
}


// { port, call(...), stop() } as startRedis() has, and:
//   commands     all words received, [[name, ...]]
//   connects     when connections came, ms
//   connections  Set of Connection; trackers() those that track
//   peak         most look-ups of records that waited for a reply at once
//   hook         async (words, connection) => what to send: text, Buffer, or
//                undefined for the honest reply, null for none at all, from
//                there on: the connection is deaf
//   greet        script of connections that come
//   accept       (connection) => false: this one is reset at once
//   silent       changes are not announced
//   role, mode, runId, replicas, policy, skew, noTracking: what it says of
//                itself
export async function startFakeRedis() {
    const sockets = new Set();
    const fake = { data: new Map(), commands: [], connects: [], peak: 0,
        hook: null, greet: {}, accept: null, connections: new Set(),
        changed: new Set(), silent: false, role: 'master',
        mode: 'standalone', replicas: 0,
        runId: 'f'.repeat(40), policy: 'noeviction', skew: 0,
        noTracking: false };
    let waiting = 0;
    let ids = 0;

    const isRecord = ([name, key]) => name.toUpperCase() === 'HGETALL'
        && !key.endsWith(':meta') && !key.endsWith(':block');

    async function reply(c, words) {
        const { delay, deaf } = c.script;
        const ms = typeof delay === 'function' ? delay(words) : delay;

        if (ms) {
            await pause(ms);
        }

        const text = deaf ? null : await fake.hook?.(words, c);

        if (isRecord(words)) {
            waiting--;
        }

        // Replies go by their order: behind one that never comes, none may.
        if (text === null) {
            c.script.deaf = true;
        }

        if (text !== null && !c.socket.destroyed) {
            const said = text ?? honest(fake, c, words);

            if (fake.changed === null || fake.changed.size > 0) {
                announce(fake);
            }

            await c.answer(said);
        }
    }

    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
        const c = new Connection(fake, socket, ++ids);
        let buf = Buffer.alloc(0);
        let last = Promise.resolve();

        sockets.add(socket);
        fake.connects.push(Date.now());
        socket.setNoDelay(true);
        socket.on('error', () => {});
        socket.on('end', () => c.script.deaf || socket.end());
        socket.on('close', () => {
            sockets.delete(socket);
            fake.connections.delete(c);
        });

        if (fake.accept?.(c) === false) {
            socket.resetAndDestroy();
            return;
        }

        fake.connections.add(c);
        socket.on('data', (chunk) => {
            buf = Buffer.concat([buf, chunk]);

            for (let p = parseCommand(buf); p; p = parseCommand(buf)) {
                const words = p[0];

                buf = buf.subarray(p[1]);
                fake.commands.push(words);
                c.commands.push(words);

                if (isRecord(words)) {
                    fake.peak = Math.max(fake.peak, ++waiting);
                }

                last = last.then(() => reply(c, words));
            }
        });
    });

    fake.listen = () => new Promise((resolve) =>
        server.listen(fake.port ?? 0, '127.0.0.1', resolve));
    await fake.listen();
    fake.port = server.address().port;

    fake.change = (name, [key, ...rest]) => {
        if (name.startsWith('FLUSH')) {
            fake.data.clear();
            fake.changed = null;
            return;
        }

        if (name === 'HSET') {
            const hash = fake.data.get(key) ?? {};

            for (let i = 0; i < rest.length; i += 2) {
                hash[rest[i]] = String(rest[i + 1]);
            }

            fake.data.set(key, hash);

        } else if (name === 'DEL') {
            fake.data.delete(key);

        } else if (name !== 'SET') {
            throw new Error('the fake Redis has no ' + name);
        }

        fake.changed?.add(key);
    };

    // What a test writes, without a connection; announced at once.
    fake.call = async (name, ...rest) => {
        fake.change(name, rest);
        announce(fake);
    };

    fake.trackers = () => [...fake.connections].filter((c) => c.tracking
        && c.subscribed);
    fake.others = () => [...fake.connections].filter((c) => !c.tracking);

    // Any names to all trackers, whether they changed or not; null: nil.
    fake.tell = (names) => fake.trackers().forEach((c) => c.push(names));

    fake.drop = () => sockets.forEach((socket) => socket.destroy());
    fake.reset = () => sockets.forEach((socket) => socket.resetAndDestroy());
    fake.lookups = () => fake.commands.filter(isRecord);
    fake.canaries = () => fake.commands.filter(([name]) =>
        name.toUpperCase() === 'SET');

    // Nobody listens any more: connects are refused until listen().
    fake.close = async () => {
        fake.drop();

        if (server.listening) {
            await new Promise((resolve) => server.close(resolve));
        }
    };
    fake.stop = fake.close;

    await fake.call('HSET', 'sp:data:meta', 'schema', 1, 'dataset', 'tests');

    return fake;
}
