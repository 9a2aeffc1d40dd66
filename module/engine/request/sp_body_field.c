
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the fields of a request body that pick a model, ask for a
 * stream or bound the tokens: one table of them, compiled into one watch table
 * a dialect.
 */


#include "sp_body_field.h"


#define SP_IN(dialect)  (1u << SP_DIALECT_##dialect)

/* Those whose bodies are OpenAI's, with words of their own. */
#define SP_IN_OPENAI      (SP_IN(OPENAI) | SP_IN(AZURE) | SP_IN(MISTRAL))
#define SP_IN_ANTHROPIC   SP_IN(ANTHROPIC)
#define SP_IN_GEMINI      SP_IN(GEMINI)
#define SP_IN_BEDROCK     SP_IN(BEDROCK)
#define SP_IN_MISTRAL     SP_IN(MISTRAL)
#define SP_IN_OLLAMA      SP_IN(OLLAMA)
#define SP_IN_TGI         SP_IN(TGI)
#define SP_IN_BOTH        (SP_IN_OPENAI | SP_IN_ANTHROPIC)
#define SP_IN_NAMED       (SP_IN_BOTH | SP_IN(COHERE) | SP_IN(OLLAMA))
#define SP_IN_NO_AGENTS   (SP_IN_ALL & ~SP_IN(MISTRAL))
#define SP_IN_ALL         ((1u << SP_DIALECT_UNKNOWN) - 1)

#define SP_BODY_TABLE     16384   /* bytes of a compiled watch table */


static void sp_body_compile(void);


#define sp_name_row(path, name, dialects, judge)                              \
    { path, name, SP_IN_##dialects, judge, SP_BODY_BAD_MODEL,                 \
      name " must be a model name: 1 to 256 printable ASCII characters "      \
      "without a space at either end, a list or parts of a URL" }

#define sp_picks_row(path, dialects, judge)                                   \
    { path, path, SP_IN_##dialects, judge, SP_BODY_BAD_MODEL,                 \
      path " lets the server pick a model, which cannot be checked" }

#define sp_override_row(path)                                                 \
    { path, path, SP_IN_ALL, sp_body_override, SP_BODY_OVERRIDE,              \
      path " is not accepted: it could override what was checked" }

#define sp_list_row(path, type)                                               \
    { path, path, SP_IN_NAMED, sp_body_array, SP_BODY_BAD_MODEL,              \
      path " must be an array of " type }

#define sp_type_row(path, name, dialects, judge, type)                        \
    { path, name, SP_IN_##dialects, judge, SP_BODY_BAD_VALUE,                 \
      name " must be " type }

#define sp_count_row(path, name, dialects)                                    \
    sp_type_row(path, name, dialects, sp_body_tokens,                         \
                "a whole number from 1 to 4294967295")

#define sp_predict_row(path, name, dialects)                                  \
    sp_type_row(path, name, dialects, sp_body_predict,                        \
                "a whole number from 1 to 4294967295, -1 or -2")

#define sp_factor_row(path, name, dialects)                                   \
    sp_type_row(path, name, dialects, sp_body_factor,                         \
                "a whole number from 1 to 65536")


static const sp_body_field_t  sp_body_fields[] = {

    /* what picks a model */

    sp_name_row("model", "model", NAMED, sp_body_primary),
    sp_name_row("model", "model", GEMINI, sp_body_primary),
    sp_name_row("model", "model", BEDROCK, sp_body_primary),
    sp_name_row("name", "name", OLLAMA, sp_body_primary),
    sp_name_row("agent_id", "agent_id", MISTRAL, sp_body_primary),
    sp_name_row("models/*", "models", NAMED, sp_body_model),
    sp_name_row("tools/*/model", "tools.model", NAMED, sp_body_model),
    sp_name_row("tools/*/svg/model", "tools.svg.model", OPENAI,
                sp_body_model),
    sp_name_row("moderation/model", "moderation.model", OPENAI,
                sp_body_model),
    sp_name_row("fallbacks/*", "fallbacks", NAMED, sp_body_fallback),
    sp_name_row("fallbacks/*/model", "fallbacks.model", NAMED,
                sp_body_fallback_model),
    /* fallbacks: the word "default", too, is refused: the server would pick */

    sp_name_row("requests/*/params/model", "requests.params.model", ANTHROPIC,
                sp_body_model),
    sp_name_row("requests/*/params/tools/*/model",
                "requests.params.tools.model", ANTHROPIC, sp_body_model),
    sp_name_row("requests/*/params/fallbacks/*",
                "requests.params.fallbacks", ANTHROPIC, sp_body_fallback),
    sp_name_row("requests/*/params/fallbacks/*/model",
                "requests.params.fallbacks.model", ANTHROPIC,
                sp_body_fallback_model),
    sp_name_row("requests/*/model", "requests.model", GEMINI, sp_body_model),

    sp_list_row("models", "model names"),
    sp_list_row("fallbacks", "objects that name a model each"),
    sp_type_row("requests", "requests", ANTHROPIC, sp_body_array, "an array"),
    sp_type_row("requests/*/params/fallbacks", "requests.params.fallbacks",
                ANTHROPIC, sp_body_array,
                "an array of objects that name a model each"),

    /* what makes the server pick one */

    sp_picks_row("prompt/id", OPENAI, sp_body_stored),
    sp_picks_row("previous_response_id", OPENAI, sp_body_stored),
    sp_picks_row("conversation", OPENAI, sp_body_stored),
    sp_picks_row("previous_interaction_id", GEMINI, sp_body_stored),
    sp_picks_row("agent", GEMINI, sp_body_unknown),
    sp_picks_row("thread", ANTHROPIC, sp_body_unknown),
    sp_picks_row("route", ALL, sp_body_unknown),
    sp_picks_row("engine", ALL, sp_body_unknown),
    sp_picks_row("deployment", ALL, sp_body_unknown),
    sp_picks_row("deployment_id", ALL, sp_body_unknown),
    sp_picks_row("assistant_id", ALL, sp_body_unknown),
    sp_picks_row("agent_id", NO_AGENTS, sp_body_unknown),

    sp_override_row("extra_body"),
    sp_override_row("extra_headers"),
    sp_override_row("extra_query"),
    sp_override_row("context_window_fallbacks"),
    sp_override_row("content_policy_fallbacks"),
    sp_override_row("model_list"),
    sp_override_row("user_config"),
    sp_override_row("custom_llm_provider"),
    sp_override_row("api_base"),
    sp_override_row("base_url"),

    /* what bounds the answer */

    sp_type_row("stream", "stream", ALL, sp_body_stream, "true or false"),
    sp_type_row("stream_options", "stream_options", OPENAI, sp_body_options,
                "an object"),
    sp_type_row("stream_options/include_usage",
                "stream_options.include_usage", OPENAI, sp_body_usage,
                "true or false"),
    sp_type_row("tools", "tools", NAMED, sp_body_array, "an array"),

    sp_count_row("max_tokens", "max_tokens", NAMED),
    sp_count_row("max_tokens", "max_tokens", BEDROCK),
    sp_count_row("max_completion_tokens", "max_completion_tokens", OPENAI),
    sp_count_row("max_output_tokens", "max_output_tokens", OPENAI),
    sp_count_row("completion_args/max_tokens", "completion_args.max_tokens",
                 MISTRAL),
    sp_count_row("max_tokens_to_sample", "max_tokens_to_sample", ANTHROPIC),
    sp_count_row("fallbacks/*/max_tokens", "fallbacks.max_tokens", NAMED),
    sp_count_row("tools/*/max_tokens", "tools.max_tokens", ANTHROPIC),
    sp_count_row("requests/*/params/max_tokens",
                 "requests.params.max_tokens", ANTHROPIC),

    /* proto JSON has two spellings of a name */

    sp_count_row("generationConfig/maxOutputTokens",
                 "generationConfig.maxOutputTokens", GEMINI),
    sp_count_row("generationConfig/max_output_tokens",
                 "generationConfig.max_output_tokens", GEMINI),
    sp_count_row("generation_config/maxOutputTokens",
                 "generation_config.maxOutputTokens", GEMINI),
    sp_count_row("generation_config/max_output_tokens",
                 "generation_config.max_output_tokens", GEMINI),
    sp_factor_row("generationConfig/candidateCount",
                  "generationConfig.candidateCount", GEMINI),
    sp_factor_row("generationConfig/candidate_count",
                  "generationConfig.candidate_count", GEMINI),
    sp_factor_row("generation_config/candidateCount",
                  "generation_config.candidateCount", GEMINI),
    sp_factor_row("generation_config/candidate_count",
                  "generation_config.candidate_count", GEMINI),

    /* Converse, and the words of the vendors of models */

    sp_count_row("inferenceConfig/maxTokens", "inferenceConfig.maxTokens",
                 BEDROCK),
    sp_count_row("max_tokens_to_sample", "max_tokens_to_sample", BEDROCK),
    sp_count_row("max_gen_len", "max_gen_len", BEDROCK),
    sp_count_row("max_new_tokens", "max_new_tokens", BEDROCK),
    sp_count_row("textGenerationConfig/maxTokenCount",
                 "textGenerationConfig.maxTokenCount", BEDROCK),

    sp_predict_row("n_predict", "n_predict", OPENAI),
    sp_predict_row("options/num_predict", "options.num_predict", OLLAMA),
    sp_count_row("parameters/max_new_tokens", "parameters.max_new_tokens",
                 TGI),

    sp_factor_row("n", "n", OPENAI),
    sp_factor_row("best_of", "best_of", OPENAI),
    sp_factor_row("parameters/best_of", "parameters.best_of", TGI),

    /* who the end user is; in the tables of those who want to know */

    sp_type_row("user", "user", OPENAI, sp_body_user, "text"),
    sp_type_row("metadata/user_id", "metadata.user_id", ANTHROPIC,
                sp_body_user, "text")
};


_Static_assert(sp_nelts(sp_body_fields) <= SP_BODY_ONCE,
               "a form keeps a bit for each");


/*
 * Written once, by the constructor below, before anybody can read them; from
 * then on they are as constant as the table that they come from.
 */

static _Alignas(16) unsigned char  sp_body_room[SP_DIALECTS][2][SP_BODY_TABLE];
static const sp_json_table_t      *sp_body_tables[SP_DIALECTS][2];


__attribute__((constructor))
static void
sp_body_compile(void)
{
    size_t           i, n, need;
    unsigned         t, dialect, user;
    sp_json_watch_t  watches[sp_nelts(sp_body_fields)];

    for (t = 0; t < 2 * SP_DIALECT_UNKNOWN; t++) {
        dialect = t >> 1;
        user = t & 1;
        n = 0;

        for (i = 0; i < sp_nelts(sp_body_fields); i++) {

            if (!(sp_body_fields[i].dialects & (1u << dialect))
                || (sp_body_fields[i].judge == sp_body_user && !user))
            {
                continue;
            }

            watches[n].path = sp_body_fields[i].path;
            watches[n++].id = (int) i;
        }

        sp_body_tables[dialect][user] = sp_json_compile(watches, n,
                                            sp_body_room[dialect][user],
                                            SP_BODY_TABLE, &need);
    }
}


const sp_json_table_t *
sp_body_table(sp_dialect_t dialect, unsigned user)
{
    return sp_body_tables[dialect][user];
}


const sp_body_field_t *
sp_body_field(size_t i)
{
    return i < sp_nelts(sp_body_fields) ? &sp_body_fields[i] : NULL;
}


sp_rc_t
sp_body_on_value(void *ctx, int id, const sp_json_value_t *value)
{
    const sp_body_field_t  *field;

    field = &sp_body_fields[id];

    return field->judge(ctx, field, value);
}
