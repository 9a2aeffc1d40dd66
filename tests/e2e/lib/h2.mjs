// Copyright (C) the Sallyport authors
//
// HTTP/2 by hand: the client library refuses to be this rude.

import { FROM } from './harness.mjs';
import { raw, g, small } from './attack.mjs';

const frame = (type, flags, stream, payload) => {
    const head = Buffer.alloc(9);

    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);

    return Buffer.concat([head, payload]);
};

const number = (n, bits) => {
    const most = (1 << bits) - 1;
    const bytes = [Math.min(n, most)];

    for (let rest = n - most; n >= most && rest >= 0; rest >>= 7) {
        bytes.push(rest > 127 ? rest & 127 | 128 : rest);

        if (rest < 128) {
            break;
        }
    }

    return Buffer.from(bytes);
};

const literal = ([name, value]) => Buffer.concat([Buffer.from([0]),
    number(name.length, 7), Buffer.from(name, 'latin1'),
    number(value.length, 7), Buffer.from(value, 'latin1')]);

export const PSEUDO = [[':method', 'POST'], [':scheme', 'http'], [':path', '/v1/chat/completions'],
    [':authority', 'gate']];
export const FIELDS = [['content-type', 'application/json'],
    ['x-forwarded-for', FROM.US], ['authorization', 'Bearer sk-low']];

// One stream; resolves when the server ends the connection or the stream.
export function h2(headers, body = small, { padded = false } = {}) {
    const settings = frame(4, 0, 0, Buffer.alloc(0));
    const head = frame(1, body === null ? 5 : 4, 1,
        Buffer.concat(headers.map(literal)));
    const data = body === null ? Buffer.alloc(0)
        : padded ? frame(0, 9, 1, Buffer.concat([Buffer.from([7]),
            Buffer.from(body), Buffer.alloc(7)]))
            : frame(0, 1, 1, Buffer.from(body));

    return raw(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        settings, head, data]), { port: g.h2Port, whole: answered });
}


// The stream has ended, or the connection will.
function answered(bytes) {
    for (let at = 0; at + 9 <= bytes.length;
        at += 9 + bytes.readUIntBE(at, 3))
    {
        const [type, flags] = [bytes[at + 3], bytes[at + 4]];

        if (type === 3 || type === 7 || type < 2 && flags & 1) {
            return true;
        }
    }

    return false;
}
