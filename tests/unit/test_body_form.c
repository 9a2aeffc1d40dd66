
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tests of the judging of forms: a field is judged as the
 * member of that name in a JSON object, and what is another name's twin, or a
 * part of one, is refused, wherever the bytes are cut.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sp_body.h"


#define TYPE  "multipart/form-data; boundary=bound"
#define PART(name, value)                                                     \
    "--bound\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"     \
    value "\r\n"
#define FILE_PART                                                             \
    "--bound\r\nContent-Disposition: form-data; name=\"file\"; "               \
    "filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n"                    \
    "RIFF\r\n--bou\r\n{\"model\":\"frontier\"}\r\n"
#define END   "--bound--\r\n"


typedef struct {
    const char       *route;
    sp_dialect_t      dialect;
    const char       *text;
    sp_body_error_t   error;
    const char       *models;     /* joined by blanks */
    const char       *field;
} form_case_t;


static const sp_route_t *
route_of(const char *name, sp_dialect_t dialect)
{
    int  i;

    for (i = 0; i < sp_route_count(); i++) {
        if (sp_str_eq(sp_route(i)->name, sp_cstr(name))
            && sp_route(i)->dialect == dialect)
        {
            return sp_route(i);
        }
    }

    fail_msg("no route %s", name);

    return NULL;
}


/* Pieces of "step" bytes. */

static sp_body_error_t
read_body(sp_body_t *body, const form_case_t *one, size_t step)
{
    size_t   at, n, len;
    sp_rc_t  rc;

    memset(body, 0x5a, sizeof(sp_body_t));
    sp_body_init(body, route_of(one->route, one->dialect));
    (void) sp_body_form(body, SP_STR(TYPE));

    len = strlen(one->text);

    for (at = 0; at < len; at += n) {
        n = len - at < step ? len - at : step;

        rc = sp_body_feed(body, (const unsigned char *) one->text + at, n);
        assert_int_equal(rc == SP_OK, body->error == SP_BODY_FINE);
    }

    rc = sp_body_finish(body);
    assert_int_equal(rc == SP_OK, body->error == SP_BODY_FINE);
    assert_non_null(sp_body_strerror(body));

    return body->error;
}


#define A  "audio.transcriptions", SP_DIALECT_OPENAI
#define I  "images.edits", SP_DIALECT_OPENAI
#define Z  "audio.transcriptions", SP_DIALECT_AZURE
#define F  "files.create", SP_DIALECT_OPENAI
#define M  PART("model", "whisper-1")

#define ok(r, text, models)       { r, text, SP_BODY_FINE, models, NULL }
#define no(r, text, error, field) { r, text, SP_BODY_##error, NULL, field }

static const form_case_t  cases[] = {
    ok(A, M FILE_PART END, "whisper-1"),
    ok(A, FILE_PART M END, "whisper-1"),
    ok(A, M PART("stream", "true") PART("timestamp_granularities[]", "a")
       PART("timestamp_granularities[]", "b") FILE_PART END, "whisper-1"),
    ok(A, M PART("chunking_strategy[type]", "server_vad") END, "whisper-1"),
    ok(A, M PART("response_format", "json") PART("models_x", "y") END,
       "whisper-1"),
    ok(I, PART("prompt", "a cat") PART("n", "2") END, ""),
    ok(I, PART("image[]", "1") PART("image[]", "2") M END, "whisper-1"),
    ok(Z, FILE_PART END, ""),
    ok(F, PART("purpose", "assistants") FILE_PART END, ""),

    no(A, FILE_PART END, BAD_MODEL, "model"),
    no(A, M M END, BAD_FORM, "model"),
    no(A, M PART("model", "frontier") END, BAD_FORM, "model"),
    no(A, M PART("Model", "frontier") END, BAD_FORM, "model"),
    no(A, PART("MODEL", "frontier") END, BAD_FORM, "model"),
    no(A, M PART("model[]", "frontier") END, BAD_FORM, "model"),
    no(A, M PART("model[0]", "frontier") END, BAD_FORM, "model"),
    no(A, M PART("model[", "frontier") END, BAD_FORM, "model"),
    no(A, M PART("model.id", "frontier") END, BAD_FORM, "model"),
    no(A, M PART("[model]", "frontier") END, BAD_FORM, NULL),
    no(A, M PART("_charset_", "utf-16") END, BAD_FORM, NULL),
    no(A, M PART("extra_body[model]", "f") END, BAD_FORM, "extra_body"),
    no(A, M PART("extra.body", "f") END, BAD_FORM, "extra_body"),
    no(A, M PART("extra[body", "f") END, BAD_FORM, "extra_body"),
    no(A, M PART("Extra-Body[model]", "f") END, BAD_FORM, "extra_body"),
    no(A, M PART("extra_body", "{}") END, OVERRIDE, "extra_body"),
    no(A, M PART("fallbacks[0][model]", "f") END, BAD_FORM, "fallbacks"),
    no(A, M PART("fallbacks", "[\"f\"]") END, BAD_MODEL, "fallbacks"),
    no(A, M PART("models", "f") END, BAD_MODEL, "models"),
    no(A, M PART("tools", "[]") END, BAD_VALUE, "tools"),
    no(A, M PART("engine", "f") END, BAD_MODEL, "engine"),
    no(A, PART("model", "") END, BAD_MODEL, "model"),
    no(A, PART("model", " whisper-1") END, BAD_MODEL, "model"),
    no(A, PART("model", "whisper-1\r\n") END, BAD_MODEL, "model"),
    no(A, PART("model", "a,b") END, BAD_MODEL, "model"),
    no(A, PART("model", "m\xc3\xb6") END, BAD_MODEL, "model"),
    no(A, PART("model", "m\xff") END, BAD_FORM, "model"),
    no(A, M PART("stream", "1") END, BAD_VALUE, "stream"),
    no(A, M PART("stream", "True") END, BAD_VALUE, "stream"),
    no(A, M PART("stream", "") END, BAD_VALUE, "stream"),
    no(A, M PART("stream", "true") PART("stream", "false") END, BAD_FORM,
       "stream"),
    no(A, M PART("language", "en") PART("language", "de") END, BAD_FORM,
       "language"),
    no(A, M PART("Prompt", "x") END, BAD_FORM, "prompt/id"),
    no(I, PART("n", "0") END, BAD_VALUE, "n"),
    no(I, PART("n", "01") END, BAD_VALUE, "n"),
    no(I, PART("n", "2.0") END, BAD_VALUE, "n"),
    no(I, PART("n", "1e1") END, BAD_VALUE, "n"),
    no(I, PART("prompt", "a") PART("prompt", "b") END, BAD_FORM, "prompt/id"),
    no(I, PART("prompt[id]", "p") END, BAD_FORM, "prompt/id"),
    no(I, PART("previous_response_id", "p") END, BAD_MODEL, "model"),
    no(A, "--bound\r\nContent-Disposition: form-data; name=\"model\"; "
       "filename=\"m\"\r\n\r\nwhisper-1\r\n" END, BAD_FORM, "model"),
    no(A, "--bound\r\nContent-Disposition: form-data; name=\"model\"\r\n"
       "Content-Type: text/plain; charset=utf-16\r\n\r\nwhisper-1\r\n" END,
       BAD_FORM, "model"),
    no(A, M, BAD_FORM, NULL),
    no(A, "", BAD_FORM, NULL),
    no(A, "{\"model\":\"whisper-1\"}", BAD_FORM, NULL),
    no(A, "x" M END, BAD_FORM, NULL),
    no(A, M END "x", BAD_FORM, NULL),
    no(F, PART("purpose", "batch") FILE_PART END, BAD_MODEL, "purpose"),
    no(F, FILE_PART PART("purpose", "Batch") END, BAD_MODEL, "purpose"),
    no(F, PART("Purpose", "batch") FILE_PART END, BAD_FORM, "purpose"),
};


static void
test_cases(void **state)
{
    size_t             i, step;
    char               models[8192];
    uint16_t           k;
    static sp_body_t   body;

    (void) state;

    for (i = 0; i < sp_nelts(cases); i++) {

        for (step = 1; step <= strlen(cases[i].text) + 1; step++) {

            if (read_body(&body, &cases[i], step) != cases[i].error
                || (cases[i].field == NULL) != (body.field == NULL)
                || (body.field != NULL
                    && strcmp(body.field, cases[i].field) != 0))
            {
                fail_msg("case %zu by %zu: %d (%s), at %s", i, step,
                         body.error, sp_body_strerror(&body), body.field);
            }

            if (cases[i].error != SP_BODY_FINE) {
                continue;
            }

            models[0] = '\0';

            for (k = 0; k < body.nmodels; k++) {
                snprintf(models + strlen(models),
                         sizeof(models) - strlen(models), "%s%.*s",
                         k ? " " : "", (int) body.models[k].len,
                         body.models[k].data);
            }

            assert_string_equal(models, cases[i].models);
        }
    }
}


static void
test_values(void **state)
{
    static sp_body_t  body;

    static const form_case_t  streamed = ok(A, M PART("stream", "true") END,
                                            "whisper-1");
    static const form_case_t  whole = ok(A, M PART("stream", "false") END,
                                         "whisper-1");
    static const form_case_t  images = ok(I, PART("n", "4") END, "");

    (void) state;

    assert_int_equal(read_body(&body, &streamed, 7), SP_BODY_FINE);
    assert_int_equal(body.stream, 1);
    assert_int_equal(read_body(&body, &whole, 7), SP_BODY_FINE);
    assert_int_equal(body.stream, 0);
    assert_int_equal(read_body(&body, &images, 7), SP_BODY_FINE);
    assert_int_equal(body.factor, 4);
}


/* Without its type a form is not read, and with another's it is refused. */

static void
test_type(void **state)
{
    static sp_body_t  body;

    (void) state;

    sp_body_init(&body, route_of(A));
    assert_int_equal(sp_body_feed(&body, (const unsigned char *) "-", 1),
                     SP_ERROR);
    assert_int_equal(body.error, SP_BODY_UNEXPECTED);

    sp_body_init(&body, route_of(A));
    assert_int_equal(sp_body_finish(&body), SP_ERROR);

    sp_body_init(&body, route_of(A));
    assert_int_equal(sp_body_form(&body, SP_STR("application/json")),
                     SP_ERROR);
    assert_int_equal(sp_body_feed(&body, (const unsigned char *) "-", 1),
                     SP_ERROR);
    assert_int_equal(sp_body_finish(&body), SP_ERROR);
}


/*
 * What the body of a form holds for the members of a JSON object, the two say
 * alike: whether it is refused, and each model.
 */

static void
test_like_json(void **state)
{
    size_t                 i, k;
    char                   json[512], form[1024];
    sp_rc_t                rc[2];
    static sp_body_t       body[2];
    static sp_route_t      as_json;
    static const char *const  names[] = { "model", "user", "engine", "route",
                                          "language", "agent_id" };
    static const char *const  values[] = { "whisper-1", "", "a b", "a,b",
                                           "x;y", "..", "a/../b", "A" };

    (void) state;

    as_json = *route_of(A);
    as_json.body = SP_BODY_JSON;

    for (i = 0; i < sp_nelts(names); i++) {
        for (k = 0; k < sp_nelts(values); k++) {
            snprintf(json, sizeof(json), "{\"%s\":\"%s\"}", names[i],
                     values[k]);
            snprintf(form, sizeof(form), "--bound\r\nContent-Disposition: "
                     "form-data; name=\"%s\"\r\n\r\n%s\r\n" END, names[i],
                     values[k]);

            sp_body_init(&body[0], &as_json);
            (void) sp_body_feed(&body[0], (unsigned char *) json,
                                strlen(json));
            rc[0] = sp_body_finish(&body[0]);

            sp_body_init(&body[1], route_of(A));
            assert_int_equal(sp_body_form(&body[1], SP_STR(TYPE)), SP_OK);
            (void) sp_body_feed(&body[1], (unsigned char *) form,
                                strlen(form));
            rc[1] = sp_body_finish(&body[1]);

            assert_int_equal(rc[0], rc[1]);
            assert_int_equal(body[0].error, body[1].error);
            assert_int_equal(body[0].nmodels, body[1].nmodels);

            if (rc[0] == SP_OK) {
                assert_int_equal(sp_str_eq(body[0].models[0],
                                           body[1].models[0]), 1);
            }
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_type),
        cmocka_unit_test(test_like_json)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
