
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a roster: what is in it, and look-ups.
 */


#include "sp_roster_state.h"


uint64_t
sp_roster_hash(const unsigned char key[16], sp_roster_kind_t kind, sp_str_t id)
{
    unsigned char  name[1 + SP_ROSTER_ID_LEN];

    name[0] = (unsigned char) kind;
    memcpy(name + 1, id.data, id.len);

    return sp_siphash(key, name, 1 + id.len);
}


void
sp_roster_info(const sp_roster_t *roster, sp_roster_info_t *info)
{
    info->size = roster->size;
    info->orphans = roster->orphans;
    info->orphan = roster->orphan;
    memcpy(info->counts, roster->counts, sizeof(info->counts));
}


/*
 * Another process may write over all of it on the way: whatever is read once
 * is tested before it is used, and is not read again.
 */

sp_rc_t
sp_roster_find(const sp_roster_t *roster, size_t size, sp_roster_kind_t kind,
    sp_str_t id, sp_roster_found_t *found)
{
    size_t                place;
    uint32_t              nbuckets, tried;
    uint64_t              hash;
    sp_roster_entry_t     entry;
    const unsigned char  *p;

    if (id.len == 0 || id.len > SP_ROSTER_ID_LEN) {
        return SP_DECLINED;
    }

    nbuckets = __atomic_load_n(&roster->nbuckets, __ATOMIC_RELAXED);

    if (nbuckets == 0 || (nbuckets & (nbuckets - 1)) != 0
        || nbuckets > (size - sizeof(sp_roster_t)) / sizeof(uint32_t))
    {
        return SP_ERROR;
    }

    hash = sp_roster_hash(roster->key, kind, id);

    for (tried = 0; tried < nbuckets; tried++) {

        place = __atomic_load_n(&roster->buckets[(hash + tried)
                                                 & (nbuckets - 1)],
                                __ATOMIC_RELAXED);
        if (place == 0) {
            return SP_DECLINED;
        }

        place *= SP_ROSTER_UNIT;

        if (place > size || size - place < sizeof(sp_roster_entry_t)) {
            return SP_ERROR;
        }

        p = (const unsigned char *) roster + place;
        memcpy(&entry, p, sizeof(sp_roster_entry_t));
        p += sizeof(sp_roster_entry_t);

        if (size - place - sizeof(sp_roster_entry_t)
            < (size_t) entry.id_len + entry.len)
        {
            return SP_ERROR;
        }

        if (entry.hash == hash && entry.kind == kind && entry.id_len == id.len
            && memcmp(p, id.data, id.len) == 0)
        {
            found->packed = p + entry.id_len;
            found->len = entry.len;
            found->place = place;
            found->ver = entry.ver;
            found->denies = entry.denies;
            found->line = entry.line;

            return SP_OK;
        }
    }

    return SP_ERROR;
}
