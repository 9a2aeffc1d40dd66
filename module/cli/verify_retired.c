
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the verifier does about files that were retired:
 * their leaves are in the tree, and the lines that were kept of them must be
 * those leaves.
 */


#include <stdlib.h>

#include "verify.h"


static sp_rc_t sp_verify_retired_add(sp_verify_t *v, const sp_line_t *line);
static int sp_verify_retired_order(const void *one, const void *two);
static int sp_verify_kept(sp_verify_t *v, sp_retired_t *r);


/* The desk's lanes are read for it before; the walk then proves them. */

sp_rc_t
sp_verify_retired_load(sp_verify_t *v)
{
    size_t      i;
    sp_lane_t  *lane;

    for (i = 0; i < v->lanes.nlanes; i++) {
        lane = v->lanes.lanes[i];

        if (strcmp(lane->boot, SP_LANE_DESK) != 0) {
            continue;
        }

        while (sp_lane_next(lane) == SP_OK) {
            if (lane->line.type == SP_LINE_RETIRE
                && sp_verify_retired_add(v, &lane->line) != SP_OK)
            {
                return SP_ERROR;
            }
        }

        sp_lane_rewind(lane);
    }

    return SP_OK;
}


static sp_rc_t
sp_verify_retired_add(sp_verify_t *v, const sp_line_t *line)
{
    json_t        *record;
    size_t         segment;
    const char    *boot, *h;
    unsigned       number;
    sp_retired_t  *r;

    record = json_loadb((const char *) line->text.data, line->text.len, 0,
                        NULL);
    boot = json_string_value(json_object_get(record, "boot"));
    h = json_string_value(json_object_get(record, "last"));
    number = (unsigned) json_integer_value(json_object_get(record, "of"));
    segment = (size_t) json_integer_value(json_object_get(record, "file"));

    if (boot == NULL || h == NULL || strlen(h) != SP_CHAIN_LEN
        || strlen(boot) > SP_LANE_BOOT_LEN)
    {
        json_decref(record);
        return SP_OK;
    }

    r = sp_verify_retired(v, boot, number);

    if (r == NULL) {
        v->retired = realloc(v->retired, (v->nretired + 1)
                                         * sizeof(*v->retired));

        if (v->retired == NULL) {
            sp_cli_error("no memory for the list of retired files");
            exit(SP_CLI_REFUSED);
        }

        r = &v->retired[v->nretired++];
        memset(r, 0, sizeof(*r));
        memcpy(r->boot, boot, strlen(boot));
        r->number = number;
    }

    r->to = (uint64_t) json_integer_value(json_object_get(record, "to"));
    r->kept += (uint64_t) json_integer_value(json_object_get(record, "kept"));
    memcpy(r->h, h, SP_CHAIN_LEN);
    r->segments = realloc(r->segments, (r->files + 1) * sizeof(unsigned));

    if (r->segments == NULL) {
        sp_cli_error("no memory for the list of retired files");
        exit(SP_CLI_REFUSED);
    }

    r->segments[r->files++] = (unsigned) segment;
    v->retired_files++;
    json_decref(record);

    qsort(v->retired, v->nretired, sizeof(*v->retired),
          sp_verify_retired_order);

    return SP_OK;
}


static int
sp_verify_retired_order(const void *one, const void *two)
{
    int                  c;
    const sp_retired_t  *a = one, *b = two;

    c = strcmp(a->boot, b->boot);

    if (c != 0) {
        return c;
    }

    return a->number < b->number ? -1 : a->number > b->number;
}


sp_retired_t *
sp_verify_retired(const sp_verify_t *v, const char *boot, unsigned number)
{
    sp_retired_t  key;

    if (v->nretired == 0) {
        return NULL;
    }

    memset(key.boot, 0, sizeof(key.boot));
    (void) snprintf(key.boot, sizeof(key.boot), "%s", boot);
    key.number = number;

    return bsearch(&key, v->retired, v->nretired, sizeof(key),
                   sp_verify_retired_order);
}


void
sp_verify_gone(sp_verify_t *v, sp_retired_t *r, uint64_t seq)
{
    unsigned char  stored[SP_HASH_LEN];
    uint64_t       before;

    before = v->tree.size;
    sp_verify_absent(v, 1);

    if (v->lost || r->kept == 0) {
        return;
    }

    while (r->seq < seq && sp_verify_kept(v, r)) { /* void */ }

    if (r->seq != seq) {
        return;
    }

    r->found++;

    /* the leaf that was just taken is the newest of the tree */

    if (fseeko(v->stored, (off_t) (sp_tree_stored(before) * SP_HASH_LEN),
               SEEK_SET) != 0
        || fread(stored, SP_HASH_LEN, 1, v->stored) != 1
        || memcmp(stored, r->leaf, SP_HASH_LEN) != 0)
    {
        sp_verify_find(v, SP_VERIFY_TAMPERED, NULL, 0, "boot %s, lane %u: "
                       "the kept line with seq %llu is not the one that was "
                       "sealed", r->boot, r->number,
                       (unsigned long long) seq);
    }

    v->stored_at = sp_tree_stored(before) + 1;
}


/* The next kept line: 1, or 0 if there is none. */

static int
sp_verify_kept(sp_verify_t *v, sp_retired_t *r)
{
    char         path[SP_LANE_PATH], line[SP_RECORD_MAX + 2];
    size_t       len;
    const char  *why;
    sp_line_t    read;

    for ( ;; ) {

        if (r->in == NULL) {

            if (r->at == r->files) {
                r->seq = UINT64_MAX;
                return 0;
            }

            (void) snprintf(path, sizeof(path), "%s/%s/kept-%u.%u.jsonl",
                            v->dir, r->boot, r->number, r->segments[r->at++]);
            r->in = fopen(path, "re");

            if (r->in == NULL) {
                continue;
            }
        }

        if (fgets(line, sizeof(line), r->in) == NULL) {
            (void) fclose(r->in);
            r->in = NULL;
            continue;
        }

        len = strcspn(line, "\n");

        if (sp_line_read(&read, (sp_str_t) { len, (unsigned char *) line },
                         &why) != SP_OK)
        {
            sp_verify_find(v, SP_VERIFY_TAMPERED, NULL, 0, "boot %s, lane "
                           "%u: a kept line: %s", r->boot, r->number, why);
            continue;
        }

        sp_tree_leaf(line, len, r->leaf);
        r->seq = read.seq;

        return 1;
    }
}


void
sp_verify_retired_free(sp_verify_t *v)
{
    size_t  i;

    for (i = 0; i < v->nretired; i++) {
        if (v->retired[i].in != NULL) {
            (void) fclose(v->retired[i].in);
        }

        free(v->retired[i].segments);
    }

    free(v->retired);
}
