
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains which recorded decisions a verb is about.
 */


#include <time.h>

#include "audit_filter.h"


static int sp_filter_member(const sp_filter_t *filter, const char *option,
    sp_str_t value);
static int sp_filter_rule(const sp_filter_t *filter, const sp_line_t *line);


sp_rc_t
sp_filter_init(sp_filter_t *filter, const sp_cli_args_t *args)
{
    size_t       i;
    int64_t      at;
    const char  *text;

    static const char *const  names[] = { "since", "until" };

    filter->args = args;
    filter->since = 0;
    filter->until = UINT64_MAX;

    for (i = 0; i < sp_nelts(names); i++) {
        text = sp_cli_opt(args, names[i]);

        if (text == NULL) {
            continue;
        }

        if (sp_cli_time(sp_cstr(text), (int64_t) time(NULL), &at) != SP_OK) {
            sp_cli_error("--%s: '%s' is no time; 2026-12-01, "
                         "2026-12-01T08:00:00Z and -1d are", names[i], text);
            return SP_ERROR;
        }

        *(i == 0 ? &filter->since : &filter->until) = (uint64_t) at * 1000000;
    }

    return SP_OK;
}


int
sp_filter_span(const sp_filter_t *filter, const sp_line_t *line, uint64_t *us)
{
    return sp_line_time(line, us) == SP_OK && *us >= filter->since
           && *us < filter->until;
}


int
sp_filter_is(const sp_filter_t *filter, const sp_line_t *line)
{
    uint64_t  us;
    sp_str_t  who, net, req;

    if ((line->type != SP_LINE_DECISION && line->type != SP_LINE_FLOOD)
        || !sp_filter_span(filter, line, &us))
    {
        return 0;
    }

    who = line->members[SP_LM_WHO];
    net = line->members[SP_LM_NET];
    req = line->members[SP_LM_REQ];

    return sp_filter_member(filter, "account", sp_line_in(who, "account"))
           && sp_filter_member(filter, "key", sp_line_in(who, "key"))
           && sp_filter_member(filter, "decision", line->members[SP_LM_DEC])
           && sp_filter_member(filter, "reason", line->members[SP_LM_REASON])
           && sp_filter_member(filter, "class", line->members[SP_LM_CLASS])
           && sp_filter_member(filter, "country", sp_line_in(net, "country"))
           && sp_filter_member(filter, "model", sp_line_in(req, "model"))
           && sp_filter_rule(filter, line);
}


/* Members are compared as they are written: ids and codes have no escapes. */

static int
sp_filter_member(const sp_filter_t *filter, const char *option,
    sp_str_t value)
{
    const char  *want;

    want = sp_cli_opt(filter->args, option);

    return want == NULL || sp_str_eq(sp_line_string(value), sp_cstr(want));
}


static int
sp_filter_rule(const sp_filter_t *filter, const sp_line_t *line)
{
    int          is;
    size_t       i;
    json_t      *record, *list, *row;
    unsigned     k;
    const char  *want, *name;

    static const char *const  lists[] = {
        "by", "lifted", "flags", "shadow", "lim"
    };

    want = sp_cli_opt(filter->args, "rule");

    if (want == NULL) {
        return 1;
    }

    record = sp_filter_record(line);
    name = json_string_value(json_object_get(record, "allow"));
    is = name != NULL && strcmp(name, want) == 0;

    for (k = 0; k < sp_nelts(lists); k++) {
        list = json_object_get(record, lists[k]);

        json_array_foreach(list, i, row) {
            name = json_string_value(json_object_get(row, k == 4 ? "l" : "r"));
            is = is || (name != NULL && strcmp(name, want) == 0);
        }
    }

    json_decref(record);

    return is;
}


json_t *
sp_filter_record(const sp_line_t *line)
{
    return json_loadb((const char *) line->text.data, line->text.len,
                      JSON_ALLOW_NUL, NULL);
}


sp_str_t
sp_record_text(const json_t *record, const char *a, const char *b)
{
    const json_t  *value;

    value = json_object_get(record, a);

    if (b != NULL) {
        value = json_object_get(value, b);
    }

    if (!json_is_string(value)) {
        return (sp_str_t) { 0, (const unsigned char *) "" };
    }

    return (sp_str_t) { json_string_length(value),
                        (const unsigned char *) json_string_value(value) };
}


sp_str_t
sp_record_rule(const json_t *record)
{
    size_t     i;
    json_t    *row, *list;
    sp_str_t   rule;

    rule = sp_record_text(json_array_get(json_object_get(record, "by"), 0),
                          "r", NULL);

    if (rule.len != 0) {
        return rule;
    }

    list = json_object_get(record, "lim");

    json_array_foreach(list, i, row) {
        if (json_is_false(json_object_get(row, "ok"))) {
            return sp_record_text(row, "l", NULL);
        }
    }

    return sp_record_text(record, "allow", NULL);
}
