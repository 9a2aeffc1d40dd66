
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains an example as text: one line of JSON in the form that
 * `sallyport explain --request` reads.
 */


#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "sp_space.h"


typedef struct {
    char    *buf;
    size_t   size;
    size_t   len;        /* that it would have */
    int      items;      /* of the object that is open */
} sp_line_t;


static void sp_line_add(sp_line_t *line, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void sp_line_key(sp_line_t *line, const char *key);
static void sp_line_str(sp_line_t *line, const void *data, size_t len);
static void sp_line_time(sp_line_t *line, const char *key, int64_t at);
static void sp_line_place(sp_line_t *line, const char *key,
    sp_place_t place);
static void sp_line_enum(sp_line_t *line, const char *key, int field,
    uint8_t value);
static void sp_line_value(sp_line_t *line, int field, const sp_value_t *v);
static int sp_line_asked(const sp_space_t *space, int field);
static void sp_line_ip(sp_line_t *line, const sp_space_t *space,
    const sp_flesh_t *flesh);
static void sp_line_account(sp_line_t *line, const sp_account_t *a);
static void sp_line_places(sp_line_t *line, const sp_account_t *a);
static void sp_line_owners(sp_line_t *line, const sp_account_t *a);
static void sp_line_facts(sp_line_t *line, const sp_space_t *space,
    const sp_flesh_t *flesh);


size_t
sp_flesh_json(const sp_space_t *space, const sp_flesh_t *flesh, char *buf,
    size_t size)
{
    sp_line_t          line;
    const sp_route_t  *route;

    memset(&line, 0, sizeof(line));
    line.buf = buf;
    line.size = size;

    sp_line_add(&line, "{");
    sp_line_time(&line, "now", flesh->facts.v[SP_F_NOW].u.i);
    sp_line_ip(&line, space, flesh);

    route = sp_route(flesh->facts.route);
    sp_line_key(&line, "route");
    sp_line_str(&line, route->name.data, route->name.len);

    if (space->of[SP_F_REQUEST_DIALECT] >= 0) {
        sp_line_key(&line, "dialect");
        sp_line_value(&line, SP_F_REQUEST_DIALECT,
                      &flesh->facts.v[SP_F_REQUEST_DIALECT]);
    }

    if (flesh->facts.nmodels != 0) {
        sp_line_key(&line, "model");
        sp_line_str(&line, flesh->model.data, flesh->model.len);
    }

    sp_line_account(&line, &flesh->account);
    sp_line_facts(&line, space, flesh);
    sp_line_add(&line, "}");

    return line.len;
}


static void
sp_line_add(sp_line_t *line, const char *fmt, ...)
{
    int      n;
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(line->len < line->size ? line->buf + line->len : NULL,
                  line->len < line->size ? line->size - line->len : 0, fmt,
                  args);
    va_end(args);

    line->len += n > 0 ? (size_t) n : 0;
}


static void
sp_line_key(sp_line_t *line, const char *key)
{
    sp_line_add(line, "%s\"%s\": ", line->items++ ? ", " : "", key);
}


static void
sp_line_str(sp_line_t *line, const void *data, size_t len)
{
    size_t                i;
    const unsigned char  *p = data;

    sp_line_add(line, "\"");

    for (i = 0; i < len; i++) {

        if (p[i] < 0x20 || p[i] == 0x7f) {
            sp_line_add(line, "\\u%04x", p[i]);

        } else {
            sp_line_add(line, "%s%c", p[i] == '"' || p[i] == '\\' ? "\\" : "",
                        p[i]);
        }
    }

    sp_line_add(line, "\"");
}


/* Times of records: after 1970 and before a year of five digits. */

static void
sp_line_time(sp_line_t *line, const char *key, int64_t at)
{
    char       text[40];
    time_t     when;
    struct tm  tm;

    if (at == SP_TIME_ABSENT) {
        return;
    }

    sp_line_key(line, key);
    when = (time_t) at;

    if (at < 0 || at > 253402300799 || gmtime_r(&when, &tm) == NULL
        || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        sp_line_add(line, "%lld", (long long) at);
        return;
    }

    sp_line_str(line, text, strlen(text));
}


static void
sp_line_place(sp_line_t *line, const char *key, sp_place_t place)
{
    char  text[SP_PLACE_TEXT_LEN];

    if (place != SP_PLACE_NONE) {
        sp_line_key(line, key);

        if (place == SP_PLACE_UNKNOWN) {
            sp_line_str(line, "ZZ", 2);

        } else {
            sp_line_str(line, text, sp_place_format(place, text));
        }
    }
}


static void
sp_line_enum(sp_line_t *line, const char *key, int field, uint8_t value)
{
    const char  *word;

    word = sp_enum_name(sp_field(field)->values, value);

    if (value != SP_ENUM_ABSENT && word != NULL) {
        sp_line_key(line, key);
        sp_line_str(line, word, strlen(word));
    }
}


static void
sp_line_value(sp_line_t *line, int field, const sp_value_t *v)
{
    char         text[INET6_ADDRSTRLEN];
    const char  *word;

    if (v->state != SP_FACT_KNOWN) {
        word = v->state == SP_FACT_ABSENT ? "absent" : "unknown";
        sp_line_str(line, word, strlen(word));
        return;
    }

    switch (sp_field(field)->type) {

    case SP_T_BOOL:
        sp_line_add(line, "%s", v->u.i ? "true" : "false");
        break;

    case SP_T_ENUM:
        word = sp_enum_name(sp_field(field)->values, v->u.i);
        sp_line_str(line, word, strlen(word));
        break;

    case SP_T_STRING:
        sp_line_str(line, v->u.s.data, v->u.s.len);
        break;

    case SP_T_COUNTRY:
    case SP_T_REGION:
    case SP_T_PLACE:
        sp_line_str(line, text, sp_place_format(v->u.place, text));
        break;

    case SP_T_IP:
        word = sp_addr_is_v4(v->u.addr)
               ? inet_ntop(AF_INET, v->u.addr->bytes + 12, text, sizeof(text))
               : inet_ntop(AF_INET6, v->u.addr->bytes, text, sizeof(text));
        sp_line_str(line, word, strlen(word));
        break;

    default:
        sp_line_add(line, "%lld", (long long) v->u.i);
    }
}


/* Whether any policy reads the field: its neighbour may be all they ask. */

static int
sp_line_asked(const sp_space_t *space, int field)
{
    unsigned          p;
    uint32_t          i;
    const sp_node_t  *node;

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nnodes; i++) {
            node = sp_space_node(space, p, i);

            if (node->op > SP_OP_NOT && node->field == field) {
                return 1;
            }
        }
    }

    return 0;
}


static void
sp_line_ip(sp_line_t *line, const sp_space_t *space, const sp_flesh_t *flesh)
{
    int          field, items;
    const char  *name;

    sp_line_key(line, "ip");
    sp_line_add(line, "{");
    items = line->items;
    line->items = 0;

    for (field = 0; field < SP_FIELDS; field++) {
        name = sp_field(field)->name;

        if (space->of[field] < 0 || strncmp(name, "ip.", 3) != 0
            || field == SP_F_IP_REGISTERED
            || (field == SP_F_IP_REGION
                && (flesh->facts.v[field].state == SP_FACT_UNKNOWN
                    || !sp_line_asked(space, field))))
        {
            continue;
        }

        /* an address has its class by itself */

        if ((field == SP_F_IP_CLASS
             && flesh->facts.v[SP_F_IP_ADDR].state == SP_FACT_KNOWN)
            || (field == SP_F_IP_ADDR
                && flesh->facts.v[field].state != SP_FACT_KNOWN))
        {
            continue;
        }

        sp_line_key(line, name + 3);
        sp_line_value(line, field, &flesh->facts.v[field]);
    }

    sp_line_add(line, "}");
    line->items = items;
}


static void
sp_line_account(sp_line_t *line, const sp_account_t *a)
{
    int          items;
    unsigned     i;
    const char  *own;

    sp_line_key(line, "account");
    sp_line_add(line, "{");
    items = line->items;
    line->items = 0;

    sp_line_key(line, "id");
    sp_line_str(line, a->id, a->id_len);
    sp_line_enum(line, "type", SP_F_ACCOUNT_TYPE, a->type);
    sp_line_enum(line, "status", SP_F_ACCOUNT_STATUS, a->status);
    sp_line_key(line, "level");
    sp_line_add(line, "%u", a->level);

    sp_line_time(line, "verified_at", a->verified_at);
    sp_line_time(line, "expires_at", a->expires_at);
    sp_line_time(line, "pending_since", a->pending_since);
    sp_line_enum(line, "screening", SP_F_ACCOUNT_SCREENING, a->screening);
    sp_line_time(line, "screened_at", a->screened_at);
    sp_line_enum(line, "end_use", SP_F_ACCOUNT_END_USE, a->end_use);
    sp_line_time(line, "end_use_expires", a->end_use_expires);
    sp_line_enum(line, "resale", SP_F_ACCOUNT_RESALE, a->resale);
    sp_line_enum(line, "linkage", SP_F_ACCOUNT_LINKAGE, a->linkage);

    sp_line_place(line, "incorporated", a->incorporated);
    sp_line_place(line, "headquarters", a->headquarters);
    sp_line_place(line, "parent", a->parent);
    sp_line_place(line, "residence", a->residence);
    sp_line_place(line, "billing", a->billing);
    sp_line_places(line, a);
    sp_line_owners(line, a);

    if (a->plan_len != 0) {
        sp_line_key(line, "plan");
        sp_line_str(line, a->plan, a->plan_len);
    }

    if (a->ntags != 0) {
        sp_line_key(line, "tags");
        sp_line_add(line, "[");

        for (i = 0; i < a->ntags; i++) {
            sp_line_add(line, "%s", i ? ", " : "");
            sp_line_str(line, a->tags[i], strnlen(a->tags[i], SP_TAG_LEN));
        }

        sp_line_add(line, "]");
    }

    for (i = 0, own = a->own; i < a->nown; i++) {
        sp_line_key(line, own);
        own += strlen(own) + 1;
        sp_line_str(line, own, strlen(own));
        own += strlen(own) + 1;
    }

    sp_line_add(line, "}");
    line->items = items;
}


static void
sp_line_places(sp_line_t *line, const sp_account_t *a)
{
    char      text[SP_PLACE_TEXT_LEN];
    unsigned  i;

    for (i = 0; i < a->nuse; i++) {

        if (i == 0) {
            sp_line_key(line, "use_locations");
        }

        sp_line_add(line, "%s", i == 0 ? "\"" : ",");

        if (a->use_locations[i] == SP_PLACE_UNKNOWN) {
            sp_line_add(line, "ZZ");

        } else {
            sp_line_add(line, "%.*s",
                        (int) sp_place_format(a->use_locations[i], text),
                        text);
        }
    }

    sp_line_add(line, "%s", a->nuse ? "\"" : "");

    for (i = 0; i < a->ncontrol; i++) {

        if (i == 0) {
            sp_line_key(line, "control");
        }

        sp_line_add(line, "%s%.*s:voting", i == 0 ? "\"" : ",",
                    (int) sp_place_format(a->control[i].place, text), text);
    }

    sp_line_add(line, "%s", a->ncontrol ? "\"" : "");

    for (i = 0; i < a->nlisted; i++) {

        if (i == 0) {
            sp_line_key(line, "listed");
        }

        sp_line_add(line, "%s%.*s:%u", i == 0 ? "\"" : ",",
                    (int) a->listed[i].len, a->listed[i].list,
                    a->listed[i].share);
    }

    sp_line_add(line, "%s", a->nlisted ? "\"" : "");
}


static void
sp_line_owners(sp_line_t *line, const sp_account_t *a)
{
    char               text[SP_PLACE_TEXT_LEN];
    size_t             len;
    unsigned           i;
    const sp_owner_t  *owner;

    if (a->has_owners) {
        sp_line_key(line, "owners");
        sp_line_add(line, "\"");

        for (i = 0; i < a->nowners; i++) {
            owner = &a->owners[i];
            memcpy(text, "ZZ", 2);
            len = owner->nplaces ? sp_place_format(owner->places[0], text) : 2;

            sp_line_add(line, "%s%.*s:%u", i ? "," : "", (int) len, text,
                        owner->min);

            if (owner->max != owner->min) {
                sp_line_add(line, "-%u", owner->max);
            }
        }

        sp_line_add(line, "\"");
        sp_line_key(line, "owners_method");
        sp_line_add(line, "\"cascade\"");
        sp_line_key(line, "owners_floor");
        sp_line_add(line, "%u", a->owners_floor);
    }

    sp_line_time(line, "owners_as_of", a->owners_as_of);
}


/* What neither the address nor the record can say. */

static void
sp_line_facts(sp_line_t *line, const sp_space_t *space,
    const sp_flesh_t *flesh)
{
    int  field, items, open;

    items = line->items;
    open = 0;

    for (field = 0; field < SP_FIELDS; field++) {

        if (space->of[field] < 0
            || (field != SP_F_IP_REGISTERED && field != SP_F_KEY_ID
                && field != SP_F_KEY_COUNTRY_COUNT
                && field != SP_F_REQUEST_STREAM
                && field != SP_F_REQUEST_TOKENS
                && sp_field(field)->source != SP_FROM_CUSTOMER))
        {
            continue;
        }

        if (!open) {
            sp_line_key(line, "facts");
            sp_line_add(line, "{");
            items = line->items;
            line->items = 0;
            open = 1;
        }

        sp_line_key(line, sp_field(field)->name);
        sp_line_value(line, field, &flesh->facts.v[field]);
    }

    if (open) {
        sp_line_add(line, "}");
        line->items = items;
    }
}
