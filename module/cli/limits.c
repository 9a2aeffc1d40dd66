
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport limits`: what the limits of one account have
 * in use on a running gate, and their reset. The gate answers on a unix
 * socket.
 */


#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>

#include "sp_meter.h"

#include "cli.h"


#define SP_LIMITS_SOCKET  "/run/sallyport.sock"
#define SP_LIMITS_MAX     (1024 * 1024)
#define SP_LIMITS_URL     2048


typedef struct {
    char    *data;
    size_t   len;
} sp_limits_body_t;


static int sp_cli_limits_show_run(const sp_cli_args_t *args);
static int sp_cli_limits_reset_run(const sp_cli_args_t *args);
static int sp_limits_run(const sp_cli_args_t *args, const char *by,
    const char *why);
static json_t *sp_limits_ask(const sp_cli_args_t *args, const char *by,
    const char *why);
static sp_rc_t sp_limits_url(CURL *curl, char *url, size_t size,
    const char *account, const char *by, const char *why);
static size_t sp_limits_take(char *data, size_t size, size_t n, void *ctx);
static void sp_limits_text(json_t *root);
static void sp_limits_amount(const char *meter, json_t *value, char *buf,
    size_t size);


#define SP_LIMITS_OPTS                                                        \
    { "socket", "PATH", "where the gate answers (" SP_LIMITS_SOCKET ")" },    \
    { "format", "text|json", "how to print it (text)" }


static const sp_cli_opt_t  sp_cli_limits_show_opts[] = {
    SP_LIMITS_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_limits_show = {
    "limits show",
    "ACCOUNT [--socket PATH] [--format text|json]",
    "Prints what the limits of an account have in use on this node",
    "Of every throttle that counts by the account, alone or with the tier of\n"
    "the model. nginx answers where a location of a server that listens on a\n"
    "unix socket says `sallyport_limits;`. Where the rates are a table, the\n"
    "limit is left out: which row is the account's its record says.\n\n"
    "  sallyport limits show acme\n",
    sp_cli_limits_show_opts,
    1,
    1,
    sp_cli_limits_show_run
};


static const sp_cli_opt_t  sp_cli_limits_reset_opts[] = {
    SP_LIMITS_OPTS,
    { "by", "WHO", "who does it" },
    { "reason", "WHY", "why, for the log of the gate" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_limits_reset = {
    "limits reset",
    "ACCOUNT --by WHO --reason WHY [--socket PATH] [--format text|json]",
    "Makes the limits of an account as good as new on this node",
    "Prints what they had in use before. Requests that are under way stay\n"
    "counted; what they reserved is charged or given back when they end.\n"
    "The gate writes who did it and why into its error log.\n\n"
    "  sallyport limits reset acme --by jo --reason OPS-17\n",
    sp_cli_limits_reset_opts,
    1,
    1,
    sp_cli_limits_reset_run
};


static int
sp_cli_limits_show_run(const sp_cli_args_t *args)
{
    return sp_limits_run(args, NULL, NULL);
}


static int
sp_cli_limits_reset_run(const sp_cli_args_t *args)
{
    const char  *by, *why;

    if (sp_cli_who(args, &by, &why) != SP_OK) {
        return SP_CLI_USAGE;
    }

    return sp_limits_run(args, by, why);
}


static int
sp_limits_run(const sp_cli_args_t *args, const char *by, const char *why)
{
    int      format;
    json_t  *root;

    format = sp_cli_format(args);

    if (format < 0 || sp_cli_id("account", args->args[0]) != SP_OK) {
        return SP_CLI_USAGE;
    }

    root = sp_limits_ask(args, by, why);

    if (root == NULL) {
        return SP_CLI_REFUSED;
    }

    if (format == 1) {
        return sp_cli_json_print(root) == SP_OK ? SP_CLI_FINE
                                                : SP_CLI_REFUSED;
    }

    sp_limits_text(root);
    json_decref(root);

    return SP_CLI_FINE;
}


/* The gate's answer; NULL after a message. */

static json_t *
sp_limits_ask(const sp_cli_args_t *args, const char *by, const char *why)
{
    long               status;
    CURL              *curl;
    char               url[SP_LIMITS_URL];
    json_t            *root;
    CURLcode           rc;
    const char        *path;
    sp_limits_body_t   body = { NULL, 0 };

    path = sp_cli_opt(args, "socket");
    path = path != NULL ? path : SP_LIMITS_SOCKET;
    status = 0;
    root = NULL;
    curl = curl_easy_init();

    if (curl == NULL
        || sp_limits_url(curl, url, sizeof(url), args->args[0], by, why)
           != SP_OK)
    {
        sp_cli_error("no memory for the request");
        curl_easy_cleanup(curl);
        return NULL;
    }

    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    (void) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, sp_limits_take);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);

    if (by != NULL) {
        (void) curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
    }

    rc = curl_easy_perform(curl);

    (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);

    if (rc != CURLE_OK) {
        sp_cli_error("the gate does not answer at %s: %s", path,
                     curl_easy_strerror(rc));

    } else if (status != 200) {
        sp_cli_error("the gate at %s answers %ld: does the location say "
                     "'sallyport_limits;'?", path, status);

    } else {
        root = json_loadb(body.data != NULL ? body.data : "", body.len, 0,
                          NULL);

        if (root == NULL
            || !json_is_array(json_object_get(root, "limits")))
        {
            sp_cli_error("what the gate at %s answers is not understood",
                         path);
            json_decref(root);
            root = NULL;
        }
    }

    free(body.data);

    return root;
}


static sp_rc_t
sp_limits_url(CURL *curl, char *url, size_t size, const char *account,
    const char *by, const char *why)
{
    int   n;
    char *a, *b, *w;

    a = curl_easy_escape(curl, account, 0);
    b = curl_easy_escape(curl, by != NULL ? by : "", 0);
    w = curl_easy_escape(curl, why != NULL ? why : "", 0);

    n = -1;

    if (a != NULL && b != NULL && w != NULL) {
        n = by == NULL
            ? snprintf(url, size, "http://localhost/limits?account=%s", a)
            : snprintf(url, size, "http://localhost/limits?account=%s&by=%s"
                       "&reason=%s", a, b, w);
    }

    curl_free(a);
    curl_free(b);
    curl_free(w);

    return n > 0 && (size_t) n < size ? SP_OK : SP_ERROR;
}


static size_t
sp_limits_take(char *data, size_t size, size_t n, void *ctx)
{
    char              *p;
    sp_limits_body_t  *body = ctx;

    n *= size;

    if (n > SP_LIMITS_MAX - body->len) {
        return 0;
    }

    p = realloc(body->data, body->len + n + 1);

    if (p == NULL) {
        return 0;
    }

    memcpy(p + body->len, data, n);

    body->data = p;
    body->len += n;

    return n;
}


static void
sp_limits_text(json_t *root)
{
    char         limit[64], used[64], when[SP_CLI_TIME_LEN];
    size_t       i;
    json_t      *row, *at, *ms, *tier;
    const char  *meter, *window;

    json_array_foreach(json_object_get(root, "limits"), i, row) {
        meter = json_string_value(json_object_get(row, "meter"));
        meter = meter != NULL ? meter : "";
        tier = json_object_get(row, "tier");

        sp_limits_amount(meter, json_object_get(row, "limit"), limit,
                         sizeof(limit));
        sp_limits_amount(meter, json_object_get(row, "used"), used,
                         sizeof(used));

        printf("%-24s", json_string_value(json_object_get(row, "rule")));

        if (tier != NULL) {
            printf(" tier %lld", (long long) json_integer_value(tier));
        }

        window = json_string_value(json_object_get(row, "window"));
        window = window != NULL ? window : "";

        printf("  %s%s%s: %s of %s in use", meter,
               strcmp(window, "open") == 0 ? "" : " a ",
               strcmp(window, "open") == 0 ? ""
               : strcmp(window, "rate") == 0 ? "period" : window,
               used, limit);

        at = json_object_get(row, "resets_at");
        ms = json_object_get(row, "full_in_ms");

        if (at != NULL) {
            printf(", until %s",
                   sp_cli_time_text(json_integer_value(at), when));

        } else if (json_integer_value(ms) > 0) {
            printf(", as new in %.1f s",
                   (double) json_integer_value(ms) / 1000);
        }

        putchar('\n');
    }

    if (i == 0) {
        printf("no limit counts by the account\n");

    } else if (json_is_true(json_object_get(root, "reset"))) {
        printf("all of it was reset, but for what is under way\n");
    }
}


static void
sp_limits_amount(const char *meter, json_t *value, char *buf, size_t size)
{
    if (value == NULL) {
        (void) snprintf(buf, size, "?");

    } else if (strcmp(meter, "spend") == 0) {
        (void) snprintf(buf, size, "%.6f", (double) json_integer_value(value)
                                           / (double) SP_SPEND_UNIT);

    } else {
        (void) snprintf(buf, size, "%lld",
                        (long long) json_integer_value(value));
    }
}
