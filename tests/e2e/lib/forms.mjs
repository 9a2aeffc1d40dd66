// Copyright (C) the Sallyport authors
//
// Readers of forms that servers use, each as a function of Content-Type and
// body that resolves with what it has for "model", and rejects if it refuses
// the form.

import { Readable, Writable } from 'node:stream';
import { sdk } from './harness.mjs';

const busboy = sdk('busboy');
const fastify = sdk('@fastify/busboy');
const formidable = sdk('formidable');

// A form of [name, value, { filename, type }]...
export function parts(boundary, list) {
    return Buffer.concat([...list.flatMap(([name, value, o = {}]) => [
        Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ` +
            `name="${name}"` +
            (o.filename ? `; filename="${o.filename}"` : '') + '\r\n' +
            (o.type ? `Content-Type: ${o.type}\r\n` : '') + '\r\n'),
        Buffer.from(value), Buffer.from('\r\n')]),
    Buffer.from(`--${boundary}--\r\n`)]);
}


const of = (make, type, body, end) => new Promise((resolve, reject) => {
    const models = [];
    const reader = make({ headers: { 'content-type': type } });

    reader.on('field', (name, value) => {
        if (name === 'model') {
            models.push(value);
        }
    });
    reader.on('file', (name, stream) => stream.resume());
    reader.on('error', reject);
    reader.on(end, () => resolve(models.at(-1)));
    reader.end(body);
});

async function byFormidable(type, body) {
    const req = Object.assign(Readable.from([body]), {
        headers: { 'content-type': type,
            'content-length': String(body.length) } });
    const reader = formidable.formidable({ allowEmptyFiles: true,
        minFileSize: 0, fileWriteStreamHandler: () =>
            new Writable({ write: (chunk, encoding, done) => done() }) });
    const [fields] = await reader.parse(req);

    return fields.model?.at(-1);
}

const byPlatform = async (type, body) => (await new Response(body,
    { headers: { 'Content-Type': type } }).formData()).getAll('model')
    .filter((value) => typeof value === 'string').at(-1);

export const READERS = {
    busboy: (type, body) => of(busboy, type, body, 'close'),
    fastify: (type, body) => of((o) => new (fastify.default ?? fastify)(o),
        type, body, 'finish'),
    formidable: byFormidable,
    undici: byPlatform,
};
