
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains "reasons:": rows of a policy's own, and other words for
 * the rows that ship. What a shipped reason is (its class, its rank, whether
 * it may be lifted) stays as it is.
 */


#include "sp_policy_load.h"


static void sp_load_reason_row(sp_load_t *l, const sp_ynode_t *node);
static int sp_load_reason_code_ok(sp_str_t code);
static sp_lreason_t *sp_load_reason_place(sp_load_t *l,
    const sp_ynode_t *node, int *shipped);
static void sp_load_reason_words(sp_load_t *l, const sp_ynode_t *node,
    sp_lreason_t *reason);
static void sp_load_reason_lift(sp_load_t *l, const sp_ynode_t *node,
    sp_lreason_t *reason, int shipped);
static sp_rc_t sp_load_reason_new(sp_load_t *l, const sp_ynode_t *node,
    sp_lreason_t *reason);
static int sp_load_reason_find(const sp_load_t *l, sp_str_t code);


static const char *const  sp_lift_words[] = { "never", "yes", "licence" };


void
sp_load_reasons_init(sp_load_t *l)
{
    size_t                  i, n;
    const sp_reason_row_t  *rows;

    rows = sp_reason_rows(&n);
    l->reasons = sp_load_alloc(l, SP_REASONS_MAX * sizeof(sp_lreason_t));

    if (l->reasons == NULL) {
        return;
    }

    for (i = 0; i < n; i++) {
        l->reasons[i].row = rows[i];
        l->reasons[i].code = sp_cstr(rows[i].code);
        l->reasons[i].public_code = sp_cstr(rows[i].public_code);
        l->reasons[i].text = sp_cstr(rows[i].text);
    }

    l->nreasons = n;
}


static int
sp_load_reason_find(const sp_load_t *l, sp_str_t code)
{
    size_t  i;

    for (i = 0; i < l->nreasons; i++) {

        if (sp_str_eq(l->reasons[i].code, code)) {
            return (int) i;
        }
    }

    return -1;
}


/* The row that a rule names. */

int
sp_load_reason(sp_load_t *l, const sp_ynode_t *node)
{
    int          i;
    size_t       k;
    sp_str_t     s;
    const char  *near, *codes[SP_REASONS_MAX];

    if (sp_value_text(l, node, &s) != SP_OK) {
        return -1;
    }

    i = sp_load_reason_find(l, s);

    if (i >= 0) {
        return i;
    }

    for (k = 0; k < l->nreasons; k++) {
        codes[k] = (const char *) l->reasons[k].code.data;
    }

    near = sp_load_near(l, s, codes, l->nreasons);

    sp_load_error(l, node, 203, near ? sp_diag_text("did you mean '%s'?", near)
                  : sp_diag_text("add it under 'reasons:'"),
                  "there is no reason '%.64s'", s.data);

    return -1;
}


void
sp_load_reasons(sp_load_t *l, const sp_ynode_t *map)
{
    const sp_ynode_t  *child;

    if (l->reasons == NULL
        || sp_value_kind(l, map, SP_Y_MAP, "reasons") != SP_OK)
    {
        return;
    }

    for (child = map->first; child != NULL; child = child->next) {
        sp_load_reason_row(l, child);
    }
}


static void
sp_load_reason_row(sp_load_t *l, const sp_ynode_t *node)
{
    int            shipped;
    sp_lreason_t  *reason;

    if (!sp_load_reason_code_ok(node->key->text)) {
        sp_load_error(l, node->key, 104, NULL, "a reason's code has 1 to 64 "
                      "of A-Z 0-9 _ and starts with a letter");
        return;
    }

    if (sp_value_kind(l, node, SP_Y_MAP, "a reason") != SP_OK
        || sp_value_keys(l, node, SP_K_REASON) != SP_OK)
    {
        return;
    }

    reason = sp_load_reason_place(l, node, &shipped);

    if (reason != NULL) {
        reason->node = node;

        sp_load_reason_words(l, node, reason);
        sp_load_reason_lift(l, node, reason, shipped);
    }
}


static int
sp_load_reason_code_ok(sp_str_t code)
{
    size_t  k;

    for (k = 0; k < code.len; k++) {

        if (!((code.data[k] >= 'A' && code.data[k] <= 'Z')
              || code.data[k] == '_'
              || (k && code.data[k] >= '0' && code.data[k] <= '9')))
        {
            return 0;
        }
    }

    return code.len <= SP_ID_MAX;
}


/* The row to fill in: a shipped one, or a new one; NULL if there is none. */

static sp_lreason_t *
sp_load_reason_place(sp_load_t *l, const sp_ynode_t *node, int *shipped)
{
    int            i;
    sp_str_t       code;
    sp_lreason_t  *reason;

    code = node->key->text;
    i = sp_load_reason_find(l, code);
    *shipped = (i >= 0);

    if (i >= 0) {
        reason = &l->reasons[i];

        if (reason->node != NULL) {
            sp_load_error(l, node->key, 106, NULL,
                          "reason '%s' is described twice", code.data);
            return NULL;
        }

        if (sp_ynode_get(node, "class") || sp_ynode_get(node, "rank")) {
            sp_load_error(l, node->key, 104, NULL, "the class and the rank "
                          "of '%s' are fixed", code.data);
            return NULL;
        }

        return reason;
    }

    if (l->nreasons == SP_REASONS_MAX) {
        sp_load_error(l, node->key, 104, NULL, "more than %d reasons",
                      SP_REASONS_MAX);
        return NULL;
    }

    reason = &l->reasons[l->nreasons];
    memset(reason, 0, sizeof(sp_lreason_t));
    reason->code = code;
    reason->row.status = 403;

    if (sp_load_reason_new(l, node, reason) != SP_OK) {
        return NULL;
    }

    l->nreasons++;

    return reason;
}


/* What the caller is told. */

static void
sp_load_reason_words(sp_load_t *l, const sp_ynode_t *node,
    sp_lreason_t *reason)
{
    uint64_t           status;
    const sp_ynode_t  *child;

    child = sp_ynode_get(node, "status");

    if (child != NULL && sp_value_uint(l, child, 400, 599, &status) == SP_OK) {
        reason->row.status = (uint16_t) status;
    }

    child = sp_ynode_get(node, "public");

    if (child != NULL) {
        (void) sp_value_name(l, child, &reason->public_code);
    }

    child = sp_ynode_get(node, "text");

    if (child != NULL) {
        (void) sp_value_text(l, child, &reason->text);
    }
}


/* A shipped reason can be made stricter, never looser. */

static void
sp_load_reason_lift(sp_load_t *l, const sp_ynode_t *node,
    sp_lreason_t *reason, int shipped)
{
    int                lift;
    const sp_ynode_t  *child;

    child = sp_ynode_get(node, "liftable");

    if (child == NULL) {
        return;
    }

    lift = sp_value_of(l, child, SP_K_REASON, "liftable");

    if (lift < 0) {
        return;
    }

    if (shipped && lift != SP_LIFT_NEVER && lift != reason->row.liftable
        && reason->row.liftable != SP_LIFT_ANY)
    {
        sp_load_error(l, child, 104, NULL, "'%s' is 'liftable: %s'; that can "
                      "only be made stricter", reason->code.data,
                      sp_lift_words[reason->row.liftable]);
        return;
    }

    reason->row.liftable = (uint8_t) lift;
}


static sp_rc_t
sp_load_reason_new(sp_load_t *l, const sp_ynode_t *node, sp_lreason_t *reason)
{
    int                class;
    size_t             i;
    uint64_t           rank;
    const sp_ynode_t  *child;

    static const char *const  needed[] = { "class", "rank", "public", "text" };

    for (i = 0; i < sp_nelts(needed); i++) {

        if (sp_ynode_get(node, needed[i]) == NULL) {
            sp_load_error(l, node->key, 104, NULL, "a reason of your own "
                          "needs '%s'", needed[i]);
            return SP_ERROR;
        }
    }

    child = sp_ynode_get(node, "class");
    class = sp_value_of(l, child, SP_K_REASON, "class");

    if (class < 0
        || sp_value_uint(l, sp_ynode_get(node, "rank"), 100, 9999, &rank)
           != SP_OK)
    {
        return SP_ERROR;
    }

    reason->row.class = (uint8_t) class;
    reason->row.rank = (uint16_t) rank;

    return SP_OK;
}
