
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the parts of `sallyport test` share: a test file,
 * its cases, and what was found.
 */


#ifndef SP_CLI_TEST_H
#define SP_CLI_TEST_H


#include "policy/sp_yaml.h"

#include "explain.h"


#define SP_TEST_VERSION   1     /* of the file format: sallyport_test: 1 */
#define SP_TEST_NAMES     128   /* facts, or expectations, of one case */
#define SP_TEST_TEXT      256   /* bytes of a case's name */
#define SP_TEST_PROBLEMS  24    /* kept of one case */
#define SP_TEST_BURST     1000000


/* Names with their values as written; a later one takes the place of an
 * earlier one. Names and nodes live as long as the file's arena. */
typedef struct {
    size_t             n;
    const char        *names[SP_TEST_NAMES];
    const sp_ynode_t  *values[SP_TEST_NAMES];
} sp_test_set_t;


/* One check: a case, or one item of its "each" or "table". */
typedef struct {
    char               name[SP_TEST_TEXT];
    const sp_ynode_t  *node;       /* where messages point */
    int64_t            now;
    const sp_test_set_t  *base;    /* what all cases have */
    sp_test_set_t      facts;      /* with those of base */
    sp_test_set_t      expect;
    uint64_t           burst;      /* requests, 0: one and no limits */
    int64_t            over;       /* seconds that they take */
} sp_test_case_t;


typedef struct {
    const char        *name;       /* as given */
    sp_arena_t        *arena;
    sp_diags_t         diags;
    sp_ysource_t       source;
    const sp_ynode_t  *root;
    char              *policy;     /* path of the policy file */
    int64_t            now;
} sp_test_file_t;


/* What one check came to; "problems" is empty if all was as expected. */
typedef struct {
    char               name[SP_TEST_TEXT];
    const char        *file;
    unsigned           line;
    unsigned           col;
    unsigned           nproblems;
    char              *problems[SP_TEST_PROBLEMS];
    json_t            *request;    /* for `sallyport explain`; not owned */
    const sp_policy_t *policy;
    sp_request_t      *facts;
    sp_verdict_t       verdict;
} sp_test_result_t;


/* Called for each case in turn; SP_ERROR stops. */
typedef sp_rc_t (*sp_test_each_pt)(void *ctx, const sp_test_case_t *one);


/* test_files.c */

/* Names of test files; each, and the array, is to be freed. */
typedef struct {
    size_t    n;
    char    **names;
} sp_test_files_t;

/* Adds a file, or all *_test.yaml below a directory, sorted by name. */
sp_rc_t sp_test_find(sp_test_files_t *files, const char *path);


/* test_load.c */

#define sp_test_error(file, node, help, ...)                                  \
    sp_diag_add(&(file)->diags, SP_DIAG_ERROR, 510, sp_ynode_mark(node),      \
                sp_ysource_line((node)->source, (node)->line), help,          \
                __VA_ARGS__)

/*
 * Reads a test file; SP_ERROR with messages in file->diags. Closed with
 * sp_test_close() in either case.
 */
sp_rc_t sp_test_open(sp_test_file_t *file, const char *name);
void sp_test_close(sp_test_file_t *file);

/* The parts of reading; SP_ERROR with messages in file->diags. */
sp_rc_t sp_test_keys(sp_test_file_t *file, const sp_ynode_t *map,
    const char *what, const char *const *keys, size_t n);
sp_rc_t sp_test_time(sp_test_file_t *file, const sp_ynode_t *node,
    int64_t *when);
sp_rc_t sp_test_put(sp_test_file_t *file, sp_test_set_t *set,
    const sp_ynode_t *map);
sp_rc_t sp_test_put_one(sp_test_file_t *file, sp_test_set_t *set,
    const char *name, const sp_ynode_t *value);

const sp_ynode_t *sp_test_get(const sp_test_set_t *set, const char *name);


/* test_case.c */

/* Cases in the order written; SP_ERROR with messages in file->diags. */
sp_rc_t sp_test_cases(sp_test_file_t *file, sp_test_each_pt each, void *ctx);


/* test_facts.c */

/*
 * The facts of a case as a request for sp_request_facts(); NULL with messages
 * in file->diags. "policy" names a model for a "model.tier".
 */
json_t *sp_test_request(sp_test_file_t *file, const sp_policy_t *policy,
    const sp_test_case_t *one);

/* A value as JSON: a string, or an array of them. */
json_t *sp_test_plain(const sp_ynode_t *value);

/* What a request in JSON cannot say: a body that was too large and so on. */
void sp_test_body(const sp_test_case_t *one, sp_request_t *request);

/* test_expect.c: fills result->problems. SP_ERROR: the file is wrong. */
sp_rc_t sp_test_expect(sp_test_file_t *file, const sp_test_case_t *one,
    sp_test_result_t *result);

void sp_test_problem(sp_test_result_t *result, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


/* test_cover.c: what the checks of one policy exercised. */
typedef struct sp_cover_s  sp_cover_t;

sp_cover_t *sp_cover_create(const sp_policy_t *policy);
void sp_cover_free(sp_cover_t *cover);

/* Counts a case and its decided request. */
void sp_cover_add(sp_cover_t *cover, const sp_test_case_t *one,
    sp_request_t *request, const sp_verdict_t *verdict);

/* Percent of the things that can be covered which were. */
double sp_cover_percent(const sp_cover_t *cover);

/* "suggest": with a case for each gap, found by trying. */
void sp_cover_text(sp_cover_t *cover, int suggest);
json_t *sp_cover_json(sp_cover_t *cover, int suggest);


#endif /* SP_CLI_TEST_H */
