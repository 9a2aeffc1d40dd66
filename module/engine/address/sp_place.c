
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains places: the reading of codes by the table of ISO 3166
 * and of what other codes in use mean, and the packing of subdivisions.
 */


#include "sp_place_table.h"


static sp_place_t sp_place_pack(unsigned c0, unsigned c1);
static int sp_place_is_code(unsigned c0, unsigned c1);
static int sp_place_nowhere(sp_str_t s);
static unsigned sp_place_digit(unsigned char ch);
static const char *sp_place_alias(sp_str_t s);
static int sp_place_spelt(sp_str_t s, const char *code);
static const sp_place_row_t *sp_place_row(sp_place_t place);


sp_place_rc_t
sp_place_parse(sp_str_t s, sp_place_t *place)
{
    size_t       i;
    unsigned     c0, c1, digit;
    uint32_t     subdivision;
    sp_str_t     head;
    const char  *means;

    *place = SP_PLACE_NONE;

    if (s.len < 2) {
        return SP_PLACE_MALFORMED;
    }

    if (sp_place_nowhere(s)) {
        return SP_PLACE_NOWHERE;
    }

    c0 = s.data[0];
    c1 = s.data[1];

    if (c0 < 'A' || c0 > 'Z' || c1 < 'A' || c1 > 'Z') {
        return SP_PLACE_MALFORMED;
    }

    subdivision = 0;

    if (s.len > 2) {

        if (s.data[2] != '-' || s.len < 4 || s.len > SP_PLACE_TEXT_LEN) {
            return SP_PLACE_MALFORMED;
        }

        for (i = 3; i < s.len; i++) {
            digit = sp_place_digit(s.data[i]);

            if (digit == 0) {
                return SP_PLACE_MALFORMED;
            }

            subdivision = subdivision * 37 + digit;
        }
    }

    head.data = s.data;
    head.len = 2;
    means = sp_place_is_code(c0, c1) ? NULL : sp_place_alias(head);

    if (means != NULL) {
        c0 = (unsigned char) means[0];
        c1 = (unsigned char) means[1];

    } else if (!sp_place_is_code(c0, c1)) {
        return SP_PLACE_NO_CODE;
    }

    /*
     * Hong Kong, Macao and Taiwan have codes of their own in ISO 3166-1 and
     * stand in 3166-2 under China too. One place has one value, or a list
     * that names CN would match or miss them by the spelling of the record.
     */

    means = subdivision ? sp_place_alias(s) : NULL;

    if (means != NULL) {
        c0 = (unsigned char) means[0];
        c1 = (unsigned char) means[1];
        subdivision = 0;
    }

    *place = sp_place_pack(c0, c1) | (subdivision << 16);

    return SP_PLACE_OK;
}


int
sp_place_valid(sp_place_t place)
{
    char        text[SP_PLACE_TEXT_LEN];
    sp_str_t    s;
    sp_place_t  again;

    s.len = sp_place_format(place, text);
    s.data = (const unsigned char *) text;

    return sp_place_parse(s, &again) == SP_PLACE_OK && again == place;
}


size_t
sp_place_format(sp_place_t place, char out[SP_PLACE_TEXT_LEN])
{
    size_t    n, i;
    uint32_t  c, sub, digits[3];

    c = sp_place_country(place);

    if (c == 0 || c > SP_COUNTRIES) {
        return 0;
    }

    out[0] = (char) ('A' + (c - 1) / 26);
    out[1] = (char) ('A' + (c - 1) % 26);

    sub = place >> 16;

    if (sub == 0) {
        return 2;
    }

    n = 0;

    while (sub != 0 && n < 3) {
        digits[n++] = sub % 37;
        sub /= 37;
    }

    out[2] = '-';

    for (i = 0; i < n; i++) {
        sub = digits[n - 1 - i];

        if (sub == 0) {
            /* no parsed place has it */
            return 2;
        }

        out[3 + i] = (char) (sub <= 10 ? '0' + sub - 1 : 'A' + sub - 11);
    }

    return 3 + n;
}


const char *
sp_place_hint(sp_str_t s)
{
    const sp_place_row_t      *row;
    const sp_place_alias_t    *alias;
    const sp_place_instead_t  *instead;

    for (alias = sp_place_aliases; alias->code[0] != '\0'; alias++) {

        if (sp_place_spelt(s, alias->code)) {
            return alias->means;
        }
    }

    for (instead = sp_place_instead; instead->code[0] != '\0'; instead++) {

        if (sp_place_spelt(s, instead->code)) {
            return instead->text;
        }
    }

    /* the code of three letters, or the right one in small letters */

    for (row = sp_place_rows; row->code[0] != '\0'; row++) {

        if (sp_place_spelt(s, row->alpha3)
            || (sp_place_spelt(s, row->code)
                && !sp_str_eq(s, sp_cstr(row->code))))
        {
            return row->code;
        }
    }

    return NULL;
}


static int
sp_place_spelt(sp_str_t s, const char *code)
{
    return sp_str_caseeq(s, sp_cstr(code));
}


const char *
sp_place_source(void)
{
    return sp_place_table_source;
}


static const sp_place_row_t *
sp_place_row(sp_place_t place)
{
    char                   code[SP_PLACE_TEXT_LEN];
    const sp_place_row_t  *row;

    if (sp_place_format(sp_place_country(place), code) != 2) {
        return NULL;
    }

    for (row = sp_place_rows; row->code[0] != '\0'; row++) {

        if (memcmp(row->code, code, 2) == 0) {
            return row;
        }
    }

    return NULL;
}


const char *
sp_place_parts(sp_place_t place)
{
    const sp_place_row_t  *row;

    row = sp_place_row(place);

    return row ? row->parts : "";
}


int
sp_place_known(sp_place_t place)
{
    char         code[SP_PLACE_TEXT_LEN];
    size_t       len;
    const char  *p;

    len = sp_place_format(place, code);

    if (len <= 3) {
        return sp_place_row(place) != NULL;
    }

    for (p = sp_place_parts(place); *p != '\0'; p += strspn(p, " ")) {

        if (strcspn(p, " ") == len - 3 && memcmp(p, code + 3, len - 3) == 0) {
            return 1;
        }

        p += strcspn(p, " ");
    }

    return 0;
}


static sp_place_t
sp_place_pack(unsigned c0, unsigned c1)
{
    return (c0 - 'A') * 26 + (c1 - 'A') + 1;
}


static int
sp_place_is_code(unsigned c0, unsigned c1)
{
    return (sp_place_assigned[c0 - 'A'] >> (c1 - 'A')) & 1;
}


static const char *
sp_place_alias(sp_str_t s)
{
    const sp_place_alias_t  *alias;

    for (alias = sp_place_aliases; alias->code[0] != '\0'; alias++) {

        if (s.data[0] == (unsigned char) alias->code[0]
            && sp_str_eq(s, sp_cstr(alias->code)))
        {
            return alias->means;
        }
    }

    return NULL;
}


/* "ZZ" and the like, also with a subdivision. */

static int
sp_place_nowhere(sp_str_t s)
{
    size_t  i;

    if (s.len > 2 && s.data[2] != '-') {
        return 0;
    }

    for (i = 0; sp_place_nowheres[i][0] != '\0'; i++) {

        if (s.data[0] == (unsigned char) sp_place_nowheres[i][0]
            && s.data[1] == (unsigned char) sp_place_nowheres[i][1])
        {
            return 1;
        }
    }

    return 0;
}


/* Base 37 without its zero: 1..36, or 0 for no digit. */

static unsigned
sp_place_digit(unsigned char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0' + 1u;
    }

    if (ch >= 'A' && ch <= 'Z') {
        return ch - 'A' + 11u;
    }

    return 0;
}
