
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tables of routes: the rows, which say what a call is,
 * and the paths that lead to them.
 *
 * Closed rows are calls for objects that earlier calls left at the server: an
 * id is all that tells one account's from another's there, and behind a gate
 * that sends all calls with one key even that is not checked.
 */


#include "sp_route_table.h"


#define SP_OPEN    0
#define SP_CLOSED  1


#define sp_row(id, name, method, dialect, body, model, stream, closed, help)  \
    [id] = { sp_str(name), SP_METHOD_##method, SP_DIALECT_##dialect,          \
             SP_BODY_##body, SP_MODEL_##model, SP_STREAM_##stream,            \
             SP_##closed, help }


enum {
    R_CHAT = 0,
    R_RESPONSES,
    R_COMPLETIONS,
    R_EMBEDDINGS,
    R_MODERATIONS,
    R_SPEECH,
    R_TRANSCRIPTIONS,
    R_TRANSLATIONS,
    R_IMAGES,
    R_IMAGES_EDITS,
    R_MODELS,
    R_MODEL,
    R_RESPONSES_TOKENS,
    R_RESPONSES_COMPACT,
    R_RESPONSES_GET,
    R_RESPONSES_DELETE,
    R_RESPONSES_CANCEL,
    R_RESPONSES_ITEMS,
    R_FILES,
    R_FILES_CREATE,
    R_FILES_GET,
    R_FILES_DELETE,
    R_FILES_CONTENT,
    R_BATCHES,
    R_BATCHES_CREATE,
    R_BATCHES_GET,
    R_BATCHES_CANCEL,
    R_RERANK,
    R_POOLING,
    R_TOKENIZE,
    R_INVOCATIONS,
    R_COMPLETION,
    R_INFILL,
    R_MESSAGES,
    R_MESSAGES_TOKENS,
    R_MESSAGES_BATCHES,
    R_COMPLETE,
    R_A_MODELS,
    R_A_MODEL,
    R_A_RAW,
    R_A_STREAM_RAW,
    R_GENERATE_CONTENT,
    R_STREAM_CONTENT,
    R_COUNT_TOKENS,
    R_EMBED_CONTENT,
    R_PREDICT,
    R_PREDICT_LONG,
    R_BATCH_CONTENT,
    R_INTERACTIONS,
    R_CACHED,
    R_G_MODELS,
    R_G_MODEL,
    R_Z_CHAT,
    R_Z_COMPLETIONS,
    R_Z_EMBEDDINGS,
    R_Z_IMAGES,
    R_Z_IMAGES_EDITS,
    R_Z_SPEECH,
    R_Z_TRANSCRIPTIONS,
    R_Z_TRANSLATIONS,
    R_Z_RESPONSES,
    R_CONVERSE,
    R_CONVERSE_STREAM,
    R_INVOKE,
    R_INVOKE_STREAM,
    R_B_TOKENS,
    R_FIM,
    R_AGENTS,
    R_CONVERSATIONS,
    R_OCR,
    R_M_RAW,
    R_M_STREAM_RAW,
    R_C_CHAT,
    R_C_CHAT_V1,
    R_C_EMBED,
    R_C_RERANK,
    R_O_CHAT,
    R_O_GENERATE,
    R_O_EMBED,
    R_O_EMBEDDINGS,
    R_O_SHOW,
    R_O_TAGS,
    R_O_VERSION,
    R_T_GENERATE,
    R_T_STREAM,
    R_T_ROOT,
    R_T_INFO,
    R_COUNT
};


static const sp_route_t  sp_rows[] = {

    sp_row(R_CHAT, "chat.completions", POST, OPENAI, JSON, REQUIRED, BODY,
           OPEN, "a chat's next message"),
    sp_row(R_RESPONSES, "responses", POST, OPENAI, JSON, OPTIONAL, BODY,
           OPEN, "a model's response"),
    sp_row(R_COMPLETIONS, "completions", POST, OPENAI, JSON, REQUIRED, BODY,
           OPEN, "a text's continuation"),
    sp_row(R_EMBEDDINGS, "embeddings", POST, OPENAI, JSON, REQUIRED, NO,
           OPEN, "vectors of texts"),
    sp_row(R_MODERATIONS, "moderations", POST, OPENAI, JSON, OPTIONAL, NO,
           OPEN, "the classes of a text"),
    sp_row(R_SPEECH, "audio.speech", POST, OPENAI, JSON, REQUIRED, BODY,
           OPEN, "a text read aloud"),
    sp_row(R_TRANSCRIPTIONS, "audio.transcriptions", POST, OPENAI, MULTIPART,
           REQUIRED, BODY, OPEN, "speech as text"),
    sp_row(R_TRANSLATIONS, "audio.translations", POST, OPENAI, MULTIPART,
           REQUIRED, NO, OPEN, "speech as English text"),
    sp_row(R_IMAGES, "images.generations", POST, OPENAI, JSON, OPTIONAL, BODY,
           OPEN, "an image"),
    sp_row(R_IMAGES_EDITS, "images.edits", POST, OPENAI, MULTIPART, OPTIONAL,
           BODY, OPEN, "an image, changed"),
    sp_row(R_MODELS, "models.list", GET, OPENAI, NONE, NONE, NO, OPEN,
           "the models there are"),
    sp_row(R_MODEL, "models.get", GET, OPENAI, NONE, PATH, NO, OPEN,
           "one model"),
    sp_row(R_RESPONSES_TOKENS, "responses.input_tokens", POST, OPENAI, JSON,
           OPTIONAL, NO, OPEN, "how many tokens an input has"),
    sp_row(R_RESPONSES_COMPACT, "responses.compact", POST, OPENAI, JSON,
           REQUIRED, NO, OPEN, "a conversation, made shorter"),
    sp_row(R_RESPONSES_GET, "responses.get", GET, OPENAI, NONE, NONE, NO,
           CLOSED, "an earlier response"),
    sp_row(R_RESPONSES_DELETE, "responses.delete", DELETE, OPENAI, NONE, NONE,
           NO, CLOSED, "forgets a response"),
    sp_row(R_RESPONSES_CANCEL, "responses.cancel", POST, OPENAI, NONE, NONE,
           NO, CLOSED, "stops a response"),
    sp_row(R_RESPONSES_ITEMS, "responses.input_items", GET, OPENAI, NONE,
           NONE, NO, CLOSED, "what a response was made from"),
    sp_row(R_FILES, "files.list", GET, OPENAI, NONE, NONE, NO, CLOSED,
           "the files there are"),
    sp_row(R_FILES_CREATE, "files.create", POST, OPENAI, MULTIPART, NONE, NO,
           CLOSED, "stores a file"),
    sp_row(R_FILES_GET, "files.get", GET, OPENAI, NONE, NONE, NO, CLOSED,
           "what is known of a file"),
    sp_row(R_FILES_DELETE, "files.delete", DELETE, OPENAI, NONE, NONE, NO,
           CLOSED, "deletes a file"),
    sp_row(R_FILES_CONTENT, "files.content", GET, OPENAI, NONE, NONE, NO,
           CLOSED, "a file"),
    sp_row(R_BATCHES, "batches.list", GET, OPENAI, NONE, NONE, NO, CLOSED,
           "the batches there are"),
    sp_row(R_BATCHES_CREATE, "batches.create", POST, OPENAI, JSON, NONE, NO,
           CLOSED, "runs a stored file of calls: their models are not seen"),
    sp_row(R_BATCHES_GET, "batches.get", GET, OPENAI, NONE, NONE, NO, CLOSED,
           "how far a batch is"),
    sp_row(R_BATCHES_CANCEL, "batches.cancel", POST, OPENAI, NONE, NONE, NO,
           CLOSED, "stops a batch"),

    sp_row(R_RERANK, "rerank", POST, OPENAI, JSON, REQUIRED, NO, OPEN,
           "texts by how well they fit"),
    sp_row(R_POOLING, "pooling", POST, OPENAI, JSON, REQUIRED, NO, OPEN,
           "what vLLM's reading models say: scores, classes, states"),
    sp_row(R_TOKENIZE, "tokenize", POST, OPENAI, JSON, REQUIRED, NO, OPEN,
           "a text as tokens, or back"),
    sp_row(R_INVOCATIONS, "invocations", POST, OPENAI, JSON, REQUIRED, BODY,
           OPEN, "any call, as SageMaker sends it"),
    sp_row(R_COMPLETION, "completion", POST, OPENAI, JSON, REQUIRED, BODY,
           OPEN, "a text's continuation (llama.cpp)"),
    sp_row(R_INFILL, "infill", POST, OPENAI, JSON, REQUIRED, BODY, OPEN,
           "code for a gap (llama.cpp)"),

    sp_row(R_MESSAGES, "messages", POST, ANTHROPIC, JSON, REQUIRED, BODY,
           OPEN, "a chat's next message"),
    sp_row(R_MESSAGES_TOKENS, "messages.count_tokens", POST, ANTHROPIC, JSON,
           REQUIRED, NO, OPEN, "how many tokens a chat has"),
    sp_row(R_MESSAGES_BATCHES, "messages.batches", POST, ANTHROPIC, JSON,
           LISTED, NO, CLOSED, "many messages at once"),
    sp_row(R_COMPLETE, "complete", POST, ANTHROPIC, JSON, REQUIRED, BODY,
           OPEN, "a text's continuation (legacy)"),
    sp_row(R_A_MODELS, "models.list", GET, ANTHROPIC, NONE, NONE, NO, OPEN,
           "the models there are"),
    sp_row(R_A_MODEL, "models.get", GET, ANTHROPIC, NONE, PATH, NO, OPEN,
           "one model"),
    sp_row(R_A_RAW, "raw_predict", POST, ANTHROPIC, JSON, PATH, BODY, OPEN,
           "messages, on Vertex AI"),
    sp_row(R_A_STREAM_RAW, "stream_raw_predict", POST, ANTHROPIC, JSON, PATH,
           YES, OPEN, "messages, on Vertex AI, streamed"),

    sp_row(R_GENERATE_CONTENT, "generate_content", POST, GEMINI, JSON, PATH,
           NO, OPEN, "a model's answer"),
    sp_row(R_STREAM_CONTENT, "stream_generate_content", POST, GEMINI, JSON,
           PATH, YES, OPEN, "a model's answer, streamed"),
    sp_row(R_COUNT_TOKENS, "count_tokens", POST, GEMINI, JSON, PATH, NO, OPEN,
           "how many tokens an input has"),
    sp_row(R_EMBED_CONTENT, "embed_content", POST, GEMINI, JSON, PATH, NO,
           OPEN, "vectors of texts"),
    sp_row(R_PREDICT, "predict", POST, GEMINI, JSON, PATH, NO, OPEN,
           "a prediction: images, vectors"),
    sp_row(R_PREDICT_LONG, "predict_long_running", POST, GEMINI, JSON, PATH,
           NO, OPEN, "begins a prediction: video"),
    sp_row(R_BATCH_CONTENT, "batch_generate_content", POST, GEMINI, JSON,
           PATH, NO, CLOSED, "many answers at once"),
    sp_row(R_INTERACTIONS, "interactions", POST, GEMINI, JSON, REQUIRED, BODY,
           OPEN, "a turn of a kept conversation"),
    sp_row(R_CACHED, "cached_contents", POST, GEMINI, JSON, REQUIRED, NO,
           CLOSED, "keeps an input for later calls"),
    sp_row(R_G_MODELS, "models.list", GET, GEMINI, NONE, NONE, NO, OPEN,
           "the models there are"),
    sp_row(R_G_MODEL, "models.get", GET, GEMINI, NONE, PATH, NO, OPEN,
           "one model"),

    sp_row(R_Z_CHAT, "chat.completions", POST, AZURE, JSON, PATH, BODY, OPEN,
           "a chat's next message, by deployment"),
    sp_row(R_Z_COMPLETIONS, "completions", POST, AZURE, JSON, PATH, BODY,
           OPEN, "a text's continuation, by deployment"),
    sp_row(R_Z_EMBEDDINGS, "embeddings", POST, AZURE, JSON, PATH, NO, OPEN,
           "vectors of texts, by deployment"),
    sp_row(R_Z_IMAGES, "images.generations", POST, AZURE, JSON, PATH, BODY,
           OPEN, "an image, by deployment"),
    sp_row(R_Z_IMAGES_EDITS, "images.edits", POST, AZURE, MULTIPART, PATH,
           BODY, OPEN, "an image, changed, by deployment"),
    sp_row(R_Z_SPEECH, "audio.speech", POST, AZURE, JSON, PATH, BODY, OPEN,
           "a text read aloud, by deployment"),
    sp_row(R_Z_TRANSCRIPTIONS, "audio.transcriptions", POST, AZURE, MULTIPART,
           PATH, BODY, OPEN, "speech as text, by deployment"),
    sp_row(R_Z_TRANSLATIONS, "audio.translations", POST, AZURE, MULTIPART,
           PATH, NO, OPEN, "speech as English text, by deployment"),
    sp_row(R_Z_RESPONSES, "responses", POST, AZURE, JSON, OPTIONAL, BODY,
           OPEN, "a model's response"),

    sp_row(R_CONVERSE, "converse", POST, BEDROCK, JSON, PATH, NO, OPEN,
           "a chat's next message"),
    sp_row(R_CONVERSE_STREAM, "converse_stream", POST, BEDROCK, JSON, PATH,
           YES, OPEN, "a chat's next message, streamed"),
    sp_row(R_INVOKE, "invoke", POST, BEDROCK, JSON, PATH, NO, OPEN,
           "a call in the words of the model's vendor"),
    sp_row(R_INVOKE_STREAM, "invoke_stream", POST, BEDROCK, JSON, PATH, YES,
           OPEN, "the same, streamed"),
    sp_row(R_B_TOKENS, "count_tokens", POST, BEDROCK, JSON, PATH, NO, OPEN,
           "how many tokens an input has"),

    sp_row(R_FIM, "fim.completions", POST, MISTRAL, JSON, REQUIRED, BODY,
           OPEN, "code for a gap"),
    sp_row(R_AGENTS, "agents.completions", POST, MISTRAL, JSON, REQUIRED,
           BODY, OPEN, "an agent's next message; agent_id is the model"),
    sp_row(R_CONVERSATIONS, "conversations", POST, MISTRAL, JSON, REQUIRED,
           BODY, CLOSED, "begins a kept conversation"),
    sp_row(R_OCR, "ocr", POST, MISTRAL, JSON, REQUIRED, NO, OPEN,
           "a document's text"),
    sp_row(R_M_RAW, "raw_predict", POST, MISTRAL, JSON, PATH, BODY, OPEN,
           "chat, on Vertex AI"),
    sp_row(R_M_STREAM_RAW, "stream_raw_predict", POST, MISTRAL, JSON, PATH,
           YES, OPEN, "chat, on Vertex AI, streamed"),

    sp_row(R_C_CHAT, "chat", POST, COHERE, JSON, REQUIRED, BODY, OPEN,
           "a chat's next message"),
    sp_row(R_C_CHAT_V1, "chat.v1", POST, COHERE, JSON, OPTIONAL, BODY, OPEN,
           "a chat's next message (legacy)"),
    sp_row(R_C_EMBED, "embed", POST, COHERE, JSON, REQUIRED, NO, OPEN,
           "vectors of texts"),
    sp_row(R_C_RERANK, "rerank", POST, COHERE, JSON, REQUIRED, NO, OPEN,
           "texts by how well they fit"),

    sp_row(R_O_CHAT, "chat", POST, OLLAMA, JSON, REQUIRED, UNLESS, OPEN,
           "a chat's next message"),
    sp_row(R_O_GENERATE, "generate", POST, OLLAMA, JSON, REQUIRED, UNLESS,
           OPEN, "a text's continuation"),
    sp_row(R_O_EMBED, "embed", POST, OLLAMA, JSON, REQUIRED, NO, OPEN,
           "vectors of texts"),
    sp_row(R_O_EMBEDDINGS, "embeddings", POST, OLLAMA, JSON, REQUIRED, NO,
           OPEN, "the vector of a text (legacy)"),
    sp_row(R_O_SHOW, "models.get", POST, OLLAMA, JSON, REQUIRED, NO, OPEN,
           "one model"),
    sp_row(R_O_TAGS, "models.list", GET, OLLAMA, NONE, NONE, NO, OPEN,
           "the models there are"),
    sp_row(R_O_VERSION, "info", GET, OLLAMA, NONE, NONE, NO, OPEN,
           "the server's version"),

    sp_row(R_T_GENERATE, "generate", POST, TGI, JSON, SERVED, NO, OPEN,
           "a text's continuation"),
    sp_row(R_T_STREAM, "generate_stream", POST, TGI, JSON, SERVED, YES, OPEN,
           "a text's continuation, streamed"),
    sp_row(R_T_ROOT, "generate.root", POST, TGI, JSON, SERVED, BODY, OPEN,
           "either of them, as the body says"),
    sp_row(R_T_INFO, "info", GET, TGI, NONE, NONE, NO, OPEN,
           "the model that is served")
};


/* Each name that a row has, once: what request.route may be. */

const char *const  sp_route_names[] = {
    "chat.completions", "responses", "completions", "embeddings",
    "moderations", "audio.speech", "audio.transcriptions",
    "audio.translations", "images.generations", "images.edits", "models.list",
    "models.get", "responses.input_tokens", "responses.compact",
    "responses.get", "responses.delete", "responses.cancel",
    "responses.input_items", "files.list", "files.create", "files.get",
    "files.delete", "files.content", "batches.list", "batches.create",
    "batches.get", "batches.cancel", "rerank", "pooling", "tokenize",
    "invocations", "completion", "infill", "messages",
    "messages.count_tokens", "messages.batches", "complete", "raw_predict",
    "stream_raw_predict", "generate_content", "stream_generate_content",
    "count_tokens", "embed_content", "predict", "predict_long_running",
    "batch_generate_content", "interactions", "cached_contents", "converse",
    "converse_stream", "invoke", "invoke_stream", "fim.completions",
    "agents.completions", "conversations", "ocr", "chat", "chat.v1", "embed",
    "generate", "info", "generate_stream", "generate.root", NULL
};


_Static_assert(sp_nelts(sp_rows) == R_COUNT, "a row is missing");
_Static_assert(sp_nelts(sp_route_names) <= 64 + 1,
               "a condition keeps the names of an \"in [...]\" in 64 bits");
_Static_assert(R_COUNT <= SP_ROUTES_MAX, "more rows than a policy has room");


#define sp_path(path, id)  { sp_str(path), id }

/* On Vertex AI, in both of its versions. */

#define sp_vertex(publisher, verb, id)                                        \
    sp_path("/v1/projects/{}/locations/{}/publishers/" publisher              \
            "/models/{model}:" verb, id),                                     \
    sp_path("/v1beta1/projects/{}/locations/{}/publishers/" publisher         \
            "/models/{model}:" verb, id)

/* The Gemini API's versions, tuned models, Vertex AI and its express mode. */

#define sp_google(verb, id)                                                   \
    sp_path("/v1beta/models/{model}:" verb, id),                              \
    sp_path("/v1/models/{model}:" verb, id),                                  \
    sp_path("/v1alpha/models/{model}:" verb, id),                             \
    sp_path("/v1beta/{tunedModels/model}:" verb, id),                         \
    sp_path("/v1/{tunedModels/model}:" verb, id),                             \
    sp_path("/v1beta1/publishers/google/models/{model}:" verb, id),           \
    sp_path("/v1/publishers/google/models/{model}:" verb, id),                \
    sp_vertex("google", verb, id)

#define sp_azure(call, id)                                                    \
    sp_path("/openai/deployments/{model}/" call, id)


/* Of two that fit one path the first counts. */

static const sp_route_path_t  sp_paths[] = {

    sp_path("/v1/chat/completions", R_CHAT),
    sp_path("/chat/completions", R_CHAT),
    sp_path("/openai/v1/chat/completions", R_CHAT),
    sp_path("/v1beta/openai/chat/completions", R_CHAT),
    sp_path("/v1/projects/{}/locations/{}/endpoints/openapi/chat/completions",
            R_CHAT),
    sp_path("/v1beta1/projects/{}/locations/{}/endpoints/openapi"
            "/chat/completions", R_CHAT),
    sp_path("/v1/responses", R_RESPONSES),
    sp_path("/responses", R_RESPONSES),
    sp_path("/openai/v1/responses", R_RESPONSES),
    sp_path("/v1/completions", R_COMPLETIONS),
    sp_path("/openai/v1/completions", R_COMPLETIONS),
    sp_path("/v1/embeddings", R_EMBEDDINGS),
    sp_path("/embeddings", R_EMBEDDINGS),
    sp_path("/embedding", R_EMBEDDINGS),
    sp_path("/openai/v1/embeddings", R_EMBEDDINGS),
    sp_path("/v1beta/openai/embeddings", R_EMBEDDINGS),
    sp_path("/v1/moderations", R_MODERATIONS),
    sp_path("/v1/audio/speech", R_SPEECH),
    sp_path("/openai/v1/audio/speech", R_SPEECH),
    sp_path("/v1/audio/transcriptions", R_TRANSCRIPTIONS),
    sp_path("/openai/v1/audio/transcriptions", R_TRANSCRIPTIONS),
    sp_path("/audio/transcriptions", R_TRANSCRIPTIONS),
    sp_path("/v1/audio/translations", R_TRANSLATIONS),
    sp_path("/openai/v1/audio/translations", R_TRANSLATIONS),
    sp_path("/v1/images/generations", R_IMAGES),
    sp_path("/openai/v1/images/generations", R_IMAGES),
    sp_path("/v1beta/openai/images/generations", R_IMAGES),
    sp_path("/v1/images/edits", R_IMAGES_EDITS),
    sp_path("/openai/v1/images/edits", R_IMAGES_EDITS),
    sp_path("/v1/models", R_MODELS),
    sp_path("/models", R_MODELS),
    sp_path("/openai/v1/models", R_MODELS),
    sp_path("/v1beta/openai/models", R_MODELS),
    sp_path("/v1/models/{model}", R_MODEL),
    sp_path("/openai/v1/models/{model}", R_MODEL),
    sp_path("/v1beta/openai/models/{model}", R_MODEL),
    sp_path("/v1/responses/input_tokens", R_RESPONSES_TOKENS),
    sp_path("/openai/v1/responses/input_tokens", R_RESPONSES_TOKENS),
    sp_path("/v1/responses/compact", R_RESPONSES_COMPACT),
    sp_path("/openai/v1/responses/compact", R_RESPONSES_COMPACT),
    sp_path("/v1/responses/{}", R_RESPONSES_GET),
    sp_path("/openai/v1/responses/{}", R_RESPONSES_GET),
    sp_path("/v1/responses/{}", R_RESPONSES_DELETE),
    sp_path("/openai/v1/responses/{}", R_RESPONSES_DELETE),
    sp_path("/v1/responses/{}/cancel", R_RESPONSES_CANCEL),
    sp_path("/v1/responses/{}/input_items", R_RESPONSES_ITEMS),
    sp_path("/v1/files", R_FILES),
    sp_path("/openai/v1/files", R_FILES),
    sp_path("/v1/files", R_FILES_CREATE),
    sp_path("/openai/v1/files", R_FILES_CREATE),
    sp_path("/v1/files/{}", R_FILES_GET),
    sp_path("/openai/v1/files/{}", R_FILES_GET),
    sp_path("/v1/files/{}", R_FILES_DELETE),
    sp_path("/openai/v1/files/{}", R_FILES_DELETE),
    sp_path("/v1/files/{}/content", R_FILES_CONTENT),
    sp_path("/openai/v1/files/{}/content", R_FILES_CONTENT),
    sp_path("/v1/batches", R_BATCHES),
    sp_path("/openai/v1/batches", R_BATCHES),
    sp_path("/v1/batches", R_BATCHES_CREATE),
    sp_path("/openai/v1/batches", R_BATCHES_CREATE),
    sp_path("/v1/batches/{}", R_BATCHES_GET),
    sp_path("/openai/v1/batches/{}", R_BATCHES_GET),
    sp_path("/v1/batches/{}/cancel", R_BATCHES_CANCEL),
    sp_path("/openai/v1/batches/{}/cancel", R_BATCHES_CANCEL),

    sp_path("/v1/rerank", R_RERANK),
    sp_path("/rerank", R_RERANK),
    sp_path("/v1/score", R_POOLING),
    sp_path("/score", R_POOLING),
    sp_path("/classify", R_POOLING),
    sp_path("/pooling", R_POOLING),
    sp_path("/tokenize", R_TOKENIZE),
    sp_path("/detokenize", R_TOKENIZE),
    sp_path("/invocations", R_INVOCATIONS),
    sp_path("/completion", R_COMPLETION),
    sp_path("/completions", R_COMPLETION),
    sp_path("/infill", R_INFILL),
    sp_path("/apply-template", R_TOKENIZE),

    sp_path("/v1/messages", R_MESSAGES),
    sp_path("/v1/messages/count_tokens", R_MESSAGES_TOKENS),
    sp_path("/v1/projects/{}/locations/{}/publishers/anthropic/models"
            "/count-tokens:rawPredict", R_MESSAGES_TOKENS),
    sp_path("/v1beta1/projects/{}/locations/{}/publishers/anthropic/models"
            "/count-tokens:rawPredict", R_MESSAGES_TOKENS),
    sp_path("/v1/messages/batches", R_MESSAGES_BATCHES),
    sp_path("/v1/complete", R_COMPLETE),
    sp_vertex("anthropic", "rawPredict", R_A_RAW),
    sp_vertex("anthropic", "streamRawPredict", R_A_STREAM_RAW),

    sp_google("generateContent", R_GENERATE_CONTENT),
    sp_google("streamGenerateContent", R_STREAM_CONTENT),
    sp_google("countTokens", R_COUNT_TOKENS),
    sp_google("embedContent", R_EMBED_CONTENT),
    sp_google("batchEmbedContents", R_EMBED_CONTENT),
    sp_google("predict", R_PREDICT),
    sp_google("predictLongRunning", R_PREDICT_LONG),
    sp_google("batchGenerateContent", R_BATCH_CONTENT),
    sp_path("/v1/interactions", R_INTERACTIONS),
    sp_path("/v1beta/interactions", R_INTERACTIONS),
    sp_path("/v1/cachedContents", R_CACHED),
    sp_path("/v1beta/cachedContents", R_CACHED),
    sp_path("/v1beta/models", R_G_MODELS),
    sp_path("/v1alpha/models", R_G_MODELS),
    sp_path("/v1beta/models/{model}", R_G_MODEL),
    sp_path("/v1alpha/models/{model}", R_G_MODEL),

    sp_azure("chat/completions", R_Z_CHAT),
    sp_azure("completions", R_Z_COMPLETIONS),
    sp_azure("embeddings", R_Z_EMBEDDINGS),
    sp_azure("images/generations", R_Z_IMAGES),
    sp_azure("images/edits", R_Z_IMAGES_EDITS),
    sp_azure("audio/speech", R_Z_SPEECH),
    sp_azure("audio/transcriptions", R_Z_TRANSCRIPTIONS),
    sp_azure("audio/translations", R_Z_TRANSLATIONS),
    sp_path("/openai/responses", R_Z_RESPONSES),

    sp_path("/model/{model}/converse", R_CONVERSE),
    sp_path("/model/{model}/converse-stream", R_CONVERSE_STREAM),
    sp_path("/model/{model}/invoke", R_INVOKE),
    sp_path("/model/{model}/invoke-with-response-stream", R_INVOKE_STREAM),
    sp_path("/model/{model}/count-tokens", R_B_TOKENS),

    sp_path("/v1/fim/completions", R_FIM),
    sp_path("/v1/agents/completions", R_AGENTS),
    sp_path("/v1/conversations", R_CONVERSATIONS),
    sp_path("/v1/ocr", R_OCR),
    sp_vertex("mistralai", "rawPredict", R_M_RAW),
    sp_vertex("mistralai", "streamRawPredict", R_M_STREAM_RAW),

    sp_path("/v2/chat", R_C_CHAT),
    sp_path("/v1/chat", R_C_CHAT_V1),
    sp_path("/v2/embed", R_C_EMBED),
    sp_path("/v1/embed", R_C_EMBED),
    sp_path("/v2/rerank", R_C_RERANK),

    sp_path("/api/chat", R_O_CHAT),
    sp_path("/api/generate", R_O_GENERATE),
    sp_path("/api/embed", R_O_EMBED),
    sp_path("/api/embeddings", R_O_EMBEDDINGS),
    sp_path("/api/show", R_O_SHOW),
    sp_path("/api/tags", R_O_TAGS),
    sp_path("/api/version", R_O_VERSION),

    sp_path("/generate", R_T_GENERATE),
    sp_path("/generate_stream", R_T_STREAM),
    sp_path("/", R_T_ROOT),
    sp_path("/info", R_T_INFO)
};


_Static_assert(sp_nelts(sp_paths) <= SP_PATHS_MAX, "no room for the paths");


const sp_route_t *
sp_route(int index)
{
    if (index < 0 || index >= R_COUNT) {
        return NULL;
    }

    return &sp_rows[index];
}


int
sp_route_count(void)
{
    return R_COUNT;
}


const sp_route_path_t *
sp_route_path(int index)
{
    if (index < 0 || index >= (int) sp_nelts(sp_paths)) {
        return NULL;
    }

    return &sp_paths[index];
}
