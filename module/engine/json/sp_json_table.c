
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the compiling of watched paths into a tree, and the
 * look-up of a key in it: the watched key itself, or what a lax reader takes
 * for it.
 *
 * Folding is that of readers that ignore case in keys: ASCII letters, and the
 * two characters outside ASCII whose simple folding is an ASCII letter,
 * U+017F (s) and U+212A (k).
 */


#include "sp_json_scan.h"


#define SP_JSON_NO_KEY   -1
#define SP_JSON_IS_TWIN  -2    /* it only folds to one */


static int sp_json_table_add(sp_json_table_t *table, size_t room, int parent,
    const char *key, size_t len);
static int sp_json_table_node(sp_json_table_t *table, size_t room);
static int sp_json_table_key(const sp_json_table_t *table, int node,
    const unsigned char *key, size_t len);
static int sp_json_table_twin(const sp_json_table_t *table, int node,
    const unsigned char *key, size_t len);
static size_t sp_json_fold(const unsigned char *key, size_t len,
    unsigned char *folded);


sp_json_table_t *
sp_json_compile(const sp_json_watch_t *watch, size_t n, void *mem, size_t size,
    size_t *need)
{
    int               node;
    size_t            i, len, room, names;
    uintptr_t         at;
    const char       *p;
    sp_json_table_t  *table;

    /* every segment may be a node and twice its bytes of names */

    room = 1;
    names = 0;

    for (i = 0; i < n; i++) {
        for (p = watch[i].path; *p != '\0'; p++) {
            names += 2;
            room += *p == '/';
        }

        room++;
    }

    *need = _Alignof(sp_json_table_t) - 1 + sizeof(sp_json_table_t)
            + room * sizeof(sp_json_node_t) + names;

    if (n > SP_JSON_WATCH_MAX || room > SP_JSON_NODES || *need > size) {
        return NULL;
    }

    at = ((uintptr_t) mem + _Alignof(sp_json_table_t) - 1)
         & ~(uintptr_t) (_Alignof(sp_json_table_t) - 1);

    table = (sp_json_table_t *) at;
    table->nnodes = 0;
    table->names_len = 0;
    table->names = (unsigned char *) &table->nodes[room];

    (void) sp_json_table_node(table, room);

    for (i = 0; i < n; i++) {
        node = 0;
        p = watch[i].path;

        for ( ;; ) {
            len = strcspn(p, "/");
            node = sp_json_table_add(table, room, node, p, len);

            if (node == -1) {
                return NULL;
            }

            if (p[len] == '\0') {
                break;
            }

            p += len + 1;
        }

        if (watch[i].id < 0 || watch[i].id > INT16_MAX
            || table->nodes[node].id != -1)
        {
            return NULL;
        }

        table->nodes[node].id = (int16_t) watch[i].id;
    }

    return table;
}


/* Finds or makes the child of "parent"; -1 for a malformed key. */

static int
sp_json_table_add(sp_json_table_t *table, size_t room, int parent,
    const char *key, size_t len)
{
    int              node;
    size_t           i;
    int16_t         *link;
    unsigned         letter;
    unsigned char   *name;
    sp_json_node_t  *child, *place;

    if (len == 0 || len > SP_JSON_KEY) {
        return -1;
    }

    for (i = 0; i < len; i++) {
        if (key[i] < 0x21 || key[i] > 0x7e) {
            return -1;
        }
    }

    if (len == 1 && key[0] == '*') {
        if (table->nodes[parent].star == -1) {
            node = sp_json_table_node(table, room);
            table->nodes[parent].star = (int16_t) node;
        }

        return table->nodes[parent].star;
    }

    node = sp_json_table_key(table, parent, (const unsigned char *) key, len);

    if (node != SP_JSON_NO_KEY) {
        return node == SP_JSON_IS_TWIN ? -1 : node;
    }

    place = &table->nodes[parent];

    if (place->keys == SP_JSON_WATCH_MAX) {
        return -1;
    }

    node = sp_json_table_node(table, room);
    child = &table->nodes[node];
    name = table->names + table->names_len;

    memcpy(name, key, len);
    (void) sp_json_fold(name, len, name + len);

    child->name = table->names_len;
    child->len = (uint8_t) len;
    child->bit = place->keys++;
    table->names_len = (uint16_t) (table->names_len + 2 * len);

    letter = name[0] % SP_JSON_LETTERS;
    link = &place->first[letter];

    while (*link != -1) {
        link = &table->nodes[*link].next;
    }

    *link = (int16_t) node;
    place->lens[letter] |= (uint16_t) (1u << len % 16);

    return node;
}


/* The caller has counted: there is room. */

static int
sp_json_table_node(sp_json_table_t *table, size_t room)
{
    size_t           i;
    sp_json_node_t  *node;

    if (table->nnodes == room) {
        return -1;
    }

    node = &table->nodes[table->nnodes];

    memset(node, 0, sizeof(sp_json_node_t));
    node->id = -1;
    node->star = -1;
    node->next = -1;

    for (i = 0; i < SP_JSON_LETTERS; i++) {
        node->first[i] = -1;
    }

    return table->nnodes++;
}


/* The node of a key below "node", or one of the two constants. */

static int
sp_json_table_key(const sp_json_table_t *table, int node,
    const unsigned char *key, size_t len)
{
    int                    i;
    const sp_json_node_t  *child;

    if (len == 0) {
        return SP_JSON_NO_KEY;
    }

    i = table->nodes[node].first[key[0] % SP_JSON_LETTERS];

    for ( /* void */ ; i != -1; i = child->next) {
        child = &table->nodes[i];

        if (child->len == len
            && memcmp(table->names + child->name, key, len) == 0)
        {
            return i;
        }
    }

    return sp_json_table_twin(table, node, key, len);
}


sp_json_error_t
sp_json_key(sp_json_t *json, const unsigned char *key, size_t len)
{
    int       node;
    unsigned  d;
    uint64_t  bit;

    d = json->depth - 1;
    node = sp_json_table_key(json->table, json->nodes[d], key, len);
    json->node = -1;

    if (node == SP_JSON_IS_TWIN) {
        return SP_JSON_TWIN;
    }

    if (node != SP_JSON_NO_KEY) {
        bit = UINT64_C(1) << json->table->nodes[node].bit;

        if (json->seen[d] & bit) {
            return SP_JSON_DUPLICATE;
        }

        json->seen[d] |= bit;
        json->node = (int16_t) node;
    }

    return SP_JSON_FINE;
}


/* Not the key itself, that much is known. */

static int
sp_json_table_twin(const sp_json_table_t *table, int node,
    const unsigned char *key, size_t len)
{
    int                    i;
    size_t                 n;
    unsigned char          folded[SP_JSON_KEY];
    const sp_json_node_t  *child;

    n = sp_json_fold(key, len, folded);

    if (n == 0) {
        return SP_JSON_NO_KEY;
    }

    i = table->nodes[node].first[folded[0] % SP_JSON_LETTERS];

    for ( /* void */ ; i != -1; i = child->next) {
        child = &table->nodes[i];

        if (child->len == n
            && memcmp(table->names + child->name + n, folded, n) == 0)
        {
            return SP_JSON_IS_TWIN;
        }
    }

    return SP_JSON_NO_KEY;
}


/* Bytes written; 0 if the key is empty or longer than any watched one. */

static size_t
sp_json_fold(const unsigned char *key, size_t len, unsigned char *folded)
{
    size_t         i, n;
    unsigned char  c, all;

    if (len <= SP_JSON_KEY) {
        all = 0;

        for (i = 0; i < len; i++) {
            c = key[i];
            all |= c;
            folded[i] = (unsigned char)
                        (c | ((unsigned char) (c - 'A') < 26 ? 0x20 : 0));
        }

        if (all < 0x80) {
            return len;
        }
    }

    if (len > 3 * SP_JSON_KEY) {
        return 0;
    }

    for (i = 0, n = 0; i < len; i++, n++) {

        if (n == SP_JSON_KEY) {
            return 0;
        }

        c = key[i];

        if (c == 0xc5 && len - i >= 2 && key[i + 1] == 0xbf) {
            c = 's';
            i += 1;

        } else if (c == 0xe2 && len - i >= 3 && key[i + 1] == 0x84
                   && key[i + 2] == 0xaa)
        {
            c = 'k';
            i += 2;

        } else if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        folded[n] = c;
    }

    return n;
}
