
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport schema`: the JSON Schema of policy files, made
 * of the loader's own table, by which editors complete, explain and underline.
 */


#include "sp_field.h"
#include "sp_policy_keys.h"
#include "sp_reason.h"

#include "cli.h"


#define SP_SCHEMA_NAME  "^[a-z0-9][a-z0-9._-]{0,63}$"

#define SP_SCHEMA_TIME                                                        \
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}"                                             \
    "(T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2}))?$"

#define SP_SCHEMA_AMOUNT  "^[0-9]+([.][0-9]{1,6})?$"
#define SP_SCHEMA_RATE                                                        \
    "^[0-9]+([.][0-9]{1,6})?/(s|sec|min|h|hour|d|day)$"
#define SP_SCHEMA_BUDGET                                                      \
    "^[0-9]+([.][0-9]{1,6})?/(min|minute|d|day|month)$"


static int sp_cli_schema_run(const sp_cli_args_t *args);
static json_t *sp_schema_file(void);
static json_t *sp_schema_map(int id);
static json_t *sp_schema_need_one(int id);
static json_t *sp_schema_key(const sp_policy_key_t *key);
static json_t *sp_schema_shape(const sp_policy_key_t *key);
static json_t *sp_schema_rows(const char *pattern);
static json_t *sp_schema_words(const char *const *words);
static json_t *sp_schema_text(const char *pattern);
static json_t *sp_schema_number(long min, long max);
static json_t *sp_schema_condition(void);
static json_t *sp_schema_reason(void);
static json_t *sp_schema_names(int map);
static json_t *sp_schema_ref(int map);


/* Names of the definitions, by sp_keys_id_t. */

static const char *const  sp_schema_names_of[SP_K_MAPS] = {
    "file", "sources", "source", "stale", "fact", "customers", "customer",
    "list", "models", "tiers", "route", "reason", "deny", "allow", "throttle",
    "flag", "exception", "invariant", "valid", "weights", "price"
};


static const sp_cli_opt_t  sp_cli_schema_opts[] = {
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_schema = {
    "schema",
    "",
    "Prints the JSON Schema of policy files, for editors",
    "It comes of the table that the loader refuses keys by. The copy that\n"
    "ships is policy/schema.json; an editor with a YAML language server takes\n"
    "it by a first line in the file:\n\n"
    "  # yaml-language-server: $schema=schema.json\n\n"
    "What it accepts may still be refused: conditions, and what only the\n"
    "whole policy can tell, are judged by `sallyport check`.\n",
    sp_cli_schema_opts,
    0,
    0,
    sp_cli_schema_run
};


static int
sp_cli_schema_run(const sp_cli_args_t *args)
{
    (void) args;

    return sp_cli_json_print(sp_schema_file()) == SP_OK ? SP_CLI_FINE
                                                        : SP_CLI_REFUSED;
}


static json_t *
sp_schema_file(void)
{
    int      id;
    json_t  *root, *maps;

    root = json_pack("{s:s, s:s, s:s}", "$schema",
                     "http://json-schema.org/draft-07/schema#", "title",
                     "Sallyport policy", "description",
                     sp_policy_keys(SP_K_FILE)->help);

    json_object_set_new(root, "$ref", json_string("#/definitions/file"));

    maps = json_object();

    for (id = 0; id < SP_K_MAPS; id++) {
        json_object_set_new(maps, sp_schema_names_of[id], sp_schema_map(id));
    }

    json_object_set_new(root, "definitions", maps);

    return root;
}


static json_t *
sp_schema_map(int id)
{
    size_t                   i;
    json_t                  *map, *keys, *needed, *one;
    const sp_policy_keys_t  *table;

    table = sp_policy_keys(id);
    keys = json_object();
    needed = json_array();

    for (i = 0; i < table->n; i++) {
        json_object_set_new(keys, table->keys[i].key,
                            sp_schema_key(&table->keys[i]));

        if (table->keys[i].required) {
            json_array_append_new(needed, json_string(table->keys[i].key));
        }
    }

    map = json_pack("{s:s, s:s, s:b, s:o}", "type", "object", "description",
                    table->help, "additionalProperties", 0, "properties",
                    keys);

    if (json_array_size(needed) != 0) {
        json_object_set_new(map, "required", needed);

    } else {
        json_decref(needed);
    }

    one = sp_schema_need_one(id);

    if (one != NULL) {
        json_object_set_new(map, "oneOf", one);
    }

    return map;
}


/* Of two keys exactly one. */

static json_t *
sp_schema_need_one(int id)
{
    switch (id) {

    case SP_K_LIST:
        return json_pack("[{s:[s]}, {s:[s]}]", "required", "items",
                         "required", "file");

    case SP_K_INVARIANT:
        return json_pack("[{s:[s]}, {s:[s]}]", "required", "never",
                         "required", "always");

    default:
        return NULL;
    }
}


static json_t *
sp_schema_key(const sp_policy_key_t *key)
{
    json_t  *shape;

    shape = sp_schema_shape(key);

    /* what stands beside a $ref is not read */

    if (json_object_get(shape, "$ref") != NULL) {
        shape = json_pack("{s:[o]}", "allOf", shape);
    }

    json_object_set_new(shape, "description", json_string(key->help));

    return shape;
}


static json_t *
sp_schema_shape(const sp_policy_key_t *key)
{
    switch (key->shape) {

    case SP_SHAPE_NAME:
        return sp_schema_text(SP_SCHEMA_NAME);

    case SP_SHAPE_NUMBER:
        return sp_schema_number(key->min, key->max);

    case SP_SHAPE_WORD:
        return sp_schema_words(key->words);

    case SP_SHAPE_WORDS:
        return json_pack("{s:s, s:i, s:o}", "type", "array", "minItems", 1,
                         "items", sp_schema_words(key->words));

    case SP_SHAPE_TEXTS:
        return json_pack("{s:s, s:o}", "type", "array", "items",
                         sp_schema_text(NULL));

    case SP_SHAPE_PAIRS:
        return json_pack("{s:s, s:o}", "type", "object",
                         "additionalProperties", sp_schema_text(NULL));

    case SP_SHAPE_CONDITION:
        return sp_schema_condition();

    case SP_SHAPE_REASON:
        return sp_schema_reason();

    case SP_SHAPE_MODE:
        return json_pack("{s:[{s:[s,s]}, {s:s, s:s}]}", "anyOf", "enum",
                         "enforce", "shadow", "type", "string", "pattern",
                         "^canary [0-9]{1,2}(\\.[0-9]{1,2})?%$");

    case SP_SHAPE_DURATION:
        return sp_schema_text("^[0-9]+[smhdw]$");

    case SP_SHAPE_GRACE:
        return sp_schema_text("^([0-9]+[smhdw]|deny)$");

    case SP_SHAPE_TIME:
        return sp_schema_text(SP_SCHEMA_TIME);

    case SP_SHAPE_ZONE:
        return sp_schema_text("^(UTC|[+-][0-9]{2}:[0-9]{2})$");

    case SP_SHAPE_URI:
        return sp_schema_text("^https://[^ ]+$");

    case SP_SHAPE_RATE:
        return sp_schema_rows(SP_SCHEMA_RATE);

    case SP_SHAPE_LIMIT:
        return sp_schema_rows("^[0-9]+$");

    case SP_SHAPE_BUDGET:
        return json_pack("{s:[o, {s:s, s:i, s:o}]}", "anyOf",
                         sp_schema_rows(SP_SCHEMA_BUDGET), "type", "array",
                         "minItems", 1, "items",
                         sp_schema_rows(SP_SCHEMA_BUDGET));

    case SP_SHAPE_AMOUNT:
    case SP_SHAPE_DECIMAL:
        return sp_schema_text(SP_SCHEMA_AMOUNT);

    case SP_SHAPE_MAP:
        return sp_schema_ref((int) key->map);

    case SP_SHAPE_MAPS:
        return sp_schema_names((int) key->map);

    case SP_SHAPE_RULES:
        return json_pack("{s:s, s:o}", "type", "array", "items",
                         sp_schema_ref((int) key->map));

    default: /* SP_SHAPE_TEXT */
        return sp_schema_text(NULL);
    }
}


/* One for all, or a table with a row for each value of a field. */

static json_t *
sp_schema_rows(const char *pattern)
{
    return json_pack("{s:[o, {s:s, s:[s], s:{s:o}, s:o}]}", "anyOf",
                     sp_schema_text(pattern), "type", "object", "required",
                     "by", "properties", "by",
                     sp_schema_text("^[a-z_]+\\.[a-z0-9_]+$"),
                     "additionalProperties", sp_schema_text(pattern));
}


static json_t *
sp_schema_words(const char *const *words)
{
    json_t  *list;

    list = json_array();

    for (; *words != NULL; words++) {
        json_array_append_new(list, json_string(*words));

        /* which editors take for truth values; the loader does not */

        if (strcmp(*words, "yes") == 0) {
            json_array_append_new(list, json_true());
        }
    }

    return json_pack("{s:o}", "enum", list);
}


/* Text is text here, also where an editor sees a number. */

static json_t *
sp_schema_text(const char *pattern)
{
    json_t  *text;

    text = json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");

    if (pattern != NULL) {
        json_object_set_new(text, "pattern", json_string(pattern));
    }

    return text;
}


static json_t *
sp_schema_number(long min, long max)
{
    return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
                     (json_int_t) min, "maximum", (json_int_t) max);
}


/* With the fields in the text that editors show. */

static json_t *
sp_schema_condition(void)
{
    int      i;
    json_t  *examples;

    examples = json_array();

    for (i = 0; i < SP_FIELDS; i++) {
        json_array_append_new(examples, json_string(sp_field(i)->name));
    }

    return json_pack("{s:s, s:i, s:i, s:o}", "type", "string", "minLength", 1,
                     "maxLength", 2100, "examples", examples);
}


static json_t *
sp_schema_reason(void)
{
    size_t                  i, n;
    json_t                 *codes;
    const sp_reason_row_t  *rows;

    rows = sp_reason_rows(&n);
    codes = json_array();

    for (i = 0; i < n; i++) {
        json_array_append_new(codes, json_string(rows[i].code));
    }

    /* those that ship are proposed; others stand under "reasons:" */

    return json_pack("{s:[{s:o}, {s:s, s:s}]}", "anyOf", "enum", codes,
                     "type", "string", "pattern", "^[A-Z_][A-Z0-9_]{0,63}$");
}


static json_t *
sp_schema_names(int map)
{
    const char  *pattern;

    pattern = map == SP_K_FACT ? "^account\\.x_[a-z0-9_]+$"
              : map == SP_K_PRICE ? "^.{1,256}$"
              : map == SP_K_REASON ? "^[A-Z_][A-Z0-9_]{0,63}$"
              : map == SP_K_ROUTE ? "^([a-z]+/)?[a-z0-9][a-z0-9._-]{0,63}$"
              : SP_SCHEMA_NAME;

    return json_pack("{s:s, s:{s:s}, s:o}", "type", "object", "propertyNames",
                     "pattern", pattern, "additionalProperties",
                     sp_schema_ref(map));
}


static json_t *
sp_schema_ref(int map)
{
    return json_pack("{s:s+}", "$ref", "#/definitions/",
                     sp_schema_names_of[map]);
}
