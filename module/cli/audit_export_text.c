
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a decision as a line of CEF (ArcSight Common Event
 * Format, revision 25) and of CSV (RFC 4180).
 */


#include "audit_export.h"


/* Where the text of a column of CSV, and of a key of CEF, stands. */
typedef struct {
    const char  *name;
    const char  *a;
    const char  *b;
} sp_export_field_t;


static void sp_cef_text(FILE *out, sp_str_t text, const char *special);
static void sp_cef_put(FILE *out, const char *key, sp_str_t text);
static void sp_cef_label(FILE *out, int n, const char *label, sp_str_t text);
static size_t sp_export_odd(const unsigned char *p, size_t len,
    uint32_t *code);
static void sp_export_code(FILE *out, uint32_t code, const char *backslash);
static void sp_csv_cell(FILE *out, sp_str_t text, int first);
static void sp_csv_number(FILE *out, const sp_export_t *e, const char *name);
static int sp_csv_formula(sp_str_t text);


static const sp_export_field_t  sp_csv_fields[] = {
    { "time", "ts", NULL },
    { "id", "id", NULL },
    { "decision", "dec", NULL },
    { "reason", "reason", NULL },
    { "class", "class", NULL },
    { "account", "who", "account" },
    { "key", "who", "key" },
    { "model", "req", "model" },
    { "country", "net", "country" },
    { "address", "net", "ip_p" },
    { "route", "req", "route" },
    { "method", "req", "method" },
    { "request_id", "req", "rid" },
    { "revision", "pol", "rev" },
    { "policy", "pol", "hash" },
    { "detail", "detail", NULL },
    { "hash", "h", NULL }
};


/*
 * Length of a character that could end a line, hide, or turn the direction of
 * text: control characters, U+2028, U+2029, marks of direction, U+FEFF. 0 of
 * all others. The text is UTF-8: the reader of JSON saw to that.
 */

static size_t
sp_export_odd(const unsigned char *p, size_t len, uint32_t *code)
{
    if (p[0] < 0x20 || p[0] == 0x7f) {
        *code = p[0];
        return 1;
    }

    if (len >= 2 && p[0] == 0xc2 && p[1] < 0xa0) {
        *code = p[1];
        return 2;
    }

    if (len >= 3 && (p[0] == 0xe2 || p[0] == 0xef)) {
        *code = (uint32_t) (p[0] & 0xf) << 12 | (uint32_t) (p[1] & 0x3f) << 6
                | (p[2] & 0x3f);

        if ((*code >= 0x200b && *code <= 0x200f)
            || (*code >= 0x2028 && *code <= 0x202e)
            || (*code >= 0x2060 && *code <= 0x2069) || *code == 0xfeff)
        {
            return 3;
        }
    }

    return 0;
}


static void
sp_export_code(FILE *out, uint32_t code, const char *backslash)
{
    fprintf(out, "%su%04x", backslash, (unsigned) code);
}


/* In values line ends are \n and \r; what else is odd is \uXXXX, escaped. */

static void
sp_cef_text(FILE *out, sp_str_t text, const char *special)
{
    int       value;
    size_t    i, n;
    uint32_t  code;

    value = strchr(special, '=') != NULL;

    for (i = 0; i < text.len; i += n) {
        n = sp_export_odd(text.data + i, text.len - i, &code);

        if (n != 0 && value && (code == '\n' || code == '\r')) {
            fputs(code == '\n' ? "\\n" : "\\r", out);

        } else if (n != 0) {
            sp_export_code(out, code, "\\\\");

        } else {
            if (strchr(special, text.data[i]) != NULL) {
                fputc('\\', out);
            }

            fputc(text.data[i], out);
            n = 1;
        }
    }
}


static void
sp_cef_put(FILE *out, const char *key, sp_str_t text)
{
    if (text.len != 0) {
        fprintf(out, " %s=", key);
        sp_cef_text(out, text, "\\=");
    }
}


static void
sp_cef_label(FILE *out, int n, const char *label, sp_str_t text)
{
    char  key[8];

    if (text.len != 0) {
        (void) snprintf(key, sizeof(key), "cs%d", n);
        sp_cef_put(out, key, text);
        fprintf(out, " cs%dLabel=%s", n, label);
    }
}


void
sp_export_cef(FILE *out, const sp_export_t *e)
{
    json_t    *record;
    sp_str_t   reason, country;

    /* in the order of sp_export_what_t; severities are 0 to 10 */

    static const char *const  names[] = {
        "Request allowed", "Request throttled", "Request denied",
        "Request would have been refused"
    };
    static const char *const  acts[] = {
        "allow", "throttle", "deny", "observe"
    };
    static const int  severities[] = { 1, 3, 6, 8 };

    record = e->record;
    reason = sp_record_text(record, "reason", NULL);
    fputs("CEF:0|Sallyport|Sallyport|" SP_CLI_VERSION "|", out);
    sp_cef_text(out, reason.len != 0 ? reason : SP_STR("ALLOWED"), "\\|");
    fprintf(out, "|%s|%d|rt=%llu", names[e->what],
            severities[sp_export_severity(e)],
            (unsigned long long) (e->us / 1000));
    sp_cef_put(out, "externalId", sp_record_text(record, "id", NULL));

    if (json_is_integer(json_object_get(record, "n"))) {
        fprintf(out, " cnt=%lld", (long long) json_integer_value(
                json_object_get(record, "n")));
    }

    fprintf(out, " act=%s outcome=%s", acts[e->what],
            e->what == SP_EXPORT_ALLOWED || e->what == SP_EXPORT_OBSERVED
            ? "success" : "failure");
    sp_cef_put(out, "reason", reason);
    sp_cef_put(out, "cat", sp_record_text(record, "class", NULL));
    sp_cef_put(out, "suser", sp_record_text(record, "who", "account"));
    sp_cef_put(out, "suid", sp_record_text(record, "who", "key"));
    sp_cef_put(out, "requestMethod", sp_record_text(record, "req", "method"));
    sp_cef_put(out, "app", sp_record_text(record, "req", "route"));
    sp_cef_put(out, "msg", sp_record_text(record, "detail", NULL));

    country = sp_record_text(record, "net", "country");
    sp_cef_label(out, 1, "rule", e->rule);
    sp_cef_label(out, 2, "model", sp_record_text(record, "req", "model"));
    sp_cef_label(out, 3, "policyRevision",
                 sp_record_text(record, "pol", "rev"));
    sp_cef_label(out, 4, "country", country);
    sp_cef_label(out, 5, "recordHash", sp_record_text(record, "h", NULL));
    sp_cef_label(out, 6, "addressPseudonym",
                 sp_record_text(record, "net", "ip_p"));
    fputc('\n', out);
}


void
sp_export_csv_head(FILE *out)
{
    size_t  i;

    for (i = 0; i < sp_nelts(sp_csv_fields); i++) {
        fprintf(out, "%s%s", i == 0 ? "" : ",", sp_csv_fields[i].name);
    }

    fputs(",rule,status,enforced,seq,us,count\r\n", out);
}


void
sp_export_csv(FILE *out, const sp_export_t *e)
{
    size_t                    i;
    const sp_export_field_t  *f;

    for (i = 0; i < sp_nelts(sp_csv_fields); i++) {
        f = &sp_csv_fields[i];
        sp_csv_cell(out, sp_record_text(e->record, f->a, f->b), i == 0);
    }

    sp_csv_cell(out, e->rule, 0);
    sp_csv_number(out, e, "status");
    fputs(json_is_false(json_object_get(e->record, "enforced")) ? ",false"
                                                                : ",true",
          out);
    sp_csv_number(out, e, "seq");
    sp_csv_number(out, e, "us");

    if (json_object_get(e->record, "n") != NULL) {
        sp_csv_number(out, e, "n");

    } else {
        fputs(",1", out);
    }

    fputs("\r\n", out);
}


/*
 * A spreadsheet takes a cell for a formula if it begins with one of = + - @,
 * in ASCII or full width, also behind spaces. The apostrophe in front makes it
 * a text; a text that begins with one gets one more, so that a reader who
 * takes one off has what was recorded.
 */

static int
sp_csv_formula(sp_str_t text)
{
    size_t  i, k;

    static const char *const  starts[] = {
        "=", "+", "-", "@", "'", "\xef\xbc\x9d", "\xef\xbc\x8b",
        "\xef\xbc\x8d", "\xef\xbc\xa0"
    };

    for (i = 0; i < text.len && text.data[i] == ' '; i++) { /* void */ }

    for (k = 0; k < sp_nelts(starts); k++) {
        if (text.len - i >= strlen(starts[k])
            && memcmp(text.data + i, starts[k], strlen(starts[k])) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* A record stays one line: what would end it is written as \uXXXX. */

static void
sp_csv_cell(FILE *out, sp_str_t text, int first)
{
    size_t    i, n;
    uint32_t  code;

    if (!first) {
        fputc(',', out);
    }

    if (text.len == 0) {
        return;
    }

    fputc('"', out);

    if (sp_csv_formula(text)) {
        fputc('\'', out);
    }

    for (i = 0; i < text.len; i += n) {
        n = sp_export_odd(text.data + i, text.len - i, &code);

        if (n != 0) {
            sp_export_code(out, code, "\\");
            continue;
        }

        n = 1;

        if (text.data[i] == '"') {
            fputc('"', out);
        }

        fputc(text.data[i], out);
    }

    fputc('"', out);
}


static void
sp_csv_number(FILE *out, const sp_export_t *e, const char *name)
{
    json_t  *value;

    value = json_object_get(e->record, name);

    if (json_is_integer(value)) {
        fprintf(out, ",%lld", (long long) json_integer_value(value));

    } else {
        fputc(',', out);
    }
}
