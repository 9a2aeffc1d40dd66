
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the country look-up. A database is copied into memory
 * of this process and read through from end to end before it is believed.
 */


#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <maxminddb.h>

#include "sp_geo_flat.h"


#define SP_GEO_PATH_LEN    128
#define SP_GEO_PATH_PARTS  8
#define SP_GEO_KNOWN       4096    /* a power of two */


/* What the record at an offset says. */
typedef struct {
    uint32_t       offset;   /* + 1; 0: none */
    sp_place_t     country;
    sp_geo_rc_t    rc;
} sp_geo_known_t;


/*
 * "known" is filled when the database is checked: a country database has a
 * few hundred records and a hundred thousand networks that point to them, so
 * that look-ups need not decode one. A record that lost its slot to another
 * is decoded.
 */

struct sp_geo_s {
    MMDB_s         mmdb;
    sp_geo_info_t  info;
    char           path[SP_GEO_PATH_LEN];     /* dotted, for people */
    char           parts_text[SP_GEO_PATH_LEN];
    const char    *parts[SP_GEO_PATH_PARTS + 1];
    sp_geo_flat_t *flat4;                     /* NULL: look in the tree */
    sp_geo_flat_t *flat6;
    sp_geo_known_t known[SP_GEO_KNOWN];
};


/* One node on the way from the root to the place where the walk is. */
typedef struct {
    uint32_t  node;
    unsigned  side;          /* branches done */
    unsigned  height;        /* of the higher of those */
} sp_geo_step_t;


typedef struct {
    uint8_t        *heights;             /* of each node, 0: not walked */
    uint64_t        countries;           /* records with a country */
    sp_geo_step_t   steps[128];
} sp_geo_walk_t;


static sp_rc_t sp_geo_set_path(sp_geo_t *geo, const char *path);
static sp_rc_t sp_geo_check(sp_geo_t *geo, uint64_t *countries);
static sp_rc_t sp_geo_walk(sp_geo_t *geo, sp_geo_walk_t *walk);
static sp_rc_t sp_geo_branch(sp_geo_t *geo, sp_geo_walk_t *walk,
    uint32_t number, unsigned side, uint64_t *child);
static void sp_geo_flat(sp_geo_t *geo);
static sp_geo_rc_t sp_geo_leaf(const void *data, MMDB_entry_s entry,
    sp_place_t *country);
static size_t sp_geo_slot(uint32_t offset);
static sp_geo_rc_t sp_geo_value(const sp_geo_t *geo, MMDB_entry_s entry,
    sp_place_t *country);
static sp_geo_t *sp_geo_refuse(sp_geo_t *geo, char *err, size_t errlen,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static inline uint32_t sp_geo_word(const sp_addr_t *addr, unsigned at);
static inline const sp_geo_flat_t *sp_geo_key(const sp_geo_t *geo,
    const sp_addr_t *addr, uint64_t *key);


static const char *const  sp_geo_layouts[] = {
    "country_code", "country.iso_code"
};


sp_geo_t *
sp_geo_open(const char *file, const char *path, uint64_t now, char *err,
    size_t errlen)
{
    int        fd, rc;
    char       name[64];
    size_t     i, n;
    uint64_t   countries;
    sp_geo_t  *geo;

    fd = sp_geo_copy(file, err, errlen);

    if (fd == -1) {
        return NULL;
    }

    geo = calloc(1, sizeof(sp_geo_t));

    if (geo == NULL) {
        (void) close(fd);
        return sp_geo_refuse(NULL, err, errlen, "no memory");
    }

    /* The library maps the copy; the mapping outlives the descriptor. */

    (void) snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    rc = MMDB_open(name, MMDB_MODE_MMAP, &geo->mmdb);
    (void) close(fd);

    if (rc != MMDB_SUCCESS) {
        free(geo);
        return sp_geo_refuse(NULL, err, errlen, "\"%s\" is no usable MaxMind "
                             "DB: %s", file, MMDB_strerror(rc));
    }

    geo->info.database_type = geo->mmdb.metadata.database_type;
    geo->info.build_epoch = geo->mmdb.metadata.build_epoch;
    geo->info.ip_version = geo->mmdb.metadata.ip_version;
    geo->info.node_count = geo->mmdb.metadata.node_count;
    geo->info.path = geo->path;

    if (geo->info.database_type == NULL
        || (geo->info.ip_version != 4 && geo->info.ip_version != 6)
        || geo->info.node_count == 0)
    {
        return sp_geo_refuse(geo, err, errlen, "\"%s\" has odd metadata",
                             file);
    }

    if (geo->info.build_epoch > now) {
        return sp_geo_refuse(geo, err, errlen, "\"%s\" says that it was "
                             "built in the future: %llu is after %llu", file,
                             (unsigned long long) geo->info.build_epoch,
                             (unsigned long long) now);
    }

    n = path == NULL ? sp_nelts(sp_geo_layouts) : 1;

    for (i = 0; i < n; i++) {

        if (sp_geo_set_path(geo, path == NULL ? sp_geo_layouts[i] : path)
            != SP_OK)
        {
            return sp_geo_refuse(geo, err, errlen, "\"%s\" is no look-up "
                                 "path", path);
        }

        if (sp_geo_check(geo, &countries) != SP_OK) {
            return sp_geo_refuse(geo, err, errlen, "\"%s\" is damaged", file);
        }

        if (countries > 0) {
            sp_geo_flat(geo);
            return geo;
        }
    }

    return sp_geo_refuse(geo, err, errlen, "\"%s\", of type \"%.64s\", has "
                         "no country at \"%s\"%s", file,
                         geo->info.database_type,
                         path == NULL ? sp_geo_layouts[0] : path,
                         path == NULL ? " nor at \"country.iso_code\"" : "");
}


void
sp_geo_close(sp_geo_t *geo)
{
    if (geo == NULL) {
        return;
    }

    sp_geo_flat_free(geo->flat4);
    sp_geo_flat_free(geo->flat6);
    MMDB_close(&geo->mmdb);
    free(geo);
}


const sp_geo_info_t *
sp_geo_info(const sp_geo_t *geo)
{
    return &geo->info;
}


void
sp_geo_fetch(const sp_geo_t *geo, const sp_addr_t *addr)
{
    uint64_t              key;
    const sp_geo_flat_t  *flat;

    flat = sp_geo_key(geo, addr, &key);

    if (flat != NULL) {
        __builtin_prefetch(&flat->first[key >> 48]);
    }
}


/* The table of the address's family, or NULL, and what it is asked by. */

static inline const sp_geo_flat_t *
sp_geo_key(const sp_geo_t *geo, const sp_addr_t *addr, uint64_t *key)
{
    if (sp_addr_is_v4(addr)) {
        *key = (uint64_t) sp_geo_word(addr, 12) << 32;
        return geo->flat4;
    }

    *key = (uint64_t) sp_geo_word(addr, 0) << 32 | sp_geo_word(addr, 4);

    return geo->flat6;
}


sp_geo_rc_t
sp_geo_country(const sp_geo_t *geo, const sp_addr_t *addr,
    sp_place_t *country)
{
    uint32_t              answer;
    uint64_t              key;
    const sp_geo_flat_t  *flat;

    flat = sp_geo_key(geo, addr, &key);

    answer = flat == NULL ? SP_GEO_NO_PLACE + SP_GEO_TREE
                          : sp_geo_flat_find(flat, key);

    if (sp_place_country(answer) <= SP_COUNTRIES) {
        *country = answer;
        return SP_GEO_FOUND;
    }

    if (answer == SP_GEO_NO_PLACE + SP_GEO_TREE) {
        return sp_geo_tree(geo, addr, country);
    }

    *country = SP_PLACE_NONE;

    return (sp_geo_rc_t) (answer - SP_GEO_NO_PLACE);
}


sp_geo_rc_t
sp_geo_tree(const sp_geo_t *geo, const sp_addr_t *addr, sp_place_t *country)
{
    int                   rc;
    MMDB_lookup_result_s  found;

    union {
        struct sockaddr      sa;
        struct sockaddr_in   sin;
        struct sockaddr_in6  sin6;
    } u;

    *country = SP_PLACE_NONE;
    memset(&u, 0, sizeof(u));

    if (sp_addr_is_v4(addr)) {
        u.sin.sin_family = AF_INET;
        memcpy(&u.sin.sin_addr, addr->bytes + 12, 4);

    } else {
        u.sin6.sin6_family = AF_INET6;
        memcpy(&u.sin6.sin6_addr, addr->bytes, 16);
    }

    found = MMDB_lookup_sockaddr(&geo->mmdb, &u.sa, &rc);

    if (rc != MMDB_SUCCESS) {
        return SP_GEO_FAILED;
    }

    if (found.found_entry == 0) {
        return SP_GEO_ABSENT;
    }

    return sp_geo_leaf(geo, found.entry, country);
}


static inline uint32_t
sp_geo_word(const sp_addr_t *addr, unsigned at)
{
    uint32_t  w;

    memcpy(&w, addr->bytes + at, sizeof(w));

    return ntohl(w);
}


/* Both tables, or what memory there is for: the tree answers as well. */

static void
sp_geo_flat(sp_geo_t *geo)
{
    uint32_t  start;

    start = 0;

    if (geo->info.ip_version == 6) {

        /* where the tree has IPv4; below 96 bits if it is all one answer */

        start = geo->mmdb.ipv4_start_node.node_value;

        geo->flat6 = sp_geo_flatten(&geo->mmdb, 0, 48, start, sp_geo_leaf,
                                    geo);

        if (geo->mmdb.ipv4_start_node.netmask != 96
            || start >= geo->info.node_count)
        {
            return;
        }
    }

    geo->flat4 = sp_geo_flatten(&geo->mmdb, start, 32, UINT32_MAX,
                                sp_geo_leaf, geo);
}


static sp_geo_rc_t
sp_geo_leaf(const void *data, MMDB_entry_s entry, sp_place_t *country)
{
    const sp_geo_t        *geo;
    const sp_geo_known_t  *known;

    geo = data;
    known = &geo->known[sp_geo_slot(entry.offset)];

    if (known->offset == entry.offset + 1) {
        *country = known->country;
        return known->rc;
    }

    return sp_geo_value(geo, entry, country);
}


static sp_rc_t
sp_geo_set_path(sp_geo_t *geo, const char *path)
{
    char    *p;
    size_t   n;

    n = strlen(path);

    if (n == 0 || n >= SP_GEO_PATH_LEN) {
        return SP_ERROR;
    }

    memcpy(geo->path, path, n + 1);
    memcpy(geo->parts_text, path, n + 1);

    n = 0;
    geo->parts[n++] = geo->parts_text;

    for (p = geo->parts_text; *p != '\0'; p++) {

        if (*p != '.') {
            continue;
        }

        if (n == SP_GEO_PATH_PARTS) {
            return SP_ERROR;
        }

        *p = '\0';
        geo->parts[n++] = p + 1;
    }

    geo->parts[n] = NULL;

    while (n > 0) {

        if (geo->parts[--n][0] == '\0') {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


/*
 * Walks the search tree once, and reads the record behind each leaf. After
 * this no look-up can fail: a damaged database is refused now, not when a
 * request meets it. Subtrees may be shared, so a node's height is kept; a
 * path longer than an address has bits is a loop.
 */

static sp_rc_t
sp_geo_check(sp_geo_t *geo, uint64_t *countries)
{
    sp_rc_t         rc;
    sp_geo_walk_t  *walk;

    memset(geo->known, 0, sizeof(geo->known));    /* of another path */

    walk = calloc(1, sizeof(sp_geo_walk_t));

    if (walk == NULL) {
        return SP_ERROR;
    }

    walk->heights = calloc(geo->info.node_count, 1);

    rc = walk->heights == NULL ? SP_ERROR : sp_geo_walk(geo, walk);
    *countries = walk->countries;

    free(walk->heights);
    free(walk);

    return rc;
}


static sp_rc_t
sp_geo_walk(sp_geo_t *geo, sp_geo_walk_t *walk)
{
    unsigned        max, top;
    uint64_t        child;
    sp_rc_t         rc;
    sp_geo_step_t  *step;

    max = geo->info.ip_version == 6 ? 128 : 32;
    top = 0;
    walk->steps[0].node = 0;
    walk->steps[0].side = 0;
    walk->steps[0].height = 0;

    for ( ;; ) {
        step = &walk->steps[top];

        if (step->side == 2) {
            walk->heights[step->node] = (uint8_t) (step->height + 1);

            if (step->height >= max) {
                return SP_ERROR;
            }

            if (top == 0) {
                return SP_OK;
            }

            top--;

            if (walk->steps[top].height <= step->height) {
                walk->steps[top].height = step->height + 1;
            }

            continue;
        }

        rc = sp_geo_branch(geo, walk, step->node, step->side++, &child);

        if (rc == SP_ERROR) {
            return SP_ERROR;
        }

        if (rc == SP_DECLINED) {
            continue;
        }

        if (walk->heights[child] != 0) {

            if (step->height < walk->heights[child]) {
                step->height = walk->heights[child];
            }

            continue;
        }

        if (++top == max) {
            return SP_ERROR;
        }

        walk->steps[top].node = (uint32_t) child;
        walk->steps[top].side = 0;
        walk->steps[top].height = 0;
    }
}


/* SP_OK: "child" is a node; SP_DECLINED: a leaf, and its record is fine. */

static sp_rc_t
sp_geo_branch(sp_geo_t *geo, sp_geo_walk_t *walk, uint32_t number,
    unsigned side, uint64_t *child)
{
    sp_place_t          country;
    sp_geo_rc_t         rc;
    MMDB_entry_s        entry;
    sp_geo_known_t     *known;
    MMDB_search_node_s  node;

    if (MMDB_read_node(&geo->mmdb, number, &node) != MMDB_SUCCESS) {
        return SP_ERROR;
    }

    *child = side ? node.right_record : node.left_record;
    entry = side ? node.right_record_entry : node.left_record_entry;

    switch (side ? node.right_record_type : node.left_record_type) {

    case MMDB_RECORD_TYPE_SEARCH_NODE:
        return *child < geo->info.node_count ? SP_OK : SP_ERROR;

    case MMDB_RECORD_TYPE_EMPTY:
        return SP_DECLINED;

    case MMDB_RECORD_TYPE_DATA:
        break;

    default: /* MMDB_RECORD_TYPE_INVALID */
        return SP_ERROR;
    }

    /* Many leaves share a record; one read lately is not read again. */

    known = &geo->known[sp_geo_slot(entry.offset)];

    if (known->offset == entry.offset + 1) {
        return SP_DECLINED;
    }

    rc = sp_geo_value(geo, entry, &country);

    if (rc == SP_GEO_FAILED) {
        return SP_ERROR;
    }

    known->offset = entry.offset + 1;
    known->country = country;
    known->rc = rc;
    walk->countries += rc == SP_GEO_FOUND;

    return SP_DECLINED;
}


static size_t
sp_geo_slot(uint32_t offset)
{
    return (offset * 2654435761u) >> 20 & (SP_GEO_KNOWN - 1);
}


static sp_geo_rc_t
sp_geo_value(const sp_geo_t *geo, MMDB_entry_s entry, sp_place_t *country)
{
    int                rc;
    sp_str_t           s;
    MMDB_entry_data_s  data;

    *country = SP_PLACE_NONE;

    rc = MMDB_aget_value(&entry, &data, geo->parts);

    if (rc == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR) {
        return SP_GEO_ABSENT;
    }

    if (rc != MMDB_SUCCESS) {
        return SP_GEO_FAILED;
    }

    if (data.has_data == 0) {
        return SP_GEO_ABSENT;
    }

    if (data.type != MMDB_DATA_TYPE_UTF8_STRING) {
        return SP_GEO_ODD;
    }

    s.data = (const unsigned char *) data.utf8_string;
    s.len = data.data_size;

    return sp_place_parse(s, country) == SP_PLACE_OK ? SP_GEO_FOUND
                                                     : SP_GEO_ODD;
}


static sp_geo_t *
sp_geo_refuse(sp_geo_t *geo, char *err, size_t errlen, const char *fmt, ...)
{
    va_list  args;

    if (errlen > 0) {
        va_start(args, fmt);
        (void) vsnprintf(err, errlen, fmt, args);
        va_end(args);
    }

    sp_geo_close(geo);

    return NULL;
}
