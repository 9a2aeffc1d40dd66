
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains meters: what a throttle counts, in which unit, what a
 * request is charged before it is forwarded and after it is over, and the
 * windows of calendar budgets.
 *
 * Units: a request, a token, a byte, a request under way; of "spend" a
 * millionth of the price table's currency. Prices are per million tokens, so
 * a millionth of one is the price of a token.
 */


#ifndef SP_METER_H
#define SP_METER_H


#include "sp_limit.h"
#include "sp_policy.h"


#define SP_SPEND_UNIT    1000000ULL      /* units of "spend" in one */
#define SP_WEIGHT_UNIT   1000            /* weights are thousandths */
#define SP_ASSUME        4096            /* output tokens, if nobody says */


/* The order of the words in sp_policy_keys.c. */
typedef enum {
    SP_METER_REQUESTS = 0,
    SP_METER_TOKENS,
    SP_METER_CONCURRENCY,
    SP_METER_SPEND,
    SP_METER_BYTES,
    SP_METERS
} sp_meter_t;


typedef enum {
    SP_COUNT_TOTAL = 0,
    SP_COUNT_INPUT,
    SP_COUNT_OUTPUT,
    SP_COUNT_WEIGHTED,
    SP_COUNTS
} sp_count_t;


typedef enum {
    SP_RESERVE_MAX = 0,      /* the prompt, and all the answer that may come */
    SP_RESERVE_INPUT         /* the prompt */
} sp_reserve_t;


typedef enum {
    SP_FULL_DENY = 0,        /* a table without room refuses */
    SP_FULL_ALLOW
} sp_on_full_t;


/* How far a limit reaches. Buckets of one node need no other. */
typedef enum {
    SP_SCOPE_NODE = 0,
    SP_SCOPES
} sp_scope_t;


typedef enum {
    SP_WINDOW_RATE = 0,      /* GCRA */
    SP_WINDOW_MINUTE,        /* of the calendar, UTC */
    SP_WINDOW_DAY,
    SP_WINDOW_MONTH,
    SP_WINDOW_OPEN,          /* as long as it is under way: concurrency */
    SP_WINDOWS
} sp_window_t;


/* Kinds of tokens that have a weight and a price. */
typedef enum {
    SP_TOKENS_INPUT = 0,     /* not read from a cache */
    SP_TOKENS_CACHED,        /* read from one */
    SP_TOKENS_WRITTEN,       /* written to one */
    SP_TOKENS_OUTPUT,
    SP_TOKENS_KINDS
} sp_tokens_kind_t;


/* A throttle, apart from its rates. */
typedef struct {
    uint8_t   meter;         /* sp_meter_t */
    uint8_t   count;         /* sp_count_t, of tokens */
    uint8_t   reserve;       /* sp_reserve_t */
    uint8_t   on_full;       /* sp_on_full_t */
    uint8_t   scope;         /* sp_scope_t */
    uint8_t   pad[3];
    uint32_t  delay_ms;      /* for which a request may be held; 0: not */
    uint32_t  assume;        /* tokens of an answer that nobody bounded */
    uint32_t  weight[SP_TOKENS_KINDS];   /* thousandths */
} sp_throttle_t;


/* What a request used, or may come to use. */
typedef struct {
    uint64_t  tokens[SP_TOKENS_KINDS];
    uint64_t  bytes;         /* of its body and of the answer */
} sp_use_t;


/* Of a rule of kind SP_RULE_THROTTLE. */
const sp_throttle_t *sp_policy_throttle(const sp_policy_t *policy, int rule);

/* The windows of a rule; 0 of one that is no throttle. */
int sp_throttle_windows(const sp_policy_t *policy, int rule);

/*
 * What a window of a throttle is, 0..sp_throttle_windows() - 1, whoever asks:
 * where it has a row for each value of a field, its limit is 0.
 */
struct sp_apply_s;

void sp_throttle_window(const sp_policy_t *policy, int rule, int window,
    struct sp_apply_s *apply);

/* Names, as in the policy: "tokens", "day". NULL outside. */
const char *sp_meter_name(unsigned meter);
const char *sp_window_name(unsigned window);

/*
 * 1 if what is charged at first is not what is charged in the end: there is
 * something to settle.
 */
int sp_meter_settles(const sp_throttle_t *throttle);

/*
 * What a request may come to use, known before it is forwarded: a token of
 * input for every four bytes of its body, and "output" tokens of an answer
 * that the request bounds, or "assume" of them where it bounds none (-1).
 */
void sp_use_ahead(const sp_throttle_t *throttle, uint64_t body_bytes,
    int64_t output, sp_use_t *use);

/* Millionths of a unit of "spend", for a token. */
typedef struct {
    uint64_t  of[SP_TOKENS_KINDS];
} sp_price_t;

/*
 * What a model costs; one that the price table does not name, what the
 * dearest does that it names. SP_ERROR: the policy has no prices.
 */
sp_rc_t sp_meter_price(const sp_policy_t *policy, sp_str_t model,
    sp_price_t *price);

/*
 * The cost in units of the meter, rounded up; with several models, which have
 * a price each, that of the dearest. Saturates.
 */
uint64_t sp_meter_cost(const sp_throttle_t *throttle, const sp_use_t *use,
    const sp_price_t *prices, size_t nprices);

/*
 * A debit of "cost" units from a GCRA bucket of "limit" units in "period_s"
 * with "burst": the interval and tolerance for sp_gcra(). Rounded to the side
 * that admits less. SP_ERROR: it never has room, being more than the burst.
 */
sp_rc_t sp_meter_debit(uint64_t cost, uint64_t limit, uint64_t period_s,
    uint64_t burst, uint64_t *interval, uint64_t *tolerance);

/* ns by which a debit of "cost" moves the TAT; never more than it did. */
uint64_t sp_meter_moves(uint64_t cost, uint64_t limit, uint64_t period_s);

/* The units whose debits make a TAT that is so many ns ahead. */
uint64_t sp_meter_units(uint64_t ahead, uint64_t limit, uint64_t period_s);

/*
 * The calendar window that "now" (unix seconds) is in, by its end, which is
 * the first second of the next; INT64_MAX for windows that have none.
 */
int64_t sp_window_end(sp_window_t window, int64_t now);

/*
 * What at most passes: any "W" seconds of a rate admit "burst" + W * limit /
 * period, each calendar window "limit", and no more than "limit" are under
 * way at once; "over" is what a settlement may add, as a sentence or empty.
 */
size_t sp_meter_bound(const sp_policy_t *policy, int rule, unsigned window,
    uint64_t limit, uint64_t period, uint64_t burst, char *buf, size_t size);


#endif /* SP_METER_H */
