
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the section that says how a reseller names its end
 * customer.
 */


#include "sp_policy_load.h"


#define SP_HEADER_LEN  64    /* bytes of a header's name */


static void sp_load_header(sp_load_t *l, const sp_ynode_t *node);
static int sp_header_ok(sp_str_t name);


/* Headers that mean something else; a credential would get into records. */

static const char *const  sp_headers_taken[] = {
    "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie",
    "host", "connection", "upgrade", "expect", "te", "trailer",
    "transfer-encoding", "content-type", "content-length",
    "content-encoding", "proxy-authorization", "anthropic-version"
};


/* {from: {header: X-End-Customer}} or {from: {body: user}} */

void
sp_load_customers(sp_load_t *l, const sp_ynode_t *map)
{
    const sp_ynode_t  *from, *header, *body;

    if (sp_value_kind(l, map, SP_Y_MAP, "customers") != SP_OK
        || sp_value_keys(l, map, SP_K_CUSTOMERS) != SP_OK)
    {
        return;
    }

    from = sp_ynode_get(map, "from");

    if (from == NULL || sp_value_kind(l, from, SP_Y_MAP, "from") != SP_OK
        || sp_value_keys(l, from, SP_K_CUSTOMER) != SP_OK)
    {
        return;
    }

    if (l->customers != SP_CUSTOMERS_NONE) {
        sp_load_error(l, map->key, 106, NULL, "'customers' is said twice");
        return;
    }

    header = sp_ynode_get(from, "header");
    body = sp_ynode_get(from, "body");

    if ((header != NULL) == (body != NULL)) {
        sp_load_error(l, from->key, 104, NULL, "'from' has either 'header: "
                      "NAME' or 'body: user'");

    } else if (header != NULL) {
        sp_load_header(l, header);

    } else if (sp_value_of(l, body, SP_K_CUSTOMER, "body") >= 0) {
        l->customers = SP_CUSTOMERS_BODY;
    }
}


static void
sp_load_header(sp_load_t *l, const sp_ynode_t *node)
{
    size_t          i;
    sp_str_t        s;
    unsigned char  *p;

    if (sp_value_text(l, node, &s) != SP_OK) {
        return;
    }

    p = sp_load_alloc(l, s.len + 1);

    if (p == NULL) {
        return;
    }

    for (i = 0; i < s.len; i++) {
        p[i] = (unsigned char) (s.data[i] >= 'A' && s.data[i] <= 'Z'
                                ? s.data[i] | 0x20 : s.data[i]);
    }

    s.data = p;

    if (!sp_header_ok(s)) {
        sp_load_error(l, node, 104, NULL, "a header's name has 1 to %d "
                      "letters, digits and '-'", SP_HEADER_LEN);
        return;
    }

    for (i = 0; i < sp_nelts(sp_headers_taken); i++) {

        if (sp_str_eq(s, sp_cstr(sp_headers_taken[i]))) {
            sp_load_error(l, node, 104,
                          sp_diag_text("take one of your own, such as "
                                       "X-End-Customer"),
                          "the header '%s' means something else",
                          sp_headers_taken[i]);
            return;
        }
    }

    l->customers = SP_CUSTOMERS_HEADER;
    l->header = s;
}


static int
sp_header_ok(sp_str_t name)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (c != '-' && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) {
            return 0;
        }
    }

    return name.len != 0 && name.len <= SP_HEADER_LEN;
}
