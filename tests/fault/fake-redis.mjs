// Copyright (C) the Sallyport authors
//
// A Redis that a test scripts: it keeps hashes, answers in order as Redis
// does, and lets a test put any bytes, late or never, where a reply belongs.

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


// { port, call(...), stop() } as startRedis() has, and:
//   commands   all words received, [[name, ...]]
//   connects   when connections came, ms
//   peak       most look-ups of records that waited for a reply at once
//   hook       async (words, socket) => what to send: text, Buffer, or
//              undefined for the honest reply, null for none at all
export async function startFakeRedis() {
    const data = new Map();
    const sockets = new Set();
    const fake = { data, commands: [], connects: [], peak: 0, hook: null };
    let waiting = 0;

    const isRecord = ([name, key]) =>
        name === 'HGETALL' && !key.endsWith(':meta');

    const honest = ([name, key]) => {
        switch (name.toUpperCase()) {
        case 'HGETALL':
            return array(Object.entries(data.get(key) ?? {}).flat());
        default:
            return '+OK\r\n';
        }
    };

    async function reply(socket, words) {
        const text = await fake.hook?.(words, socket);

        if (isRecord(words)) {
            waiting--;
        }

        if (text !== null && !socket.destroyed) {
            socket.write(text ?? honest(words));
        }
    }

    const server = net.createServer((socket) => {
        let buf = Buffer.alloc(0);
        let last = Promise.resolve();

        sockets.add(socket);
        fake.connects.push(Date.now());
        socket.setNoDelay(true);
        socket.on('error', () => {});
        socket.on('close', () => sockets.delete(socket));
        socket.on('data', (chunk) => {
            buf = Buffer.concat([buf, chunk]);

            for (let c = parseCommand(buf); c; c = parseCommand(buf)) {
                const words = c[0];

                buf = buf.subarray(c[1]);
                fake.commands.push(words);

                if (isRecord(words)) {
                    fake.peak = Math.max(fake.peak, ++waiting);
                }

                last = last.then(() => reply(socket, words));
            }
        });
    });

    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    fake.port = server.address().port;

    // What a test writes, without a connection.
    fake.call = async (name, key, ...rest) => {
        if (name === 'HSET') {
            const hash = data.get(key) ?? {};

            for (let i = 0; i < rest.length; i += 2) {
                hash[rest[i]] = String(rest[i + 1]);
            }

            data.set(key, hash);

        } else if (name === 'DEL') {
            data.delete(key);

        } else {
            throw new Error('the fake Redis has no ' + name);
        }
    };

    fake.drop = () => sockets.forEach((socket) => socket.destroy());
    fake.lookups = () => fake.commands.filter(isRecord);

    fake.stop = async () => {
        fake.drop();

        if (server.listening) {
            await new Promise((resolve) => server.close(resolve));
        }
    };

    await fake.call('HSET', 'sp:data:meta', 'schema', 1, 'dataset', 'tests');

    return fake;
}
