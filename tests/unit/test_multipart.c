
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tests of the form reader: what it takes for fields, and
 * that everything over which readers in use differ is refused.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sp_multipart.h"


#define TYPE  "multipart/form-data; boundary=bound"
#define PART(name, value)                                                     \
    "--bound\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"     \
    value "\r\n"
#define END   "--bound--\r\n"


typedef struct {
    char    text[8192];
    size_t  len;
} seen_t;


static uint64_t  seed = 20261124;


static uint32_t
random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;

    return (uint32_t) (seed >> 33) % n;
}


static sp_rc_t
on_field(void *ctx, const sp_multipart_field_t *field)
{
    int      n;
    seen_t  *seen = ctx;

    n = snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
                 "%.*s%s%s%.*s;", (int) field->name.len, field->name.data,
                 field->file ? "(file)" : "", field->whole ? "=" : "...",
                 (int) field->value.len, field->value.data);
    seen->len += (size_t) n;

    return SP_OK;
}


/* Fed in pieces of "step" bytes, 0: at random. */

static sp_rc_t
read_form(const char *type, const char *body, size_t len, size_t step,
    seen_t *seen)
{
    size_t                 n;
    static sp_multipart_t  mp;

    seen->len = 0;
    seen->text[0] = '\0';

    if (sp_multipart_init(&mp, sp_cstr(type), on_field, seen) != SP_OK) {
        assert_non_null(mp.error);
        return SP_ERROR;
    }

    while (len != 0) {
        n = step != 0 ? step : 1 + random_below(40);
        n = n < len ? n : len;

        if (sp_multipart_feed(&mp, (const unsigned char *) body, n)
            != SP_OK)
        {
            assert_non_null(mp.error);
            return SP_ERROR;
        }

        body += n;
        len -= n;
    }

    return sp_multipart_finish(&mp);
}


static void
test_fields(void **state)
{
    size_t  i, step;
    seen_t  seen;

    static const struct {
        const char  *type;
        const char  *body;
        const char  *fields;
    } forms[] = {
        { TYPE, PART("model", "whisper-1") END, "model=whisper-1;" },
        { TYPE, PART("a", "") PART("b", "x") "--bound--", "a=;b=x;" },
        { "Multipart/Form-Data;boundary=\"bound\"", PART("a", "1") END,
          "a=1;" },
        { TYPE, PART("image[]", "1") PART("image[]", "2") END,
          "image[]=1;image[]=2;" },
        { TYPE, "--bound\r\ncontent-disposition: form-data; name=\"file\"; "
          "filename=\"a b.wav\"\r\nContent-Type: audio/wav\r\n\r\n\0x\r\n"
          PART("model", "m") END, NULL },
        { TYPE, PART("a", "-- \r\n--boun\r\n-") END,
          "a=-- \r\n--boun\r\n-;" },
        { TYPE, PART("a", "\r\n") END, "a=\r\n;" },
        { TYPE, "--bound--", "" },
        { TYPE, "--bound\r\nContent-Disposition: form-data; name=\"a\"\r\n"
          "Content-Length: 1\r\n\r\nx\r\n" END, "a=x;" },
        { "multipart/form-data; boundary=------a",
          "--------a\r\nContent-Disposition: form-data; name=\"m\"\r\n\r\n"
          "-------x\r\n--------a--", "m=-------x;" }
    };

    (void) state;

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {

        if (forms[i].fields == NULL) {
            continue;
        }

        for (step = 1; step < 120; step++) {
            assert_int_equal(read_form(forms[i].type, forms[i].body,
                                       strlen(forms[i].body), step, &seen),
                             SP_OK);
            assert_string_equal(seen.text, forms[i].fields);
        }
    }
}


static void
test_refused(void **state)
{
    size_t  i, step;
    seen_t  seen;

    static const struct {
        const char  *why;
        const char  *type;
        const char  *body;
    } forms[] = {
        { "another type", "multipart/mixed; boundary=bound",
          PART("model", "m") END },
        { "no boundary", "multipart/form-data", PART("model", "m") END },
        { "two boundaries", TYPE "; boundary=b", PART("model", "m") END },
        { "another parameter", TYPE "; charset=utf-8",
          PART("model", "m") END },
        { "one before it", "multipart/form-data; charset=x; boundary=bound",
          PART("model", "m") END },
        { "an empty boundary", "multipart/form-data; boundary=", "----" },
        { "an empty one in quotes", "multipart/form-data; boundary=\"\"",
          "----" },
        { "half a quote", "multipart/form-data; boundary=\"bound",
          PART("model", "m") END },
        { "a space in it", "multipart/form-data; boundary=\"bou nd\"",
          "--bou nd--" },
        { "a token that needs quotes", "multipart/form-data; boundary=a/b",
          "--a/b--" },
        { "71 characters", "multipart/form-data; boundary="
          "12345678901234567890123456789012345678901234567890123456789012345"
          "678901", "" },
        { "a preamble", TYPE, "hello\r\n" PART("model", "m") END },
        { "an empty line before", TYPE, "\r\n" PART("model", "m") END },
        { "an epilogue", TYPE, PART("model", "m") END "x" },
        { "two line ends behind", TYPE, PART("model", "m") END "\r\n" },
        { "half a line end behind", TYPE, PART("model", "m") "--bound--\r" },
        { "no end", TYPE, PART("model", "m") },
        { "half an end", TYPE, PART("model", "m") "--bound-" },
        { "nothing at all", TYPE, "" },
        { "lines that end in LF", TYPE, "--bound\nContent-Disposition: "
          "form-data; name=\"model\"\n\nm\n--bound--\n" },
        { "a delimiter behind LF", TYPE, "--bound\r\nContent-Disposition: "
          "form-data; name=\"a\"\r\n\r\nx\n--bound--\r\n" },
        { "spaces behind a delimiter", TYPE, "--bound \r\nContent-Disposition"
          ": form-data; name=\"a\"\r\n\r\nx\r\n" END },
        { "a longer delimiter", TYPE, PART("a", "x") "--bounded\r\n" END },
        { "the boundary in a value", TYPE, PART("a", "x--bound") END },
        { "the boundary first in a value", TYPE, PART("a", "--bound--") END },
        { "LF, and the boundary", TYPE, PART("a", "x\n--bound\r\nContent-"
          "Disposition: form-data; name=\"model\"\r\n\r\nother") END },
        { "CR, and the boundary", TYPE, PART("a", "x\r--bound--") END },
        { "no disposition", TYPE, "--bound\r\n\r\nx\r\n" END },
        { "two dispositions", TYPE, "--bound\r\nContent-Disposition: "
          "form-data; name=\"a\"\r\nContent-Disposition: form-data; "
          "name=\"model\"\r\n\r\nx\r\n" END },
        { "two types", TYPE, "--bound\r\nContent-Disposition: form-data; "
          "name=\"a\"\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n\r\nx\r\n"
          END },
        { "a transfer encoding", TYPE, "--bound\r\nContent-Disposition: "
          "form-data; name=\"model\"\r\nContent-Transfer-Encoding: "
          "quoted-printable\r\n\r\n=761\r\n" END },
        { "a folded line", TYPE, "--bound\r\nContent-Disposition: form-data;"
          "\r\n name=\"model\"\r\n\r\nm\r\n" END },
        { "a name without quotes", TYPE, "--bound\r\nContent-Disposition: "
          "form-data; name=model\r\n\r\nm\r\n" END },
        { "name*", TYPE, "--bound\r\nContent-Disposition: form-data; "
          "name*=utf-8''mod%65l\r\n\r\nm\r\n" END },
        { "two names", TYPE, "--bound\r\nContent-Disposition: form-data; "
          "name=\"x\"; name=\"model\"\r\n\r\nm\r\n" END },
        { "NAME", TYPE, "--bound\r\nContent-Disposition: form-data; "
          "NAME=\"model\"\r\n\r\nm\r\n" END },
        { "filename*", TYPE, "--bound\r\nContent-Disposition: form-data; "
          "name=\"f\"; filename*=utf-8''x\r\n\r\nm\r\n" END },
        { "two filenames", TYPE, "--bound\r\nContent-Disposition: form-data; "
          "name=\"f\"; filename=\"x\"; filename=\"y\"\r\n\r\nm\r\n" END },
        { "filename before name", TYPE, "--bound\r\nContent-Disposition: "
          "form-data; filename=\"x\"; name=\"model\"\r\n\r\nm\r\n" END },
        { "an escaped quote", TYPE, "--bound\r\nContent-Disposition: "
          "form-data; name=\"a\\\"; name=\\\"model\"\r\n\r\nm\r\n" END },
        { "attachment", TYPE, "--bound\r\nContent-Disposition: attachment; "
          "name=\"model\"\r\n\r\nm\r\n" END },
        { "an empty name", TYPE, PART("", "m") END },
        { "a percent sign", TYPE, PART("mod%65l", "m") END },
        { "a space in a name", TYPE, PART("model ", "m") END },
        { "another header", TYPE, "--bound\r\nContent-Disposition: form-data;"
          " name=\"model\"\r\nX-Name: other\r\n\r\nm\r\n" END },
        { "a line that is no header", TYPE, "--bound\r\nContent-Disposition: "
          "form-data; name=\"a\"\r\nhello\r\n\r\nm\r\n" END },
        { "a space before the colon", TYPE, "--bound\r\nContent-Disposition "
          ": form-data; name=\"model\"\r\n\r\nm\r\n" END },
        { "a lone CR in a header", TYPE, "--bound\r\nContent-Disposition: "
          "form-data; name=\"a\"\rX: y\r\n\r\nm\r\n" END },
        { "urlencoded", TYPE, "model=m" }
    };

    (void) state;

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        for (step = 1; step < 90; step++) {
            if (read_form(forms[i].type, forms[i].body,
                          strlen(forms[i].body), step, &seen) == SP_OK)
            {
                fail_msg("%s is taken: %s", forms[i].why, seen.text);
            }
        }
    }
}


/* Any bytes that do not hold the boundary come through, however cut. */

static void
test_values(void **state)
{
    int       n;
    char      body[4096], want[8192];
    char      value[600];
    size_t    len, at, i, k;
    seen_t    seen;
    unsigned  round;

    static const char  odd[] = "-b\r\no-und\n\r--";

    (void) state;

    for (round = 0; round < 3000; round++) {
        at = len = 0;

        for (k = random_below(5); k != 0; k--) {
            n = (int) random_below(round % 10 == 0 ? 560 : 60);

            for (i = 0; i < (size_t) n; i++) {
                value[i] = random_below(3) ? odd[random_below(13)]
                                           : (char) ('a' + random_below(26));
            }

            value[n] = '\0';

            if (strstr(value, "--bound") != NULL) {
                continue;
            }

            len += (size_t) snprintf(body + len, sizeof(body) - len,
                                     "--bound\r\nContent-Disposition: "
                                     "form-data; name=\"f%zu\"\r\n\r\n%s\r\n",
                                     k, value);
            at += (size_t) snprintf(want + at, sizeof(want) - at,
                                    n <= SP_MULTIPART_VALUE ? "f%zu=%s;"
                                                            : "f%zu...;",
                                    k, value);
        }

        want[at] = '\0';
        len += (size_t) snprintf(body + len, sizeof(body) - len, END);

        assert_int_equal(read_form(TYPE, body, len, 0, &seen), SP_OK);
        assert_string_equal(seen.text, want);

        /* without its last bytes it is no form */

        n = 2 + (int) random_below(8);
        assert_int_equal(read_form(TYPE, body, len - (size_t) n, 0, &seen),
                         n == 2 ? SP_OK : SP_ERROR);
    }
}


static void
test_many(void **state)
{
    char    *body;
    seen_t   seen;
    size_t   i, len;

    (void) state;
    body = malloc(1 << 20);
    assert_non_null(body);

    for (i = 0, len = 0; i <= SP_MULTIPART_PARTS; i++) {
        if (i == SP_MULTIPART_PARTS) {
            memcpy(body + len, END, sizeof(END));
            assert_int_equal(read_form(TYPE, body, strlen(body), 0, &seen),
                             SP_OK);
        }

        len += (size_t) sprintf(body + len, PART("x", "y"));
    }

    memcpy(body + len, END, sizeof(END));
    assert_int_equal(read_form(TYPE, body, strlen(body), 0, &seen),
                     SP_ERROR);
    free(body);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_many)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
