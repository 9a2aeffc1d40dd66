// Copyright (C) the Sallyport authors
//
// Model clients as their users call them: one ordinary call each, plain and
// streamed, at a base URL. `call(model, text)` asks for a whole answer,
// `stream` for the pieces of one; both give text. Retry settings are the
// clients' own, apart from LangChain, which would go on for a minute.

import { sdk } from './harness.mjs';


async function joined(pieces, text) {
    let all = '';

    for await (const piece of pieces) {
        all += text(piece) ?? '';
    }

    return all;
}


function openai(url, key) {
    const client = new (sdk('openai').OpenAI)({ apiKey: key,
        baseURL: url + '/v1' });
    const ask = (model, text, more) => client.chat.completions.create(
        { model, messages: [{ role: 'user', content: text }], ...more });

    return {
        call: async (model, text) =>
            (await ask(model, text)).choices[0].message.content,
        stream: async (model, text) => joined(
            await ask(model, text, { stream: true }),
            (c) => c.choices[0]?.delta.content),
    };
}


function openaiResponses(url, key) {
    const client = new (sdk('openai').OpenAI)({ apiKey: key,
        baseURL: url + '/v1' });

    return {
        call: async (model, input) =>
            (await client.responses.create({ model, input })).output_text,
        stream: async (model, input) => joined(
            await client.responses.create({ model, input, stream: true }),
            (e) => e.type === 'response.output_text.delta' ? e.delta : ''),
    };
}


function openaiAzure(url, key) {
    const client = new (sdk('openai').AzureOpenAI)({ apiKey: key,
        endpoint: url, apiVersion: '2024-10-21' });
    const ask = (model, text, more) => client.chat.completions.create(
        { model, messages: [{ role: 'user', content: text }], ...more });

    return {
        call: async (model, text) =>
            (await ask(model, text)).choices[0].message.content,
        stream: async (model, text) => joined(
            await ask(model, text, { stream: true }),
            (c) => c.choices[0]?.delta.content),
    };
}


const anthropic = (name) => (url, key) => {
    const client = new (sdk(name).default)({ apiKey: key, baseURL: url });
    const ask = (model, text) => ({ model, max_tokens: 8,
        messages: [{ role: 'user', content: text }] });

    return {
        call: async (model, text) =>
            (await client.messages.create(ask(model, text))).content[0].text,
        stream: async (model, text) => joined(
            await client.messages.create({ ...ask(model, text),
                stream: true }),
            (e) => e.type === 'content_block_delta' ? e.delta.text : ''),
    };
};


function genai(url, key) {
    const client = new (sdk('@google/genai').GoogleGenAI)({ apiKey: key,
        httpOptions: { baseUrl: url } });

    return {
        call: async (model, contents) =>
            (await client.models.generateContent({ model, contents })).text,
        stream: async (model, contents) => joined(
            await client.models.generateContentStream({ model, contents }),
            (c) => c.text),
    };
}


function mistral(url, key) {
    const client = new (sdk('@mistralai/mistralai').Mistral)({ apiKey: key,
        serverURL: url });
    const ask = (model, text) => ({ model,
        messages: [{ role: 'user', content: text }] });

    return {
        call: async (model, text) => (await client.chat.complete(
            ask(model, text))).choices[0].message.content,
        stream: async (model, text) => joined(
            await client.chat.stream(ask(model, text)),
            (e) => e.data.choices[0]?.delta.content),
    };
}


function mistralFim(url, key) {
    const client = new (sdk('@mistralai/mistralai').Mistral)({ apiKey: key,
        serverURL: url });

    return {
        call: async (model, prompt) => (await client.fim.complete(
            { model, prompt })).choices[0].message.content,
        stream: async (model, prompt) => joined(
            await client.fim.stream({ model, prompt }),
            (e) => e.data.choices[0]?.delta.content),
    };
}


function ollama(url, key) {
    const client = new (sdk('ollama').Ollama)({ host: url,
        headers: { Authorization: 'Bearer ' + key } });
    const ask = (model, text) => ({ model,
        messages: [{ role: 'user', content: text }] });

    return {
        call: async (model, text) =>
            (await client.chat(ask(model, text))).message.content,
        stream: async (model, text) => joined(
            await client.chat({ ...ask(model, text), stream: true }),
            (c) => c.message.content),
    };
}


function cohere(url, key) {
    const client = new (sdk('cohere-ai').CohereClientV2)({ token: key,
        environment: url });
    const ask = (model, text) => ({ model,
        messages: [{ role: 'user', content: text }] });

    return {
        call: async (model, text) =>
            (await client.chat(ask(model, text))).message.content[0].text,
        stream: async (model, text) => joined(
            await client.chatStream(ask(model, text)),
            (e) => e.type === 'content-delta'
                ? e.delta.message.content.text : ''),
    };
}


function bedrock(url, key) {
    const { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand }
        = sdk('@aws-sdk/client-bedrock-runtime');
    const { NodeHttpHandler } = sdk('@smithy/node-http-handler');
    const client = new BedrockRuntimeClient({ region: 'us-east-1',
        endpoint: url, token: { token: key },
        authSchemePreference: ['httpBearerAuth'],
        requestHandler: new NodeHttpHandler() });
    const ask = (modelId, text) => ({ modelId,
        messages: [{ role: 'user', content: [{ text }] }] });

    return {
        call: async (model, text) => (await client.send(new ConverseCommand(
            ask(model, text)))).output.message.content[0].text,
        stream: async (model, text) => joined((await client.send(
            new ConverseStreamCommand(ask(model, text)))).stream,
        (e) => e.contentBlockDelta?.delta.text),
    };
}


const aisdk = (make) => (url, key) => {
    const { generateText, streamText } = sdk('ai');
    const model = make(url, key);

    return {
        call: async (name, prompt) =>
            (await generateText({ model: model(name), prompt })).text,
        stream: async (name, prompt) => {
            let failed;
            const answer = streamText({ model: model(name), prompt,
                onError: ({ error }) => { failed = error; } });
            const text = await joined(answer.textStream, (piece) => piece);

            if (failed) {
                throw failed;
            }

            return text;
        },
    };
};


const langchain = (make) => (url, key) => {
    const model = (name) => make(url, key, name);

    return {
        call: async (name, text) => (await model(name).invoke(text)).content,
        stream: async (name, text) => joined(await model(name).stream(text),
            (chunk) => typeof chunk.content === 'string' ? chunk.content
                : chunk.content.map((part) => part.text ?? '').join('')),
    };
};


// Name in the table: how it is made, and whose dialect it speaks.
export const CLIENTS = {
    'openai': { dialect: 'openai', make: openai },
    'openai responses': { dialect: 'openai', make: openaiResponses },
    'openai azure': { dialect: 'azure', make: openaiAzure },
    'anthropic 1.x': { dialect: 'anthropic',
        make: anthropic('@anthropic-ai/sdk') },
    'anthropic 0.x': { dialect: 'anthropic', make: anthropic('anthropic-0') },
    'genai': { dialect: 'gemini', make: genai },
    'mistral': { dialect: 'openai', make: mistral },
    'mistral fim': { dialect: 'mistral', make: mistralFim },
    'ollama': { dialect: 'ollama', make: ollama },
    'cohere': { dialect: 'cohere', make: cohere },
    'aws bedrock': { dialect: 'bedrock', make: bedrock },

    'ai openai': { dialect: 'openai', make: aisdk((url, apiKey) =>
        sdk('@ai-sdk/openai').createOpenAI({ apiKey,
            baseURL: url + '/v1' })) },
    'ai anthropic': { dialect: 'anthropic', make: aisdk((url, apiKey) =>
        sdk('@ai-sdk/anthropic').createAnthropic({ apiKey,
            baseURL: url + '/v1' })) },
    'ai google': { dialect: 'gemini', make: aisdk((url, apiKey) =>
        sdk('@ai-sdk/google').createGoogleGenerativeAI({ apiKey,
            baseURL: url + '/v1beta' })) },
    'ai azure': { dialect: 'azure', make: aisdk((url, apiKey) => {
        const azure = sdk('@ai-sdk/azure').createAzure({ apiKey,
            baseURL: url + '/openai', useDeploymentBasedUrls: true,
            apiVersion: '2024-10-21' });

        return (name) => azure.chat(name);
    }) },
    'ai mistral': { dialect: 'openai', make: aisdk((url, apiKey) =>
        sdk('@ai-sdk/mistral').createMistral({ apiKey,
            baseURL: url + '/v1' })) },
    'ai bedrock': { dialect: 'bedrock', make: aisdk((url, apiKey) =>
        sdk('@ai-sdk/amazon-bedrock').createAmazonBedrock({ apiKey,
            region: 'us-east-1', baseURL: url })) },
    'ai compatible': { dialect: 'openai', make: aisdk((url, apiKey) =>
        sdk('@ai-sdk/openai-compatible').createOpenAICompatible({ apiKey,
            name: 'gate', baseURL: url + '/v1' })) },

    'langchain openai': { dialect: 'openai', make: langchain(
        (url, apiKey, model) => new (sdk('@langchain/openai').ChatOpenAI)({
            apiKey, model, maxRetries: 2,
            configuration: { baseURL: url + '/v1' } })) },
    'langchain anthropic': { dialect: 'anthropic', make: langchain(
        (url, apiKey, model) =>
            new (sdk('@langchain/anthropic').ChatAnthropic)({ apiKey, model,
                maxTokens: 8, maxRetries: 2, anthropicApiUrl: url })) },
};
