
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the attacks on paths and methods, tried on each path that
 * the table has: only the path itself, byte for byte, is a route. What nginx
 * makes of a path is worked out here once more, by other means.
 */


#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp_route.h"


#define SEED  UINT64_C(0x7a7b)
#define ROOM  1024


static uint64_t  rnd_state = SEED;


static uint64_t
rnd(void)
{
    rnd_state ^= rnd_state << 13;
    rnd_state ^= rnd_state >> 7;
    rnd_state ^= rnd_state << 17;

    return rnd_state;
}


/*
 * One decoding, then segments: empty ones and "." go, ".." takes the one before
 * it along. 0: nginx answers 400 by itself.
 */

static int
normalise(const char *raw, char *out)
{
    char    text[ROOM], *segment, *slash;
    size_t  n, i, hex;

    for (n = 0; *raw != '\0'; raw++) {

        if (*raw == '#') {
            break;
        }

        if (*raw != '%') {
            text[n++] = *raw;
            continue;
        }

        if (sscanf(raw, "%%%2zx", &hex) != 1 || strchr("+- xX", raw[1]) != NULL
            || strspn(raw + 1, "0123456789abcdefABCDEF") < 2 || hex == 0)
        {
            return 0;
        }

        text[n++] = (char) hex;
        raw += 2;
    }

    text[n] = '\0';

    if (text[0] != '/') {
        return 0;
    }

    i = 0;
    segment = text + 1;

    for ( ;; ) {
        slash = strchr(segment, '/');
        n = slash != NULL ? (size_t) (slash - segment) : strlen(segment);

        if (n == 2 && memcmp(segment, "..", 2) == 0) {

            if (i == 0) {
                return 0;
            }

            while (i > 0 && out[--i] != '/') { /* void */ }

        } else if (n != 0 && !(n == 1 && segment[0] == '.')) {
            out[i++] = '/';
            memcpy(out + i, segment, n);
            i += n;
        }

        if (slash == NULL) {

            /* a directory stays one */

            if (n == 0 || (n <= 2 && segment[0] == '.'
                           && segment[n - 1] == '.'))
            {
                out[i++] = '/';
            }

            break;
        }

        segment = slash + 1;
    }

    out[i] = '\0';

    return i != 0;
}


static sp_route_rc_t
ask(sp_method_t method, const char *raw, int *route, sp_str_t *param)
{
    char                  normal[ROOM];
    static unsigned char  scratch[ROOM];

    *route = SP_ROUTE_NONE;

    if (!normalise(raw, normal)) {
        return SP_ROUTE_AMBIGUOUS;
    }

    return sp_route_find(method, sp_cstr(raw), sp_cstr(normal), scratch,
                         route, param);
}


static void
fit(char *path, sp_str_t pattern)
{
    size_t  i;

    for (i = 0; i < pattern.len; i++) {

        if (pattern.data[i] != '{') {
            *path++ = (char) pattern.data[i];
            continue;
        }

        *path++ = 'm';
        *path++ = '1';

        while (pattern.data[i] != '}') {
            i++;
        }
    }

    *path = '\0';
}


/* What is put where, and the row of the catalogue that it stands for. */

typedef struct {
    const char  *name;
    const char  *at;        /* "start", "end", "slash": each '/' but the
                               first, "letter": the last letter */
    const char  *text;      /* what stands there then */
} attack_t;


static const attack_t  attacks[] = {
    { "H3 istio CVE-2021-29492: %2F for /", "slash", "%2F" },
    { "H3 istio CVE-2021-29492: %2f for /", "slash", "%2f" },
    { "H3 istio CVE-2021-29492: %5C for /", "slash", "%5C" },
    { "H3 istio CVE-2021-29492: %5c for /", "slash", "%5c" },
    { "H3 envoy: backslash for /", "slash", "\\" },
    { "H3 istio-2021-005: // for /", "slash", "//" },
    { "H3 envoy: /./ for /", "slash", "/./" },
    { "H3 envoy: /%2e/ for /", "slash", "/%2e/" },
    { "H3 envoy: /x/../ for /", "slash", "/x/../" },
    { "H3 envoy: /x/%2e%2e/ for /", "slash", "/x/%2e%2e/" },
    { "H3 envoy: /x/.%2e/ for /", "slash", "/x/.%2e/" },
    { "H3 tomcat: /..;/ for /", "slash", "/x/..;/" },
    { "H3 tomcat: ;/ for /", "slash", ";/" },
    { "H3 jetty: /%u002e/ for /", "slash", "/%u002e/" },
    { "H3 double: %252F for /", "slash", "%252F" },
    { "H3 double: %25%32%46 for /", "slash", "%25%32%46" },
    { "H3 overlong: %c0%af for /", "slash", "%c0%af" },
    { "H3 overlong: %e0%80%af for /", "slash", "%e0%80%af" },
    { "H3 fullwidth: %ef%bc%8f for /", "slash", "%ef%bc%8f" },
    { "H3 NUL before /", "slash", "%00/" },
    { "H3 tab before /", "slash", "%09/" },
    { "H3 newline before /", "slash", "%0a/" },
    { "H3 space before /", "slash", "%20/" },
    { "H2 bare ; before /", "slash", ";a=b/" },
    { "H2 * for /", "slash", "*" },
    { "H3 nothing for /", "slash", "" },
    { "H3 two slashes first", "start", "/" },
    { "H2 absolute form", "start", "http://h" },
    { "H2 absolute form, other case", "start", "HTTP://h" },
    { "H2 //host", "start", "//h" },
    { "H2 userinfo", "start", "http://a@h" },
    { "H3 nginx alias: /a/..", "start", "/a/.." },
    { "H3 /.", "start", "/." },
    { "H3 /%2e", "start", "/%2e" },
    { "H3 /%2e%2e", "start", "/%2e%2e" },
    { "H3 /..", "start", "/.." },
    { "H3 space first", "start", " " },
    { "H3 %2f first", "start", "%2f" },
    { "H3 another version", "start", "/v9" },
    { "H12 APISIX: method in the path", "start", "/POST" },
    { "H3 trailing /", "end", "/" },
    { "H3 trailing //", "end", "//" },
    { "H3 trailing .", "end", "." },
    { "H3 trailing /.", "end", "/." },
    { "H3 trailing /..", "end", "/.." },
    { "H3 trailing /x/..", "end", "/x/.." },
    { "H3 trailing %2f", "end", "%2f" },
    { "H3 trailing %5c", "end", "%5c" },
    { "H3 trailing backslash", "end", "\\" },
    { "H3 trailing %20", "end", "%20" },
    { "H3 trailing +", "end", "+" },
    { "H3 trailing %00", "end", "%00" },
    { "H3 trailing %0d%0a", "end", "%0d%0a" },
    { "H3 trailing %09", "end", "%09" },
    { "H3 tomcat: ;jsessionid=1", "end", ";jsessionid=1" },
    { "H3 rails: .json", "end", ".json" },
    { "H2 fragment", "end", "#" },
    { "H2 fragment with a path", "end", "#/v1/models" },
    { "H2 escaped ?", "end", "%3fa=b" },
    { "H2 escaped #", "end", "%23" },
    { "H2 escaped ;", "end", "%3b" },
    { "H3 trailing %25", "end", "%25" },
    { "H3 trailing %", "end", "%" },
    { "H3 trailing %4", "end", "%4" },
    { "H3 trailing %zz", "end", "%zz" },
    { "H3 trailing high byte", "end", "\xff" },
    { "H3 trailing overlong NUL", "end", "%c0%80" },
    { "H14 gRPC method", "end", "/inference.GRPCInferenceService/x" },
    { "H3 letter escaped", "letter", "%" },
    { "H3 letter escaped twice", "letter", "%25" },
    { "H3 other case", "letter", "^" }
};


/* The i-th variant of the attack on "path"; 0: there is none more. */

static int
attack(const attack_t *a, const char *path, size_t i, char *out)
{
    size_t       n, at;
    const char  *end;

    if (strcmp(a->at, "start") == 0) {
        snprintf(out, ROOM, "%s%s", a->text, path);
        return i == 0;
    }

    if (strcmp(a->at, "end") == 0) {
        snprintf(out, ROOM, "%s%s", path, a->text);
        return i == 0;
    }

    if (strcmp(a->at, "slash") == 0) {
        for (n = 0, at = 1; path[at] != '\0'; at++) {

            if (path[at] == '/' && n++ == i) {
                snprintf(out, ROOM, "%.*s%s%s", (int) at, path, a->text,
                         path + at + 1);
                return 1;
            }
        }

        return 0;
    }

    end = strrchr(path, '/') + 1;
    at = (size_t) (end - path);

    if (i != 0 || *end == '\0' || strchr(path, ':') != NULL
        || memcmp(end, "m1", 3) == 0)
    {
        return 0;    /* a model's letter may be escaped */
    }

    if (a->text[0] == '^') {
        snprintf(out, ROOM, "%s", path);
        out[at] ^= 0x20;

    } else {
        snprintf(out, ROOM, "%.*s%s%02x%s", (int) at, path, a->text, *end,
                 end + 1);
    }

    return 1;
}


/*
 * A path with an attack in it is another path, unless the attack is in a name,
 * where the name is what it says, or is the path of another row to the byte.
 */

static int
legal(const char *raw, int route, sp_str_t param)
{
    int                     i;
    char                    path[ROOM];
    const sp_route_path_t  *p;

    if (param.len != 0) {
        return sp_model_name_ok(param);
    }

    for (i = 0; (p = sp_route_path(i)) != NULL; i++) {
        fit(path, p->path);

        if (p->route == route && strcmp(path, raw) == 0) {
            return 1;
        }

        /* an object's id has the letters of one */

        if (p->route == route && memchr(p->path.data, '{', p->path.len)
            && strspn(raw, "/abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:@")
               == strlen(raw))
        {
            return strstr(raw, "/../") == NULL && strstr(raw, "//") == NULL;
        }
    }

    return 0;
}


static void
test_attacks(void **state)
{
    int                     i, route;
    char                    path[ROOM], raw[ROOM];
    size_t                  k, n;
    sp_str_t                param;
    unsigned                cases, refused;
    sp_route_rc_t           rc;
    const sp_route_path_t  *p;

    cases = refused = 0;

    for (i = 0; (p = sp_route_path(i)) != NULL; i++) {
        fit(path, p->path);

        for (k = 0; k < sp_nelts(attacks); k++) {
            for (n = 0; attack(&attacks[k], path, n, raw); n++) {
                rc = ask(sp_route(p->route)->method, raw, &route, &param);
                cases++;

                if (rc != SP_ROUTE_FOUND) {
                    assert_int_equal(route, SP_ROUTE_NONE);
                    refused++;

                } else if (!legal(raw, route, param)) {
                    fail_msg("%s: %s is %.*s", attacks[k].name, raw,
                             (int) sp_route(route)->name.len,
                             sp_route(route)->name.data);
                }
            }
        }
    }

    print_message("%u cases, %u refused\n", cases, refused);
    assert_true(cases >= 10000);
    assert_true(refused > cases / 10 * 9);
}


/* H12: a method that a path does not have is none of its own. */

static void
test_methods(void **state)
{
    int                     i, k, route, served;
    char                    path[ROOM];
    sp_str_t                param;
    unsigned                cases;
    sp_method_t             m;
    const sp_route_path_t  *p, *q;

    cases = 0;

    for (i = 0; (p = sp_route_path(i)) != NULL; i++) {
        fit(path, p->path);

        for (m = SP_METHOD_GET; m <= SP_METHOD_OTHER; m++) {
            served = 0;

            for (k = 0; (q = sp_route_path(k)) != NULL; k++) {
                served += sp_route(q->route)->method == m
                          && sp_route_match(q->path, sp_cstr(path),
                                            sp_cstr(path), NULL, &param)
                             == SP_ROUTE_FOUND;
            }

            assert_int_equal(ask(m, path, &route, &param) == SP_ROUTE_FOUND,
                             served != 0);
            cases++;
        }
    }

    assert_true(cases >= 600);
}


/* Any byte anywhere: only what is a row's path to the byte is found. */

static void
test_mutants(void **state)
{
    int                     i, k, count, route;
    char                    raw[ROOM];
    size_t                  len, at;
    sp_str_t                param;
    const sp_route_path_t  *p;

    for (count = 0; sp_route_path(count) != NULL; count++) { /* void */ }

    for (k = 0; k < 300000; k++) {
        i = (int) (rnd() % (unsigned) count);
        p = sp_route_path(i);
        fit(raw, p->path);
        len = strlen(raw);
        at = rnd() % len;

        switch (rnd() % 4) {

        case 0:
            raw[at] = (char) (1 + rnd() % 255);
            break;

        case 1:
            raw[at] = '\0';
            break;

        case 2:
            raw[at] ^= 0x20;
            break;

        default:
            memmove(raw + at + 1, raw + at, len - at + 1);
            raw[at] = "%/.;\\#?: a"[rnd() % 10];
        }

        if (ask(sp_route(p->route)->method, raw, &route, &param)
            == SP_ROUTE_FOUND && !legal(raw, route, param))
        {
            fail_msg("%s", raw);
        }
    }
}


/* Google's verb is behind the last ':', and there is no other. */

static void
test_verbs(void **state)
{
    int       route;
    size_t    i;
    sp_str_t  param;

    static const struct {
        const char     *raw;
        sp_route_rc_t   rc;
        const char     *param;
    } cases[] = {
        { "/v1beta/models/g:generateContent", SP_ROUTE_FOUND, "g" },
        { "/v1beta/models/g%2Dx:generateContent", SP_ROUTE_FOUND, "g-x" },
        { "/v1beta/tunedModels/g:generateContent", SP_ROUTE_FOUND,
          "tunedModels/g" },
        { "/v1beta/tunedModels/%67:generateContent", SP_ROUTE_FOUND,
          "tunedModels/g" },
        { "/v1beta/models/g%3AgenerateContent", SP_ROUTE_AMBIGUOUS, "" },
        { "/v1beta/models/g:x:generateContent", SP_ROUTE_AMBIGUOUS, "" },
        { "/v1beta/models/g%3Ax:generateContent", SP_ROUTE_AMBIGUOUS, "" },
        { "/v1beta/models/g:generateContent:x", SP_ROUTE_UNKNOWN, "" },
        { "/v1beta/models/:generateContent", SP_ROUTE_UNKNOWN, "" },
        { "/v1beta/models/g:GenerateContent", SP_ROUTE_UNKNOWN, "" },
        { "/v1beta/models/g:generateContent/", SP_ROUTE_UNKNOWN, "" },
        { "/v1beta/models/a/b:generateContent", SP_ROUTE_UNKNOWN, "" },
        { "/v1beta/models/a%2Fb:generateContent", SP_ROUTE_FOUND, "a/b" },
        { "/v1beta/models/a%2F..%2Fb:generateContent", SP_ROUTE_AMBIGUOUS,
          "" },
        { "/v1beta/models/g:predictLongRunning", SP_ROUTE_FOUND, "g" },
        { "/openai/deployments/a%2Fb%20c/embeddings", SP_ROUTE_AMBIGUOUS,
          "" },
        { "/openai/deployments/a%2Fb/embeddings", SP_ROUTE_FOUND, "a/b" },
        { "/openai/deployments/../embeddings", SP_ROUTE_AMBIGUOUS, "" },
        { "/model/arn%3Aaws%3Abedrock%3Aeu%3A1%3Ainference-profile%2Feu.x"
          "/converse", SP_ROUTE_FOUND,
          "arn:aws:bedrock:eu:1:inference-profile/eu.x" },
        { "/model/anthropic.c-v2:0/converse-stream", SP_ROUTE_FOUND,
          "anthropic.c-v2:0" },
        { "/model/a/b/converse", SP_ROUTE_UNKNOWN, "" },
        { "/model/a%2Fconverse", SP_ROUTE_AMBIGUOUS, "" },
        { "/v1/projects/p/locations/l/publishers/google/models/g"
          ":generateContent", SP_ROUTE_FOUND, "g" },
        { "/v1/projects/p/locations/l/publishers/other/models/g"
          ":generateContent", SP_ROUTE_UNKNOWN, "" },
        { "/v1/projects/p%2Fq/locations/l/publishers/google/models/g"
          ":generateContent", SP_ROUTE_AMBIGUOUS, "" },
        { "/v1/projects//locations/l/publishers/google/models/g"
          ":generateContent", SP_ROUTE_AMBIGUOUS, "" }
    };

    for (i = 0; i < sp_nelts(cases); i++) {

        if (ask(SP_METHOD_POST, cases[i].raw, &route, &param)
            != cases[i].rc
            || !sp_str_eq(param, sp_cstr(cases[i].param)))
        {
            fail_msg("%s: '%.*s'", cases[i].raw, (int) param.len, param.data);
        }
    }
}


/* What an operator may write as a path. */

static void
test_patterns(void **state)
{
    size_t  i;

    static const struct {
        const char        *text;
        sp_model_place_t   model;
        int                ok;
    } cases[] = {
        { "/llm/chat", SP_MODEL_REQUIRED, 1 },
        { "/llm/{}/chat", SP_MODEL_REQUIRED, 1 },
        { "/llm/{model}/chat", SP_MODEL_PATH, 1 },
        { "/llm/{model}", SP_MODEL_PATH, 1 },
        { "/llm/{model}:run", SP_MODEL_PATH, 1 },
        { "/llm/{model}:run/x", SP_MODEL_PATH, 0 },
        { "/llm/{model}x", SP_MODEL_PATH, 0 },
        { "/llm/x{model}", SP_MODEL_PATH, 0 },
        { "/llm/{model}/{model}", SP_MODEL_PATH, 0 },
        { "/llm/chat", SP_MODEL_PATH, 0 },
        { "/llm/{model}/chat", SP_MODEL_REQUIRED, 0 },
        { "/", SP_MODEL_NONE, 0 },
        { "", SP_MODEL_NONE, 0 },
        { "llm", SP_MODEL_NONE, 0 },
        { "/llm/", SP_MODEL_NONE, 0 },
        { "//llm", SP_MODEL_NONE, 0 },
        { "/llm/../x", SP_MODEL_NONE, 0 },
        { "/llm/.", SP_MODEL_NONE, 0 },
        { "/llm/a%20b", SP_MODEL_NONE, 0 },
        { "/llm/a b", SP_MODEL_NONE, 0 },
        { "/llm?x", SP_MODEL_NONE, 0 },
        { "/llm/{x}", SP_MODEL_NONE, 0 },
        { "/llm/}", SP_MODEL_NONE, 0 },
        { "/llm/{", SP_MODEL_NONE, 0 },
        { "/llm/{}x", SP_MODEL_NONE, 0 }
    };

    for (i = 0; i < sp_nelts(cases); i++) {

        if ((sp_route_pattern_error(sp_cstr(cases[i].text), cases[i].model)
             == NULL)
            != cases[i].ok)
        {
            fail_msg("%s", cases[i].text);
        }
    }
}


/* One model, one name: whatever spelling the server takes for it. */

static void
test_spellings(void **state)
{
    size_t         i;
    sp_str_t       s;
    unsigned char  buf[256];

    static const struct {
        sp_dialect_t  dialect;
        const char   *name;
        const char   *want;
    } cases[] = {
        { SP_DIALECT_OPENAI, "X:latest", "X:latest" },
        { SP_DIALECT_GEMINI, "models/g", "g" },
        { SP_DIALECT_GEMINI, "models/", "models/" },
        { SP_DIALECT_GEMINI, "publishers/google/models/g", "g" },
        { SP_DIALECT_GEMINI, "tunedModels/g", "tunedModels/g" },
        { SP_DIALECT_OLLAMA, "llama3", "llama3" },
        { SP_DIALECT_OLLAMA, "Llama3:Latest", "llama3" },
        { SP_DIALECT_OLLAMA, "library/llama3", "llama3" },
        { SP_DIALECT_OLLAMA, "registry.ollama.ai/library/llama3:latest",
          "llama3" },
        { SP_DIALECT_OLLAMA, "hf.co/A/B:Q4_K_M", "hf.co/a/b:q4_k_m" },
        { SP_DIALECT_OLLAMA, ":latest", ":latest" },
        { SP_DIALECT_BEDROCK, "anthropic.c-v2:0", "anthropic.c-v2:0" },
        { SP_DIALECT_BEDROCK,
          "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.c-v2:0",
          "anthropic.c-v2:0" },
        { SP_DIALECT_BEDROCK,
          "arn:aws:bedrock:eu-west-1:123:inference-profile/eu.anthropic.c",
          "eu.anthropic.c" },
        { SP_DIALECT_BEDROCK,
          "arn:aws:bedrock:eu:123:application-inference-profile/abc",
          "arn:aws:bedrock:eu:123:application-inference-profile/abc" },
        { SP_DIALECT_BEDROCK, "arn:foundation-model/x",
          "arn:foundation-model/x" }
    };

    for (i = 0; i < sp_nelts(cases); i++) {
        s = sp_model_spelling(cases[i].dialect, sp_cstr(cases[i].name), buf);

        if (!sp_str_eq(s, sp_cstr(cases[i].want))) {
            fail_msg("%s: %.*s", cases[i].name, (int) s.len, s.data);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_attacks),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_mutants),
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_spellings)
    };

    printf("seed %llx\n", (unsigned long long) SEED);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
