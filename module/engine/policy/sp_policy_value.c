
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the typed scalars of a policy file. YAML delivers text;
 * what it means is decided here, in one way only: no octal, no other word for
 * yes, no date without its year.
 */


#include "sp_policy_load.h"


#define SP_SECONDS_MAX  (100LL * 366 * 86400)
#define SP_YEAR_MIN     1970
#define SP_YEAR_MAX     9999


static void sp_value_unknown(sp_load_t *l, const sp_ynode_t *key,
    const char *const *keys, size_t n, const char *where);
static sp_rc_t sp_text_digits(sp_str_t *s, unsigned n, int64_t *value);
static sp_rc_t sp_text_byte(sp_str_t *s, int c);
static sp_rc_t sp_text_clock(sp_str_t *s, int64_t *seconds);
static sp_rc_t sp_text_offset(sp_str_t *s, int64_t *seconds);
static int64_t sp_days(int64_t year, int64_t month, int64_t day);


sp_str_t
sp_node_line(const sp_ynode_t *node)
{
    return sp_ysource_line(node->source, node->line);
}


const char *
sp_load_near(const sp_load_t *l, sp_str_t word, const char *const *words,
    size_t n)
{
    return l->diags->errors < SP_DIAGS_MAX ? sp_did_you_mean(word, words, n)
                                           : NULL;
}


void *
sp_load_alloc(sp_load_t *l, size_t size)
{
    void  *p;

    p = sp_arena_alloc(l->arena, size);
    if (p == NULL) {
        l->failed = 1;
    }

    return p;
}


sp_rc_t
sp_value_kind(sp_load_t *l, const sp_ynode_t *node, sp_ykind_t kind,
    const char *what)
{
    static const char *const  shapes[] = {
        "one value", "a list ('- ' lines or [a, b])", "a mapping"
    };

    if (node->kind == kind) {
        return SP_OK;
    }

    sp_load_error(l, node, 104, NULL, "%s must be %s", what, shapes[kind]);

    return SP_ERROR;
}


sp_rc_t
sp_value_text(sp_load_t *l, const sp_ynode_t *node, sp_str_t *s)
{
    const char  *key;

    key = node->key ? (const char *) node->key->text.data : "this";

    if (sp_value_kind(l, node, SP_Y_SCALAR, key) != SP_OK) {
        return SP_ERROR;
    }

    *s = node->text;

    /* a literal block ends in the line break that closes it */

    while (s->len != 0 && node->style != SP_Y_PLAIN
           && (s->data[s->len - 1] == '\n' || s->data[s->len - 1] == ' '))
    {
        s->len--;
    }

    if (s->len == 0) {
        sp_load_error(l, node->key ? node->key : node, 104, NULL,
                      "'%s' has no value", key);
        return SP_ERROR;
    }

    return SP_OK;
}


/* Ids of rules, names of lists: what can stand in a log and in a URL. */

sp_rc_t
sp_value_name(sp_load_t *l, const sp_ynode_t *node, sp_str_t *s)
{
    size_t         i;
    unsigned char  c;

    if (sp_value_text(l, node, s) != SP_OK) {
        return SP_ERROR;
    }

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
              || (i != 0 && (c == '-' || c == '_' || c == '.'))))
        {
            break;
        }
    }

    if (i != s->len || s->len > SP_ID_MAX) {
        sp_load_error(l, node, 104, NULL,
                      "a name has 1 to 64 of a-z 0-9 - _ . and starts with a "
                      "letter or digit");
        return SP_ERROR;
    }

    return SP_OK;
}


sp_rc_t
sp_value_uint(sp_load_t *l, const sp_ynode_t *node, uint64_t min,
    uint64_t max, uint64_t *value)
{
    sp_str_t  s;

    if (sp_value_text(l, node, &s) != SP_OK) {
        return SP_ERROR;
    }

    if (sp_parse_uint(s, max, value) != SP_OK || *value < min) {
        sp_load_error(l, node, 104, NULL,
                      "'%s' must be a whole number from %llu to %llu, "
                      "without leading zeros",
                      node->key ? (const char *) node->key->text.data : "it",
                      (unsigned long long) min, (unsigned long long) max);
        return SP_ERROR;
    }

    return SP_OK;
}


sp_rc_t
sp_value_duration(sp_load_t *l, const sp_ynode_t *node, int64_t *seconds)
{
    sp_str_t  s;

    if (sp_value_text(l, node, &s) != SP_OK) {
        return SP_ERROR;
    }

    if (sp_text_duration(s, seconds) != SP_OK) {
        sp_load_error(l, node, 104,
                      sp_diag_text("write 30s, 90m, 48h, 14d or 2w"),
                      "'%s' is not a duration", s.data);
        return SP_ERROR;
    }

    return SP_OK;
}


/* "end": the first second after a date, so that the date is inclusive. */

sp_rc_t
sp_value_time(sp_load_t *l, const sp_ynode_t *node, int end, int64_t *when)
{
    sp_str_t  s;

    if (sp_value_text(l, node, &s) != SP_OK) {
        return SP_ERROR;
    }

    if (sp_text_time(s, l->zone, end, when) != SP_OK) {
        sp_load_error(l, node, 104,
                      sp_diag_text("write 2026-11-23 or 2026-11-23T12:00:00Z"),
                      "'%s' is not a date", s.data);
        return SP_ERROR;
    }

    return SP_OK;
}


int
sp_value_word(sp_load_t *l, const sp_ynode_t *node, const char *const *words,
    size_t n)
{
    char         all[256];
    int          len;
    size_t       i, used;
    sp_str_t     s;
    const char  *near;

    if (sp_value_text(l, node, &s) != SP_OK) {
        return -1;
    }

    for (i = 0; i < n; i++) {
        if (sp_str_eq(s, sp_cstr(words[i]))) {
            return (int) i;
        }
    }

    used = 0;
    all[0] = '\0';

    for (i = 0; i < n && used < sizeof(all) - 1; i++) {
        len = snprintf(all + used, sizeof(all) - used, "%s%s",
                       i ? ", " : "", words[i]);
        used += (len > 0) ? (size_t) len : 0;
    }

    near = sp_load_near(l, s, words, n);

    sp_load_error(l, node, 104, near
                  ? sp_diag_text("did you mean '%s'? values: %s", near, all)
                  : sp_diag_text("values: %s", all),
                  "'%.64s' is not a value of '%s'", s.data,
                  node->key ? (const char *) node->key->text.data : "this");

    return -1;
}


int
sp_value_of(sp_load_t *l, const sp_ynode_t *node, sp_keys_id_t id,
    const char *key)
{
    size_t              n;
    const char *const  *words;

    words = sp_policy_words((int) id, key, &n);

    return sp_value_word(l, node, words, n);
}


sp_rc_t
sp_value_keys(sp_load_t *l, const sp_ynode_t *map, sp_keys_id_t id)
{
    size_t                   i, n;
    sp_rc_t                  rc;
    const char              *keys[SP_KEYS_MAX];
    const sp_ynode_t        *child;
    const sp_policy_keys_t  *table;

    table = sp_policy_keys((int) id);

    for (n = 0; n < table->n && n < SP_KEYS_MAX; n++) {
        keys[n] = table->keys[n].key;
    }

    rc = SP_OK;

    for (child = map->first; child != NULL; child = child->next) {

        for (i = 0; i < n; i++) {
            if (sp_str_eq(child->key->text, sp_cstr(keys[i]))) {
                break;
            }
        }

        if (i == n) {
            rc = SP_ERROR;
            sp_value_unknown(l, child->key, keys, n, table->what);
        }
    }

    return rc;
}


static void
sp_value_unknown(sp_load_t *l, const sp_ynode_t *key, const char *const *keys,
    size_t n, const char *where)
{
    size_t       i, k;
    const char  *near;

    /* words of other tools and of older drafts, and what is meant */

    static const char *const  meant[][2] = {
        { "licences", "exceptions" }, { "licenses", "exceptions" },
        { "license", "exceptions" }, { "waivers", "exceptions" },
        { "exemptions", "exceptions" }, { "limits", "throttle" },
        { "limit", "throttle" }, { "throttles", "throttle" },
        { "rate_limits", "throttle" }, { "rules", "deny', 'allow" },
        { "org", "account" }, { "condition", "when" }, { "if", "when" },
        { "name", "id" }, { "status", "reason" }, { "class", "reason" },
        { "licence", "reason" }, { "liftable", "reason" },
        { "flags", "flag" }, { "warn", "flag" }, { "imports", "include" },
        { "assert", "invariants" }, { "tests", "invariants" },
        { "expires", "valid" }, { "from", "valid" }, { "until", "valid" },
        { "comment", "note" }, { "description", "note" }
    };

    if (sp_str_eq(key->text, SP_STR("effect"))) {
        sp_load_error(l, key, 103,
                      sp_diag_text("the section says it: put the rule under "
                                   "'deny:' or 'allow:'"),
                      "unknown key 'effect' in %s", where);
        return;
    }

    near = NULL;

    for (k = 0; k < sp_nelts(meant) && near == NULL; k++) {

        if (!sp_str_eq(key->text, sp_cstr(meant[k][0]))) {
            continue;
        }

        for (i = 0; i < n; i++) {
            if (strncmp(keys[i], meant[k][1], strlen(keys[i])) == 0) {
                near = meant[k][1];
            }
        }
    }

    if (near == NULL) {
        near = sp_load_near(l, key->text, keys, n);
    }

    sp_load_error(l, key, 103, near ? sp_diag_text("did you mean '%s'?", near)
                  : NULL, "unknown key '%.64s' in %s", key->text.data, where);
}


sp_rc_t
sp_text_bool(sp_str_t s, int *value)
{
    if (sp_str_eq(s, SP_STR("yes")) || sp_str_eq(s, SP_STR("true"))) {
        *value = 1;
        return SP_OK;
    }

    if (sp_str_eq(s, SP_STR("no")) || sp_str_eq(s, SP_STR("false"))) {
        *value = 0;
        return SP_OK;
    }

    return SP_ERROR;
}


sp_rc_t
sp_text_duration(sp_str_t s, int64_t *seconds)
{
    int64_t   unit;
    uint64_t  n;

    if (s.len < 2) {
        return SP_ERROR;
    }

    switch (s.data[s.len - 1]) {
    case 's':
        unit = 1;
        break;
    case 'm':
        unit = 60;
        break;
    case 'h':
        unit = 3600;
        break;
    case 'd':
        unit = 86400;
        break;
    case 'w':
        unit = 7 * 86400;
        break;
    default:
        return SP_ERROR;
    }

    s.len--;

    if (sp_parse_uint(s, (uint64_t) (SP_SECONDS_MAX / unit), &n) != SP_OK) {
        return SP_ERROR;
    }

    *seconds = (int64_t) n * unit;

    return SP_OK;
}


/* "50%", "33.33%": basis points. */

sp_rc_t
sp_text_percent(sp_str_t s, int64_t *bps)
{
    size_t    i, dot;
    int64_t   part;
    uint64_t  whole;
    sp_str_t  head;

    if (s.len < 2 || s.data[s.len - 1] != '%') {
        return SP_ERROR;
    }

    s.len--;

    for (dot = 0; dot < s.len && s.data[dot] != '.'; dot++) { /* void */ }

    head.data = s.data;
    head.len = dot;
    part = 0;

    if (sp_parse_uint(head, 100, &whole) != SP_OK) {
        return SP_ERROR;
    }

    if (dot < s.len) {

        if (s.len - dot < 2 || s.len - dot > 3) {
            return SP_ERROR;
        }

        for (i = dot + 1; i < s.len; i++) {

            if (s.data[i] < '0' || s.data[i] > '9') {
                return SP_ERROR;
            }

            part += (s.data[i] - '0') * (i == dot + 1 ? 10 : 1);
        }
    }

    *bps = (int64_t) whole * 100 + part;

    return *bps <= 10000 ? SP_OK : SP_ERROR;
}


static sp_rc_t
sp_text_digits(sp_str_t *s, unsigned n, int64_t *value)
{
    unsigned  i;

    if (s->len < n) {
        return SP_ERROR;
    }

    *value = 0;

    for (i = 0; i < n; i++) {

        if (s->data[i] < '0' || s->data[i] > '9') {
            return SP_ERROR;
        }

        *value = *value * 10 + (s->data[i] - '0');
    }

    s->data += n;
    s->len -= n;

    return SP_OK;
}


static sp_rc_t
sp_text_byte(sp_str_t *s, int c)
{
    if (s->len == 0 || s->data[0] != c) {
        return SP_ERROR;
    }

    s->data++;
    s->len--;

    return SP_OK;
}


/* Days since 1970-01-01 in the Gregorian calendar. */

static int64_t
sp_days(int64_t year, int64_t month, int64_t day)
{
    int64_t  era, doy, yoe;

    /* years that begin in March end with the day that may be missing */

    year -= (month <= 2);
    era = year / 400;
    yoe = year - era * 400;
    doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}


static sp_rc_t
sp_text_clock(sp_str_t *s, int64_t *seconds)
{
    int64_t  h, m, sec;

    if (sp_text_digits(s, 2, &h) != SP_OK || sp_text_byte(s, ':') != SP_OK
        || sp_text_digits(s, 2, &m) != SP_OK || h > 23 || m > 59)
    {
        return SP_ERROR;
    }

    if (sp_text_byte(s, ':') != SP_OK
        || sp_text_digits(s, 2, &sec) != SP_OK || sec > 59)
    {
        return SP_ERROR;
    }

    *seconds = h * 3600 + m * 60 + sec;

    return SP_OK;
}


/* "Z", "+02:00" */

static sp_rc_t
sp_text_offset(sp_str_t *s, int64_t *seconds)
{
    int      sign;
    int64_t  h, m;

    if (sp_text_byte(s, 'Z') == SP_OK) {
        *seconds = 0;
        return SP_OK;
    }

    sign = (s->len != 0 && s->data[0] == '-') ? -1 : 1;

    if (sp_text_byte(s, '+') != SP_OK && sp_text_byte(s, '-') != SP_OK) {
        return SP_ERROR;
    }

    if (sp_text_digits(s, 2, &h) != SP_OK || sp_text_byte(s, ':') != SP_OK
        || sp_text_digits(s, 2, &m) != SP_OK || h > 15 || m > 59)
    {
        return SP_ERROR;
    }

    *seconds = sign * (h * 3600 + m * 60);

    return SP_OK;
}


sp_rc_t
sp_text_time(sp_str_t s, int64_t zone, int end, int64_t *when)
{
    int64_t  year, month, day, clock, last;

    static const int  lengths[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (sp_text_digits(&s, 4, &year) != SP_OK || sp_text_byte(&s, '-') != SP_OK
        || sp_text_digits(&s, 2, &month) != SP_OK
        || sp_text_byte(&s, '-') != SP_OK
        || sp_text_digits(&s, 2, &day) != SP_OK
        || year < SP_YEAR_MIN || year > SP_YEAR_MAX
        || month < 1 || month > 12 || day < 1)
    {
        return SP_ERROR;
    }

    last = lengths[month - 1];
    last += (month == 2 && year % 4 == 0
             && (year % 100 != 0 || year % 400 == 0));

    if (day > last) {
        return SP_ERROR;
    }

    *when = sp_days(year, month, day) * 86400;

    if (s.len == 0) {
        *when += (end ? 86400 : 0) - zone;
        return SP_OK;
    }

    if (sp_text_byte(&s, 'T') != SP_OK || sp_text_clock(&s, &clock) != SP_OK
        || sp_text_offset(&s, &zone) != SP_OK || s.len != 0)
    {
        return SP_ERROR;
    }

    *when += clock - zone;

    return SP_OK;
}
