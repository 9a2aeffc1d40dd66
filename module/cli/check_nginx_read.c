
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of what `nginx -T` prints: its files, each
 * put where it is included.
 */


#include <fnmatch.h>
#include <stdlib.h>

#include "check_nginx.h"


#define SP_NGINX_MARK  "# configuration file "


typedef struct {
    sp_ngx_conf_t  *conf;
    char           *file;
    char           *p;
    unsigned        line;
    int             depth;
} sp_ngx_reader_t;


static sp_rc_t sp_ngx_split(sp_ngx_conf_t *conf, const char *file);
static sp_rc_t sp_ngx_block(sp_ngx_reader_t *r, sp_ngx_t *into, int top);
static sp_rc_t sp_ngx_include(sp_ngx_reader_t *r, sp_ngx_t *into,
    const char *pattern);
static char *sp_ngx_token(sp_ngx_reader_t *r, int *quoted);
static sp_rc_t sp_ngx_lua(sp_ngx_reader_t *r);
static void sp_ngx_drop(sp_ngx_t *node);


sp_rc_t
sp_ngx_read(sp_ngx_conf_t *conf, const char *file)
{
    size_t            len;
    sp_ngx_reader_t   r;

    memset(conf, 0, sizeof(*conf));
    conf->root = sp_cli_alloc(sizeof(sp_ngx_t));
    conf->text = sp_cli_read_file(file, SP_CLI_FILE_MAX, &len);

    if (conf->text == NULL) {
        return SP_ERROR;
    }

    if (sp_ngx_split(conf, file) != SP_OK) {
        return SP_ERROR;
    }

    memset(&r, 0, sizeof(r));
    r.conf = conf;
    r.file = conf->names[0];
    r.p = conf->bodies[0];
    r.line = 1;

    return sp_ngx_block(&r, conf->root, 1);
}


void
sp_ngx_free(sp_ngx_conf_t *conf)
{
    sp_ngx_drop(conf->root);
    free(conf->names);
    free(conf->bodies);
    free(conf->text);
}


static void
sp_ngx_drop(sp_ngx_t *node)
{
    int        i;
    sp_ngx_t  *child, *next;

    if (node == NULL) {
        return;
    }

    for (child = node->first; child != NULL; child = next) {
        next = child->next;
        sp_ngx_drop(child);
    }

    for (i = 0; i < node->n; i++) {
        free(node->args[i]);
    }

    free(node);
}


/* Without marks it is one file: a configuration as it stands on the disk. */

static sp_rc_t
sp_ngx_split(sp_ngx_conf_t *conf, const char *file)
{
    char    *p, *end, *mark;
    size_t   n;

    n = 1;

    for (p = conf->text; (p = strstr(p, SP_NGINX_MARK)) != NULL; p++) {
        n++;
    }

    conf->names = sp_cli_alloc(n * sizeof(char *));
    conf->bodies = sp_cli_alloc(n * sizeof(char *));

    for (p = conf->text; (mark = strstr(p, SP_NGINX_MARK)) != NULL; p = end) {
        end = strchr(mark, '\n');

        if (end == NULL || end[-1] != ':'
            || (mark != conf->text && mark[-1] != '\n'))
        {
            sp_cli_error("'%s' is not what `nginx -T` prints: '%.60s'", file,
                         mark);
            return SP_ERROR;
        }

        if (mark != conf->text) {
            mark[-1] = '\0';
        }

        end[-1] = '\0';
        *end++ = '\0';
        conf->names[conf->nfiles] = mark + sizeof(SP_NGINX_MARK) - 1;
        conf->bodies[conf->nfiles++] = end;
    }

    if (conf->nfiles == 0) {
        conf->names[0] = (char *) file;
        conf->bodies[0] = conf->text;
        conf->nfiles = 1;
    }

    return SP_OK;
}


static sp_rc_t
sp_ngx_block(sp_ngx_reader_t *r, sp_ngx_t *into, int top)
{
    int        quoted;
    char      *token;
    size_t     len;
    sp_rc_t    rc;
    sp_ngx_t  *node;

    if (r->depth == SP_NGINX_DEPTH) {
        sp_cli_error("%s:%u: more than %d levels", r->file, r->line,
                     SP_NGINX_DEPTH);
        return SP_ERROR;
    }

    node = NULL;
    rc = SP_OK;

    while (rc == SP_OK && (token = sp_ngx_token(r, &quoted)) != NULL) {

        if (!quoted && strcmp(token, "}") == 0 && node == NULL && !top) {
            free(token);
            return SP_OK;
        }

        if (!quoted && (strcmp(token, ";") == 0 || strcmp(token, "{") == 0)
            && node != NULL)
        {
            len = strlen(node->args[0]);

            if (token[0] == '{' && len > 10
                && strcmp(node->args[0] + len - 10, "_lua_block") == 0)
            {
                rc = sp_ngx_lua(r);

            } else if (token[0] == '{') {
                r->depth++;
                rc = sp_ngx_block(r, node, 0);
                r->depth--;

            } else if (strcmp(node->args[0], "include") == 0 && node->n == 2) {
                rc = sp_ngx_include(r, into, node->args[1]);
            }

            node = NULL;
            free(token);
            continue;
        }

        if ((!quoted && (strcmp(token, "}") == 0 || strcmp(token, "{") == 0
                         || strcmp(token, ";") == 0))
            || (node != NULL && node->n == SP_NGINX_ARGS))
        {
            sp_cli_error("%s:%u: '%s' is not expected here", r->file, r->line,
                         token);
            free(token);
            return SP_ERROR;
        }

        if (node == NULL) {
            node = sp_cli_alloc(sizeof(*node));
            node->file = r->file;
            node->line = r->line;
            node->up = into;

            if (into->last != NULL) {
                into->last->next = node;

            } else {
                into->first = node;
            }

            into->last = node;
        }

        node->args[node->n++] = token;
    }

    if (rc == SP_OK && (node != NULL || !top)) {
        sp_cli_error("%s:%u: the file ends inside of a %s", r->file, r->line,
                     node != NULL ? "directive" : "block");
        rc = SP_ERROR;
    }

    return rc;
}


/* Files of the output whose names fit, in its order. */

static sp_rc_t
sp_ngx_include(sp_ngx_reader_t *r, sp_ngx_t *into, const char *pattern)
{
    char             full[1024];
    size_t           i;
    const char      *slash;
    sp_ngx_reader_t  inner;

    slash = strrchr(r->conf->names[0], '/');

    (void) snprintf(full, sizeof(full), "%.*s%s",
                    pattern[0] == '/' || slash == NULL
                    ? 0 : (int) (slash - r->conf->names[0]) + 1,
                    r->conf->names[0], pattern);

    for (i = 1; i < r->conf->nfiles; i++) {
        if (fnmatch(full, r->conf->names[i], FNM_PATHNAME | FNM_PERIOD) != 0) {
            continue;
        }

        inner = *r;
        inner.file = r->conf->names[i];
        inner.p = r->conf->bodies[i];
        inner.line = 1;
        inner.depth++;

        if (sp_ngx_block(&inner, into, 1) != SP_OK) {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


/* A word, quoted or not, or one of ; { }. NULL at the end. free() it. */

static char *
sp_ngx_token(sp_ngx_reader_t *r, int *quoted)
{
    char    quote, *word;
    size_t  n;

    for ( ;; ) {
        while (*r->p == ' ' || *r->p == '\t' || *r->p == '\r'
               || *r->p == '\n')
        {
            r->line += *r->p++ == '\n';
        }

        if (*r->p != '#') {
            break;
        }

        r->p += strcspn(r->p, "\n");
    }

    *quoted = 0;

    if (*r->p == '\0') {
        return NULL;
    }

    if (strchr(";{}", *r->p) != NULL) {
        return sp_cli_copy((sp_str_t) { 1, (unsigned char *) r->p++ });
    }

    quote = '\0';

    if (*r->p == '"' || *r->p == '\'') {
        quote = *r->p++;
        *quoted = 1;
    }

    word = sp_cli_alloc(strlen(r->p) < 65536 ? strlen(r->p) + 1 : 65536);

    for (n = 0; *r->p != '\0' && n < 65535; r->p++) {

        if (quote != '\0' ? *r->p == quote
            : (strchr(" \t\r\n;", *r->p) != NULL
               || (*r->p == '{' && (n == 0 || r->p[-1] != '$'))))
        {
            break;
        }

        if (*r->p == '\\' && r->p[1] != '\0') {
            word[n++] = *r->p++;
        }

        r->line += *r->p == '\n';
        word[n++] = *r->p;
    }

    r->p += quote != '\0' && *r->p == quote;

    return word;
}


/* Lua: its braces count, but for those in strings and comments. */

static sp_rc_t
sp_ngx_lua(sp_ngx_reader_t *r)
{
    int   depth;
    char  quote;

    for (depth = 1; *r->p != '\0' && depth != 0; r->p++) {

        if (*r->p == '"' || *r->p == '\'') {
            quote = *r->p++;

            while (*r->p != '\0' && *r->p != '\n' && *r->p != quote) {
                r->p += 1 + (*r->p == '\\' && r->p[1] != '\0');
            }

        } else if (r->p[0] == '-' && r->p[1] == '-') {
            r->p += strcspn(r->p, "\n");
        }

        if (*r->p == '\0') {
            break;
        }

        depth += (*r->p == '{') - (*r->p == '}');
        r->line += *r->p == '\n';
    }

    if (depth == 0) {
        return SP_OK;
    }

    sp_cli_error("%s: the file ends inside of a block", r->file);

    return SP_ERROR;
}
