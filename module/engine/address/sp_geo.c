
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

#include "sp_geo_room.h"


static sp_rc_t sp_geo_set_path(sp_geo_t *geo, const char *path);
static void sp_geo_flat(sp_geo_t *geo);
static sp_geo_rc_t sp_geo_leaf(const void *data, MMDB_entry_s entry,
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


sp_geo_rc_t
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
