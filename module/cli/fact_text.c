
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains facts as people read them.
 */


#include <arpa/inet.h>

#include "sp_policy.h"

#include "fact.h"


static const char *sp_fact_state_text(const sp_value_t *v);
static const char *sp_fact_any_text(const sp_policy_t *policy,
    const sp_value_t *v, int field, char buf[SP_FACT_TEXT]);
static void sp_fact_list_text(const sp_value_t *v, int field,
    char buf[SP_FACT_TEXT]);
static void sp_fact_duration_text(int64_t seconds, char buf[SP_FACT_TEXT]);
static void sp_fact_addr_text(const sp_addr_t *addr, char buf[SP_FACT_TEXT]);


static const char *
sp_fact_state_text(const sp_value_t *v)
{
    switch (v->state) {

    case SP_FACT_KNOWN:
        return NULL;

    case SP_FACT_ABSENT:
        return "absent";

    case SP_FACT_PENDING:
        return "pending";

    case SP_FACT_FAILED:
        return "failed";

    default:
        return "unknown";
    }
}


const char *
sp_fact_text(const sp_facts_t *facts, int field, char buf[SP_FACT_TEXT])
{
    return sp_fact_any_text(facts->own_of, &facts->v[field], field, buf);
}


const char *
sp_fact_value_text(const sp_value_t *v, int field, char buf[SP_FACT_TEXT])
{
    return sp_fact_any_text(NULL, v, field, buf);
}


static const char *
sp_fact_any_text(const sp_policy_t *policy, const sp_value_t *v, int field,
    char buf[SP_FACT_TEXT])
{
    sp_str_t     s;
    const char  *word;

    word = sp_fact_state_text(v);

    if (word != NULL) {
        (void) snprintf(buf, SP_FACT_TEXT, "%s", word);
        return buf;
    }

    buf[0] = '\0';

    switch (sp_policy_field_type(policy, field)) {

    case SP_T_BOOL:
        (void) snprintf(buf, SP_FACT_TEXT, "%s", v->u.i ? "yes" : "no");
        break;

    case SP_T_ENUM:
        s = sp_policy_enum_name(policy, field, v->u.i);
        (void) snprintf(buf, SP_FACT_TEXT, "%.*s", s.len ? (int) s.len : 1,
                        s.len ? (const char *) s.data : "?");
        break;

    case SP_T_STRING:
        (void) snprintf(buf, SP_FACT_TEXT, "%.*s",
                        v->u.s.len < SP_FACT_TEXT ? (int) v->u.s.len
                                                  : SP_FACT_TEXT - 1,
                        (const char *) v->u.s.data);
        break;

    case SP_T_COUNTRY:
    case SP_T_REGION:
    case SP_T_PLACE:
        buf[sp_place_format(v->u.place, buf)] = '\0';
        break;

    case SP_T_STRINGS:
    case SP_T_PLACES:
        sp_fact_list_text(v, field, buf);
        break;

    case SP_T_DURATION:
        sp_fact_duration_text(v->u.i, buf);
        break;

    case SP_T_TIME:
        (void) sp_cli_time_text(v->u.i, buf);
        break;

    case SP_T_IP:
        sp_fact_addr_text(v->u.addr, buf);
        break;

    case SP_T_ASN:
        (void) snprintf(buf, SP_FACT_TEXT, "AS%lld", (long long) v->u.i);
        break;

    default:
        (void) snprintf(buf, SP_FACT_TEXT, "%lld", (long long) v->u.i);
    }

    return buf;
}


static void
sp_fact_list_text(const sp_value_t *v, int field, char buf[SP_FACT_TEXT])
{
    char      place[SP_PLACE_TEXT_LEN];
    size_t    at;
    unsigned  i;

    at = (size_t) snprintf(buf, SP_FACT_TEXT, "[");

    for (i = 0; i < v->n && at < SP_FACT_TEXT - SP_TAG_LEN - 8; i++) {
        if (sp_field(field)->type == SP_T_STRINGS) {
            at += (size_t) snprintf(buf + at, SP_FACT_TEXT - at, "%s%.*s",
                                    i != 0 ? ", " : "", SP_TAG_LEN,
                                    v->u.tags + (size_t) i * SP_TAG_LEN);
            continue;
        }

        at += (size_t) snprintf(buf + at, SP_FACT_TEXT - at, "%s%.*s",
                                i != 0 ? ", " : "",
                                (int) sp_place_format(v->u.places[i], place),
                                place);
    }

    (void) snprintf(buf + at, SP_FACT_TEXT - at, "%s",
                    i < v->n ? ", ...]" : "]");
}


static void
sp_fact_duration_text(int64_t seconds, char buf[SP_FACT_TEXT])
{
    size_t                    i;
    uint64_t                  n;
    static const unsigned     units[] = { 86400, 3600, 60, 1 };
    static const char         names[] = "dhms";

    n = seconds < 0 ? (uint64_t) -seconds : (uint64_t) seconds;

    for (i = 0; i < 3 && n % units[i] != 0; i++) { /* void */ }

    if (n >= 2 * 86400) {
        i = 0;
    }

    (void) snprintf(buf, SP_FACT_TEXT, "%s%llu%c", seconds < 0 ? "-" : "",
                    (unsigned long long) n / units[i], names[i]);
}


static void
sp_fact_addr_text(const sp_addr_t *addr, char buf[SP_FACT_TEXT])
{
    const char  *p;

    if (sp_addr_is_v4(addr)) {
        p = inet_ntop(AF_INET, addr->bytes + 12, buf, SP_FACT_TEXT);

    } else {
        p = inet_ntop(AF_INET6, addr->bytes, buf, SP_FACT_TEXT);
    }

    if (p == NULL) {
        (void) snprintf(buf, SP_FACT_TEXT, "?");
    }
}


json_t *
sp_fact_json(const sp_facts_t *facts, int field)
{
    char               text[SP_FACT_TEXT], place[SP_PLACE_TEXT_LEN];
    json_t            *list;
    unsigned           i;
    const sp_value_t  *v;

    v = &facts->v[field];

    if (v->state != SP_FACT_KNOWN) {
        return json_pack("{s:s}", "state", sp_fact_state_text(v));
    }

    switch (sp_policy_field_type(facts->own_of, field)) {

    case SP_T_BOOL:
        return json_boolean(v->u.i != 0);

    case SP_T_INT:
    case SP_T_ASN:
    case SP_T_DURATION:
    case SP_T_TIME:
        return json_integer(v->u.i);

    case SP_T_STRING:
        return sp_cli_json_str(v->u.s);

    case SP_T_STRINGS:
    case SP_T_PLACES:
        list = json_array();

        for (i = 0; i < v->n; i++) {
            if (sp_field(field)->type == SP_T_PLACES) {
                json_array_append_new(list, json_stringn(place,
                    sp_place_format(v->u.places[i], place)));
                continue;
            }

            (void) snprintf(text, sizeof(text), "%.*s", SP_TAG_LEN,
                            v->u.tags + (size_t) i * SP_TAG_LEN);
            json_array_append_new(list, json_string(text));
        }

        return list;

    default:
        return sp_cli_json_str(sp_cstr(sp_fact_text(facts, field, text)));
    }
}
