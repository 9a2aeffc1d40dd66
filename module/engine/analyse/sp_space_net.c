
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the addresses and networks that are looked
 * at: the ends of those that lists have, and what is next to them.
 */


#include "sp_space.h"


static void sp_value_address(sp_space_t *space, sp_var_t *var,
    const sp_addr_t *addr, int step);


void
sp_value_asns(sp_space_t *space, sp_var_t *var)
{
    unsigned          p;
    uint32_t          i, k, n;
    const sp_set_t   *set;
    const uint32_t   *items;

    sp_value_number(space, var, SP_F_IP_ASN, 64500);
    sp_value_number(space, var, SP_F_IP_ASN, 3333);
    sp_value_number(space, var, SP_F_IP_ASN, 1);

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nsets; i++) {
            set = sp_image_set(space->policies[p], i);

            if (set->type != SP_LIST_ASN) {
                continue;
            }

            items = sp_image_at(space->policies[p], set->items, uint32_t);
            n = set->n;

            for (k = 0; k < n; k++) {
                sp_value_number(space, var, SP_F_IP_ASN, items[k]);
                sp_value_number(space, var, SP_F_IP_ASN,
                                (int64_t) items[k] + 1);
            }
        }
    }

    sp_value_bounds(space, var, var->fields[0]);
}


/* The ends of every network, and what is next to them. */

void
sp_value_addresses(sp_space_t *space, sp_var_t *var)
{
    int                  bit;
    size_t               i;
    unsigned             p;
    uint32_t             k, j;
    sp_addr_t            addr;
    sp_value_t           v, class;
    const sp_set_t      *set;
    const sp_network_t  *nets;

    static const char *const  samples[] = {
        "198.41.0.4", "2001:500:2d::d", "10.0.0.1", "127.0.0.1", "169.254.0.1",
        "100.64.0.1", "2002::1", "203.0.113.9", "fe80::1", "fc00::1", "::1",
        "9.9.9.9", "2a00::1"
    };

    for (i = 0; i < sp_nelts(samples); i++) {
        if (sp_addr_parse(sp_cstr(samples[i]), &addr) == SP_OK) {
            sp_value_address(space, var, &addr, 0);
        }
    }

    for (p = 0; p < space->npolicies; p++) {
        for (k = 0; k < space->policies[p]->nsets; k++) {
            set = sp_image_set(space->policies[p], k);

            if (set->type != SP_LIST_CIDR) {
                continue;
            }

            nets = sp_image_at(space->policies[p], set->items, sp_network_t);

            for (j = 0; j < set->n; j++) {
                addr = nets[j].base;
                sp_value_address(space, var, &addr, 0);
                sp_value_address(space, var, &addr, -1);

                for (bit = nets[j].bits; bit < 128; bit++) {
                    addr.bytes[bit / 8] |= (unsigned char) (0x80 >> bit % 8);
                }

                sp_value_address(space, var, &addr, 0);
                sp_value_address(space, var, &addr, 1);
            }
        }
    }

    memset(&v, 0, sizeof(v));
    memset(&class, 0, sizeof(class));
    class.state = SP_FACT_KNOWN;
    class.u.i = SP_IP_NONE;
    sp_space_cand(space, var, &v, &class);
}


static void
sp_value_address(sp_space_t *space, sp_var_t *var, const sp_addr_t *addr,
    int step)
{
    int          i;
    sp_addr_t   *copy;
    sp_value_t   v, class;

    copy = sp_arena_alloc(space->arena, sizeof(sp_addr_t));
    if (copy == NULL) {
        space->failed = 1;
        return;
    }

    *copy = *addr;

    for (i = 15; step != 0 && i >= 0; i--) {
        copy->bytes[i] = (unsigned char) (copy->bytes[i] + step);

        if (copy->bytes[i] != (step > 0 ? 0 : 0xff)) {
            break;
        }
    }

    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;
    class = v;
    v.u.addr = copy;
    class.u.i = sp_addr_class(copy);

    sp_space_cand(space, var, &v, &class);
}
