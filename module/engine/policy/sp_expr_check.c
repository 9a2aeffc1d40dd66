
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the types of conditions. Everything that could go wrong
 * when a condition is evaluated goes wrong here instead: a misspelt word, a
 * number without its unit, a list of another kind.
 */


#include "sp_expr.h"


static sp_rc_t sp_check_fields(sp_expr_t *x, sp_ast_t *test, int other);
static sp_rc_t sp_check_within(sp_expr_t *x, sp_ast_t *test, int other);
static sp_rc_t sp_check_list(sp_expr_t *x, sp_ast_t *test);
static sp_rc_t sp_check_items(sp_expr_t *x, sp_ast_t *test);
static sp_lset_t *sp_check_named(sp_expr_t *x);
static int sp_check_fits(const sp_load_t *l, int field, sp_list_type_t type);


/* A word that should have been a field. */

sp_rc_t
sp_check_unknown_field(sp_expr_t *x)
{
    int          i;
    const char  *near, *names[SP_FACTS_MAX];

    if (x->tok.kind == SP_TOK_WORD
        && (sp_str_caseeq(x->tok.text, SP_STR("and"))
            || sp_str_caseeq(x->tok.text, SP_STR("or"))
            || sp_str_caseeq(x->tok.text, SP_STR("not"))))
    {
        sp_expr_tok_error(x, 210, sp_diag_text("'and', 'or' and 'not' are "
                                               "written small, between tests"),
                          "a test should stand here, not '%.*s'",
                          (int) x->tok.len, x->text.data + x->tok.off);
        return SP_ERROR;
    }

    for (i = 0; i < SP_FIELDS + (int) x->load->nown; i++) {
        names[i] = sp_expr_field(x, i)->name;
    }

    near = sp_load_near(x->load, x->tok.text, names, (size_t) i);

    sp_expr_tok_error(x, 201, near ? sp_diag_text("did you mean '%s'?", near)
                      : sp_diag_text("'sallyport fields' prints them all"),
                      "unknown field '%.*s'", (int) x->tok.text.len,
                      x->tok.text.data);

    return SP_ERROR;
}


/* What cannot be known here must not be asked for. */

sp_rc_t
sp_check_field(sp_expr_t *x, const sp_ast_t *test)
{
    if (x->load->customers == SP_CUSTOMERS_NONE
        && sp_expr_field(x, test->field)->source == SP_FROM_CUSTOMER)
    {
        sp_expr_tok_error(x, 212,
                          sp_diag_text("say where the name stands: "
                                       "'customers: {from: {header: "
                                       "X-End-Customer}}'"),
                          "no section 'customers' says how an end customer "
                          "is named");
        return SP_ERROR;
    }

    if (test->field != SP_F_IP_REGION || x->load->opts->has_regions) {
        return SP_OK;
    }

    sp_expr_tok_error(x, 211,
                      sp_diag_text("use a city database, or rules over "
                                   "ip.country"),
                      "the GeoIP database has no subdivisions: ip.region "
                      "would never be known");

    return SP_ERROR;
}


/* field OP literal, field OP field; "x" stands on the right side. */

sp_rc_t
sp_check_compare(sp_expr_t *x, sp_ast_t *test, const sp_tok_t *op)
{
    int         other;
    sp_type_t   type;

    type = sp_expr_field(x, test->field)->type;
    test->cmp = op->cmp;

    if (type == SP_T_PLACES || type == SP_T_STRINGS) {
        sp_expr_error(x, 202, op->off, op->len,
                      sp_diag_text("use 'in': it asks whether one of them is "
                                   "in the list"),
                      "%s holds several values",
                      sp_expr_field(x, test->field)->name);
        return SP_ERROR;
    }

    if (op->cmp != SP_EQ && op->cmp != SP_NE && type != SP_T_INT
        && type != SP_T_DURATION && type != SP_T_TIME)
    {
        sp_expr_error(x, 202, op->off, op->len,
                      sp_diag_text("use '==', '!=' or 'in'"),
                      "%s is %s %s; it has no order",
                      sp_expr_field(x, test->field)->name,
                      sp_type_name(type)[0] == 'a'
                      || sp_type_name(type)[0] == 'e'
                      || sp_type_name(type)[0] == 'i' ? "an" : "a",
                      sp_type_name(type));
        return SP_ERROR;
    }

    if (x->tok.kind == SP_TOK_WORD) {
        other = sp_expr_find(x, x->tok.text);

        if (other >= 0) {
            return sp_check_fields(x, test, other);
        }
    }

    if (x->tok.kind == SP_TOK_LIST || x->tok.kind == SP_TOK_FROM) {
        sp_expr_tok_error(x, 202, sp_diag_text("write '%s%s ...'",
                                               op->cmp == SP_NE ? "not " : "",
                                               "in"),
                          "a list is asked with 'in'");
        return SP_ERROR;
    }

    return sp_check_literal(x, test, op);
}


static sp_rc_t
sp_check_fields(sp_expr_t *x, sp_ast_t *test, int other)
{
    sp_type_t  a, b;
    sp_ast_t   right;

    a = sp_expr_field(x, test->field)->type;
    b = sp_expr_field(x, other)->type;

    right.field = other;

    if (sp_check_field(x, &right) != SP_OK) {
        return SP_ERROR;
    }

    if ((a != b || b == SP_T_IP || b == SP_T_PLACES || b == SP_T_STRINGS
         || (a == SP_T_ENUM
             && sp_expr_field(x, test->field)->values
                != sp_expr_field(x, other)->values))
        && !((a == SP_T_COUNTRY && b == SP_T_PLACE)
             || (a == SP_T_PLACE && b == SP_T_COUNTRY)))
    {
        sp_expr_tok_error(x, 202, NULL, "%s (%s) and %s (%s) cannot be "
                          "compared", sp_expr_field(x, test->field)->name,
                          sp_type_name(a), sp_expr_field(x, other)->name,
                          sp_type_name(b));
        return SP_ERROR;
    }

    if (test->cmp != SP_EQ && test->cmp != SP_NE) {
        sp_expr_tok_error(x, 202, NULL, "two fields are compared with '==' "
                          "or '!=' only");
        return SP_ERROR;
    }

    test->op = SP_OP_SAME;
    test->neg = (test->cmp == SP_NE);
    test->other = other;

    sp_expr_next(x);

    return x->tok.kind == SP_TOK_BAD ? SP_ERROR : SP_OK;
}


static int
sp_check_fits(const sp_load_t *l, int field, sp_list_type_t type)
{
    switch (sp_load_field(l, field)->type) {

    case SP_T_COUNTRY:
        return type == SP_LIST_COUNTRY || type == SP_LIST_PLACE;

    case SP_T_REGION:
        return type == SP_LIST_REGION || type == SP_LIST_PLACE;

    case SP_T_PLACE:
    case SP_T_PLACES:
        return type == SP_LIST_COUNTRY || type == SP_LIST_REGION
               || type == SP_LIST_PLACE;

    case SP_T_ASN:
        return type == SP_LIST_ASN;

    case SP_T_IP:
        return type == SP_LIST_CIDR;

    case SP_T_STRING:
    case SP_T_STRINGS:
        return type == SP_LIST_NAME
               || (type == SP_LIST_ACCOUNT && field == SP_F_ACCOUNT_ID)
               || (type == SP_LIST_MODEL && field == SP_F_MODEL_ID);

    default:
        return 0;
    }
}


/* field in ...; "x" stands on the set. */

sp_rc_t
sp_check_in(sp_expr_t *x, sp_ast_t *test)
{
    int         op, other;
    sp_type_t   type;

    if (x->tok.kind == SP_TOK_BAD) {
        return SP_ERROR;
    }

    type = sp_expr_field(x, test->field)->type;

    if (x->tok.kind == SP_TOK_WORD) {
        other = sp_expr_find(x, x->tok.text);

        if (other < 0) {
            return sp_check_unknown_field(x);
        }

        return sp_check_within(x, test, other);
    }

    if (x->tok.kind != SP_TOK_LIST && x->tok.kind != SP_TOK_FROM) {
        sp_expr_tok_error(x, 210, NULL, "a list should follow 'in': @name or "
                          "[a, b]");
        return SP_ERROR;
    }

    op = sp_check_set_op(type);

    if (op < 0 && (type == SP_T_DURATION || type == SP_T_TIME
                   || type == SP_T_BOOL
                   || (type == SP_T_INT
                       && sp_expr_field(x, test->field)->max > 63)
                   || x->tok.kind == SP_TOK_LIST))
    {
        sp_expr_tok_error(x, 202, sp_diag_text("compare it with '=='%s",
                                               type == SP_T_ENUM
                                               ? ", or write 'in [a, b]'"
                                               : ", '<', '>='..."),
                          "%s (%s) is not asked with 'in %s'",
                          sp_expr_field(x, test->field)->name,
                          sp_type_name(type),
                          x->tok.kind == SP_TOK_LIST ? "@list" : "[...]");
        return SP_ERROR;
    }

    test->op = (op < 0) ? SP_OP_MASK : (sp_op_t) op;

    return x->tok.kind == SP_TOK_LIST ? sp_check_list(x, test)
                                      : sp_check_items(x, test);
}


static sp_rc_t
sp_check_within(sp_expr_t *x, sp_ast_t *test, int other)
{
    sp_type_t  a, b;

    a = sp_expr_field(x, test->field)->type;
    b = sp_expr_field(x, other)->type;

    if (!(b == SP_T_PLACES && (a == SP_T_COUNTRY || a == SP_T_REGION
                               || a == SP_T_PLACE))
        && !(b == SP_T_STRINGS && a == SP_T_STRING))
    {
        sp_expr_tok_error(x, 202, b == SP_T_PLACES || b == SP_T_STRINGS ? NULL
                          : sp_diag_text("to compare two fields use '=='"),
                          "%s (%s) cannot be in %s (%s)",
                          sp_expr_field(x, test->field)->name, sp_type_name(a),
                          sp_expr_field(x, other)->name, sp_type_name(b));
        return SP_ERROR;
    }

    test->op = SP_OP_WITHIN;
    test->other = other;

    sp_expr_next(x);

    return x->tok.kind == SP_TOK_BAD ? SP_ERROR : SP_OK;
}


static sp_lset_t *
sp_check_named(sp_expr_t *x)
{
    size_t        n;
    sp_lset_t    *set;
    const char   *near, **names;

    set = sp_lset_find(x->load, x->tok.text);

    if (set != NULL) {
        set->used++;
        return set;
    }

    near = NULL;
    names = sp_load_alloc(x->load, (x->load->nlists + 1) * sizeof(char *));

    if (names != NULL) {

        for (n = 0, set = x->load->sets; set != NULL; set = set->next) {
            names[n++] = (const char *) set->name.data;
        }

        near = sp_load_near(x->load, x->tok.text, names, n);
    }

    sp_expr_tok_error(x, 206, near ? sp_diag_text("did you mean '@%s'?", near)
                      : NULL, "there is no list '%.*s'",
                      (int) x->tok.text.len, x->tok.text.data);

    return NULL;
}


static sp_rc_t
sp_check_list(sp_expr_t *x, sp_ast_t *test)
{
    int          country;
    sp_lset_t   *set;
    const char  *help;

    set = sp_check_named(x);
    if (set == NULL) {
        return SP_ERROR;
    }

    if (!sp_check_fits(x->load, test->field, set->type)) {
        country = (test->field == SP_F_IP_COUNTRY);
        help = (country && set->type == SP_LIST_REGION) ? "use ip.region"
               : (test->field == SP_F_IP_REGION
                  && set->type == SP_LIST_COUNTRY) ? "use ip.country" : NULL;

        sp_expr_tok_error(x, 206, help ? sp_diag_text("%s", help) : NULL,
                          "list @%s is of type %s, %s is a %s",
                          set->name.data, sp_list_type_name(set->type),
                          sp_expr_field(x, test->field)->name,
                          sp_type_name(sp_expr_field(x, test->field)->type));
        return SP_ERROR;
    }

    test->set = set;

    if (sp_check_regions(x, test) != SP_OK) {
        return SP_ERROR;
    }

    sp_expr_next(x);

    return x->tok.kind == SP_TOK_BAD ? SP_ERROR : SP_OK;
}


static sp_rc_t
sp_check_items(sp_expr_t *x, sp_ast_t *test)
{
    int64_t  value;

    if (test->op != SP_OP_MASK) {
        test->set = sp_lset_create(x->load, sp_check_list_type(x->load,
                                                               test->field));
        if (test->set == NULL) {
            return SP_ERROR;
        }
    }

    do {
        sp_expr_next(x);

        if (x->tok.kind != SP_TOK_WORD && x->tok.kind != SP_TOK_STRING) {

            if (x->tok.kind != SP_TOK_BAD) {
                sp_expr_tok_error(x, 210, NULL, "a value should stand here");
            }

            return SP_ERROR;
        }

        value = 0;

        if (sp_check_item(x, test, &value) != SP_OK) {
            return SP_ERROR;
        }

        if (test->set == NULL) {
            test->value |= (int64_t) ((uint64_t) 1 << value);
        }

        sp_expr_next(x);

    } while (x->tok.kind == SP_TOK_COMMA);

    if (x->tok.kind != SP_TOK_TO) {

        if (x->tok.kind != SP_TOK_BAD) {
            sp_expr_tok_error(x, 210, NULL, "',' or ']' should stand here");
        }

        return SP_ERROR;
    }

    if (test->set != NULL) {
        sp_lset_finish(x->load, test->set);

        if (sp_check_regions(x, test) != SP_OK) {
            return SP_ERROR;
        }
    }

    sp_expr_next(x);

    return x->tok.kind == SP_TOK_BAD ? SP_ERROR : SP_OK;
}


/* The list between the parentheses of a function. */

sp_rc_t
sp_check_argument(sp_expr_t *x, sp_ast_t *test)
{
    int  places;

    places = (test->other != SP_FN_LISTED_SHARE);

    if (x->tok.kind == SP_TOK_LIST) {
        test->set = sp_check_named(x);
        if (test->set == NULL) {
            return SP_ERROR;
        }

        if (places ? (test->set->type > SP_LIST_PLACE)
                   : (test->set->type != SP_LIST_NAME))
        {
            sp_expr_tok_error(x, 206, NULL, "list @%s is of type %s; a list "
                              "of %s is asked for here", test->set->name.data,
                              sp_list_type_name(test->set->type),
                              places ? "places" : "names");
            return SP_ERROR;
        }

    } else if (x->tok.kind == SP_TOK_WORD && !places) {
        test->set = sp_lset_create(x->load, SP_LIST_NAME);

        if (test->set == NULL || sp_check_item(x, test, NULL) != SP_OK) {
            return SP_ERROR;
        }

    } else {
        if (x->tok.kind != SP_TOK_BAD) {
            sp_expr_tok_error(x, 206, NULL, "a list should stand here, such "
                              "as @restricted");
        }

        return SP_ERROR;
    }

    sp_expr_next(x);

    return x->tok.kind == SP_TOK_BAD ? SP_ERROR : SP_OK;
}


sp_rc_t
sp_check_share(sp_expr_t *x, sp_ast_t *test, const sp_tok_t *op)
{
    sp_str_t  s;

    test->cmp = op->cmp;
    s = x->tok.text;

    if (x->tok.kind != SP_TOK_WORD
        || sp_text_percent(s, &test->value) != SP_OK)
    {
        if (x->tok.kind != SP_TOK_BAD) {
            sp_expr_tok_error(x, 202,
                              sp_diag_text("write 50%% or 33.33%%"),
                              "this is a percentage from 0%% to 100%%, '%.*s' "
                              "is not", (int) s.len, s.data);
        }

        return SP_ERROR;
    }

    sp_expr_next(x);

    return x->tok.kind == SP_TOK_BAD ? SP_ERROR : SP_OK;
}
