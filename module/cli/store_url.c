
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the address of a store: redis:// and unix:. Messages
 * never show the text, which may hold a password.
 */


#include <stdlib.h>

#include "store_conn.h"


#define SP_STORE_PORT  6379


static sp_rc_t sp_store_url_tcp(const char *rest, sp_store_url_t *url);
static sp_rc_t sp_store_url_login(char *login, sp_store_url_t *url);
static sp_rc_t sp_store_unescape(char *s);


sp_rc_t
sp_store_url(const char *text, sp_store_url_t *url)
{
    char        *query;
    uint64_t     db;

    if (strncmp(text, "redis://", 8) == 0) {
        return sp_store_url_tcp(text + 8, url);
    }

    if (strncmp(text, "unix:/", 6) == 0) {
        url->path = sp_cli_copy(sp_cstr(text + 5));
        query = strchr(url->path, '?');

        if (query != NULL) {
            *query = '\0';

            if (strncmp(query + 1, "db=", 3) != 0
                || sp_parse_uint(sp_cstr(query + 4), 65535, &db) != SP_OK)
            {
                sp_cli_error("store: only '?db=NUMBER' may follow the path "
                             "of a socket");
                return SP_ERROR;
            }

            url->db = (unsigned) db;
        }

        return SP_OK;
    }

    if (strncmp(text, "rediss://", 9) == 0) {
        sp_cli_error("store: rediss:// (TLS) is not spoken by this command; "
                     "run it next to the primary over redis:// or unix:, or "
                     "through a TLS tunnel");
        return SP_ERROR;
    }

    sp_cli_error("store: an address is redis://HOST[:PORT][/DB] or "
                 "unix:/PATH[?db=N], of one primary");

    return SP_ERROR;
}


static sp_rc_t
sp_store_url_tcp(const char *rest, sp_store_url_t *url)
{
    char      *text, *at, *slash, *host, *colon;
    sp_rc_t    rc;
    uint64_t   n;

    rc = SP_ERROR;
    text = sp_cli_copy(sp_cstr(rest));
    at = strrchr(text, '@');
    host = text;
    url->port = SP_STORE_PORT;

    if (at != NULL) {
        *at = '\0';
        host = at + 1;

        if (sp_store_url_login(text, url) != SP_OK) {
            goto done;
        }
    }

    slash = strchr(host, '/');

    if (slash != NULL) {
        *slash++ = '\0';

        if (*slash != '\0') {
            if (sp_parse_uint(sp_cstr(slash), 65535, &n) != SP_OK) {
                sp_cli_error("store: the database after the last '/' is a "
                             "number");
                goto done;
            }

            url->db = (unsigned) n;
        }
    }

    colon = strrchr(host, ':');

    if (host[0] == '[') {
        host++;
        at = strchr(host, ']');

        if (at == NULL || (at[1] != '\0' && at[1] != ':')) {
            sp_cli_error("store: an IPv6 address stands in [ ]");
            goto done;
        }

        colon = at[1] == ':' ? at + 1 : NULL;
        *at = '\0';
    }

    if (colon != NULL) {
        if (sp_parse_uint(sp_cstr(colon + 1), 65535, &n) != SP_OK || n == 0) {
            sp_cli_error("store: the port is a number from 1 to 65535");
            goto done;
        }

        url->port = (unsigned) n;
        *colon = '\0';
    }

    if (host[0] == '\0') {
        sp_cli_error("store: redis:// needs a host");
        goto done;
    }

    url->host = sp_cli_copy(sp_cstr(host));
    rc = SP_OK;

done:

    free(text);

    return rc;
}


static sp_rc_t
sp_store_url_login(char *login, sp_store_url_t *url)
{
    char  *colon;

    colon = strchr(login, ':');

    if (colon == NULL) {
        sp_cli_error("store: what stands before '@' is USER:PASSWORD or "
                     ":PASSWORD");
        return SP_ERROR;
    }

    *colon++ = '\0';

    if (sp_store_unescape(login) != SP_OK || sp_store_unescape(colon) != SP_OK)
    {
        sp_cli_error("store: a '%%' in user or password starts two "
                     "hexadecimal digits");
        return SP_ERROR;
    }

    if (login[0] != '\0') {
        url->user = sp_cli_copy(sp_cstr(login));
    }

    url->password = sp_cli_copy(sp_cstr(colon));

    return SP_OK;
}


static sp_rc_t
sp_store_unescape(char *s)
{
    char      *to, *end;
    char       hex[3];
    long       byte;

    for (to = s; *s != '\0'; s++) {
        if (*s != '%') {
            *to++ = *s;
            continue;
        }

        hex[0] = s[1];
        hex[1] = s[1] != '\0' ? s[2] : '\0';
        hex[2] = '\0';
        byte = strtol(hex, &end, 16);

        if (end != hex + 2 || hex[0] == '+' || hex[0] == '-' || byte == 0) {
            return SP_ERROR;
        }

        *to++ = (char) byte;
        s += 2;
    }

    *to = '\0';

    return SP_OK;
}


void
sp_store_url_free(sp_store_url_t *url)
{
    free(url->host);
    free(url->path);
    free(url->user);

    if (url->password != NULL) {
        explicit_bzero(url->password, strlen(url->password));
    }

    free(url->password);
}
