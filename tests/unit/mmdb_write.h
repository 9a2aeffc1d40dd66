
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a small writer of MaxMind DB files, format version 2.0,
 * for tests: 24-bit records, one data section, the metadata behind it.
 */


#ifndef MMDB_WRITE_H
#define MMDB_WRITE_H


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define MMDB_W_NODES  20000
#define MMDB_W_BYTES  100000


/* Records: 0 empty, 1..nodes - 1 a node, negative a data offset - 1. */
typedef struct {
    int32_t        nodes[MMDB_W_NODES][2];
    int32_t        nnodes;
    unsigned char  data[MMDB_W_BYTES];
    size_t         len;
    unsigned       ip_version;
    uint64_t       build_epoch;
    const char    *type;
} mmdb_w_t;


static inline void
mmdb_w_init(mmdb_w_t *w, unsigned ip_version)
{
    memset(w, 0, sizeof(*w));
    w->nnodes = 1;
    w->ip_version = ip_version;
    w->build_epoch = 1790000000;
    w->type = "sallyport-test";
}


static inline void
mmdb_w_byte(mmdb_w_t *w, unsigned c)
{
    if (w->len == MMDB_W_BYTES) {
        abort();
    }

    w->data[w->len++] = (unsigned char) c;
}


/* Control byte; 2 string, 5 uint16, 6 uint32, 7 map, 9 uint64, 11 array. */
static inline void
mmdb_w_control(mmdb_w_t *w, unsigned type, unsigned size)
{
    unsigned  s;

    s = size < 29 ? size : 29;
    mmdb_w_byte(w, type < 8 ? type << 5 | s : s);

    if (type >= 8) {
        mmdb_w_byte(w, type - 7);
    }

    if (size >= 29) {
        mmdb_w_byte(w, size - 29);
    }
}


static inline void
mmdb_w_string(mmdb_w_t *w, const char *s)
{
    mmdb_w_control(w, 2, (unsigned) strlen(s));

    while (*s != '\0') {
        mmdb_w_byte(w, (unsigned char) *s++);
    }
}


static inline void
mmdb_w_uint(mmdb_w_t *w, unsigned type, uint64_t v)
{
    unsigned  n;

    for (n = 0; n < 8 && v >> (8 * n) != 0; n++) { /* void */ }

    mmdb_w_control(w, type, n);

    while (n > 0) {
        n--;
        mmdb_w_byte(w, (v >> (8 * n)) & 0xff);
    }
}


/* A record { path[0]: { path[1]: ... value } }; returns its offset. */
static inline size_t
mmdb_w_record(mmdb_w_t *w, const char *const *path, const char *value)
{
    size_t  at;

    at = w->len;

    while (*path != NULL) {
        mmdb_w_control(w, 7, 1);
        mmdb_w_string(w, *path++);
    }

    mmdb_w_string(w, value);

    return at;
}


/* Points a network at a record. Longer prefixes must come later. */
static inline void
mmdb_w_insert(mmdb_w_t *w, const unsigned char *addr, unsigned bits,
    size_t record)
{
    int       side, was;
    int32_t   node;
    unsigned  i;

    for (node = 0, i = 0; i < bits; i++) {
        side = addr[i / 8] >> (7 - i % 8) & 1;

        if (i == bits - 1) {
            w->nodes[node][side] = -(int32_t) record - 1;
            return;
        }

        was = w->nodes[node][side];

        if (was <= 0) {
            if (w->nnodes == MMDB_W_NODES) {
                abort();
            }

            w->nodes[w->nnodes][0] = was;
            w->nodes[w->nnodes][1] = was;
            w->nodes[node][side] = w->nnodes++;
        }

        node = w->nodes[node][side];
    }
}


/* The whole file, from malloc(). */
static inline unsigned char *
mmdb_w_file(mmdb_w_t *w, size_t *len)
{
    size_t                n, data;
    int32_t               i;
    uint32_t              v;
    unsigned              side;
    unsigned char        *file, *p;

    static const char     marker[] = "\xab\xcd\xefMaxMind.com";

    data = w->len;

    mmdb_w_control(w, 7, 9);
    mmdb_w_string(w, "binary_format_major_version");
    mmdb_w_uint(w, 5, 2);
    mmdb_w_string(w, "binary_format_minor_version");
    mmdb_w_uint(w, 5, 0);
    mmdb_w_string(w, "build_epoch");
    mmdb_w_uint(w, 9, w->build_epoch);
    mmdb_w_string(w, "database_type");
    mmdb_w_string(w, w->type);
    mmdb_w_string(w, "description");
    mmdb_w_control(w, 7, 1);
    mmdb_w_string(w, "en");
    mmdb_w_string(w, "for tests");
    mmdb_w_string(w, "ip_version");
    mmdb_w_uint(w, 5, w->ip_version);
    mmdb_w_string(w, "languages");
    mmdb_w_control(w, 11, 1);
    mmdb_w_string(w, "en");
    mmdb_w_string(w, "node_count");
    mmdb_w_uint(w, 6, (uint64_t) w->nnodes);
    mmdb_w_string(w, "record_size");
    mmdb_w_uint(w, 5, 24);

    n = (size_t) w->nnodes * 6 + 16 + w->len + sizeof(marker) - 1;
    file = malloc(n);

    if (file == NULL) {
        abort();
    }

    for (p = file, i = 0; i < w->nnodes; i++) {
        for (side = 0; side < 2; side++) {
            v = (uint32_t) w->nodes[i][side];

            if (w->nodes[i][side] < 0) {
                v = (uint32_t) (w->nnodes + 16 - w->nodes[i][side] - 1);

            } else if (v == 0) {
                v = (uint32_t) w->nnodes;
            }

            *p++ = (unsigned char) (v >> 16);
            *p++ = (unsigned char) (v >> 8);
            *p++ = (unsigned char) v;
        }
    }

    memset(p, 0, 16);
    p += 16;
    memcpy(p, w->data, data);
    p += data;
    memcpy(p, marker, sizeof(marker) - 1);
    p += sizeof(marker) - 1;
    memcpy(p, w->data + data, w->len - data);

    w->len = data;
    *len = n;

    return file;
}


static inline void
mmdb_w_save(const char *name, const unsigned char *bytes, size_t len)
{
    FILE  *f;

    f = fopen(name, "wb");

    if (f == NULL || fwrite(bytes, 1, len, f) != len || fclose(f) != 0) {
        abort();
    }
}


#endif /* MMDB_WRITE_H */
