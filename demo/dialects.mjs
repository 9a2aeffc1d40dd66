// Copyright (C) the Sallyport authors
//
// What the small upstream answers in the dialects that are neither OpenAI's nor
// Anthropic's: Gemini, Bedrock, Cohere, Ollama, TGI and Azure's deployments.

import zlib from 'node:zlib';

const MODELS = ['gpt-4o-mini', 'gpt-4o', 'claude-sonnet-4-5'];


const gemini = {
    chunk: (model, text, words, input, finish) => ({
        candidates: [{ index: 0, content: { role: 'model',
            parts: [{ text }] }, ...(finish && { finishReason: 'STOP' }) }],
        usageMetadata: { promptTokenCount: input,
            candidatesTokenCount: words, totalTokenCount: input + words },
        modelVersion: model,
    }),

    answer(call) {
        const { model, verb, words, input, body } = call;

        switch (verb) {
            case 'countTokens':
                return { json: { totalTokens: input } };

            case 'embedContent':
                return { json: { embedding: { values: [0.25, -0.5] } } };

            case 'batchEmbedContents':
                return { json: { embeddings: body.requests.map(() =>
                    ({ values: [0.25, -0.5] })) } };

            case 'predict':
                return { json: { predictions: [{ text: words.join(' ') }] } };

            case 'streamGenerateContent':
                return { sse: words.map((word, i) => ({ data:
                    this.chunk(model, word + ' ', i + 1, input,
                        i === words.length - 1) })) };

            default:
                return { json: this.chunk(model, words.join(' '),
                    words.length, input, true) };
        }
    },
};


// An event of AWS: two lengths and their CRC, headers, payload, CRC of all.
export function frame(type, payload, kind = 'event') {
    const headers = Buffer.concat(Object.entries({
        [`:${kind}-type`]: type, ':content-type': 'application/json',
        ':message-type': kind,
    }).map(([name, value]) => {
        const length = Buffer.alloc(2);

        length.writeUInt16BE(Buffer.byteLength(value));

        return Buffer.concat([Buffer.from([name.length]), Buffer.from(name),
            Buffer.from([7]), length, Buffer.from(value)]);
    }));
    const body = Buffer.from(JSON.stringify(payload));
    const start = Buffer.alloc(12);

    start.writeUInt32BE(16 + headers.length + body.length, 0);
    start.writeUInt32BE(headers.length, 4);
    start.writeUInt32BE(crc(start.subarray(0, 8)), 8);

    const whole = Buffer.concat([start, headers, body]);
    const sum = Buffer.alloc(4);

    sum.writeUInt32BE(crc(whole));

    return Buffer.concat([whole, sum]);
}


const TABLE = Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) {
        n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    }

    return n >>> 0;
});


function crc(bytes) {
    if (zlib.crc32) {
        return zlib.crc32(bytes);
    }

    let c = 0xffffffff;

    for (const byte of bytes) {
        c = TABLE[(c ^ byte) & 0xff] ^ (c >>> 8);
    }

    return (c ^ 0xffffffff) >>> 0;
}


const bedrock = {
    usage: (input, output) => ({ inputTokens: input, outputTokens: output,
        totalTokens: input + output }),

    answer({ verb, words, input }) {
        switch (verb) {
            case 'converse':
                return { json: { metrics: { latencyMs: 1 },
                    output: { message: { role: 'assistant',
                        content: [{ text: words.join(' ') }] } },
                    stopReason: 'end_turn',
                    usage: this.usage(input, words.length) } };

            case 'converse-stream':
                return { frames: [
                    frame('messageStart', { role: 'assistant' }),
                    ...words.map((word) => frame('contentBlockDelta',
                        { contentBlockIndex: 0,
                            delta: { text: word + ' ' } })),
                    frame('contentBlockStop', { contentBlockIndex: 0 }),
                    frame('messageStop', { stopReason: 'end_turn' }),
                    frame('metadata', { metrics: { latencyMs: 1 },
                        usage: this.usage(input, words.length) }),
                ] };

            case 'invoke-with-response-stream':
                return { frames: words.map((word) => frame('chunk',
                    { bytes: Buffer.from(JSON.stringify({ completion: word }))
                        .toString('base64') })) };

            case 'count-tokens':
                return { json: { inputTokens: input } };

            default:
                return { json: { completion: words.join(' ') } };
        }
    },
};


const cohere = {
    usage: (input, output) => ({
        billed_units: { input_tokens: input, output_tokens: output },
        tokens: { input_tokens: input, output_tokens: output } }),

    chat({ id, body, words, input }) {
        const usage = this.usage(input, words.length);

        if (!body.stream) {
            return { json: { id, finish_reason: 'COMPLETE', message: {
                role: 'assistant',
                content: [{ type: 'text', text: words.join(' ') }] }, usage } };
        }

        const event = (type, rest) => ({ event: type,
            data: { type, ...rest } });

        return { sse: [
            event('message-start', { id, delta: { message: {
                role: 'assistant', content: [], tool_plan: '', tool_calls: [],
                citations: [] } } }),
            event('content-start', { index: 0, delta: { message: {
                content: { type: 'text', text: '' } } } }),
            ...words.map((word) => event('content-delta', { index: 0,
                delta: { message: { content: { text: word + ' ' } } } })),
            event('content-end', { index: 0 }),
            event('message-end', { id,
                delta: { finish_reason: 'COMPLETE', usage } }),
        ] };
    },

    embed: ({ id, body, input }) => ({ json: { id, texts: body.texts,
        embeddings: { float: (body.texts ?? ['']).map(() => [0.25, -0.5]) },
        meta: { billed_units: { input_tokens: input } } } }),

    rerank: ({ id, body }) => ({ json: { id,
        results: body.documents.map((_, index) =>
            ({ index, relevance_score: 1 / (index + 1) })),
        meta: { billed_units: { search_units: 1 } } } }),
};


const ollama = {
    end: (input, output) => ({ done: true, done_reason: 'stop',
        total_duration: 1, load_duration: 1, prompt_eval_count: input,
        prompt_eval_duration: 1, eval_count: output, eval_duration: 1 }),

    lines({ body, words, input }, piece) {
        const base = { model: body.model, created_at: '2026-01-01T00:00:00Z' };

        if (body.stream === false) {
            return { json: { ...base, ...piece(words.join(' ')),
                ...this.end(input, words.length) } };
        }

        return { lines: [
            ...words.map((word) => ({ ...base, ...piece(word + ' '),
                done: false })),
            { ...base, ...piece(''), ...this.end(input, words.length) },
        ] };
    },

    chat(call) {
        return this.lines(call, (content) =>
            ({ message: { role: 'assistant', content } }));
    },

    generate(call) {
        return this.lines(call, (response) => ({ response }));
    },

    embed: ({ body, input }) => ({ json: { model: body.model,
        embeddings: [].concat(body.input).map(() => [0.25, -0.5]),
        prompt_eval_count: input } }),
};


const tgi = {
    whole: ({ words }) => ({ json: [{ generated_text: words.join(' ') }] }),

    stream: ({ words, input }) => ({ sse: words.map((word, i) => ({ data: {
        index: i, token: { id: i, text: word + ' ', logprob: 0,
            special: false },
        ...(i === words.length - 1 && { generated_text: words.join(' '),
            details: { finish_reason: 'length',
                generated_tokens: words.length, input_length: input } }),
    } })) }),
};


// Paths, and what answers them: by the groups of the expression.
const POSTS = [
    [/^\/v1(?:beta|alpha)?\/(?:models|tunedModels)\/([^/]+):(\w+)$/,
        (call, model, verb) => gemini.answer({ ...call, model, verb })],
    [/^\/v1(?:beta1)?\/projects\/.*\/publishers\/google\/models\/([^/]+):(\w+)$/,
        (call, model, verb) => gemini.answer({ ...call, model, verb })],
    [/^\/model\/([^/]+)\/([\w-]+)$/,
        (call, model, verb) => bedrock.answer({ ...call, model, verb })],
    [/^\/v2\/chat$/, (call) => cohere.chat(call)],
    [/^\/v[12]\/embed$/, (call) => cohere.embed(call)],
    [/^\/v[12]\/rerank$/, (call) => cohere.rerank(call)],
    [/^\/api\/chat$/, (call) => ollama.chat(call)],
    [/^\/api\/generate$/, (call) => ollama.generate(call)],
    [/^\/api\/embed$/, (call) => ollama.embed(call)],
    [/^\/generate$/, (call) => tgi.whole(call)],
    [/^\/generate_stream$/, (call) => tgi.stream(call)],
];


// { json } or { sse } or { lines } or { frames }, or nothing for a path that
// is none of these.
export function answerOther(path, call) {
    for (const [re, answer] of POSTS) {
        const found = re.exec(path);

        if (found) {
            return answer(call, ...found.slice(1).map(decodeURIComponent));
        }
    }

    return undefined;
}


export function getOther(path) {
    if (/^\/v1(beta|alpha)\/models$/.test(path)) {
        return { models: MODELS.map((id) => ({ name: 'models/' + id })) };
    }

    return path !== '/api/tags' ? undefined
        : { models: MODELS.map((name) => ({ name, model: name })) };
}


// The path by which the upstream knows a call of OpenAI's: behind other
// prefixes, or with the model in it.
export function openaiPath(path, body) {
    const azure = /^\/openai\/deployments\/([^/]+)\/(.+)$/.exec(path);

    if (azure) {
        body.model = decodeURIComponent(azure[1]);

        return '/v1/' + azure[2];
    }

    if (/^\/v1\/(fim|agents)\/completions$/.test(path)) {
        return '/v1/chat/completions';
    }

    return path.replace(/^\/(openai\/v1|v1beta\/openai|openai)\//, '/v1/')
        .replace(/^\/(chat\/completions|responses|embeddings)$/, '/v1/$1');
}
