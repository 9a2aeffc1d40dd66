
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains places: the officially assigned country codes of ISO
 * 3166-1, what other codes in use mean, and the packing of subdivisions.
 */


#include "sp_place.h"


typedef struct {
    char         code[8];
    const char  *hint;     /* what to write instead */
} sp_place_hint_t;


static sp_place_t sp_place_pack(unsigned c0, unsigned c1);
static int sp_place_assigned(unsigned c0, unsigned c1);
static int sp_place_nowhere(sp_str_t s);
static unsigned sp_place_digit(unsigned char ch);
static sp_place_t sp_place_china(uint32_t subdivision);


/*
 * ISO 3166-1 alpha-2, officially assigned: the second letters for each first
 * one. X holds K alone: Kosovo, user-assigned, used by the EU and by every
 * GeoIP vendor.
 */

static const char *const  sp_place_second[26] = {
    /* A */ "DEFGILMOQRSTUWXZ",
    /* B */ "ABDEFGHIJLMNOQRSTVWYZ",
    /* C */ "ACDFGHIKLMNORUVWXYZ",
    /* D */ "EJKMOZ",
    /* E */ "CEGHRST",
    /* F */ "IJKMOR",
    /* G */ "ABDEFGHILMNPQRSTUWY",
    /* H */ "KMNRTU",
    /* I */ "DELMNOQRST",
    /* J */ "EMOP",
    /* K */ "EGHIMNPRWYZ",
    /* L */ "ABCIKRSTUVY",
    /* M */ "ACDEFGHKLMNOPQRSTUVWXYZ",
    /* N */ "ACEFGILOPRUZ",
    /* O */ "M",
    /* P */ "AEFGHKLMNRSTWY",
    /* Q */ "A",
    /* R */ "EOSUW",
    /* S */ "ABCDEGHIJKLMNORSTVXYZ",
    /* T */ "CDFGHJKLMNORTVWZ",
    /* U */ "AGMSYZ",
    /* V */ "ACEGINU",
    /* W */ "FS",
    /* X */ "K",
    /* Y */ "ET",
    /* Z */ "AMW"
};


/* Codes by which databases and networks say that they do not know. */

static const char  sp_place_nowheres[][3] = {
    "ZZ", "XX", "A1", "A2", "O1", "AP", "EU", "T1", "--", "??"
};


static const sp_place_hint_t  sp_place_hints[] = {
    { "UK", "GB" },
    { "EL", "GR" },
    { "CN-HK", "HK" },
    { "CN-MO", "MO" },
    { "CN-TW", "TW" },
    { "CN-91", "HK" },
    { "CN-92", "MO" },
    { "CN-71", "TW" },
    { "TP", "TL" },
    { "ZR", "CD" },
    { "BU", "MM" },
    { "DD", "DE" },
    { "FX", "FR" },
    { "YD", "YE" },
    { "RH", "ZW" },
    { "HV", "BF" },
    { "DY", "BJ" },
    { "NH", "VU" },
    { "VD", "VN" },
    { "AN", "BQ, CW or SX" },
    { "SU", "the code of the successor state, such as RU" },
    { "YU", "RS or ME" },
    { "CS", "RS or ME (before 1993: CZ or SK)" },
    { "XI", "GB-NIR" }
};


sp_place_rc_t
sp_place_parse(sp_str_t s, sp_place_t *place)
{
    size_t      i;
    unsigned    c0, c1, digit;
    uint32_t    subdivision;
    sp_place_t  country;

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

    if (c0 == 'U' && c1 == 'K') {
        country = sp_place_pack('G', 'B');

    } else if (c0 == 'E' && c1 == 'L') {
        country = sp_place_pack('G', 'R');

    } else if (sp_place_assigned(c0, c1)) {
        country = sp_place_pack(c0, c1);

    } else {
        return SP_PLACE_NO_CODE;
    }

    if (country == sp_place_pack('C', 'N') && subdivision != 0) {
        *place = sp_place_china(subdivision);
        return SP_PLACE_OK;
    }

    *place = country | (subdivision << 16);

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
    size_t  i;

    for (i = 0; i < sp_nelts(sp_place_hints); i++) {

        if (sp_str_eq(s, sp_cstr(sp_place_hints[i].code))) {
            return sp_place_hints[i].hint;
        }
    }

    return NULL;
}


static sp_place_t
sp_place_pack(unsigned c0, unsigned c1)
{
    return (c0 - 'A') * 26 + (c1 - 'A') + 1;
}


static int
sp_place_assigned(unsigned c0, unsigned c1)
{
    return strchr(sp_place_second[c0 - 'A'], (int) c1) != NULL;
}


/* "ZZ" and the like, also with a subdivision. */

static int
sp_place_nowhere(sp_str_t s)
{
    size_t  i;

    if (s.len > 2 && s.data[2] != '-') {
        return 0;
    }

    for (i = 0; i < sp_nelts(sp_place_nowheres); i++) {

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


/*
 * Hong Kong, Macao and Taiwan have codes of their own in ISO 3166-1 and also
 * stand in 3166-2 under China. One place has one value, or a list that names
 * CN would match or miss them by the spelling of the record.
 */

static sp_place_t
sp_place_china(uint32_t subdivision)
{
    size_t             i;
    uint32_t           two;

    static const char  codes[][5] = {
        "HKHK", "MOMO", "TWTW", "91HK", "92MO", "71TW"
    };

    for (i = 0; i < sp_nelts(codes); i++) {
        two = sp_place_digit((unsigned char) codes[i][0]) * 37
              + sp_place_digit((unsigned char) codes[i][1]);

        if (two == subdivision) {
            return sp_place_pack((unsigned char) codes[i][2],
                                 (unsigned char) codes[i][3]);
        }
    }

    return sp_place_pack('C', 'N') | (subdivision << 16);
}
