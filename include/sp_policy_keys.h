
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what a policy file may hold: the keys of each of its
 * mappings, the shape of what stands behind them, and a line of help. The
 * loader refuses what is not here; `sallyport schema` makes of it the JSON
 * Schema by which editors complete and explain.
 */


#ifndef SP_POLICY_KEYS_H
#define SP_POLICY_KEYS_H


#include <stddef.h>


typedef enum {
    SP_K_FILE = 0,      /* the file itself */
    SP_K_SOURCES,
    SP_K_SOURCE,
    SP_K_STALE,
    SP_K_FACT,
    SP_K_CUSTOMERS,
    SP_K_CUSTOMER,
    SP_K_LIST,
    SP_K_MODELS,
    SP_K_TIERS,
    SP_K_ROUTE,
    SP_K_REASON,
    SP_K_DENY,          /* in the order of sp_rule_kind_t */
    SP_K_ALLOW,
    SP_K_THROTTLE,
    SP_K_FLAG,
    SP_K_EXCEPTION,
    SP_K_INVARIANT,
    SP_K_VALID,
    SP_K_WEIGHTS,
    SP_K_PRICE,
    SP_K_MAPS
} sp_keys_id_t;


typedef enum {
    SP_SHAPE_TEXT = 0,
    SP_SHAPE_NAME,      /* a-z 0-9 - _ . */
    SP_SHAPE_NUMBER,    /* a whole number, "min" to "max" */
    SP_SHAPE_WORD,      /* one of "words" */
    SP_SHAPE_WORDS,     /* a list of them */
    SP_SHAPE_TEXTS,     /* a list of texts */
    SP_SHAPE_PAIRS,     /* names, each with a text */
    SP_SHAPE_CONDITION,
    SP_SHAPE_REASON,    /* a code */
    SP_SHAPE_MODE,      /* enforce, shadow, "canary 10%" */
    SP_SHAPE_DURATION,
    SP_SHAPE_GRACE,     /* a duration, or "deny" */
    SP_SHAPE_TIME,
    SP_SHAPE_ZONE,
    SP_SHAPE_URI,
    SP_SHAPE_RATE,      /* "60/min", or a table of rates */
    SP_SHAPE_BUDGET,    /* "2000/day", a table, or a list of both */
    SP_SHAPE_LIMIT,     /* a whole number, or a table of them */
    SP_SHAPE_AMOUNT,    /* a number; of spend it may have a fraction */
    SP_SHAPE_DECIMAL,
    SP_SHAPE_MAP,       /* the mapping "map" */
    SP_SHAPE_MAPS,      /* names, each with a mapping "map" */
    SP_SHAPE_RULES      /* a list of mappings "map" */
} sp_shape_t;


typedef struct {
    const char         *key;
    sp_shape_t          shape;
    int                 required;
    const char         *help;
    const char *const  *words;      /* NULL-terminated */
    sp_keys_id_t        map;
    long                min, max;
} sp_policy_key_t;


typedef struct {
    const char             *what;   /* "a deny rule", in messages */
    const char             *help;
    size_t                  n;
    const sp_policy_key_t  *keys;
} sp_policy_keys_t;


/* Never NULL for 0..SP_K_MAPS - 1. */
const sp_policy_keys_t *sp_policy_keys(int id);

/* The words that a key takes, NULL-terminated, and how many; or NULL. */
const char *const *sp_policy_words(int id, const char *key, size_t *n);


#endif /* SP_POLICY_KEYS_H */
