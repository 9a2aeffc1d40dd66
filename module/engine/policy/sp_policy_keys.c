
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the table of what a policy file may hold.
 */


#include <string.h>

#include "sp_base.h"
#include "sp_policy_keys.h"


#define sp_key(key, shape, required, help)                                    \
    { key, shape, required, help, NULL, 0, 0, 0 }

#define sp_key_words(key, shape, required, words, help)                       \
    { key, shape, required, help, words, 0, 0, 0 }

#define sp_key_number(key, required, min, max, help)                          \
    { key, SP_SHAPE_NUMBER, required, help, NULL, 0, min, max }

#define sp_key_map(key, shape, required, map, help)                           \
    { key, shape, required, help, NULL, map, 0, 0 }

#define SP_KEY_NOTE   sp_key("note", SP_SHAPE_TEXT, 0,                        \
    "For whoever reads the file; means nothing to the gate.")

#define SP_KEY_ID     sp_key("id", SP_SHAPE_NAME, 1,                          \
    "Its name in records, metrics and messages; once in all files.")

#define SP_KEY_WHEN(required)  sp_key("when", SP_SHAPE_CONDITION, required,   \
    "The condition, on one line or under '|'; not in quotes.")

#define SP_KEY_VALID(required)                                                \
    sp_key_map("valid", SP_SHAPE_MAP, required, SP_K_VALID,                   \
    "When it is in force; without it, always.")

#define SP_KEY_MODE   sp_key("mode", SP_SHAPE_MODE, 0,                        \
    "enforce (default), shadow (recorded, does nothing), or canary N%: "      \
    "enforced for that part of the accounts, always the same ones.")

#define SP_KEY_PLAIN_MODE                                                     \
    sp_key_words("mode", SP_SHAPE_WORD, 0, sp_words_mode,                     \
    "enforce (default), or shadow: recorded, does nothing.")

#define SP_KEY_UNKNOWN(text)                                                  \
    sp_key_words("unknown", SP_SHAPE_WORD, 0, sp_words_unknown, text)


static const char *const  sp_words_mode[] = { "enforce", "shadow", NULL };
static const char *const  sp_words_unknown[] = { "match", "skip", NULL };
static const char *const  sp_words_kind[] = { "licence", "waiver", "appeal",
                                              NULL };
static const char *const  sp_words_verdict[] = { "allow", "deny", NULL };
static const char *const  sp_words_lift[] = { "never", "yes", "licence",
                                              NULL };
static const char *const  sp_words_meter[] = {
    "requests", "tokens", "concurrency", "spend", "bytes", NULL
};
static const char *const  sp_words_count[] = {
    "total", "input", "output", "weighted", NULL
};
static const char *const  sp_words_reserve[] = { "max", "input_only", NULL };
static const char *const  sp_words_full[] = { "deny", "allow", NULL };
static const char *const  sp_words_scope[] = { "node", NULL };
static const char *const  sp_words_tier[] = { "model.tier", NULL };
static const char *const  sp_words_open[] = { "yes", "no", NULL };

static const char *const  sp_words_class[] = {
    "legal", "risk", "commercial", "credential", "request", "system", NULL
};

/* In the order of sp_list_type_t. */

static const char *const  sp_words_list[] = {
    "country", "region", "place", "asn", "cidr", "account", "model", "name",
    NULL
};

/* In the order of sp_policy_own.c's types. */

static const char *const  sp_words_fact[] = {
    "bool", "int", "enum", "string", "place", "age", NULL
};

static const char *const  sp_words_user[] = { "user", NULL };

/* In the order of sp_per_t's bits. */

static const char *const  sp_words_per[] = {
    "key.id", "account.id", "model.id", "model.tier", "ip.addr", "ip.network",
    "customer.id", NULL
};


static const sp_policy_key_t  sp_keys_file[] = {
    sp_key_number("sallyport", 0, 1, 1,
        "Version of the file format. The first file begins with it."),
    sp_key("policy", SP_SHAPE_TEXT, 0, "The policy's name, in each record."),
    sp_key("revision", SP_SHAPE_TEXT, 0,
        "Free text that changes with the policy, in each record."),
    sp_key("owner", SP_SHAPE_TEXT, 0, "Whom to ask about it."),
    sp_key("timezone", SP_SHAPE_ZONE, 0,
        "Of the dates without a time in this policy: UTC (default) or an "
        "offset in quotes, \"+02:00\"."),
    sp_key("blocked_by", SP_SHAPE_URI, 0,
        "Your page for those who are refused for legal reasons (RFC 7725)."),
    sp_key("contact", SP_SHAPE_TEXT, 0,
        "Whom those may write to who are refused; stands in the answer."),
    sp_key("appeal", SP_SHAPE_TEXT, 0,
        "Where a refusal for legal or risk reasons can be appealed; stands "
        "in the answer."),
    sp_key("legal_basis", SP_SHAPE_TEXT, 0,
        "The law that refusals for legal reasons rest on; stands in the "
        "answer."),
    sp_key("include", SP_SHAPE_TEXTS, 0,
        "More files of this policy, relative to this one and below the "
        "policy's directory; '*' may stand in their names."),
    sp_key_map("facts", SP_SHAPE_MAPS, 0, SP_K_FACT,
        "Facts of your own, account.x_NAME: the field x_NAME of the record."),
    sp_key_map("customers", SP_SHAPE_MAP, 0, SP_K_CUSTOMERS,
        "How a reseller names the end customer for whom it calls; without it "
        "there are no customer.* facts."),
    sp_key_map("sources", SP_SHAPE_MAP, 0, SP_K_SOURCES,
        "How old the answers of a source may be."),
    sp_key_map("stale", SP_SHAPE_MAP, 0, SP_K_STALE,
        "How long a record is used while its store does not answer."),
    sp_key_map("lists", SP_SHAPE_MAPS, 0, SP_K_LIST,
        "Places, networks, accounts or names that conditions ask for as "
        "@name."),
    sp_key_map("models", SP_SHAPE_MAP, 0, SP_K_MODELS,
        "The catalogue that gives model.tier."),
    sp_key_map("prices", SP_SHAPE_MAPS, 0, SP_K_PRICE,
        "What a million tokens of a model cost, for 'meter: spend'; a name "
        "may have one '*'. Models without a row cost what the dearest does."),
    sp_key_map("routes", SP_SHAPE_MAPS, 0, SP_K_ROUTE,
        "Which API calls are served: by name (images.generations), dialect "
        "(gemini), both (azure/embeddings), or all."),
    sp_key_map("reasons", SP_SHAPE_MAPS, 0, SP_K_REASON,
        "Other words for the reasons that ship, and reasons of your own."),
    sp_key_map("deny", SP_SHAPE_RULES, 0, SP_K_DENY,
        "One that matches is enough to refuse."),
    sp_key_map("allow", SP_SHAPE_RULES, 0, SP_K_ALLOW,
        "Without one that matches, a request is refused."),
    sp_key_map("throttle", SP_SHAPE_RULES, 0, SP_K_THROTTLE,
        "How much of it; all that apply must have room."),
    sp_key_map("flag", SP_SHAPE_RULES, 0, SP_K_FLAG,
        "Warnings in the record; they change no answer."),
    sp_key_map("exceptions", SP_SHAPE_RULES, 0, SP_K_EXCEPTION,
        "Lift named deny rules for one account until a date."),
    sp_key_map("invariants", SP_SHAPE_RULES, 0, SP_K_INVARIANT,
        "What must hold whatever a request is; proved by `sallyport check`."),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_sources[] = {
    sp_key_map("geoip", SP_SHAPE_MAP, 0, SP_K_SOURCE, "The GeoIP database."),
    sp_key_map("record", SP_SHAPE_MAP, 0, SP_K_SOURCE, "Account records.")
};

static const sp_policy_key_t  sp_keys_source[] = {
    sp_key("max_age", SP_SHAPE_DURATION, 0,
        "An older answer counts as unknown.")
};

static const sp_policy_key_t  sp_keys_stale[] = {
    sp_key_words("by", SP_SHAPE_WORD, 1, sp_words_tier,
        "The tier of the model that is asked for."),
    sp_key("1", SP_SHAPE_GRACE, 1, "A duration, or deny."),
    sp_key("2", SP_SHAPE_GRACE, 1, "A duration, or deny."),
    sp_key("3", SP_SHAPE_GRACE, 1, "A duration, or deny.")
};

static const sp_policy_key_t  sp_keys_fact[] = {
    sp_key_words("type", SP_SHAPE_WORD, 1, sp_words_fact,
        "How the field is written: yes/no, a whole number, one of 'values', "
        "text, a place (SG, UA-43), or unix seconds, of which the fact is "
        "the age."),
    sp_key("values", SP_SHAPE_TEXTS, 0, "The words of an enum."),
    sp_key_number("min", 0, 0, 1000000000, "Of an int; default 0."),
    sp_key_number("max", 0, 0, 1000000000, "Of an int."),
    sp_key("absent", SP_SHAPE_TEXT, 0,
        "The value of a record without the field; without this line the fact "
        "is absent then."),
    sp_key("note", SP_SHAPE_TEXT, 0, "What `sallyport fields` says of it.")
};

static const sp_policy_key_t  sp_keys_customers[] = {
    sp_key_map("from", SP_SHAPE_MAP, 1, SP_K_CUSTOMER,
        "Where the name stands: a header, or the body."),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_customer[] = {
    sp_key("header", SP_SHAPE_TEXT, 0,
        "The header's name, such as X-End-Customer; or 'body'."),
    sp_key_words("body", SP_SHAPE_WORD, 0, sp_words_user,
        "user: the field that the API has for it, 'user' (OpenAI) or "
        "'metadata.user_id' (Anthropic); or 'header'.")
};

static const sp_policy_key_t  sp_keys_list[] = {
    sp_key_words("type", SP_SHAPE_WORD, 1, sp_words_list,
        "What its items are; 'place' takes countries and subdivisions, "
        "'name' tags, plans and screening lists."),
    sp_key("source", SP_SHAPE_TEXT, 0, "Where it comes from."),
    sp_key("review_by", SP_SHAPE_TIME, 0,
        "From the day after on, `sallyport check` warns."),
    SP_KEY_VALID(0),
    sp_key("items", SP_SHAPE_TEXTS, 0, "The items; or 'file'."),
    sp_key("file", SP_SHAPE_TEXT, 0,
        "A file with one item a line, '#' begins a comment; or 'items'."),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_models[] = {
    sp_key_map("tiers", SP_SHAPE_MAP, 0, SP_K_TIERS,
        "Models by tier; others have no tier."),
    sp_key("aliases", SP_SHAPE_PAIRS, 0,
        "Other names of models: rules see the name behind the colon."),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_tiers[] = {
    sp_key("1", SP_SHAPE_TEXTS, 0, "Names, with at most one '*' each."),
    sp_key("2", SP_SHAPE_TEXTS, 0, "Names, with at most one '*' each."),
    sp_key("3", SP_SHAPE_TEXTS, 0, "Names, with at most one '*' each.")
};

static const sp_policy_key_t  sp_keys_route[] = {
    sp_key_words("open", SP_SHAPE_WORD, 0, sp_words_open,
        "no: refused as unknown. Some that ship are closed: `sallyport "
        "routes`."),
    sp_key("also", SP_SHAPE_TEXTS, 0,
        "More paths that it is served at; {} is any segment, {model} the "
        "model's where the route's own path has one."),
    sp_key("model", SP_SHAPE_TEXT, 0,
        "The model that the server runs if a request names none."),
    sp_key_number("unavailable_status", 0, 429, 503,
        "What is answered when a source does not answer: 503 (default), or "
        "429 for clients that would repeat a 503 without a pause."),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_reason[] = {
    sp_key_words("class", SP_SHAPE_WORD, 0, sp_words_class,
        "Of a reason of your own; of one that ships it is fixed."),
    sp_key_number("rank", 0, 100, 9999,
        "Lower ranks are reported first. Of a reason of your own."),
    sp_key_number("status", 0, 400, 599, "HTTP status; default 403."),
    sp_key("public", SP_SHAPE_NAME, 0, "The code that callers see."),
    sp_key("text", SP_SHAPE_TEXT, 0, "The sentence that callers see."),
    sp_key_words("liftable", SP_SHAPE_WORD, 0, sp_words_lift,
        "Whether exceptions may lift rules with it; of one that ships it can "
        "only be made stricter."),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_deny[] = {
    SP_KEY_ID,
    SP_KEY_WHEN(1),
    sp_key("reason", SP_SHAPE_REASON, 1,
        "Gives status, public code, rank and class; `sallyport reasons`."),
    sp_key("message", SP_SHAPE_TEXT, 0,
        "This rule's own sentence for the caller."),
    SP_KEY_MODE,
    SP_KEY_VALID(0),
    SP_KEY_UNKNOWN("What it does when a fact is missing: match (refuse, the "
        "default) or skip. Said for facts that may be absent."),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_allow[] = {
    SP_KEY_ID,
    SP_KEY_WHEN(1),
    SP_KEY_PLAIN_MODE,
    SP_KEY_VALID(0),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_throttle[] = {
    SP_KEY_ID,
    SP_KEY_WHEN(0),
    sp_key("reason", SP_SHAPE_REASON, 0, "Default RATE_LIMITED."),
    sp_key("message", SP_SHAPE_TEXT, 0,
        "This rule's own sentence for the caller."),
    SP_KEY_MODE,
    SP_KEY_VALID(0),
    SP_KEY_UNKNOWN("Whether it applies when a fact is missing: match (it "
        "does, the default) or skip."),
    sp_key_words("meter", SP_SHAPE_WORD, 1, sp_words_meter,
        "What it counts."),
    sp_key_words("per", SP_SHAPE_WORDS, 1, sp_words_per,
        "For whom; several make a bucket for each combination."),
    sp_key_words("count", SP_SHAPE_WORD, 0, sp_words_count,
        "Which tokens: total (default), input, output, or weighted."),
    sp_key_map("weights", SP_SHAPE_MAP, 0, SP_K_WEIGHTS,
        "Of 'count: weighted': how much a token of each kind counts."),
    sp_key("rate", SP_SHAPE_RATE, 0,
        "60/min, or a table: {by: account.level, 0: 10/min, ...}."),
    sp_key("burst", SP_SHAPE_AMOUNT, 0,
        "How much at once; default a tenth of a rate of requests, the whole "
        "of any other."),
    sp_key("budget", SP_SHAPE_BUDGET, 0,
        "How much in a calendar minute, day or month (UTC): 2000/day, a "
        "table as of 'rate', or a list of them. Beside a rate or without."),
    sp_key("limit", SP_SHAPE_LIMIT, 0,
        "Of 'meter: concurrency': requests under way at once, or a table."),
    sp_key_words("reserve", SP_SHAPE_WORD, 0, sp_words_reserve,
        "What tokens and spend hold back until the answer is over: max "
        "(default: the prompt, and all that it may become) or input_only."),
    sp_key_number("assume", 0, 0, 10000000,
        "Output tokens of a request that names no bound; default 4096."),
    sp_key_number("delay_ms", 0, 1, 60000,
        "A request that has to wait no longer than that is held, not "
        "refused."),
    sp_key_words("on_full", SP_SHAPE_WORD, 0, sp_words_full,
        "What happens when the shared memory has no room for another "
        "bucket: deny (default) or allow; counted either way."),
    sp_key_words("scope", SP_SHAPE_WORD, 0, sp_words_scope,
        "How far it counts: node (default), all workers of this nginx."),
    sp_key("replaces", SP_SHAPE_TEXTS, 0,
        "Throttles in whose place it stands when it matches for certain."),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_weights[] = {
    sp_key("input", SP_SHAPE_DECIMAL, 0, "Default 1."),
    sp_key("cached", SP_SHAPE_DECIMAL, 0,
        "Input that was read from a cache; default that of input."),
    sp_key("written", SP_SHAPE_DECIMAL, 0,
        "Input that was written to a cache; default that of input."),
    sp_key("output", SP_SHAPE_DECIMAL, 0, "Default 1.")
};

static const sp_policy_key_t  sp_keys_price[] = {
    sp_key("input", SP_SHAPE_DECIMAL, 1, "A million tokens of input."),
    sp_key("cached", SP_SHAPE_DECIMAL, 0,
        "Of those, what was read from a cache; default as input."),
    sp_key("written", SP_SHAPE_DECIMAL, 0,
        "Of those, what was written to a cache; default as input."),
    sp_key("output", SP_SHAPE_DECIMAL, 1,
        "A million tokens of output, reasoning among them.")
};

static const sp_policy_key_t  sp_keys_flag[] = {
    SP_KEY_ID,
    SP_KEY_WHEN(1),
    sp_key("reason", SP_SHAPE_REASON, 1, "The warning's code."),
    SP_KEY_PLAIN_MODE,
    SP_KEY_VALID(0),
    SP_KEY_UNKNOWN("Whether it warns when a fact is missing: skip (it does "
        "not, the default) or match."),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_exception[] = {
    SP_KEY_ID,
    sp_key_words("kind", SP_SHAPE_WORD, 1, sp_words_kind,
        "Some reasons can be lifted by a licence only."),
    sp_key("account", SP_SHAPE_TEXT, 1, "The one account that it is for."),
    sp_key("lifts", SP_SHAPE_TEXTS, 1, "Ids of deny rules."),
    SP_KEY_WHEN(0),
    SP_KEY_VALID(1),
    sp_key("authority", SP_SHAPE_TEXT, 0,
        "Who granted it; a licence must name it."),
    sp_key("approved_by", SP_SHAPE_TEXTS, 0,
        "At least two people, or `sallyport check` warns."),
    sp_key("ticket", SP_SHAPE_TEXT, 0, "Where it was decided."),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_invariant[] = {
    SP_KEY_ID,
    SP_KEY_WHEN(1),
    sp_key_words("never", SP_SHAPE_WORD, 0, sp_words_verdict,
        "What no request for which 'when' is true may get."),
    sp_key_words("always", SP_SHAPE_WORD, 0, sp_words_verdict,
        "What each request for which 'when' is true must get."),
    SP_KEY_NOTE
};

static const sp_policy_key_t  sp_keys_valid[] = {
    sp_key("from", SP_SHAPE_TIME, 0, "The first day, or instant."),
    sp_key("until", SP_SHAPE_TIME, 0,
        "The last day, inclusive; or the instant at which it ends.")
};


#define sp_row(keys, what, help)  { what, help, sp_nelts(keys), keys }

static const sp_policy_keys_t  sp_policy_maps[] = {
    [SP_K_FILE] = sp_row(sp_keys_file, "a policy file",
        "A Sallyport policy, or a part of one."),
    [SP_K_SOURCES] = sp_row(sp_keys_sources, "sources", "Sources of facts."),
    [SP_K_SOURCE] = sp_row(sp_keys_source, "a source", "A source of facts."),
    [SP_K_STALE] = sp_row(sp_keys_stale, "stale", "A row for each tier."),
    [SP_K_FACT] = sp_row(sp_keys_fact, "a fact", "A fact of your own."),
    [SP_K_CUSTOMERS] = sp_row(sp_keys_customers, "customers",
        "End customers of resellers."),
    [SP_K_CUSTOMER] = sp_row(sp_keys_customer, "'from'",
        "Either a header or the body."),
    [SP_K_LIST] = sp_row(sp_keys_list, "a list", "A list."),
    [SP_K_MODELS] = sp_row(sp_keys_models, "models", "The catalogue."),
    [SP_K_TIERS] = sp_row(sp_keys_tiers, "tiers", "Models by tier."),
    [SP_K_ROUTE] = sp_row(sp_keys_route, "a route", "A route."),
    [SP_K_REASON] = sp_row(sp_keys_reason, "a reason", "A reason."),
    [SP_K_DENY] = sp_row(sp_keys_deny, "a deny rule", "A deny rule."),
    [SP_K_ALLOW] = sp_row(sp_keys_allow, "an allow rule", "An allow rule."),
    [SP_K_THROTTLE] = sp_row(sp_keys_throttle, "a throttle", "A throttle."),
    [SP_K_FLAG] = sp_row(sp_keys_flag, "a flag", "A flag."),
    [SP_K_EXCEPTION] = sp_row(sp_keys_exception, "an exception",
        "An exception."),
    [SP_K_INVARIANT] = sp_row(sp_keys_invariant, "an invariant",
        "An invariant."),
    [SP_K_VALID] = sp_row(sp_keys_valid, "'valid'",
        "Dates (2026-11-23) are whole days; instants are written "
        "2026-11-23T12:00:00Z."),
    [SP_K_WEIGHTS] = sp_row(sp_keys_weights, "weights", "Weights of tokens."),
    [SP_K_PRICE] = sp_row(sp_keys_price, "a price",
        "What a million tokens cost.")
};


_Static_assert(sp_nelts(sp_policy_maps) == SP_K_MAPS, "a mapping is missing");


const sp_policy_keys_t *
sp_policy_keys(int id)
{
    return &sp_policy_maps[id];
}


const char *const *
sp_policy_words(int id, const char *key, size_t *n)
{
    size_t                   i;
    const sp_policy_keys_t  *map;

    map = &sp_policy_maps[id];

    for (i = 0; i < map->n; i++) {

        if (map->keys[i].words != NULL && strcmp(map->keys[i].key, key) == 0) {

            for (*n = 0; map->keys[i].words[*n] != NULL; (*n)++) { /* void */ }

            return map->keys[i].words;
        }
    }

    *n = 0;

    return NULL;
}
