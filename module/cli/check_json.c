
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what `sallyport check` found in forms that other tools
 * read: its own JSON, and SARIF.
 */


#include "check.h"


static json_t *sp_check_diag(const sp_diag_t *diag);
static json_t *sp_check_policy(const sp_policy_t *policy);
static json_t *sp_check_rules(void);
static json_t *sp_check_result(const sp_diag_t *diag);
static json_t *sp_check_location(const sp_diag_t *diag);
static json_t *sp_check_uri(const char *file);
static const char *sp_check_severity(const sp_diag_t *diag);


json_t *
sp_check_json(const sp_check_t *check)
{
    json_t    *root, *list;
    unsigned   i;

    list = json_array();

    for (i = 0; i < check->diags->n; i++) {
        json_array_append_new(list, sp_check_diag(&check->diags->items[i]));
    }

    root = json_pack("{s:b, s:s, s:i, s:i, s:i, s:o}", "ok", check->ok,
                     "file", check->file, "errors",
                     (int) check->diags->errors, "warnings",
                     (int) check->diags->warnings, "dropped",
                     (int) check->diags->dropped, "diagnostics", list);

    json_object_set_new(root, "policy", check->policy != NULL
                        ? sp_check_policy(check->policy) : json_null());

    json_object_set_new(root, "analysis", json_pack(
        "{s:b, s:i, s:i, s:i, s:i}", "done", check->analysis->done,
        "variables", (int) check->analysis->variables, "nodes",
        (int) check->analysis->nodes, "invariants",
        (int) check->analysis->invariants, "proved",
        (int) check->analysis->proved));

    return root;
}


static const char *
sp_check_severity(const sp_diag_t *diag)
{
    static const char *const  severities[] = { "error", "warning", "note" };

    return severities[diag->severity];
}


static json_t *
sp_check_diag(const sp_diag_t *diag)
{
    char     code[16];
    json_t  *row;

    (void) snprintf(code, sizeof(code), "SP%03d", diag->code);

    row = json_pack("{s:s, s:s, s:s?, s:i, s:i, s:i}", "code", code,
                    "severity", sp_check_severity(diag), "file",
                    diag->mark.file, "line", (int) diag->mark.line, "col",
                    (int) diag->mark.col, "length", (int) diag->mark.len);

    json_object_set_new(row, "message",
                        sp_cli_json_str(sp_cstr(diag->message)));

    if (diag->help != NULL) {
        json_object_set_new(row, "help", sp_cli_json_str(sp_cstr(diag->help)));
    }

    if (diag->source != NULL) {
        json_object_set_new(row, "source",
                            sp_cli_json_str(sp_cstr(diag->source)));
    }

    if (diag->example != NULL) {
        json_object_set_new(row, "example", json_loads(diag->example, 0,
                                                       NULL));
    }

    if (diag->decided != NULL) {
        json_object_set_new(row, "decided",
                            sp_cli_json_str(sp_cstr(diag->decided)));
    }

    return row;
}


static json_t *
sp_check_policy(const sp_policy_t *policy)
{
    int      i, n[SP_CHECK_KINDS];
    char     hash[2 * SP_POLICY_HASH_LEN];
    json_t  *row, *rules;

    rules = json_object();
    sp_check_count(policy, n);

    for (i = 0; i < SP_CHECK_KINDS; i++) {
        json_object_set_new(rules, sp_check_kind(i), json_integer(n[i]));
    }

    sp_hex(sp_policy_hash(policy), SP_POLICY_HASH_LEN, (unsigned char *) hash);

    row = json_pack("{s:o, s:o, s:s#, s:I, s:o}",
                    "name", sp_cli_json_str(sp_policy_name(policy)),
                    "revision", sp_cli_json_str(sp_policy_revision(policy)),
                    "sha256", hash, (int) sizeof(hash),
                    "bytes", (json_int_t) sp_policy_size(policy),
                    "rules", rules);

    return row;
}


json_t *
sp_check_sarif(const sp_check_t *check)
{
    json_t    *results, *run;
    unsigned   i;

    results = json_array();

    for (i = 0; i < check->diags->n; i++) {
        json_array_append_new(results,
                              sp_check_result(&check->diags->items[i]));
    }

    run = json_pack("{s:{s:{s:s, s:s, s:o}}, s:s, s:o, s:[{s:b}]}",
                    "tool", "driver", "name", "sallyport", "version",
                    SP_CLI_VERSION, "rules", sp_check_rules(),
                    "columnKind", "unicodeCodePoints", "results", results,
                    "invocations", "executionSuccessful", 1);

    return json_pack("{s:s, s:s, s:[o]}", "$schema",
                     "https://json.schemastore.org/sarif-2.1.0.json",
                     "version", "2.1.0", "runs", run);
}


static json_t *
sp_check_rules(void)
{
    char              id[16];
    size_t            i, n;
    json_t           *rules;
    const sp_code_t  *codes;

    rules = json_array();
    codes = sp_codes(&n);

    for (i = 0; i < n; i++) {
        (void) snprintf(id, sizeof(id), "SP%03d", codes[i].code);

        json_array_append_new(rules, json_pack(
            "{s:s, s:{s:s}, s:{s:s}, s:{s:s}}", "id", id,
            "shortDescription", "text", codes[i].title, "fullDescription",
            "text", codes[i].text, "defaultConfiguration", "level",
            codes[i].severity));
    }

    return rules;
}


/* A result's text stands alone: viewers do not show what is beside it. */

static json_t *
sp_check_result(const sp_diag_t *diag)
{
    int               index;
    char              id[16];
    size_t            n;
    json_t           *row, *text;
    const sp_code_t  *code;

    (void) snprintf(id, sizeof(id), "SP%03d", diag->code);

    text = json_sprintf("%s%s%s%s%s%s%s", diag->message,
                        diag->help != NULL ? "; " : "",
                        diag->help != NULL ? diag->help : "",
                        diag->example != NULL ? "; example: " : "",
                        diag->example != NULL ? diag->example : "",
                        diag->decided != NULL ? "; decided: " : "",
                        diag->decided != NULL ? diag->decided : "");

    row = json_pack("{s:s, s:s, s:{s:o}, s:[o]}", "ruleId", id, "level",
                    sp_check_severity(diag), "message", "text",
                    text != NULL ? text : json_string(""), "locations",
                    sp_check_location(diag));

    code = sp_code_find(diag->code);

    if (code != NULL) {
        index = (int) (code - sp_codes(&n));
        json_object_set_new(row, "ruleIndex", json_integer(index));
    }

    return row;
}


static json_t *
sp_check_location(const sp_diag_t *diag)
{
    json_t  *place;

    place = json_pack("{s:{s:o}}", "artifactLocation", "uri",
                      sp_check_uri(diag->mark.file));

    /* lines count from 1; 0 is the file as a whole */

    if (diag->mark.line != 0) {
        json_object_set_new(place, "region", json_pack(
            "{s:i, s:i, s:i}", "startLine", (int) diag->mark.line,
            "startColumn", (int) (diag->mark.col ? diag->mark.col : 1),
            "endColumn", (int) (diag->mark.col ? diag->mark.col : 1)
                         + (int) diag->mark.len));
    }

    return json_pack("{s:o}", "physicalLocation", place);
}


/* A path as a URI reference (RFC 3986): all but the unreserved is escaped. */

static json_t *
sp_check_uri(const char *file)
{
    char                  uri[3 * 1024 + 16];
    size_t                n;
    const unsigned char  *p;

    p = (const unsigned char *) (file != NULL ? file : "");
    n = (size_t) snprintf(uri, sizeof(uri), "%s", *p == '/' ? "file://" : "");

    for ( /* void */ ; *p != '\0' && n + 4 < sizeof(uri); p++) {

        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
            || (*p >= '0' && *p <= '9') || strchr("-._~/", *p) != NULL)
        {
            uri[n++] = (char) *p;

        } else {
            n += (size_t) snprintf(uri + n, sizeof(uri) - n, "%%%02X", *p);
        }
    }

    return json_stringn(uri, n);
}
