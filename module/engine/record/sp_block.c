
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the operator's blocks: the reading of their hash, the
 * flat object that it becomes, and the looking up in it.
 */


#include "sp_block.h"
#include "sp_body.h"
#include "sp_record.h"


static const char *sp_block_field_read(sp_str_t field,
    sp_block_read_t *block);
static const char *sp_block_value_read(sp_str_t value,
    sp_block_read_t *block);
static int sp_block_part(sp_str_t *rest, sp_str_t name, sp_str_t *part);
static int sp_block_text(sp_str_t s);
static void sp_blocks_insert(sp_block_t *items, unsigned n,
    const sp_block_t *block, const unsigned char *base);
static int sp_block_compare(sp_str_t a, sp_str_t b);
static int sp_block_clerical(sp_str_t field);
static const sp_block_t *sp_blocks_items(const sp_blocks_t *blocks);


static const sp_str_t  sp_block_kinds[] = {
    sp_str("country"), sp_str("network"), sp_str("account"), sp_str("key"),
    sp_str("model")
};

_Static_assert(sp_nelts(sp_block_kinds) == SP_BLOCK_KINDS,
               "a word for each kind");
_Static_assert(sizeof(sp_blocks_t) % 8 == 0 && sizeof(sp_block_t) % 8 == 0,
               "items are aligned");
_Static_assert(SP_BLOCK_NAME >= SP_MODEL_LEN + sizeof("country:") - 1,
               "room for the longest name");


const char *
sp_block_kind(sp_block_kind_t kind)
{
    return (const char *) sp_block_kinds[kind].data;
}


int
sp_block_kind_find(sp_str_t word)
{
    unsigned  i;

    for (i = 0; i < SP_BLOCK_KINDS; i++) {
        if (sp_str_eq(word, sp_block_kinds[i])) {
            return (int) i;
        }
    }

    return -1;
}


const char *
sp_block_read(sp_str_t field, sp_str_t value, sp_block_read_t *block)
{
    const char  *why;

    memset(block, 0, sizeof(sp_block_read_t));
    block->at = SP_TIME_ABSENT;

    why = sp_block_field_read(field, block);

    return why != NULL ? why : sp_block_value_read(value, block);
}


static const char *
sp_block_field_read(sp_str_t field, sp_block_read_t *block)
{
    int                   kind;
    sp_str_t              word;
    const unsigned char  *colon;

    colon = field.len ? memchr(field.data, ':', field.len) : NULL;

    if (colon == NULL || field.len > SP_BLOCK_NAME) {
        return "is no KIND:NAME, such as country:KP";
    }

    word.data = field.data;
    word.len = (size_t) (colon - field.data);
    kind = sp_block_kind_find(word);

    if (kind == -1) {
        return "is of no kind that can be blocked (country, network, "
               "account, key, model)";
    }

    block->kind = (sp_block_kind_t) kind;
    block->name.data = colon + 1;
    block->name.len = field.len - word.len - 1;

    switch (block->kind) {

    case SP_BLOCK_COUNTRY:
        if (sp_place_parse(block->name, &block->place) != SP_PLACE_OK
            || sp_place_is_region(block->place))
        {
            return "names no country of ISO 3166-1, such as KP";
        }

        return NULL;

    case SP_BLOCK_NETWORK:
        return sp_network_parse(block->name, &block->network) == SP_OK
               ? NULL : "names no network, such as 192.0.2.0/24 (bits behind "
                        "the prefix are 0)";

    case SP_BLOCK_MODEL:
        return block->name.len != 0 && block->name.len <= SP_MODEL_LEN
               && sp_block_text(block->name)
               ? NULL : "names no model";

    default: /* SP_BLOCK_ACCOUNT, SP_BLOCK_KEY */
        return sp_id_valid(block->name)
               ? NULL : "names no account or key: 1 to 64 letters, digits "
                        "or . _ : @ -";
    }
}


/* "until=N [at=N] [by=WHO] [why=TEXT]": each up to the name of the next. */

static const char *
sp_block_value_read(sp_str_t value, sp_block_read_t *block)
{
    size_t    i;
    uint64_t  n;
    sp_str_t  part;

    if (!sp_block_part(&value, SP_STR("until="), &part)) {
        return "has no end: its value begins with until=UNIX_SECONDS";
    }

    if (sp_parse_uint(part, SP_TIME_MAX, &n) != SP_OK || n == 0) {
        return "has an end that is no time in unix seconds";
    }

    block->until = (int64_t) n;

    if (sp_block_part(&value, SP_STR("at="), &part)) {

        if (sp_parse_uint(part, SP_TIME_MAX, &n) != SP_OK) {
            return "has an \"at\" that is no time in unix seconds";
        }

        block->at = (int64_t) n;
    }

    if (value.len >= 3 && memcmp(value.data, "by=", 3) == 0) {
        block->by.data = value.data + 3;

        for (i = 3; i < value.len; i++) {
            if (value.len - i >= 5 && memcmp(value.data + i, " why=", 5) == 0)
            {
                break;
            }
        }

        block->by.len = i - 3;
        i += i < value.len;
        value.data += i;
        value.len -= i;
    }

    if (value.len >= 4 && memcmp(value.data, "why=", 4) == 0) {
        block->why.data = value.data + 4;
        block->why.len = value.len - 4;
        value.len = 0;
    }

    return value.len == 0 ? NULL : "has something besides until=, at=, by= "
                                   "and why=, in this order";
}


/* Takes "name" and what stands up to the next space from the front. */

static int
sp_block_part(sp_str_t *rest, sp_str_t name, sp_str_t *part)
{
    const unsigned char  *end;

    if (rest->len < name.len
        || memcmp(rest->data, name.data, name.len) != 0)
    {
        return 0;
    }

    rest->data += name.len;
    rest->len -= name.len;

    end = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;

    part->data = rest->data;
    part->len = end != NULL ? (size_t) (end - rest->data) : rest->len;

    rest->data += part->len + (end != NULL);
    rest->len -= part->len + (end != NULL);

    return 1;
}


static int
sp_block_text(sp_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < 0x20 || s.data[i] == 0x7f) {
            return 0;
        }
    }

    return sp_utf8_valid(s);
}


size_t
sp_blocks_room(const sp_pair_t *pairs, size_t n)
{
    size_t  i, size;

    size = sizeof(sp_blocks_t) + n * sizeof(sp_block_t);

    for (i = 0; i < n; i++) {
        size += pairs[i].name.len;
    }

    return (size + 7) & ~(size_t) 7;
}


sp_rc_t
sp_blocks_make(void *room, size_t size, const sp_pair_t *pairs, size_t n,
    size_t *at, const char **why)
{
    size_t            i, end, bytes;
    unsigned          m;
    unsigned char    *base;
    sp_block_t       *items, block;
    sp_blocks_t      *blocks;
    sp_block_read_t   read;

    *at = n;

    if (n > SP_BLOCKS_MAX || sp_blocks_room(pairs, n) > size) {
        *why = "has more blocks than there is room for";
        return SP_ERROR;
    }

    base = room;
    blocks = room;
    bytes = sp_blocks_room(pairs, n);
    memset(base, 0, bytes);

    items = (sp_block_t *) (base + sizeof(sp_blocks_t));
    end = sizeof(sp_blocks_t) + n * sizeof(sp_block_t);
    m = 0;

    for (i = 0; i < n; i++) {

        if (sp_block_clerical(pairs[i].name)) {
            continue;
        }

        *why = sp_block_read(pairs[i].name, pairs[i].value, &read);

        if (*why != NULL) {
            *at = i;
            return SP_ERROR;
        }

        memset(&block, 0, sizeof(block));

        block.until = read.until;
        block.name = (uint32_t) end;
        block.len = (uint16_t) pairs[i].name.len;
        block.from = (uint16_t) (read.name.data - pairs[i].name.data);
        block.place = read.place;
        block.network = read.network;

        memcpy(base + end, pairs[i].name.data, pairs[i].name.len);
        end += pairs[i].name.len;

        sp_blocks_insert(items, m++, &block, base);
        blocks->first[read.kind + 1]++;

        if (read.kind == SP_BLOCK_COUNTRY) {
            sp_countries_add(&blocks->countries, read.place);
        }
    }

    for (i = 0; i < SP_BLOCK_KINDS; i++) {
        blocks->first[i + 1] = (uint16_t) (blocks->first[i + 1]
                                           + blocks->first[i]);
    }

    blocks->n = m;
    blocks->size = (uint32_t) bytes;

    return SP_OK;
}


/* What the writer of the hash notes down of itself, as in each record. */

static int
sp_block_clerical(sp_str_t field)
{
    return sp_str_eq(field, SP_STR("ver")) || sp_str_eq(field, SP_STR("by"))
           || sp_str_eq(field, SP_STR("why"))
           || sp_str_eq(field, SP_STR("changed_at"));
}


/* By kind first: fields begin with its word, and the words' order is fixed. */

static void
sp_blocks_insert(sp_block_t *items, unsigned n, const sp_block_t *block,
    const unsigned char *base)
{
    int         kind, other;
    sp_str_t    word, name, its;
    unsigned    i;

    word.data = base + block->name;
    word.len = block->from - 1u;
    kind = sp_block_kind_find(word);

    name.data = base + block->name + block->from;
    name.len = (size_t) block->len - block->from;

    for (i = n; i > 0; i--) {
        word.data = base + items[i - 1].name;
        word.len = items[i - 1].from - 1u;
        other = sp_block_kind_find(word);

        its.data = base + items[i - 1].name + items[i - 1].from;
        its.len = (size_t) items[i - 1].len - items[i - 1].from;

        if (other < kind
            || (other == kind && sp_block_compare(its, name) <= 0))
        {
            break;
        }

        items[i] = items[i - 1];
    }

    items[i] = *block;
}


static int
sp_block_compare(sp_str_t a, sp_str_t b)
{
    int     rc;
    size_t  len;

    len = a.len < b.len ? a.len : b.len;
    rc = len ? memcmp(a.data, b.data, len) : 0;

    return rc != 0 ? rc : (a.len > b.len) - (a.len < b.len);
}


static const sp_block_t *
sp_blocks_items(const sp_blocks_t *blocks)
{
    return (const sp_block_t *) (const void *)
           ((const unsigned char *) blocks + sizeof(sp_blocks_t));
}


const sp_block_t *
sp_blocks_country(const sp_blocks_t *blocks, sp_place_t place, int64_t now)
{
    unsigned           i;
    const sp_block_t  *items;

    if (!sp_countries_has(&blocks->countries, place)) {
        return NULL;
    }

    items = sp_blocks_items(blocks);

    for (i = blocks->first[SP_BLOCK_COUNTRY];
         i < blocks->first[SP_BLOCK_COUNTRY + 1]; i++)
    {
        if (items[i].place == sp_place_country(place) && now < items[i].until)
        {
            return &items[i];
        }
    }

    return NULL;
}


const sp_block_t *
sp_blocks_network(const sp_blocks_t *blocks, const sp_addr_t *addr,
    int64_t now)
{
    unsigned           i;
    const sp_block_t  *items;

    items = sp_blocks_items(blocks);

    for (i = blocks->first[SP_BLOCK_NETWORK];
         i < blocks->first[SP_BLOCK_NETWORK + 1]; i++)
    {
        if (now < items[i].until && sp_network_has(&items[i].network, addr)) {
            return &items[i];
        }
    }

    return NULL;
}


const sp_block_t *
sp_blocks_name(const sp_blocks_t *blocks, sp_block_kind_t kind, sp_str_t name,
    int64_t now)
{
    int                rc;
    sp_str_t           its;
    unsigned           low, high, mid;
    const sp_block_t  *items;

    items = sp_blocks_items(blocks);
    low = blocks->first[kind];
    high = blocks->first[kind + 1];

    while (low < high) {
        mid = low + (high - low) / 2;

        its = sp_block_field(blocks, &items[mid]);
        its.data += items[mid].from;
        its.len -= items[mid].from;

        rc = sp_block_compare(its, name);

        if (rc == 0) {
            return now < items[mid].until ? &items[mid] : NULL;
        }

        if (rc < 0) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return NULL;
}


const sp_block_t *
sp_blocks_any(const sp_blocks_t *blocks, sp_block_kind_t kind, int64_t now)
{
    unsigned           i;
    const sp_block_t  *items;

    items = sp_blocks_items(blocks);

    for (i = blocks->first[kind]; i < blocks->first[kind + 1]; i++) {
        if (now < items[i].until) {
            return &items[i];
        }
    }

    return NULL;
}


unsigned
sp_blocks_live(const sp_blocks_t *blocks, int64_t now)
{
    unsigned           i, n;
    const sp_block_t  *items;

    items = sp_blocks_items(blocks);

    for (n = 0, i = 0; i < blocks->n; i++) {
        n += now < items[i].until;
    }

    return n;
}


sp_str_t
sp_block_field(const sp_blocks_t *blocks, const sp_block_t *block)
{
    sp_str_t  s;

    s.data = (const unsigned char *) blocks + block->name;
    s.len = block->len;

    return s;
}
