
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the finding of lanes below an audit directory, so that
 * it can be done again every second: a directory that has not changed is not
 * read again.
 */


#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "lane_read.h"


#define SP_LANE_GRAIN  INT64_C(2000000000)    /* ns: coarsest clock of files */


static sp_rc_t sp_lanes_boot(sp_lanes_t *lanes, const char *name);
static sp_rc_t sp_lanes_files(sp_lanes_t *lanes, const char *path,
    const char *boot);
static sp_lane_t *sp_lanes_add(sp_lanes_t *lanes, const char *boot,
    unsigned number);
static sp_lane_t *sp_lane_new(const char *dir, const char *boot,
    unsigned number);
static void sp_lane_segment(sp_lane_t *lane, unsigned segment);
static int sp_lane_name(const char *name, unsigned *number,
    unsigned *segment);
static int sp_lane_order(const char *boot, unsigned number,
    const sp_lane_t *lane);
static int64_t sp_lane_ns(struct timespec t);


sp_rc_t
sp_lanes_open(sp_lanes_t *lanes, const char *dir)
{
    size_t  len;

    memset(lanes, 0, sizeof(*lanes));
    len = strlen(dir);

    while (len > 1 && dir[len - 1] == '/') {
        len--;
    }

    lanes->dir = sp_cli_copy((sp_str_t) { len, (const unsigned char *) dir });

    return sp_lanes_scan(lanes);
}


sp_rc_t
sp_lanes_scan(sp_lanes_t *lanes)
{
    DIR            *dir;
    sp_rc_t         rc;
    struct dirent  *entry;

    dir = opendir(lanes->dir);

    if (dir == NULL) {
        sp_cli_error("cannot read the audit directory '%s': %s", lanes->dir,
                     strerror(errno));
        return SP_ERROR;
    }

    rc = SP_OK;

    while (rc == SP_OK && (entry = readdir(dir)) != NULL) {

        if (entry->d_name[0] == '.'
            || strcmp(entry->d_name, SP_LANE_SEAL) == 0
            || strlen(entry->d_name) > SP_LANE_BOOT_LEN)
        {
            continue;
        }

        rc = sp_lanes_boot(lanes, entry->d_name);
    }

    (void) closedir(dir);

    return rc;
}


void
sp_lanes_free(sp_lanes_t *lanes)
{
    size_t  i;

    for (i = 0; i < lanes->nlanes; i++) {
        sp_lane_free(lanes->lanes[i]);
    }

    free(lanes->lanes);
    free(lanes->boots);
    free(lanes->dir);
    memset(lanes, 0, sizeof(*lanes));
}


sp_lane_t *
sp_lanes_find(const sp_lanes_t *lanes, sp_str_t boot, unsigned number)
{
    int     c;
    char    name[SP_LANE_BOOT_LEN + 1];
    size_t  low, high, mid;

    if (boot.len > SP_LANE_BOOT_LEN) {
        return NULL;
    }

    memcpy(name, boot.data, boot.len);
    name[boot.len] = '\0';

    low = 0;
    high = lanes->nlanes;

    while (low < high) {
        mid = low + (high - low) / 2;
        c = sp_lane_order(name, number, lanes->lanes[mid]);

        if (c == 0) {
            return lanes->lanes[mid];
        }

        if (c < 0) {
            high = mid;

        } else {
            low = mid + 1;
        }
    }

    return NULL;
}


sp_lane_t *
sp_lane_own(const char *dir, const char *boot, unsigned number)
{
    DIR            *d;
    unsigned        n, segment;
    sp_lane_t      *lane;
    struct dirent  *entry;

    d = opendir(dir);

    if (d == NULL) {
        sp_cli_error("cannot read the directory '%s': %s", dir,
                     strerror(errno));
        return NULL;
    }

    lane = sp_lane_new(dir, boot, number);

    while ((entry = readdir(d)) != NULL) {
        if (sp_lane_name(entry->d_name, &n, &segment) && n == number) {
            sp_lane_segment(lane, segment);
        }
    }

    (void) closedir(d);

    return lane;
}


void
sp_lane_free(sp_lane_t *lane)
{
    sp_lane_rest(lane);
    free(lane->segments);
    free(lane);
}


static sp_rc_t
sp_lanes_boot(sp_lanes_t *lanes, const char *name)
{
    char              path[SP_LANE_PATH];
    size_t            i;
    struct stat       st;
    sp_lane_boot_t   *boot;
    struct timespec   now;

    (void) snprintf(path, sizeof(path), "%s/%s", lanes->dir, name);

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return SP_OK;
    }

    for (i = 0; i < lanes->nboots; i++) {
        if (strcmp(lanes->boots[i].name, name) == 0) {
            break;
        }
    }

    if (i == lanes->nboots) {
        lanes->boots = realloc(lanes->boots, (i + 1) * sizeof(*lanes->boots));

        if (lanes->boots == NULL) {
            sp_cli_error("no memory for the list of lanes");
            exit(SP_CLI_REFUSED);
        }

        memset(&lanes->boots[i], 0, sizeof(*lanes->boots));
        memcpy(lanes->boots[i].name, name, strlen(name) + 1);
        lanes->nboots++;
    }

    boot = &lanes->boots[i];

    if (boot->changed == sp_lane_ns(st.st_mtim)
        && boot->scanned > boot->changed + SP_LANE_GRAIN)
    {
        return SP_OK;
    }

    (void) clock_gettime(CLOCK_REALTIME, &now);
    boot->changed = sp_lane_ns(st.st_mtim);
    boot->scanned = sp_lane_ns(now);

    return sp_lanes_files(lanes, path, name);
}


static sp_rc_t
sp_lanes_files(sp_lanes_t *lanes, const char *path, const char *boot)
{
    DIR            *dir;
    unsigned        number, segment;
    sp_lane_t      *lane;
    struct dirent  *entry;

    dir = opendir(path);

    if (dir == NULL) {
        sp_cli_error("cannot read '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    while ((entry = readdir(dir)) != NULL) {

        if (!sp_lane_name(entry->d_name, &number, &segment) || number == 0) {
            continue;
        }

        lane = sp_lanes_find(lanes, sp_cstr(boot), number);

        if (lane == NULL) {
            lane = sp_lanes_add(lanes, boot, number);
        }

        sp_lane_segment(lane, segment);
    }

    (void) closedir(dir);

    return SP_OK;
}


static sp_lane_t *
sp_lanes_add(sp_lanes_t *lanes, const char *boot, unsigned number)
{
    size_t      i;
    sp_lane_t  *lane;

    if (lanes->nlanes == lanes->room) {
        lanes->room = lanes->room == 0 ? 64 : 2 * lanes->room;
        lanes->lanes = realloc(lanes->lanes,
                               lanes->room * sizeof(*lanes->lanes));

        if (lanes->lanes == NULL) {
            sp_cli_error("no memory for the list of lanes");
            exit(SP_CLI_REFUSED);
        }
    }

    lane = sp_lane_new(lanes->dir, boot, number);
    lane->unchecked = lanes->unchecked;

    for (i = lanes->nlanes;
         i != 0 && sp_lane_order(boot, number, lanes->lanes[i - 1]) < 0;
         i--)
    {
        lanes->lanes[i] = lanes->lanes[i - 1];
    }

    lanes->lanes[i] = lane;
    lanes->nlanes++;

    return lane;
}


static sp_lane_t *
sp_lane_new(const char *dir, const char *boot, unsigned number)
{
    sp_lane_t  *lane;

    lane = sp_cli_alloc(sizeof(*lane));
    (void) snprintf(lane->boot, sizeof(lane->boot), "%s", boot);
    lane->dir = dir;
    lane->number = number;
    lane->fd = -1;
    sp_chain_init(&lane->chain);

    return lane;
}


static void
sp_lane_segment(sp_lane_t *lane, unsigned segment)
{
    size_t  i;

    if (sp_lane_has(lane, segment)) {
        return;
    }

    lane->segments = realloc(lane->segments, (lane->nsegments + 1)
                                             * sizeof(*lane->segments));

    if (lane->segments == NULL) {
        sp_cli_error("no memory for the list of lanes");
        exit(SP_CLI_REFUSED);
    }

    for (i = lane->nsegments; i != 0 && lane->segments[i - 1] > segment; i--) {
        lane->segments[i] = lane->segments[i - 1];
    }

    lane->segments[i] = segment;
    lane->nsegments++;
}


/* lane-3.17.jsonl; 0 if it is another file. */

static int
sp_lane_name(const char *name, unsigned *number, unsigned *segment)
{
    uint64_t     n, s;
    sp_str_t     part;
    const char  *dot;

    if (strncmp(name, "lane-", 5) != 0) {
        return 0;
    }

    name += 5;
    dot = strchr(name, '.');

    if (dot == NULL) {
        return 0;
    }

    part = (sp_str_t) { (size_t) (dot - name), (const unsigned char *) name };

    if (sp_parse_uint(part, UINT32_MAX, &n) != SP_OK) {
        return 0;
    }

    name = dot + 1;
    dot = strchr(name, '.');

    if (dot == NULL || strcmp(dot, ".jsonl") != 0) {
        return 0;
    }

    part = (sp_str_t) { (size_t) (dot - name), (const unsigned char *) name };

    if (sp_parse_uint(part, UINT32_MAX, &s) != SP_OK || s == 0) {
        return 0;
    }

    *number = (unsigned) n;
    *segment = (unsigned) s;

    return 1;
}


static int
sp_lane_order(const char *boot, unsigned number, const sp_lane_t *lane)
{
    int  c;

    c = strcmp(boot, lane->boot);

    if (c != 0) {
        return c;
    }

    return number < lane->number ? -1 : number > lane->number;
}


static int64_t
sp_lane_ns(struct timespec t)
{
    return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}
