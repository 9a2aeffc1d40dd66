
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what `sallyport audit retire` reads: which files of a
 * lane are whole, old, and those that were sealed; and the lines to be kept.
 */


#include <errno.h>
#include <stdlib.h>

#include "retire.h"


static void sp_retire_mark(sp_retire_t *retire, json_t *seal);
static int sp_retire_order(const void *one, const void *two);
static const sp_retire_mark_t *sp_retire_first(const sp_retire_t *retire,
    const sp_lane_t *lane);
static int sp_retire_keeps(const sp_retire_t *retire, const sp_line_t *line);
static uint64_t sp_retire_recorded(const sp_retire_t *retire,
    const sp_lane_t *lane);


sp_rc_t
sp_retire_sealed(sp_retire_t *retire)
{
    json_t     *record;
    sp_lane_t  *own;

    own = sp_lane_own(retire->seal, SP_LANE_SEAL, 0);

    if (own == NULL) {
        return SP_ERROR;
    }

    while (sp_lane_next(own) == SP_OK) {
        if (own->line.type == SP_LINE_SEAL) {
            record = json_loadb((const char *) own->line.text.data,
                                own->line.text.len, 0, NULL);
            sp_retire_mark(retire, record);
            json_decref(record);
        }
    }

    if (own->why != NULL) {
        sp_cli_error("the seals in '%s' are not what was written: %s; nothing "
                     "is retired", retire->seal, own->why);
        sp_lane_free(own);
        return SP_ERROR;
    }

    sp_lane_free(own);

    if (retire->nmarks != 0) {
        qsort(retire->marks, retire->nmarks, sizeof(*retire->marks),
              sp_retire_order);
    }

    return SP_OK;
}


static void
sp_retire_mark(sp_retire_t *retire, json_t *seal)
{
    size_t             i;
    json_t            *entry;
    const char        *boot, *h;
    sp_retire_mark_t  *mark;

    json_array_foreach(json_object_get(seal, "lanes"), i, entry) {
        boot = json_string_value(json_object_get(entry, "boot"));
        h = json_string_value(json_object_get(entry, "h"));

        if (boot == NULL || h == NULL || strlen(h) != SP_CHAIN_LEN
            || strlen(boot) > SP_LANE_BOOT_LEN)
        {
            continue;
        }

        if (retire->nmarks == retire->room) {
            retire->room = 2 * retire->room + 1024;
            retire->marks = realloc(retire->marks, retire->room
                                                   * sizeof(*retire->marks));

            if (retire->marks == NULL) {
                sp_cli_error("no memory for the list of seals");
                exit(SP_CLI_REFUSED);
            }
        }

        mark = &retire->marks[retire->nmarks++];
        memset(mark, 0, sizeof(*mark));
        memcpy(mark->boot, boot, strlen(boot));
        mark->number = (unsigned) json_integer_value(json_object_get(entry,
                                                                     "lane"));
        mark->to = (uint64_t) json_integer_value(json_object_get(entry, "to"));
        memcpy(mark->h, h, SP_CHAIN_LEN);
    }
}


static int
sp_retire_order(const void *one, const void *two)
{
    int                      c;
    const sp_retire_mark_t  *a = one, *b = two;

    c = strcmp(a->boot, b->boot);

    if (c == 0) {
        c = a->number < b->number ? -1 : a->number > b->number;
    }

    if (c == 0) {
        c = a->to < b->to ? -1 : a->to > b->to;
    }

    return c;
}


/* The first mark of a lane, or the end. */

static const sp_retire_mark_t *
sp_retire_first(const sp_retire_t *retire, const sp_lane_t *lane)
{
    size_t             low, high, mid;
    sp_retire_mark_t   key;

    memset(&key, 0, sizeof(key));
    memcpy(key.boot, lane->boot, sizeof(key.boot));
    key.number = lane->number;
    low = 0;
    high = retire->nmarks;

    while (low < high) {
        mid = low + (high - low) / 2;

        if (sp_retire_order(&retire->marks[mid], &key) < 0) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return retire->marks + low;
}


/*
 * The link of a sealed line proves all lines before it. A file goes if a line
 * of a later one was sealed: then the sealer does not stand in it, either.
 */

sp_rc_t
sp_retire_walk(sp_retire_t *retire, sp_lane_t *lane, sp_retire_file_t *files,
    size_t *n)
{
    char                     path[SP_LANE_PATH];
    size_t                   k;
    uint64_t                 proved, recorded;
    sp_retire_file_t        *file;
    const sp_retire_mark_t  *mark, *end;

    *n = k = 0;
    proved = 0;
    file = NULL;
    mark = sp_retire_first(retire, lane);
    end = retire->marks + retire->nmarks;
    recorded = sp_retire_recorded(retire, lane);

    while (sp_lane_next(lane) == SP_OK) {

        if (file == NULL || file->segment != lane->segment) {
            file = &files[k++];
            file->segment = lane->segment;
            file->from = lane->line.seq;
        }

        file->to = lane->line.seq;
        file->lines++;
        file->kept += (uint64_t) sp_retire_keeps(retire, &lane->line);
        file->closed = lane->closed;
        file->recorded = file->to <= recorded;
        memcpy(file->h, lane->chain.prev, SP_CHAIN_LEN);
        (void) sp_line_time(&lane->line, &file->us);

        for ( /* void */ ; mark < end && mark->number == lane->number
              && strcmp(mark->boot, lane->boot) == 0
              && mark->to <= lane->line.seq; mark++)
        {
            if (mark->to == lane->line.seq) {

                if (memcmp(mark->h, lane->chain.prev, SP_CHAIN_LEN) != 0) {
                    lane->why = "it is not the line that was sealed";
                    break;
                }

                proved = mark->to;
            }
        }

        if (lane->why != NULL) {
            break;
        }
    }

    sp_lane_rest(lane);

    if (lane->why != NULL) {
        sp_cli_error("%s: line %llu: %s; nothing of this lane is retired",
                     sp_lane_path(lane, lane->segment, path),
                     (unsigned long long) lane->row, lane->why);
        return SP_ERROR;
    }

    while (*n + 1 < k && files[*n].closed && files[*n].to < proved
           && files[*n].us < retire->before)
    {
        (*n)++;
    }

    return SP_OK;
}


static int
sp_retire_keeps(const sp_retire_t *retire, const sp_line_t *line)
{
    sp_str_t  id;

    return (line->type == SP_LINE_DECISION || line->type == SP_LINE_FLOOD
            || line->type == SP_LINE_SETTLE)
           && sp_line_word(line, line->type == SP_LINE_SETTLE ? SP_LM_OF
                                                              : SP_LM_ID,
                           &id) == SP_OK
           && json_object_getn(retire->ids, (const char *) id.data, id.len)
              != NULL;
}


/* The last line of this lane that a record of the desk says is gone. */

static uint64_t
sp_retire_recorded(const sp_retire_t *retire, const sp_lane_t *lane)
{
    size_t      i;
    sp_str_t    boot;
    uint64_t    number, to, last;
    sp_lane_t  *desk;
    sp_lanes_t  lanes;

    last = 0;

    if (sp_lanes_open(&lanes, retire->dir) != SP_OK) {
        sp_lanes_free(&lanes);
        return 0;
    }

    for (i = 0; i < lanes.nlanes; i++) {
        desk = lanes.lanes[i];

        if (strcmp(desk->boot, SP_LANE_DESK) != 0) {
            continue;
        }

        while (sp_lane_next(desk) == SP_OK) {
            if (desk->line.type == SP_LINE_RETIRE
                && sp_line_word(&desk->line, SP_LM_BOOT, &boot) == SP_OK
                && sp_str_eq(boot, sp_cstr(lane->boot))
                && sp_parse_uint(sp_line_in(desk->line.text, "of"),
                                 UINT32_MAX, &number) == SP_OK
                && number == lane->number
                && sp_parse_uint(sp_line_in(desk->line.text, "to"), INT64_MAX,
                                 &to) == SP_OK)
            {
                last = to;
            }
        }
    }

    sp_lanes_free(&lanes);

    return last;
}


sp_rc_t
sp_retire_copy(sp_retire_t *retire)
{
    char         path[SP_LANE_PATH], *text;
    FILE        *out;
    size_t       len;
    sp_rc_t      rc;
    sp_lane_t    lane;

    if (retire->file->kept == 0) {
        return SP_OK;
    }

    lane = *retire->lane;
    lane.fd = -1;
    lane.buf = NULL;
    lane.why = NULL;
    lane.unchecked = 1;
    lane.segment = 0;
    lane.segments = &retire->file->segment;
    lane.nsegments = 1;
    lane.off = lane.row = lane.piece = 0;
    out = open_memstream(&text, &len);

    if (out == NULL) {
        sp_cli_error("no memory for the lines that are kept");
        return SP_ERROR;
    }

    while (sp_lane_next(&lane) == SP_OK) {
        if (sp_retire_keeps(retire, &lane.line)) {
            (void) fwrite(lane.line.text.data, 1, lane.line.text.len, out);
            (void) putc('\n', out);
        }
    }

    sp_lane_rest(&lane);
    rc = fclose(out) == 0 && lane.why == NULL ? SP_OK : SP_ERROR;
    (void) snprintf(path, sizeof(path), "%s/%s/kept-%u.%u.jsonl", retire->dir,
                    retire->lane->boot, retire->lane->number,
                    retire->file->segment);

    if (rc == SP_OK) {
        rc = sp_audit_replace(path, text, len);

    } else {
        sp_cli_error("cannot copy the lines that are kept to '%s': %s", path,
                     lane.why != NULL ? lane.why : strerror(errno));
    }

    free(text);

    return rc;
}
