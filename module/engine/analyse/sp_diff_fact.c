
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains regions in words: which values of each fact occur in
 * one, where it is not all that there are.
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sp_diff_state.h"


#define SP_FACT_ITEMS  8     /* values written out */
#define SP_FACT_DAY    86400


typedef struct {
    char    *buf;
    size_t   size;
    size_t   len;
    int      items;
} sp_words_t;


static void sp_words_add(sp_words_t *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void sp_words_item(sp_words_t *w);
static void sp_words_test(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w);
static int sp_words_share(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w);
static void sp_words_numbers(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w);
static void sp_words_number(const sp_field_t *row, int64_t number,
    sp_words_t *w);
static void sp_words_values(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w);
static int sp_words_value(const sp_field_t *row, const sp_value_t *v,
    sp_words_t *w);
static int sp_words_listed(const sp_space_t *space, const sp_var_t *var,
    const sp_cand_t *cand);
static void sp_words_model(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w);
static void sp_words_states(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w);


int
sp_diff_fact(const sp_space_t *space, unsigned at, const unsigned char *seen,
    const unsigned char *base, char *buf, size_t size)
{
    sp_str_t           id;
    uint32_t           c;
    sp_words_t         w = { buf, size, 0, 0 };
    const sp_var_t    *var;
    const sp_field_t  *row;

    var = &space->vars[at];

    for (c = 0; c < var->width && seen[c] == base[c]; c++) { /* void */ }

    if (c == var->width) {
        return 0;
    }

    switch (var->kind) {

    case SP_VAR_TEST:
        sp_words_test(space, var, seen, &w);
        return 1;

    case SP_VAR_SHARE:
        return sp_words_share(space, var, seen, &w);

    case SP_VAR_CANARY:
        id = sp_policy_rule_id(space->policies[var->policy],
                               (int) var->node);
        sp_words_add(&w, "the account is %s the canaries of '%.*s'",
                     seen[1] ? "among" : "not among", (int) id.len,
                     (const char *) id.data);
        return 1;

    default:
        break;
    }

    if (var->fields[0] == SP_F_MODEL_ID) {
        sp_words_model(space, var, seen, &w);
        return 1;
    }

    row = sp_space_row(space, var->fields[0]);
    sp_words_add(&w, "%s ", row->name);

    switch (row->type) {

    case SP_T_INT:
    case SP_T_DURATION:
    case SP_T_TIME:
    case SP_T_ASN:
        sp_words_numbers(space, var, seen, &w);
        break;

    default:
        sp_words_values(space, var, seen, &w);
    }

    sp_words_states(space, var, seen, &w);

    return 1;
}


static void
sp_words_add(sp_words_t *w, const char *fmt, ...)
{
    int      n;
    va_list  args;

    if (w->len >= w->size) {
        return;
    }

    va_start(args, fmt);
    n = vsnprintf(w->buf + w->len, w->size - w->len, fmt, args);
    va_end(args);

    w->len += n > 0 ? (size_t) n : 0;
}


static void
sp_words_item(sp_words_t *w)
{
    sp_words_add(w, "%s", w->items++ ? ", " : "");
}


static void
sp_words_test(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w)
{
    int               truth;
    sp_str_t          text;
    const sp_node_t  *node;

    static const char *const  names[] = { "false", "unknown", "true" };

    node = sp_space_node(space, var->policy, var->node);
    text = sp_image_str(space->policies[var->policy], node->text);

    sp_words_add(w, "'%.*s' is ", (int) text.len, (const char *) text.data);

    for (truth = 0; truth < 3; truth++) {

        if (seen[node->neg ? 2 - truth : truth]) {
            sp_words_add(w, "%s%s", w->items++ ? " or " : "", names[truth]);
        }
    }
}


/* The ends of all intervals that occur: 0 if that says nothing. */

static int
sp_words_share(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w)
{
    int               low, high;
    uint32_t          i;
    sp_str_t          text;
    const sp_node_t  *node;

    node = sp_space_node(space, var->policy, var->node);
    text = sp_image_str(space->policies[var->policy], node->text);

    /* "owner_share(@list) >= 50%" up to the sign */

    for (i = 0; i < text.len && text.data[i] != ')'; i++) { /* void */ }

    low = SP_SHARE_ALL;
    high = 0;

    for (i++, text.len = i < text.len ? i : text.len, i = 0; i < var->n; i++)
    {
        if (seen[var->cands[i].class]) {
            low = sp_space_low(&var->cands[i].v[0]) < low
                  ? sp_space_low(&var->cands[i].v[0]) : low;
            high = sp_space_high(&var->cands[i].v[0]) > high
                   ? sp_space_high(&var->cands[i].v[0]) : high;
        }
    }

    sp_words_add(w, "%.*s from %d.%02d%% to %d.%02d%%", (int) text.len,
                 (const char *) text.data, low / 100, low % 100, high / 100,
                 high % 100);

    return low != 0 || high != SP_SHARE_ALL;
}


static int
sp_words_order(const void *one, const void *two)
{
    const sp_cand_t  *a = *(sp_cand_t *const *) one;
    const sp_cand_t  *b = *(sp_cand_t *const *) two;

    return a->v[0].u.i < b->v[0].u.i ? -1 : a->v[0].u.i > b->v[0].u.i;
}


/* Runs of neighbours among the numbers that were looked at. */

static void
sp_words_numbers(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w)
{
    uint32_t            i, k, n;
    const sp_cand_t   **sorted;
    const sp_field_t   *row;

    row = sp_space_row(space, var->fields[0]);
    sorted = calloc(var->n + 1, sizeof(sp_cand_t *));

    for (i = 0, n = 0; sorted != NULL && i < var->n; i++) {
        if (var->cands[i].v[0].state == SP_FACT_KNOWN) {
            sorted[n++] = &var->cands[i];
        }
    }

    if (n != 0) {
        qsort(sorted, n, sizeof(sp_cand_t *), sp_words_order);
    }

    for (i = 0; i < n; i = k) {
        k = i + 1;

        if (!seen[sorted[i]->class]) {
            continue;
        }

        while (k < n && seen[sorted[k]->class]) {
            k++;
        }

        sp_words_item(w);

        if (i == 0 && k == n) {
            sp_words_add(w, "any");

        } else if (sorted[i]->v[0].u.i == sorted[k - 1]->v[0].u.i) {
            sp_words_number(row, sorted[i]->v[0].u.i, w);

        } else if (i == 0) {
            sp_words_add(w, "up to ");
            sp_words_number(row, sorted[k - 1]->v[0].u.i, w);

        } else {
            sp_words_number(row, sorted[i]->v[0].u.i, w);

            if (k == n) {
                sp_words_add(w, " or more");

            } else {
                sp_words_add(w, " to ");
                sp_words_number(row, sorted[k - 1]->v[0].u.i, w);
            }
        }
    }

    free(sorted);
}


static void
sp_words_number(const sp_field_t *row, int64_t number, sp_words_t *w)
{
    char       text[40];
    time_t     when;
    struct tm  tm;

    when = (time_t) number;

    if (row->type == SP_T_TIME && number >= 0 && number < 253402300800
        && gmtime_r(&when, &tm) != NULL
        && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) != 0)
    {
        sp_words_add(w, "%s", text);

    } else if (row->type == SP_T_DURATION && number % SP_FACT_DAY == 0) {
        sp_words_add(w, "%lldd", (long long) (number / SP_FACT_DAY));

    } else {
        sp_words_add(w, "%s%lld%s", row->type == SP_T_ASN ? "AS" : "",
                     (long long) number,
                     row->type == SP_T_DURATION ? "s" : "");
    }
}


/* Those that occur, or those that do not, whichever are fewer. */

static void
sp_words_values(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w)
{
    int                but;
    uint32_t           i, n[2];
    const sp_field_t  *row;

    row = sp_space_row(space, var->fields[0]);
    n[0] = n[1] = 0;

    for (i = 0; i < var->n; i++) {
        if (sp_words_listed(space, var, &var->cands[i])) {
            n[seen[var->cands[i].class] != 0]++;
        }
    }

    if (n[1] == 0) {
        return;
    }

    if (n[0] == 0) {
        sp_words_item(w);
        sp_words_add(w, "any");
        return;
    }

    but = n[1] > n[0] && n[1] > SP_FACT_ITEMS;

    if (but) {
        sp_words_add(w, "any but ");
    }

    for (i = 0; i < var->n; i++) {

        if (!sp_words_listed(space, var, &var->cands[i])
            || (seen[var->cands[i].class] != 0) == but)
        {
            continue;
        }

        if (w->items == SP_FACT_ITEMS) {
            sp_words_add(w, " and %u more", n[!but] - SP_FACT_ITEMS);
            break;
        }

        sp_words_item(w);
        (void) sp_words_value(row, &var->cands[i].v[0], w);
    }
}


/* Whole countries, and names that somebody gave. */

static int
sp_words_listed(const sp_space_t *space, const sp_var_t *var,
    const sp_cand_t *cand)
{
    if (cand->v[0].state != SP_FACT_KNOWN) {
        return 0;
    }

    switch (sp_space_row(space, var->fields[0])->type) {

    case SP_T_COUNTRY:
    case SP_T_PLACE:
        return !sp_place_is_region(cand->v[0].u.place)
               && (var->fields[1] < 0
                   || cand->v[1].state == SP_FACT_ABSENT);

    case SP_T_STRINGS:
    case SP_T_PLACES:
    case SP_T_IP:
        return 0;

    default:
        return cand == var->cands
               || memcmp(&cand->v[0], &cand[-1].v[0], sizeof(sp_value_t))
                  != 0;
    }
}


static int
sp_words_value(const sp_field_t *row, const sp_value_t *v, sp_words_t *w)
{
    char  text[SP_PLACE_TEXT_LEN];

    switch (row->type) {

    case SP_T_BOOL:
        sp_words_add(w, "%s", v->u.i ? "yes" : "no");
        break;

    case SP_T_ENUM:
        sp_words_add(w, "%s", sp_enum_name(row->values, v->u.i));
        break;

    case SP_T_STRING:
        sp_words_add(w, "%.*s", (int) v->u.s.len, (const char *) v->u.s.data);
        break;

    default:
        sp_words_add(w, "%.*s", (int) sp_place_format(v->u.place, text),
                     text);
    }

    return 1;
}


/* A model by its tier, which is what most rules ask for. */

static void
sp_words_model(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w)
{
    int        tier;
    unsigned   some, all;
    uint32_t   c;
    sp_str_t   one;

    sp_words_add(w, "model.tier ");

    for (tier = 0; tier <= SP_TIERS; tier++) {
        some = all = 0;
        one.len = 0;
        one.data = NULL;

        for (c = 0; c < var->width; c++) {
            const sp_value_t  *v = &var->cands[var->first[c]].v[0];

            if (v->state == SP_FACT_KNOWN
                && sp_policy_model_tier(space->policies[space->npolicies - 1],
                                        v->u.s) == tier)
            {
                all++;
                some += seen[c] != 0;
                one = seen[c] ? v->u.s : one;
            }
        }

        if (some == 0) {
            continue;
        }

        sp_words_item(w);

        if (tier == 0) {
            sp_words_add(w, "absent");

        } else {
            sp_words_add(w, "%d", tier);
        }

        if (some != all) {
            sp_words_add(w, " (such as %.*s)", (int) one.len,
                         (const char *) one.data);
        }
    }

    for (c = 0; c < var->width; c++) {

        if (seen[c]
            && var->cands[var->first[c]].v[0].state != SP_FACT_KNOWN)
        {
            sp_words_item(w);
            sp_words_add(w, "no model");
        }
    }
}


static void
sp_words_states(const sp_space_t *space, const sp_var_t *var,
    const unsigned char *seen, sp_words_t *w)
{
    uint32_t   i;
    unsigned   states;
    sp_type_t  type;

    type = sp_space_row(space, var->fields[0])->type;

    for (i = 0, states = 0; i < var->n; i++) {

        if (seen[var->cands[i].class]) {
            states |= 1u << var->cands[i].v[0].state;
        }
    }

    if ((states & (1u << SP_FACT_KNOWN))
        && (type == SP_T_PLACES || type == SP_T_STRINGS || type == SP_T_IP))
    {
        sp_words_item(w);
        sp_words_add(w, "known");
    }

    if (states & (1u << SP_FACT_ABSENT)) {
        sp_words_item(w);
        sp_words_add(w, "absent");
    }

    if (states & (1u << SP_FACT_UNKNOWN)) {
        sp_words_item(w);
        sp_words_add(w, "unknown");
    }
}
