
/*
 * Copyright (C) the Sallyport authors
 *
 * This program measures the engine alone, warm: engine_bench POLICY GEO
 * [OTHER...] prints nanoseconds of each step of a decision as JSON; under
 * "growth" what loading each OTHER policy and deciding by it takes. Each
 * figure is the median of many batches over some dozens of different requests,
 * so that branch predictors cannot learn one by heart.
 */


#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sp_credential.h"
#include "sp_decide.h"


#define BATCHES   201
#define ROUNDS    20        /* over all requests in one batch, at most */
#define LOADS     21        /* at most */
#define BUDGET    1e9       /* nanoseconds that one figure may take */
#define REQUESTS  64
#define TEXT      1024


typedef struct {
    sp_facts_t    facts;
    sp_verdict_t  verdict;
    sp_addr_t     addr;
    sp_key_t      key;
    sp_account_t  account;
    sp_body_t     body;
    sp_screen_t   screen;
    char          text[TEXT];
    char          token[64];
} request_t;


typedef void (*step_pt)(request_t *request);


static void prepare(request_t *request, unsigned number);
static void records(request_t *request, unsigned number);
static sp_policy_t *load(const char *path);
static void ready(void);
static void growth(const char *path);
static double measure(step_pt step);
static double batch(step_pt step, unsigned rounds);
static double elapsed(const struct timespec *from);
static int compare(const void *a, const void *b);
static void step_kid(request_t *request);
static void step_geo(request_t *request);
static void step_body(request_t *request);
static void step_facts(request_t *request);
static void step_head(request_t *request);
static void step_whole(request_t *request);
static void step_screened_head(request_t *request);
static void step_screened(request_t *request);


static sp_geo_t      *geo;
static sp_geo_set_t   geo_set;
static sp_pepper_t    pepper;
static sp_policy_t   *policy;
static request_t      requests[REQUESTS];
static int64_t        now;
static int            route;

/* What steps find, so that no compiler drops them. */

static volatile unsigned  sink;


int
main(int argc, char **argv)
{
    int            i;
    char           err[256];
    sp_str_t       param, path = sp_str("/v1/chat/completions");
    unsigned char  scratch[64];

    if (argc < 3) {
        fprintf(stderr, "usage: engine_bench POLICY GEO [OTHER...]\n");
        return 4;
    }

    now = (int64_t) time(NULL);
    policy = load(argv[1]);
    geo = sp_geo_open(argv[2], NULL, (uint64_t) now, err, sizeof(err));
    geo_set.db[SP_GEO_COUNTRY] = geo;

    if (geo == NULL) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }

    sp_pepper_init(&pepper, SP_STR("a pepper of the benchmark"));
    sp_route_find(SP_METHOD_POST, path, path, scratch, &route, &param);

    for (i = 0; i < REQUESTS; i++) {
        prepare(&requests[i], (unsigned) i);
        step_facts(&requests[i]);
    }

    ready();

    printf("{\"rules\": %d", sp_policy_rules(policy));
    printf(", \"kid_ns\": %.1f", measure(step_kid));
    printf(", \"geo_ns\": %.1f", measure(step_geo));
    printf(", \"body_ns\": %.1f", measure(step_body));
    printf(", \"facts_ns\": %.1f", measure(step_facts));
    printf(", \"decide_head_ns\": %.1f", measure(step_head));
    printf(", \"decide_ns\": %.1f", measure(step_whole));
    printf(", \"screened_head_ns\": %.1f", measure(step_screened_head));
    printf(", \"screened_ns\": %.1f", measure(step_screened));
    printf(", \"growth\": [");

    for (i = 3; i < argc; i++) {
        printf("%s", i == 3 ? "" : ", ");
        growth(argv[i]);
    }

    printf("]}\n");

    sp_geo_close(geo);
    free(policy);

    return 0;
}


static sp_policy_t *
load(const char *path)
{
    sp_diags_t         diags;
    sp_policy_t       *loaded;
    sp_policy_opts_t   opts;

    memset(&opts, 0, sizeof(opts));
    opts.now = now;
    sp_diags_init(&diags);

    loaded = sp_policy_load(path, &opts, &diags);

    if (loaded == NULL) {
        sp_diags_print(&diags, stderr);
        exit(1);
    }

    sp_diags_free(&diags);

    return loaded;
}


/* All requests are decided by the policy, and all are allowed. */

static void
ready(void)
{
    unsigned  i;

    for (i = 0; i < REQUESTS; i++) {
        step_whole(&requests[i]);
        sp_screen(policy, &requests[i].account, now, &requests[i].screen);

        if (requests[i].verdict.decision != SP_VERDICT_ALLOW) {
            fprintf(stderr, "request %u is not allowed\n", i);
            exit(1);
        }
    }
}


static void
growth(const char *path)
{
    double           ms[LOADS], total;
    unsigned         n;
    struct timespec  from;

    for (n = 0, total = 0; n < LOADS && total < BUDGET; n++) {
        free(policy);
        clock_gettime(CLOCK_MONOTONIC, &from);
        policy = load(path);
        ms[n] = elapsed(&from) / 1e6;
        total += ms[n] * 1e6;
    }

    qsort(ms, n, sizeof(double), compare);
    ready();

    printf("{\"rules\": %d, \"load_ms\": %.2f", sp_policy_rules(policy),
           ms[n / 2]);
    printf(", \"decide_ns\": %.1f", measure(step_whole));
    printf(", \"screened_ns\": %.1f}", measure(step_screened));
}


static void
prepare(request_t *request, unsigned number)
{
    int          n;
    sp_str_t     s;
    char         address[32];

    static const char  *nets[] = { "8.8", "193.0", "133.11", "128.30" };

    n = snprintf(address, sizeof(address), "%s.%u.%u", nets[number % 4],
                 number % 7, number + 1);
    s = (sp_str_t) { (size_t) n, (unsigned char *) address };

    if (sp_addr_parse(s, &request->addr) != SP_OK) {
        abort();
    }

    snprintf(request->token, sizeof(request->token), "sk-sp-%043ukey%04u",
             number * 2654435761u, number);

    n = snprintf(request->text, TEXT, "{\"messages\":[{\"role\":\"user\","
                 "\"content\":\"%0*u\"}],\"model\":\"gpt-4o\","
                 "\"max_tokens\":%u}", 880, number, number + 1);

    if (n < 0 || n >= TEXT) {
        abort();
    }

    records(request, number);
}


static void
records(request_t *request, unsigned number)
{
    size_t              n;
    char                times[2][32], name[32];
    sp_pair_t           pairs[40];
    sp_record_error_t   error;

    n = 0;
    snprintf(times[0], 32, "%lld", (long long) now - 3600);
    snprintf(times[1], 32, "%lld", (long long) now + 365 * 86400);
    snprintf(name, sizeof(name), "bench-%u", number);

#define add(field, text)                                                      \
    pairs[n].name = sp_cstr(field);                                           \
    pairs[n++].value = sp_cstr(text)

    add("v", "1");
    add("ver", "1");
    add("account", name);
    add("name", name);
    add("status", "active");

    if (sp_key_parse(&request->key, pairs, n, &error) != SP_OK) {
        abort();
    }

    n = 2;
    add("type", number % 3 ? "organization" : "government");
    add("status", "verified");
    add("level", "3");
    add("verified_at", times[0]);
    add("expires_at", times[1]);
    add("incorporated", number % 2 ? "US" : "SE");
    add("headquarters", "US");
    add("parent", "US");
    add("use_locations", "US,SE,JP,NL");
    add("owners", number % 2 ? "US:10000" : "SE:6000,US+GB:3500,PUB:500");
    add("owners_method", "cascade");
    add("owners_as_of", times[0]);
    add("owners_floor", "500");
    add("screening", "clear");
    add("screened_at", times[0]);
    add("end_use", "commercial");
    add("end_use_expires", times[1]);
    add("resale", "none");
    add("linkage", "ok");
    add("plan", "standard");

    if (sp_account_parse(&request->account, sp_cstr(name), pairs, n, &error)
        != SP_OK)
    {
        fprintf(stderr, "account: %s %s\n", error.field, error.why);
        abort();
    }
}


/* A step that is slow is repeated less often: never longer than BUDGET. */

static double
measure(step_pt step)
{
    double    ns[BATCHES], once;
    unsigned  b, n, rounds;

    once = batch(step, 1) * REQUESTS;

    for (rounds = ROUNDS; rounds > 1 && once * rounds * BATCHES > BUDGET;
         rounds--)
    {
        /* void */
    }

    for (n = BATCHES; n > 1 && once * rounds * n > BUDGET; n--) {
        /* void */
    }

    for (b = 0; b < n; b++) {
        ns[b] = batch(step, rounds);
    }

    qsort(ns, n, sizeof(double), compare);

    return ns[n / 2];
}


/* Nanoseconds a request. */

static double
batch(step_pt step, unsigned rounds)
{
    unsigned         i, k;
    struct timespec  from;

    clock_gettime(CLOCK_MONOTONIC, &from);

    for (k = 0; k < rounds; k++) {
        for (i = 0; i < REQUESTS; i++) {
            step(&requests[i]);
        }
    }

    return elapsed(&from) / (rounds * REQUESTS);
}


static double
elapsed(const struct timespec *from)
{
    struct timespec  to;

    clock_gettime(CLOCK_MONOTONIC, &to);

    return (double) (to.tv_sec - from->tv_sec) * 1e9
           + (double) (to.tv_nsec - from->tv_nsec);
}


static int
compare(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}


static void
step_kid(request_t *request)
{
    unsigned char  kid[SP_KID_LEN];

    sp_kid(&pepper, sp_cstr(request->token), kid);
    sink += kid[0];
}


static void
step_geo(request_t *request)
{
    sp_place_t  place;

    if (sp_geo_country(geo, &request->addr, &place) == SP_GEO_FOUND) {
        sink += place;
    }
}


static void
step_body(request_t *request)
{
    sp_str_t  text;

    text = sp_cstr(request->text);
    sp_body_init(&request->body, sp_route(route));

    if (sp_body_feed(&request->body, text.data, text.len) != SP_OK
        || sp_body_finish(&request->body) != SP_OK)
    {
        abort();
    }
}


/* With the look-up of the address, without the scan of the body. */

static void
step_facts(request_t *request)
{
    sp_str_t     none = { 0, NULL };
    sp_facts_t  *facts;

    facts = &request->facts;

    if (request->body.route == NULL) {
        step_body(request);
    }

    sp_facts_init(facts, now);
    sp_facts_address(facts, &request->addr, SP_IP_PUBLIC, &geo_set);
    sp_facts_route(facts, SP_ROUTE_FOUND, route, none);
    sp_facts_key(facts, SP_KEYFACT_FOUND, &request->key);
    sp_facts_account(facts, SP_ACCTFACT_FOUND, &request->account);
    sp_facts_body(facts, SP_BODYFACT_FINE, &request->body);
}


static void
step_head(request_t *request)
{
    sp_decide(policy, &request->facts, SP_STAGE_HEAD, &request->verdict);
    sink += request->verdict.decision;
}


static void
step_whole(request_t *request)
{
    sp_decide(policy, &request->facts, SP_STAGE_WHOLE, &request->verdict);
    sink += request->verdict.decision;
}


/* As a worker does it that has seen the account before. */

static void
step_screened_head(request_t *request)
{
    sp_decide_screened(policy, &request->facts, &request->screen,
                       SP_STAGE_HEAD, &request->verdict);
    sink += request->verdict.decision;
}


static void
step_screened(request_t *request)
{
    sp_decide_screened(policy, &request->facts, &request->screen,
                       SP_STAGE_WHOLE, &request->verdict);
    sink += request->verdict.decision;
}
