// Copyright (C) the Sallyport authors
//
// Node among the readers of the panel, as servers in it read: bytes as UTF-8,
// with a mark taken off, then JSON.parse(). judge.c says what goes in and out.
// "?": no string is the model.

let rest = Buffer.alloc(0);

function read(data) {
    let body;

    try {
        body = JSON.parse(new TextDecoder().decode(data));

    } catch {
        return '-';
    }

    return typeof body?.model === 'string'
        ? `=${Buffer.from(body.model).toString('hex')} ` +
            Number(body.stream === true)
        : '?';
}

for await (const chunk of process.stdin) {
    const lines = [];
    let at = 0;

    rest = Buffer.concat([rest, chunk]);

    while (rest.length - at >= 4) {
        const size = rest.readUInt32LE(at);

        if (rest.length - at < 4 + size) {
            break;
        }

        lines.push(read(rest.subarray(at + 4, at + 4 + size)));
        at += 4 + size;
    }

    rest = rest.subarray(at);

    if (lines.length > 0) {
        process.stdout.write(lines.join('\n') + '\n');
    }
}
