// Copyright (C) the Sallyport authors
//
// A small upstream that answers like a model server: JSON and streams in the
// dialects that the gate knows, with token usage. It serves `make run`
// as a program (node upstream.mjs PORT [HOST]) and the tests as a module, where each
// arrival is kept and a test may take an answer into its own hands.

import http from 'node:http';

import { answerOther, getOther, openaiPath } from './dialects.mjs';
import { answerForm, formFields } from './forms.mjs';

const WORDS = ('The gate has let this request through and a model would ' +
    'now say something useful about it').split(' ');

const MODELS = ['gpt-4o-mini', 'gpt-4o', 'claude-sonnet-4-5'];


// How many words the answer has: the caller's bound, at most all of them.
function answerWords(body) {
    const bound = body.max_completion_tokens ?? body.max_tokens
        ?? body.max_output_tokens ?? body.generationConfig?.maxOutputTokens
        ?? body.inferenceConfig?.maxTokens ?? body.options?.num_predict
        ?? body.parameters?.max_new_tokens ?? 8;

    return WORDS.slice(0, Math.max(1, Math.min(bound, WORDS.length)));
}


function countWords(value) {
    if (typeof value === 'string') {
        return value.split(/\s+/).filter(Boolean).length;
    }

    if (value === null || typeof value !== 'object') {
        return 0;
    }

    return Object.values(value).reduce((sum, v) => sum + countWords(v), 0);
}


const openai = {
    base: (id, model, object) =>
        ({ id, object, created: 1700000000, model }),

    usage: (input, output) => ({
        prompt_tokens: input, completion_tokens: output,
        total_tokens: input + output,
    }),

    chat(id, body, words, input) {
        return {
            ...this.base(id, body.model, 'chat.completion'),
            choices: [{
                index: 0, logprobs: null, finish_reason: 'stop',
                message: { role: 'assistant', content: words.join(' '),
                    refusal: null },
            }],
            usage: this.usage(input, words.length),
        };
    },

    * chatStream(id, body, words, input) {
        const base = this.base(id, body.model, 'chat.completion.chunk');
        const chunk = (delta, finish_reason = null) =>
            ({ ...base, choices: [{ index: 0, delta, finish_reason }] });

        yield { data: chunk({ role: 'assistant', content: '' }) };

        for (const word of words) {
            yield { data: chunk({ content: word + ' ' }) };
        }

        yield { data: chunk({}, 'stop') };

        if (body.stream_options?.include_usage) {
            yield { data: { ...base, choices: [],
                usage: this.usage(input, words.length) } };
        }

        yield { data: '[DONE]' };
    },

    text(id, body, words, input) {
        return {
            ...this.base(id, body.model, 'text_completion'),
            choices: [{ index: 0, text: words.join(' '), logprobs: null,
                finish_reason: 'stop' }],
            usage: this.usage(input, words.length),
        };
    },

    * textStream(id, body, words, input) {
        const base = this.base(id, body.model, 'text_completion');

        for (const word of words) {
            yield { data: { ...base, choices: [{ index: 0, text: word + ' ',
                logprobs: null, finish_reason: null }] } };
        }

        if (body.stream_options?.include_usage) {
            yield { data: { ...base, choices: [],
                usage: this.usage(input, words.length) } };
        }

        yield { data: '[DONE]' };
    },

    response(id, body, words, input, status = 'completed') {
        return {
            id, object: 'response', created_at: 1700000000, status,
            model: body.model, error: null, incomplete_details: null,
            instructions: null, metadata: {}, parallel_tool_calls: true,
            temperature: 1, tool_choice: 'auto', tools: [], top_p: 1,
            output: status !== 'completed' ? [] : [{
                id: 'msg_' + id, type: 'message', role: 'assistant', status,
                content: [{ type: 'output_text', text: words.join(' '),
                    annotations: [] }],
            }],
            usage: status !== 'completed' ? null : {
                input_tokens: input, output_tokens: words.length,
                total_tokens: input + words.length,
                input_tokens_details: { cached_tokens: 0 },
                output_tokens_details: { reasoning_tokens: 0 },
            },
        };
    },

    * responseStream(id, body, words, input) {
        let sequence_number = 0;
        const event = (type, rest) => ({ event: type,
            data: { type, sequence_number: sequence_number++, ...rest } });

        yield event('response.created',
            { response: this.response(id, body, words, input, 'in_progress') });

        for (const word of words) {
            yield event('response.output_text.delta', { item_id: 'msg_' + id,
                output_index: 0, content_index: 0, delta: word + ' ',
                logprobs: [] });
        }

        yield event('response.completed',
            { response: this.response(id, body, words, input) });
    },

    embeddings(id, body, words, input) {
        const inputs = Array.isArray(body.input) ? body.input : [body.input];

        return {
            object: 'list', model: body.model,
            data: inputs.map((_, index) => ({ object: 'embedding', index,
                embedding: [0.25, -0.5, 0.125] })),
            usage: { prompt_tokens: input, total_tokens: input },
        };
    },
};


const anthropic = {
    message(id, body, words, input) {
        return {
            id, type: 'message', role: 'assistant', model: body.model,
            content: [{ type: 'text', text: words.join(' ') }],
            stop_reason: 'end_turn', stop_sequence: null,
            usage: { input_tokens: input, output_tokens: words.length },
        };
    },

    * messageStream(id, body, words, input) {
        const event = (type, rest) => ({ event: type,
            data: { type, ...rest } });

        yield event('message_start', { message: {
            ...this.message(id, body, [], input), content: [],
            stop_reason: null,
            usage: { input_tokens: input, output_tokens: 1 } } });
        yield event('content_block_start', { index: 0,
            content_block: { type: 'text', text: '' } });

        for (const word of words) {
            yield event('content_block_delta', { index: 0,
                delta: { type: 'text_delta', text: word + ' ' } });
        }

        yield event('content_block_stop', { index: 0 });
        yield event('message_delta', {
            delta: { stop_reason: 'end_turn', stop_sequence: null },
            usage: { output_tokens: words.length } });
        yield event('message_stop', {});
    },

    count: (id, body, words, input) => ({ input_tokens: input }),
};


// path: [whole answer, streamed answer]
const POSTS = {
    '/v1/chat/completions': [openai.chat, openai.chatStream, openai],
    '/v1/completions': [openai.text, openai.textStream, openai],
    '/v1/responses': [openai.response, openai.responseStream, openai],
    '/v1/embeddings': [openai.embeddings, null, openai],
    '/v1/messages': [anthropic.message, anthropic.messageStream, anthropic],
    '/v1/messages/count_tokens': [anthropic.count, null, anthropic],
};


function modelObject(id, isAnthropic) {
    return isAnthropic
        ? { type: 'model', id, display_name: id,
            created_at: '2025-01-01T00:00:00Z' }
        : { id, object: 'model', created: 1700000000, owned_by: 'demo' };
}


function get(path, isAnthropic) {
    const models = MODELS.map((id) => modelObject(id, isAnthropic));

    if (path === '/v1/models') {
        return isAnthropic
            ? { data: models, has_more: false, first_id: MODELS[0],
                last_id: MODELS.at(-1) }
            : { object: 'list', data: models };
    }

    const id = path.match(/^\/v1\/models\/([^/]+)$/)?.[1];

    return id ? modelObject(decodeURIComponent(id), isAnthropic)
        : getOther(path);
}


function sendJson(res, status, value) {
    const text = JSON.stringify(value);

    res.writeHead(status, { 'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(text) });
    res.end(text);
}


async function sendStream(res, events, pause) {
    res.writeHead(200, { 'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-cache' });

    for (const { event, data } of events) {
        if (res.destroyed) {
            return;
        }

        res.write((event ? `event: ${event}\n` : '') + 'data: ' +
            (typeof data === 'string' ? data : JSON.stringify(data)) + '\n\n');
        await pause(res);
    }

    res.end();
}


// Lines of JSON, or events of AWS: bytes as they are.
async function sendPieces(res, type, pieces, pause) {
    res.writeHead(200, { 'Content-Type': type });

    for (const piece of pieces) {
        if (res.destroyed) {
            return;
        }

        res.write(piece);
        await pause(res);
    }

    res.end();
}


function sendOther(res, other, pause) {
    if (other.sse) {
        return sendStream(res, other.sse, pause);
    }

    if (other.lines) {
        return sendPieces(res, 'application/x-ndjson',
            other.lines.map((line) => JSON.stringify(line) + '\n'), pause);
    }

    if (other.frames) {
        return sendPieces(res, 'application/vnd.amazon.eventstream',
            other.frames, pause);
    }

    return sendJson(res, 200, other.json);
}


async function answer(req, res, raw, pause, id) {
    const path = req.url.split('?')[0];

    if (req.method !== 'POST') {
        const object = req.method === 'GET'
            && get(path, 'anthropic-version' in req.headers);

        return sendJson(res, object ? 200 : 404,
            object || { error: { message: 'no such path', code: 404 } });
    }

    let body;

    try {
        const fields = formFields(req.headers['content-type'], raw);

        if (fields) {
            return sendOther(res, answerForm(openaiPath(path, fields), fields,
                { id, words: answerWords({}) }), pause);
        }

        body = JSON.parse(raw);

    } catch {
        return sendJson(res, 400, { error: { message: 'not JSON' } });
    }

    const words = answerWords(body);
    const input = countWords(body.messages ?? body.input ?? body.prompt
        ?? body.contents ?? body.inputs ?? '');
    const other = answerOther(path, { id, body, words, input });

    if (other) {
        return sendOther(res, other, pause);
    }

    const post = POSTS[openaiPath(path, body)];

    if (!post) {
        return sendJson(res, 404,
            { error: { message: 'no such path', code: 404 } });
    }

    const [whole, streamed, self] = post;
    const args = [id, body, words, input];

    if (body.stream && streamed) {
        return sendStream(res, streamed.apply(self, args), pause);
    }

    return sendJson(res, 200, whole.apply(self, args));
}


// hook(req, res, raw): a test's own answer; true if it has answered.
// gap: milliseconds between two events of a stream.
export async function startUpstream({ port = 0, gap = 0,
    host = '127.0.0.1' } = {}) {
    const up = { arrivals: [], hook: null, onArrival: null, gap };
    let served = 0;
    const pause = () => new Promise((resolve) =>
        (up.gap > 0 ? setTimeout(resolve, up.gap) : setImmediate(resolve)));

    const server = http.createServer(async (req, res) => {
        const arrival = {
            method: req.method, url: req.url, headers: req.headers,
            rawHeaders: req.rawHeaders, body: '', complete: false,
            id: req.headers['x-sallyport-id'],
            account: req.headers['x-sallyport-account'],
        };
        const chunks = [];

        up.arrivals.push(arrival);

        try {
            for await (const chunk of req) {
                chunks.push(chunk);
            }

            arrival.complete = true;
            arrival.body = Buffer.concat(chunks).toString();
            up.onArrival?.(arrival);

            if (await up.hook?.(req, res, arrival.body, arrival)) {
                return;
            }

            await answer(req, res, arrival.body, pause,
                'demo-' + ++served);

        } catch (e) {
            // The gate closed its side; the arrival stays counted.
            arrival.error = e.code ?? String(e);
            res.destroy();
        }
    });

    server.keepAliveTimeout = 60000;

    await new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
    });

    up.port = server.address().port;
    up.stop = () => new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
    });

    return up;
}


if (process.argv[1] === new URL(import.meta.url).pathname) {
    const up = await startUpstream({ port: Number(process.argv[2]), gap: 60,
        host: process.argv[3] });

    // Nothing looks at the arrivals of a demo: they would only grow.
    up.onArrival = () => { up.arrivals.length = 0; };

    const stop = () => up.stop().then(() => process.exit(0));

    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    console.log(`upstream on port ${up.port}`);
}
