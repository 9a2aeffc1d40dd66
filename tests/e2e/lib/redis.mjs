// Copyright (C) the Sallyport authors
//
// A redis-server of the test's own, and the little of RESP2 that is needed to
// talk to it.

import net from 'node:net';
import path from 'node:path';
import { spawnServer, freePort, until } from './process.mjs';


// One reply from the front of a buffer: [value, bytes used], or null if it is
// not whole yet.
function parseReply(buf, at = 0) {
    const eol = buf.indexOf('\r\n', at);

    if (eol < 0) {
        return null;
    }

    const line = buf.toString('latin1', at + 1, eol);
    const next = eol + 2;

    switch (String.fromCharCode(buf[at])) {
    case '+':
        return [line, next];
    case '-':
        return [new Error(line), next];
    case ':':
        return [Number(line), next];
    case '$': {
        const n = Number(line);

        if (n < 0) {
            return [null, next];
        }

        return buf.length < next + n + 2
            ? null : [buf.toString('utf8', next, next + n), next + n + 2];
    }
    default: {
        const items = [];
        let pos = next;

        for (let i = 0; i < Number(line); i++) {
            const item = parseReply(buf, pos);

            if (item === null) {
                return null;
            }

            items.push(item[0]);
            pos = item[1];
        }

        return [items, pos];
    }
    }
}


export function connectRedis(port) {
    const socket = net.connect(port, '127.0.0.1');
    const waiting = [];
    let buf = Buffer.alloc(0);

    socket.setNoDelay(true);
    socket.on('data', (data) => {
        buf = Buffer.concat([buf, data]);

        for (let r = parseReply(buf); r !== null; r = parseReply(buf)) {
            buf = buf.subarray(r[1]);
            const { resolve, reject } = waiting.shift();
            (r[0] instanceof Error ? reject : resolve)(r[0]);
        }
    });

    const fail = (e) => waiting.splice(0).forEach(({ reject }) =>
        reject(e ?? new Error('connection to redis closed')));
    socket.on('error', fail);
    socket.on('close', () => fail());

    return {
        call(...args) {
            const parts = args.map((a) => Buffer.isBuffer(a) ? a
                : Buffer.from(String(a)));

            return new Promise((resolve, reject) => {
                waiting.push({ resolve, reject });
                socket.write(Buffer.concat([Buffer.from(`*${args.length}\r\n`),
                    ...parts.flatMap((part) => [Buffer.from(
                        `$${part.length}\r\n`), part, Buffer.from('\r\n')])]));
            });
        },
        close: () => socket.destroy(),
    };
}


// { port, call(...), stop(), kill(signal), start() }
export async function startRedis(dir, extra = []) {
    const redis = { port: await freePort(), client: null };

    redis.start = async () => {
        redis.server = spawnServer('redis-server', ['--port', redis.port,
            '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no',
            '--dir', dir, '--logfile', path.join(dir, 'redis.log'), ...extra]);
        redis.client = await until(async () => {
            if (redis.server.ended) {
                throw new Error('redis-server ended; see ' + dir);
            }

            const client = connectRedis(redis.port);

            return await client.call('PING').catch(() => null) === 'PONG'
                ? client : (client.close(), null);
        }, 'redis answers');
    };

    redis.call = (...args) => redis.client.call(...args);
    redis.kill = (signal) => redis.server.kill(signal);

    redis.stop = async () => {
        redis.client?.close();
        redis.server.kill('SIGCONT');
        await redis.server.stop('SIGKILL');
    };

    await redis.start();

    return redis;
}
