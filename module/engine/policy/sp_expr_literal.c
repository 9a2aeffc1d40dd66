
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the literals of conditions: what a word stands for is
 * decided by the field that it is compared with.
 */


#include "sp_expr.h"


static sp_rc_t sp_check_number(sp_expr_t *x, sp_ast_t *test);
static sp_rc_t sp_check_enum(sp_expr_t *x, const sp_field_t *field,
    int64_t *value);
static int sp_check_namespace(sp_str_t word);


sp_rc_t
sp_check_regions(sp_expr_t *x, const sp_ast_t *test)
{
    size_t  i;

    if (test->field != SP_F_IP_COUNTRY || x->load->opts->has_regions) {
        return SP_OK;
    }

    for (i = 0; i < sp_nelts(test->set->parts.bits); i++) {

        if (test->set->parts.bits[i] != 0) {
            sp_expr_tok_error(x, 211,
                              sp_diag_text("use a city database, or a list "
                                           "of countries"),
                              "the list holds subdivisions, which the GeoIP "
                              "database does not know");
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static int
sp_check_namespace(sp_str_t word)
{
    size_t  i;

    static const sp_str_t  spaces[] = {
        sp_str("ip."), sp_str("key."), sp_str("account."), sp_str("model."),
        sp_str("request."), sp_str("customer.")
    };

    for (i = 0; i < sp_nelts(spaces); i++) {

        if (word.len > spaces[i].len
            && memcmp(word.data, spaces[i].data, spaces[i].len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


int
sp_check_set_op(sp_type_t type)
{
    switch (type) {

    case SP_T_COUNTRY:
    case SP_T_REGION:
    case SP_T_PLACE:
        return SP_OP_PLACE;

    case SP_T_PLACES:
        return SP_OP_PLACES;

    case SP_T_ASN:
        return SP_OP_ASN;

    case SP_T_IP:
        return SP_OP_NET;

    case SP_T_STRING:
        return SP_OP_NAME;

    case SP_T_STRINGS:
        return SP_OP_NAMES;

    default:
        return -1;
    }
}


sp_list_type_t
sp_check_list_type(const sp_load_t *l, int field)
{
    switch (sp_load_field(l, field)->type) {

    case SP_T_COUNTRY:
        return SP_LIST_COUNTRY;

    case SP_T_REGION:
        return SP_LIST_REGION;

    case SP_T_PLACE:
    case SP_T_PLACES:
        return SP_LIST_PLACE;

    case SP_T_ASN:
        return SP_LIST_ASN;

    case SP_T_IP:
        return SP_LIST_CIDR;

    default:
        return (field == SP_F_MODEL_ID) ? SP_LIST_MODEL : SP_LIST_NAME;
    }
}


sp_rc_t
sp_check_literal(sp_expr_t *x, sp_ast_t *test, const sp_tok_t *op)
{
    int  set;

    if (x->tok.kind != SP_TOK_WORD && x->tok.kind != SP_TOK_STRING) {

        if (x->tok.kind != SP_TOK_BAD) {
            sp_expr_tok_error(x, 210, NULL, "a value should follow '%.*s'",
                              (int) op->len, x->text.data + op->off);
        }

        return SP_ERROR;
    }

    set = sp_check_set_op(sp_expr_field(x, test->field)->type);

    if (set < 0) {
        test->op = SP_OP_INT;

        if (sp_check_number(x, test) != SP_OK) {
            return SP_ERROR;
        }

    } else {
        test->op = (sp_op_t) set;
        test->neg = (test->cmp == SP_NE);
        test->set = sp_lset_create(x->load, sp_check_list_type(x->load,
                                                             test->field));

        if (test->set == NULL
            || sp_check_item(x, test, NULL) != SP_OK
            || sp_check_regions(x, test) != SP_OK)
        {
            return SP_ERROR;
        }
    }

    sp_expr_next(x);

    return x->tok.kind == SP_TOK_BAD ? SP_ERROR : SP_OK;
}


static sp_rc_t
sp_check_number(sp_expr_t *x, sp_ast_t *test)
{
    int                yes;
    uint64_t           n;
    sp_str_t           s;
    const sp_field_t  *field;

    s = x->tok.text;
    field = sp_expr_field(x, test->field);

    switch (field->type) {

    case SP_T_BOOL:
        if (sp_text_bool(s, &yes) != SP_OK) {
            sp_expr_tok_error(x, 203, sp_diag_text("values: yes, no"),
                              "'%.*s' is not a value of %s", (int) s.len,
                              s.data, field->name);
            return SP_ERROR;
        }

        test->value = yes;
        return SP_OK;

    case SP_T_ENUM:
        return sp_check_enum(x, field, &test->value);

    case SP_T_INT:
        if (sp_parse_uint(s, INT64_MAX, &n) != SP_OK) {
            sp_expr_tok_error(x, 202, NULL, "%s is a whole number, '%.*s' is "
                              "not", field->name, (int) s.len, s.data);
            return SP_ERROR;
        }

        if ((int64_t) n < field->min || (int64_t) n > field->max) {
            sp_expr_tok_error(x, 203, NULL, "%s runs from %lld to %lld",
                              field->name, (long long) field->min,
                              (long long) field->max);
            return SP_ERROR;
        }

        test->value = (int64_t) n;
        return SP_OK;

    case SP_T_DURATION:
        if (sp_text_duration(s, &test->value) != SP_OK) {
            sp_expr_tok_error(x, 202,
                              sp_diag_text("write 30s, 90m, 48h, 14d or 2w"),
                              "%s is a duration, '%.*s' has no unit",
                              field->name, (int) s.len, s.data);
            return SP_ERROR;
        }

        return SP_OK;

    default: /* SP_T_TIME */
        if (sp_text_time(s, x->load->zone, 0, &test->value) != SP_OK) {
            sp_expr_tok_error(x, 202, sp_diag_text("write 2026-11-23 or "
                                                   "2026-11-23T12:00:00Z"),
                              "%s is a time, '%.*s' is not", field->name,
                              (int) s.len, s.data);
            return SP_ERROR;
        }

        return SP_OK;
    }
}


static sp_rc_t
sp_check_enum(sp_expr_t *x, const sp_field_t *field, int64_t *value)
{
    int          n, i, len;
    char         all[600];
    size_t       used;
    const char  *near;

    n = sp_enum_find(field->values, x->tok.text);

    if (n >= 0) {
        *value = n;
        return SP_OK;
    }

    used = 0;
    all[0] = '\0';

    for (i = 0; field->values[i] != NULL && used < sizeof(all) - 1; i++) {
        len = snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
                       field->values[i]);
        used += (len > 0) ? (size_t) len : 0;
    }

    while (field->values[i] != NULL) {
        i++;
    }

    near = sp_load_near(x->load, x->tok.text, field->values, (size_t) i);

    sp_expr_tok_error(x, 203, near
                      ? sp_diag_text("did you mean '%s'? values: %s", near,
                                     all)
                      : sp_diag_text("values: %s", all),
                      "'%.*s' is not a value of %s", (int) x->tok.text.len,
                      x->tok.text.data, field->name);

    return SP_ERROR;
}


/* One item of "[...]", or the only one of "==". Stays on the token. */

sp_rc_t
sp_check_item(sp_expr_t *x, sp_ast_t *test, int64_t *value)
{
    char        *help;
    size_t       i;
    sp_rc_t      rc;
    sp_ast_t     number;
    const char  *why;

    if (test->set == NULL) {
        number = *test;
        rc = sp_check_number(x, &number);
        *value = number.value;
        return rc;
    }

    if (x->tok.kind == SP_TOK_WORD
        && (test->set->type == SP_LIST_NAME
            || test->set->type == SP_LIST_MODEL))
    {
        if (sp_check_namespace(x->tok.text)) {
            return sp_check_unknown_field(x);
        }

        for (i = 0; i < x->tok.text.len; i++) {

            if (x->tok.text.data[i] == '.') {
                sp_expr_tok_error(x, 202,
                                  sp_diag_text("write \"%.*s\"",
                                               (int) x->tok.text.len,
                                               x->tok.text.data),
                                  "a name with a dot stands in quotes");
                return SP_ERROR;
            }
        }
    }

    why = NULL;
    help = NULL;
    rc = sp_lset_add(x->load, test->set, x->tok.text, &why, &help);

    if (rc == SP_ERROR) {
        sp_expr_tok_error(x, 203, help, "'%.*s' %s", (int) x->tok.text.len,
                          x->tok.text.data, why ? why : "cannot be kept");
        return SP_ERROR;
    }

    if (rc == SP_AGAIN) {
        sp_diag_add(x->load->diags, SP_DIAG_WARNING, 203,
                    sp_expr_mark(x, x->tok.off, x->tok.len),
                    sp_expr_line(x, x->tok.off), help, "'%.*s' %s",
                    (int) x->tok.text.len, x->tok.text.data, why);
    }

    return SP_OK;
}
