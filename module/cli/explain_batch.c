
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport explain --batch`: one policy, many requests,
 * a line of JSON each way.
 */


#include <errno.h>
#include <stdlib.h>

#include "explain.h"


static int sp_explain_lines(FILE *in, const char *name,
    const sp_policy_t *policy, const sp_request_t *common);
static sp_rc_t sp_explain_line(const char *line, size_t len,
    sp_explain_t *explain);


int
sp_explain_batch(const char *file, const sp_policy_t *policy,
    sp_request_t *request)
{
    int    rc;
    FILE  *in;

    if (strcmp(file, "-") == 0) {
        return sp_explain_lines(stdin, "standard input", policy, request);
    }

    in = fopen(file, "re");

    if (in == NULL) {
        sp_cli_error("--batch '%s': %s", file, strerror(errno));
        return SP_CLI_REFUSED;
    }

    rc = sp_explain_lines(in, file, policy, request);
    (void) fclose(in);

    return rc;
}


static int
sp_explain_lines(FILE *in, const char *name, const sp_policy_t *policy,
    const sp_request_t *common)
{
    int            rc;
    char          *line;
    size_t         size;
    ssize_t        len;
    sp_request_t  *request;
    sp_explain_t  *explain;
    unsigned long  number;

    rc = SP_CLI_FINE;
    line = NULL;
    size = 0;
    request = sp_cli_alloc(sizeof(*request));
    explain = sp_cli_alloc(sizeof(*explain));

    for (number = 1; (len = getline(&line, &size, in)) != -1; number++) {
        memset(request, 0, sizeof(*request));
        request->geo = common->geo;
        request->policy = policy;
        request->now = common->now;
        request->stored = common->stored;
        request->stored_id = common->stored_id;

        explain->policy = policy;
        explain->request = request;

        if (sp_explain_line(line, (size_t) len, explain) != SP_OK) {
            sp_cli_error("%s:%lu: this request is not decided, nor are those "
                         "after it", name, number);
            rc = SP_CLI_REFUSED;
        }

        sp_request_free(request);

        if (rc != SP_CLI_FINE) {
            break;
        }
    }

    if (rc == SP_CLI_FINE && (ferror(in) || fflush(stdout) != 0)) {
        sp_cli_error("%s: %s", ferror(in) ? name : "standard output",
                     strerror(errno));
        rc = SP_CLI_REFUSED;
    }

    free(line);
    free(request);
    free(explain);

    return rc;
}


static sp_rc_t
sp_explain_line(const char *line, size_t len, sp_explain_t *explain)
{
    int            rc;
    json_t        *answer;
    json_error_t   error;
    sp_request_t  *request;

    request = explain->request;
    request->json = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);

    if (request->json == NULL) {
        sp_cli_error("column %d: %s", error.column, error.text);
        return SP_ERROR;
    }

    if (sp_request_facts(request) != SP_OK) {
        return SP_ERROR;
    }

    sp_decide(explain->policy, &request->facts, SP_STAGE_WHOLE,
              &explain->verdict);

    answer = sp_explain_json_short(explain);
    rc = json_dumpf(answer, stdout, JSON_COMPACT);
    json_decref(answer);

    if (rc != 0 || putchar('\n') == EOF) {
        sp_cli_error("standard output: %s", strerror(errno));
        return SP_ERROR;
    }

    return SP_OK;
}
