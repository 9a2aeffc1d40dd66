
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport check --nginx`: what in a configuration leads
 * around the gate, or changes what it has judged. `nginx -t` refuses what it
 * can see of one location; this sees them all.
 */


#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>

#include "check_nginx.h"


typedef struct {
    int            json;
    unsigned       errors;
    unsigned       warnings;
    unsigned       gated;     /* locations */
    json_t        *rows;
    json_t        *targets;   /* of gated locations, to where */
} sp_ngx_check_t;


static void sp_ngx_find(sp_ngx_check_t *c, const sp_ngx_t *node, int second);
static void sp_ngx_place(sp_ngx_check_t *c, const sp_ngx_t *block,
    int second);
static void sp_ngx_gated(sp_ngx_check_t *c, const sp_ngx_t *block);
static void sp_ngx_headers(sp_ngx_check_t *c, const sp_ngx_t *block);
static void sp_ngx_ungated(sp_ngx_check_t *c, const sp_ngx_t *pass);
static void sp_ngx_any(sp_ngx_check_t *c, const sp_ngx_t *node);
static const sp_ngx_t *sp_ngx_own(const sp_ngx_t *block, const char *name);
static const sp_ngx_t *sp_ngx_set(const sp_ngx_t *block, const char *name);
static const sp_ngx_t *sp_ngx_pass(const sp_ngx_t *block);
static void sp_ngx_target(const sp_ngx_t *pass, char *name, size_t size);
static void sp_ngx_say(sp_ngx_check_t *c, const sp_ngx_t *node, int error,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static int sp_ngx_end(sp_ngx_check_t *c, const sp_ngx_t *root, int strict);


int
sp_cli_check_nginx(const char *file, int json, int strict)
{
    int             rc;
    sp_ngx_conf_t   conf;
    sp_ngx_check_t  c;

    memset(&c, 0, sizeof(c));
    c.json = json;
    c.rows = json_array();
    c.targets = json_object();
    rc = SP_CLI_REFUSED;

    if (sp_ngx_read(&conf, file) == SP_OK) {
        sp_ngx_find(&c, conf.root, 0);
        sp_ngx_find(&c, conf.root, 1);
        rc = sp_ngx_end(&c, conf.root, strict);
    }

    sp_ngx_free(&conf);
    json_decref(c.rows);
    json_decref(c.targets);

    return rc;
}


/* First where gated locations lead to, then what else leads there. */

static void
sp_ngx_find(sp_ngx_check_t *c, const sp_ngx_t *node, int second)
{
    const sp_ngx_t  *child;

    for (child = node->first; child != NULL; child = child->next) {

        if (second) {
            sp_ngx_any(c, child);
        }

        if (strcmp(child->args[0], "location") == 0
            || strcmp(child->args[0], "if") == 0
            || strcmp(child->args[0], "limit_except") == 0)
        {
            sp_ngx_place(c, child, second);
        }

        sp_ngx_find(c, child, second);
    }
}


static void
sp_ngx_place(sp_ngx_check_t *c, const sp_ngx_t *block, int second)
{
    int              on;
    char             target[256], where[512];
    const sp_ngx_t  *gate, *pass;

    pass = sp_ngx_pass(block);
    gate = sp_ngx_set(block, "sallyport");
    on = gate != NULL && gate->n > 1 && strcmp(gate->args[1], "off") != 0;

    if (pass == NULL) {
        return;
    }

    if (!on) {
        if (second) {
            sp_ngx_ungated(c, pass);
        }

        return;
    }

    if (!second) {
        c->gated++;
        sp_ngx_target(pass, target, sizeof(target));
        (void) snprintf(where, sizeof(where), "%s:%u", pass->file,
                        pass->line);
        json_object_set_new(c->targets, target,
                            sp_cli_json_str(sp_cstr(where)));
        return;
    }

    if (strcmp(gate->args[1], "observe") == 0) {
        sp_ngx_say(c, gate, 0, "the gate only observes: nothing is refused");
    }

    sp_ngx_gated(c, block);
    sp_ngx_headers(c, block);
}


static void
sp_ngx_gated(sp_ngx_check_t *c, const sp_ngx_t *block)
{
    int              i;
    size_t           k;
    const sp_ngx_t  *node;

    static const struct {
        const char  *name;
        const char  *fine;     /* a value that is no matter, or NULL */
        int          error;
        const char  *why;
    } rows[] = {
        { "proxy_set_body", NULL, 1,
          "the upstream gets another body than the one that was judged" },
        { "proxy_pass_request_body", "on", 1,
          "the upstream does not get the body that was judged" },
        { "proxy_method", NULL, 1,
          "the upstream gets another method than the one that was judged" },
        { "proxy_cache", "off", 1,
          "an answer to one account is served to another" },
        { "proxy_store", "off", 1,
          "answers are kept as files, without the gate before them" },
        { "mirror", "off", 0,
          "a copy of each request goes elsewhere; is that way gated too?" },
        { "proxy_request_buffering", "on", 0,
          "bodies are read whole by the gate all the same" }
    };

    for (k = 0; k < sp_nelts(rows); k++) {
        node = sp_ngx_set(block, rows[k].name);

        if (node != NULL
            && (rows[k].fine == NULL || node->n < 2
                || strcmp(node->args[1], rows[k].fine) != 0))
        {
            sp_ngx_say(c, node, rows[k].error, "%s in a gated location: %s",
                       rows[k].name, rows[k].why);
        }
    }

    node = sp_ngx_set(block, "proxy_next_upstream");

    for (i = 1; node != NULL && i < node->n; i++) {
        if (strcmp(node->args[i], "non_idempotent") == 0) {
            sp_ngx_say(c, node, 0, "non_idempotent in a gated location: one "
                       "allowed request may reach several upstreams");
        }
    }
}


/* proxy_set_header of one level replaces all of those above. */

static void
sp_ngx_headers(sp_ngx_check_t *c, const sp_ngx_t *block)
{
    const sp_ngx_t  *node;

    while (block != NULL && sp_ngx_own(block, "proxy_set_header") == NULL) {
        block = block->up;
    }

    for (node = block != NULL ? block->first : NULL; node != NULL;
         node = node->next)
    {
        if (strcmp(node->args[0], "proxy_set_header") != 0 || node->n < 3
            || node->args[2][0] == '\0')
        {
            continue;
        }

        if (strcasecmp(node->args[1], "Upgrade") == 0) {
            sp_ngx_say(c, node, 1, "Upgrade is passed on in a gated location: "
                       "after a 101 nothing sees what is asked for");

        } else if (strncasecmp(node->args[1], "X-Sallyport-", 12) == 0) {
            sp_ngx_say(c, node, 1, "%s is the gate's own: the upstream could "
                       "not trust it", node->args[1]);

        } else if (strcasecmp(node->args[1], "Authorization") == 0
                   && strstr(node->args[2], "$http_authorization") != NULL)
        {
            sp_ngx_say(c, node, 0, "the caller's key is passed on; the gate "
                       "would take it off (sallyport_credential)");
        }
    }
}


static void
sp_ngx_ungated(sp_ngx_check_t *c, const sp_ngx_t *pass)
{
    char         target[256];
    const char  *where;

    sp_ngx_target(pass, target, sizeof(target));
    where = json_string_value(json_object_get(c->targets, target));

    if (where != NULL) {
        sp_ngx_say(c, pass, 1, "%s %s without the gate; %s leads there with "
                   "it", pass->args[0], target, where);

    } else if (strchr(target, '$') != NULL) {
        sp_ngx_say(c, pass, 0, "%s %s without the gate: where that leads "
                   "cannot be told", pass->args[0], target);

    } else {
        sp_ngx_say(c, pass, 0, "%s %s without the gate: is it no model?",
                   pass->args[0], target);
    }
}


/* What matters wherever it stands. */

static void
sp_ngx_any(sp_ngx_check_t *c, const sp_ngx_t *node)
{
    int                        i;
    size_t                     k;

    static const char *const   secrets[] = {
        "$http_authorization", "$http_x_api_key", "$http_api_key",
        "$http_x_goog_api_key", "$arg_key", "$request_body"
    };

    if (strcmp(node->args[0], "set_real_ip_from") == 0 && node->n > 1
        && (strcmp(node->args[1], "0.0.0.0/0") == 0
            || strcmp(node->args[1], "::/0") == 0))
    {
        sp_ngx_say(c, node, 1, "set_real_ip_from %s: every client names its "
                   "own address, and with it its country", node->args[1]);
    }

    if (strcmp(node->args[0], "log_format") != 0) {
        return;
    }

    for (i = 2; i < node->n; i++) {
        for (k = 0; k < sp_nelts(secrets); k++) {
            if (strstr(node->args[i], secrets[k]) != NULL) {
                sp_ngx_say(c, node, 1, "log_format has %s: keys or prompts in "
                           "the log", secrets[k]);
            }
        }
    }
}


static const sp_ngx_t *
sp_ngx_own(const sp_ngx_t *block, const char *name)
{
    const sp_ngx_t  *node, *found;

    found = NULL;

    for (node = block->first; node != NULL; node = node->next) {
        if (strcmp(node->args[0], name) == 0) {
            found = node;
        }
    }

    return found;
}


/* As nginx inherits it: the nearest level that sets it. */

static const sp_ngx_t *
sp_ngx_set(const sp_ngx_t *block, const char *name)
{
    const sp_ngx_t  *found;

    for (found = NULL; block != NULL && found == NULL; block = block->up) {
        found = sp_ngx_own(block, name);
    }

    return found;
}


static const sp_ngx_t *
sp_ngx_pass(const sp_ngx_t *block)
{
    size_t                     i;
    const sp_ngx_t            *node;
    static const char *const   names[] = {
        "proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass"
    };

    for (i = 0; i < sp_nelts(names); i++) {
        node = sp_ngx_own(block, names[i]);

        if (node != NULL && node->n > 1) {
            return node;
        }
    }

    return NULL;
}


/* The host, or the upstream: without scheme and URI. */

static void
sp_ngx_target(const sp_ngx_t *pass, char *name, size_t size)
{
    size_t       len;
    const char  *text, *scheme;

    text = pass->args[1];
    scheme = strstr(text, "://");
    text = scheme != NULL ? scheme + 3 : text;
    len = strncmp(text, "unix:", 5) == 0 ? strlen(text) : strcspn(text, "/");

    (void) snprintf(name, size, "%.*s", (int) len, text);
}


static void
sp_ngx_say(sp_ngx_check_t *c, const sp_ngx_t *node, int error,
    const char *fmt, ...)
{
    char     text[1024];
    size_t   i;
    json_t  *row, *old;
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    row = json_pack("{s:s, s:o, s:i, s:o}", "severity",
                    error ? "error" : "warning", "file",
                    sp_cli_json_str(sp_cstr(node->file)), "line",
                    (int) node->line, "message",
                    sp_cli_json_str(sp_cstr(text)));

    /* What several locations inherit is said once. */

    json_array_foreach(c->rows, i, old) {
        if (json_equal(old, row)) {
            json_decref(row);
            return;
        }
    }

    json_array_append_new(c->rows, row);
    c->errors += error != 0;
    c->warnings += error == 0;
}


static int
sp_ngx_end(sp_ngx_check_t *c, const sp_ngx_t *root, int strict)
{
    int      ok;
    size_t   i;
    json_t  *row;

    if (c->gated == 0 && root->first != NULL) {
        sp_ngx_say(c, root->first, 1, "no location that leads to an upstream "
                   "has the gate on");
    }

    ok = c->errors == 0 && !(strict && c->warnings != 0);

    if (c->json) {
        if (sp_cli_json_print(json_pack("{s:b, s:i, s:i, s:i, s:O}", "ok", ok,
                "gated_locations", (int) c->gated, "errors", (int) c->errors,
                "warnings", (int) c->warnings, "diagnostics", c->rows))
            != SP_OK)
        {
            ok = 0;
        }

        return ok ? SP_CLI_FINE : SP_CLI_REFUSED;
    }

    json_array_foreach(c->rows, i, row) {
        sp_cli_print_safe(stdout, sp_cstr(json_string_value(
                          json_object_get(row, "file"))));
        printf(":%lld: %s: ",
               (long long) json_integer_value(json_object_get(row, "line")),
               json_string_value(json_object_get(row, "severity")));
        sp_cli_print_safe(stdout, sp_cstr(json_string_value(
                          json_object_get(row, "message"))));
        putchar('\n');
    }

    printf("%u gated location%s, %u error%s, %u warning%s\n", c->gated,
           c->gated == 1 ? "" : "s", c->errors, c->errors == 1 ? "" : "s",
           c->warnings, c->warnings == 1 ? "" : "s");

    return ok ? SP_CLI_FINE : SP_CLI_REFUSED;
}
