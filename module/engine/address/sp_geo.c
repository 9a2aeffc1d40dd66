
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the look-up of addresses. A database is copied into
 * memory of this process and read through from end to end before it is believed.
 */


#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <maxminddb.h>

#include "sp_geo_room.h"


static sp_geo_t *sp_geo_map(sp_geo_kind_t kind, const char *file, char *err,
    size_t errlen);
static sp_geo_t *sp_geo_learned(sp_geo_t *geo, const char *file,
    const char *const *paths, char *err, size_t errlen);
static sp_geo_t *sp_geo_nothing(sp_geo_t *geo, const char *file, char *err,
    size_t errlen);
static void sp_geo_flat(sp_geo_t *geo);
static sp_geo_answer_t sp_geo_leaf(const void *data, MMDB_entry_s entry);
static sp_geo_t *sp_geo_refuse(sp_geo_t *geo, char *err, size_t errlen,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static inline sp_geo_rc_t sp_geo_rc(sp_geo_answer_t answer, uint32_t *value);
static inline uint32_t sp_geo_word(const sp_addr_t *addr, unsigned at);
static inline const sp_geo_flat_t *sp_geo_key(const sp_geo_t *geo,
    const sp_addr_t *addr, uint64_t *key);


const char *const  sp_geo_kind_names[SP_GEO_KINDS] = {
    "country", "city", "asn", "anonymous"
};


sp_geo_t *
sp_geo_open(const char *file, const char *path, uint64_t now, char *err,
    size_t errlen)
{
    const char  *paths[SP_GEO_PATHS] = { path };

    return sp_geo_open_kind(SP_GEO_COUNTRY, file, paths, now, err, errlen);
}


sp_geo_t *
sp_geo_open_kind(sp_geo_kind_t kind, const char *file,
    const char *const *paths, uint64_t now, char *err, size_t errlen)
{
    sp_geo_t  *geo;

    geo = sp_geo_map(kind, file, err, errlen);

    if (geo == NULL) {
        return NULL;
    }

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

    return sp_geo_learned(geo, file, paths, err, errlen);
}


/* The library maps the copy; the mapping outlives the descriptor. */

static sp_geo_t *
sp_geo_map(sp_geo_kind_t kind, const char *file, char *err, size_t errlen)
{
    int        fd, rc;
    char       name[64];
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

    (void) snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    rc = MMDB_open(name, MMDB_MODE_MMAP, &geo->mmdb);
    (void) close(fd);

    if (rc != MMDB_SUCCESS) {
        free(geo);
        return sp_geo_refuse(NULL, err, errlen, "\"%s\" is no usable MaxMind "
                             "DB: %s", file, MMDB_strerror(rc));
    }

    geo->kind = kind;
    geo->info.database_type = geo->mmdb.metadata.database_type;
    geo->info.build_epoch = geo->mmdb.metadata.build_epoch;
    geo->info.ip_version = geo->mmdb.metadata.ip_version;
    geo->info.node_count = geo->mmdb.metadata.node_count;

    return geo;
}


static sp_geo_t *
sp_geo_learned(sp_geo_t *geo, const char *file, const char *const *paths,
    char *err, size_t errlen)
{
    uint64_t     good;
    const char  *bad;

    if (sp_geo_set_paths(geo, paths, &bad) != SP_OK) {
        return sp_geo_refuse(geo, err, errlen, "\"%s\" is no look-up path",
                             bad);
    }

    if (sp_geo_check(geo, &good) != SP_OK) {
        return sp_geo_refuse(geo, err, errlen, "\"%s\" is damaged", file);
    }

    if (good == 0) {
        return sp_geo_nothing(geo, file, err, errlen);
    }

    sp_geo_flat(geo);

    return geo;
}


static sp_geo_t *
sp_geo_nothing(sp_geo_t *geo, const char *file, char *err, size_t errlen)
{
    const sp_geo_places_t  *places;

    static const struct {
        const char     *what;
        sp_geo_path_t   path;
    } asked[SP_GEO_KINDS] = {
        { "country", SP_GEO_P_COUNTRY },
        { "subdivision of a country", SP_GEO_P_REGION },
        { "autonomous system", SP_GEO_P_ASN },
        { "flag of anonymizers", SP_GEO_P_TOR }
    };

    places = &geo->places[asked[geo->kind].path];

    return sp_geo_refuse(geo, err, errlen, "\"%s\", of type \"%.64s\", has "
                         "no %s at \"%s\"%s%s%s", file,
                         geo->info.database_type, asked[geo->kind].what,
                         places->lookups[0].text,
                         places->n > 1 ? " nor at \"" : "",
                         places->n > 1 ? places->lookups[1].text : "",
                         places->n > 1 ? "\"" : "");
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
sp_geo_fetch(const sp_geo_set_t *set, const sp_addr_t *addr)
{
    unsigned              i;
    uint64_t              key;
    const sp_geo_flat_t  *flat;

    for (i = 0; i < SP_GEO_KINDS; i++) {

        if (set->db[i] == NULL) {
            continue;
        }

        flat = sp_geo_key(set->db[i], addr, &key);

        if (flat != NULL) {
            __builtin_prefetch(&flat->first[key >> 48]);
        }
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


sp_geo_answer_t
sp_geo_find(const sp_geo_t *geo, const sp_addr_t *addr)
{
    uint64_t              key;
    sp_geo_answer_t       answer;
    const sp_geo_flat_t  *flat;

    flat = sp_geo_key(geo, addr, &key);

    answer = flat == NULL ? SP_GEO_TREE : sp_geo_flat_find(flat, key);

    return answer != SP_GEO_TREE ? answer : sp_geo_tree(geo, addr);
}


sp_geo_rc_t
sp_geo_country(const sp_geo_t *geo, const sp_addr_t *addr,
    sp_place_t *country)
{
    sp_geo_rc_t  rc;

    rc = sp_geo_rc(sp_geo_find(geo, addr), country);
    *country = sp_place_country(*country);

    return rc;
}


sp_geo_rc_t
sp_geo_place(const sp_geo_t *geo, const sp_addr_t *addr, sp_place_t *place)
{
    return sp_geo_rc(sp_geo_find(geo, addr), place);
}


sp_geo_rc_t
sp_geo_asn(const sp_geo_t *geo, const sp_addr_t *addr, uint32_t *asn)
{
    return sp_geo_rc(sp_geo_find(geo, addr), asn);
}


sp_geo_rc_t
sp_geo_flags(const sp_geo_t *geo, const sp_addr_t *addr, unsigned *flags)
{
    sp_geo_rc_t  rc;

    rc = sp_geo_rc(sp_geo_find(geo, addr), flags);

    return rc == SP_GEO_ABSENT ? SP_GEO_FOUND : rc;
}


static inline sp_geo_rc_t
sp_geo_rc(sp_geo_answer_t answer, uint32_t *value)
{
    if (answer < SP_GEO_NO_ANSWER) {
        *value = answer;
        return SP_GEO_FOUND;
    }

    *value = 0;

    return (sp_geo_rc_t) (answer - SP_GEO_NO_ANSWER);
}


sp_geo_answer_t
sp_geo_tree(const sp_geo_t *geo, const sp_addr_t *addr)
{
    int                   rc;
    MMDB_lookup_result_s  found;

    union {
        struct sockaddr      sa;
        struct sockaddr_in   sin;
        struct sockaddr_in6  sin6;
    } u;

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
        return SP_GEO_NO_ANSWER + SP_GEO_FAILED;
    }

    if (found.found_entry == 0) {
        return SP_GEO_NO_ANSWER + SP_GEO_ABSENT;
    }

    return sp_geo_leaf(geo, found.entry);
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


static sp_geo_answer_t
sp_geo_leaf(const void *data, MMDB_entry_s entry)
{
    const sp_geo_t        *geo;
    const sp_geo_known_t  *known;

    geo = data;
    known = &geo->known[sp_geo_slot(entry.offset)];

    return known->offset == entry.offset + 1 ? known->answer
                                             : sp_geo_value(geo, entry);
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
