
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the finding of lines in the audit log, of their places
 * in the tree, and the making of their proofs.
 */


#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "prove.h"


typedef struct {
    sp_str_t      id;
    sp_found_t   *found;
    size_t        n;
} sp_find_t;


static sp_rc_t sp_find_kept(const sp_lanes_t *lanes,
    void (*want)(void *ctx, const sp_lane_t *lane), void *ctx);
static sp_rc_t sp_find_kept_file(const char *path, sp_lane_t *lane,
    void (*want)(void *ctx, const sp_lane_t *lane), void *ctx);
static void sp_find_id(void *ctx, const sp_lane_t *lane);
static int sp_find_order(const void *one, const void *two);
static int sp_find_compare(const sp_found_t *found, const char *boot,
    unsigned number, uint64_t seq);
static void sp_find_place(sp_found_t *found, size_t n, const char *boot,
    unsigned number, uint64_t from, uint64_t to, uint64_t at);
static void sp_find_sealed(json_t *seal, sp_found_t *found, size_t n);


sp_rc_t
sp_audit_each(const char *dir, void (*want)(void *ctx, const sp_lane_t *lane),
    void *ctx)
{
    char         path[SP_LANE_PATH];
    size_t       i;
    sp_rc_t      rc;
    sp_lane_t   *lane;
    sp_lanes_t   lanes;

    if (sp_lanes_open(&lanes, dir) != SP_OK) {
        sp_lanes_free(&lanes);
        return SP_ERROR;
    }

    for (i = 0; i < lanes.nlanes; i++) {
        lane = lanes.lanes[i];
        lane->unchecked = 1;

        while (sp_lane_next(lane) == SP_OK) {
            want(ctx, lane);
        }

        if (lane->why != NULL) {
            sp_cli_warn("%s: line %llu: %s; the rest of this lane is left out",
                        sp_lane_path(lane, lane->segment, path),
                        (unsigned long long) lane->row + 1, lane->why);
        }

        sp_lane_rest(lane);
    }

    rc = sp_find_kept(&lanes, want, ctx);
    sp_lanes_free(&lanes);

    return rc;
}


/* What was kept of retired files; a file that is still there is read above. */

static sp_rc_t
sp_find_kept(const sp_lanes_t *lanes,
    void (*want)(void *ctx, const sp_lane_t *lane), void *ctx)
{
    int              n;
    DIR             *dir;
    char             path[2 * SP_LANE_PATH];
    size_t           i, len;
    sp_rc_t          rc;
    unsigned         segment;
    sp_lane_t        lane, *there;
    struct dirent   *entry;

    rc = SP_OK;

    for (i = 0; i < lanes->nboots && rc == SP_OK; i++) {
        len = (size_t) snprintf(path, SP_LANE_PATH, "%s/%s", lanes->dir,
                                lanes->boots[i].name);
        dir = opendir(path);

        if (dir == NULL) {
            sp_cli_error("cannot read '%s': %s", path, strerror(errno));
            return SP_ERROR;
        }

        while (rc == SP_OK && (entry = readdir(dir)) != NULL) {
            memset(&lane, 0, sizeof(lane));
            memcpy(lane.boot, lanes->boots[i].name, sizeof(lane.boot));
            n = 0;

            if (sscanf(entry->d_name, "kept-%u.%u.jsonl%n", &lane.number,
                       &segment, &n) != 2
                || n == 0 || entry->d_name[n] != '\0')
            {
                continue;
            }

            there = sp_lanes_find(lanes, sp_cstr(lane.boot), lane.number);

            if (there == NULL || !sp_lane_has(there, segment)) {
                (void) snprintf(path + len, sizeof(path) - len, "/%s",
                                entry->d_name);
                rc = sp_find_kept_file(path, &lane, want, ctx);
            }
        }

        (void) closedir(dir);
    }

    return rc;
}


static sp_rc_t
sp_find_kept_file(const char *path, sp_lane_t *lane,
    void (*want)(void *ctx, const sp_lane_t *lane), void *ctx)
{
    char        *text;
    FILE        *in;
    size_t       room, row;
    ssize_t      len;
    const char  *why;

    in = fopen(path, "re");

    if (in == NULL) {
        sp_cli_error("cannot open '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    text = NULL;
    room = 0;
    row = 0;

    while ((len = getline(&text, &room, in)) > 0) {
        len -= text[len - 1] == '\n';
        row++;

        if (sp_line_read(&lane->line, (sp_str_t) { (size_t) len,
                         (unsigned char *) text }, &why) != SP_OK)
        {
            sp_cli_warn("%s: line %zu: %s; it is left out", path, row, why);
            continue;
        }

        want(ctx, lane);
    }

    free(text);
    (void) fclose(in);

    return SP_OK;
}


void
sp_found_add(sp_found_t **found, size_t *n, const sp_lane_t *lane)
{
    sp_found_t  *f;

    f = realloc(*found, (*n + 1) * sizeof(*f));

    if (f == NULL) {
        sp_cli_error("no memory for the lines that were found");
        exit(SP_CLI_REFUSED);
    }

    *found = f;
    f += (*n)++;
    memset(f, 0, sizeof(*f));
    memcpy(f->boot, lane->boot, sizeof(f->boot));
    f->number = lane->number;
    f->seq = lane->line.seq;
    f->text = sp_cli_copy(lane->line.text);
    f->len = lane->line.text.len;
}


void
sp_found_free(sp_found_t *found, size_t n)
{
    while (n != 0) {
        free(found[--n].text);
    }

    free(found);
}


void
sp_found_sort(sp_found_t *found, size_t n)
{
    if (n != 0) {
        qsort(found, n, sizeof(*found), sp_find_order);
    }
}


static int
sp_find_order(const void *one, const void *two)
{
    const sp_found_t  *a = one, *b = two;

    return sp_find_compare(a, b->boot, b->number, b->seq);
}


static int
sp_find_compare(const sp_found_t *found, const char *boot, unsigned number,
    uint64_t seq)
{
    int  c;

    c = strcmp(found->boot, boot);

    if (c == 0) {
        c = found->number < number ? -1 : found->number > number;
    }

    if (c == 0) {
        c = found->seq < seq ? -1 : found->seq > seq;
    }

    return c;
}


static void
sp_find_id(void *ctx, const sp_lane_t *lane)
{
    sp_str_t    id;
    sp_find_t  *find = ctx;

    if (lane->line.type == SP_LINE_DECISION
        && sp_line_word(&lane->line, SP_LM_ID, &id) == SP_OK
        && sp_str_eq(id, find->id))
    {
        sp_found_add(&find->found, &find->n, lane);
    }
}


sp_rc_t
sp_found_decision(const char *dir, const char *id, sp_found_t **found)
{
    sp_find_t  find = { sp_cstr(id), NULL, 0 };

    *found = NULL;

    if (sp_audit_each(dir, sp_find_id, &find) != SP_OK) {
        return SP_ERROR;
    }

    if (find.n == 1) {
        *found = find.found;
        return SP_OK;
    }

    sp_cli_error(find.n == 0 ? "there is no line of the decision '%s' in "
                 "'%s'; `sallyport audit show` knows those of a flood"
                 : "the decision '%s' stands in '%s' more than once: "
                   "`sallyport audit verify`", id, dir);
    sp_found_free(find.found, find.n);

    return SP_ERROR;
}


sp_rc_t
sp_audit_index(const char *seal, sp_found_t *found, size_t n)
{
    json_t     *record;
    sp_lane_t  *own;

    own = sp_lane_own(seal, SP_LANE_SEAL, 0);

    if (own == NULL) {
        return SP_ERROR;
    }

    own->unchecked = 1;

    while (sp_lane_next(own) == SP_OK) {

        if (own->line.type == SP_LINE_SEAL) {
            record = json_loadb((const char *) own->line.text.data,
                                own->line.text.len, 0, NULL);
            sp_find_sealed(record, found, n);
            json_decref(record);
        }
    }

    sp_lane_free(own);

    return SP_OK;
}


static void
sp_find_sealed(json_t *seal, sp_found_t *found, size_t n)
{
    size_t        i;
    json_t       *entry;
    uint64_t      at, from, to;
    unsigned      number;
    const char   *boot;

    at = (uint64_t) json_integer_value(json_object_get(seal, "size"));

    json_array_foreach(json_object_get(seal, "lanes"), i, entry) {
        boot = json_string_value(json_object_get(entry, "boot"));
        number = (unsigned) json_integer_value(json_object_get(entry, "lane"));
        from = (uint64_t) json_integer_value(json_object_get(entry, "from"));
        to = (uint64_t) json_integer_value(json_object_get(entry, "to"));

        if (boot != NULL) {
            sp_find_place(found, n, boot, number, from, to, at);
        }

        at += to - from + 1;
    }

    /* behind them the sealer's own, this record the last */

    from = (uint64_t) json_integer_value(json_object_get(seal, "own"));
    to = (uint64_t) json_integer_value(json_object_get(seal, "seq"));
    sp_find_place(found, n, SP_LANE_SEAL, 0, from, to, at);
}


static void
sp_find_place(sp_found_t *found, size_t n, const char *boot, unsigned number,
    uint64_t from, uint64_t to, uint64_t at)
{
    size_t  low, high, mid;

    low = 0;
    high = n;

    while (low < high) {
        mid = low + (high - low) / 2;

        if (sp_find_compare(&found[mid], boot, number, from) < 0) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    for ( /* void */ ; low < n
          && sp_find_compare(&found[low], boot, number, to) <= 0; low++)
    {
        found[low].index = at + found[low].seq - from;
        found[low].sealed = 1;
    }
}


char *
sp_audit_proof(const char *seal, const sp_found_t *found)
{
    char              path[SP_LANE_PATH], *note, *text, line[48];
    FILE             *out;
    size_t            len, size;
    unsigned          i, n;
    const char       *why;
    unsigned char     proof[SP_PROOF_MAX][SP_HASH_LEN];
    sp_tree_file_t    tree;
    sp_checkpoint_t   checkpoint;

    (void) snprintf(path, sizeof(path), "%s/checkpoint", seal);
    note = sp_cli_read_file(path, SP_CLI_FILE_MAX, &len);

    if (note == NULL) {
        return NULL;
    }

    if (sp_checkpoint_open(&checkpoint, (sp_str_t) { len,
                           (unsigned char *) note }, NULL, &why) == SP_ERROR
        || checkpoint.size <= found->index)
    {
        sp_cli_error("'%s' does not cover the line", path);
        free(note);
        return NULL;
    }

    if (sp_tree_file_open(&tree, seal, checkpoint.size, 0) != SP_OK) {
        free(note);
        return NULL;
    }

    text = NULL;
    out = open_memstream(&text, &size);

    if (out == NULL
        || sp_tree_inclusion(checkpoint.size, found->index, sp_tree_file_read,
                             &tree, proof, &n)
           != SP_OK)
    {
        sp_cli_error("'%s/tree' cannot be read: %s", seal, strerror(errno));
        n = 0;

        if (out != NULL) {
            (void) fclose(out);
            free(text);
        }

        text = NULL;

    } else {
        fprintf(out, "c2sp.org/tlog-proof@v1\nindex %llu\n",
                (unsigned long long) found->index);

        for (i = 0; i < n; i++) {
            len = sp_base64(proof[i], SP_HASH_LEN, line);
            fprintf(out, "%.*s\n", (int) len, line);
        }

        fprintf(out, "\n%s", note);
        (void) fclose(out);
    }

    sp_tree_file_close(&tree);
    free(note);

    return text;
}
