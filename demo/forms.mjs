// Copyright (C) the Sallyport authors
//
// The upstream's calls whose bodies are forms (multipart/form-data): speech as
// text, images that are changed, files that are stored.

// The fields of a form by name, files as { filename, size }; undefined if it
// is none. The last of a name counts, as in Python's servers.
export function formFields(type, raw) {
    const boundary = /^multipart\/form-data; *boundary="?([^";]+)/i
        .exec(type ?? '')?.[1];

    if (boundary === undefined) {
        return undefined;
    }

    const fields = {};

    for (const part of `\r\n${raw}`.split(`\r\n--${boundary}`).slice(1, -1)) {
        const at = part.indexOf('\r\n\r\n');
        const head = part.slice(0, at);
        const value = part.slice(at + 4);
        const name = / name="([^"]*)"/.exec(head)?.[1];
        const filename = / filename="([^"]*)"/.exec(head)?.[1];

        fields[name] = filename === undefined ? value
            : { filename, size: value.length };
    }

    return fields;
}


// What dialects.mjs says of an answer: { json } or { sse }.
export function answerForm(path, fields, { id, words }) {
    const text = words.join(' ');

    if (/^\/v1\/images\/edits$/.test(path)) {
        return { json: { created: 0, data: [{ b64_json: 'aW1hZ2U=' }],
            usage: { input_tokens: 9, output_tokens: 4, total_tokens: 13 } } };
    }

    if (/^\/v1\/files$/.test(path)) {
        return { json: { id: `file-${id}`, object: 'file', created_at: 0,
            bytes: fields.file?.size ?? 0, filename: fields.file?.filename,
            purpose: fields.purpose, status: 'processed' } };
    }

    if (fields.stream === 'true') {
        return { sse: [
            ...words.map((word) => ({ data: {
                type: 'transcript.text.delta', delta: `${word} ` } })),
            { data: { type: 'transcript.text.done', text } },
            { data: '[DONE]' }] };
    }

    return { json: { text, usage: { type: 'tokens', input_tokens: 9,
        output_tokens: words.length, total_tokens: 9 + words.length } } };
}
