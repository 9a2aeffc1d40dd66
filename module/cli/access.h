
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the parts of `sallyport access` share: who may
 * reach what, by place, level and model tier.
 */


#ifndef SP_CLI_ACCESS_H
#define SP_CLI_ACCESS_H


#include "probe.h"

#include "cli.h"


#define SP_ACCESS_LEVELS  4      /* account.level 0..3 */
#define SP_ACCESS_PLACES  1024   /* countries, and subdivisions on lists */
#define SP_ACCESS_CELLS   (SP_ACCESS_LEVELS * SP_TIERS)


/* What one account gets: the decision, and of a deny why. */
typedef struct {
    uint8_t   decision;     /* sp_decision_t */
    uint16_t  reason;
    int32_t   rule;         /* as in sp_match_t; of an allow the allow rule */
    uint8_t   unsure;       /* it refuses because something is not known */
} sp_access_cell_t;


typedef struct {
    sp_place_t        place;
    unsigned          kind;     /* index of the first place with its cells */
    unsigned          n;        /* of the first: places of the kind */
    sp_access_cell_t  cells[SP_ACCESS_CELLS];   /* tier by tier */
} sp_access_place_t;


typedef enum {
    SP_ACCESS_BOTH = 0,     /* the account is there and calls from there */
    SP_ACCESS_ADDRESS,      /* it calls from there */
    SP_ACCESS_ACCOUNT       /* it is there */
} sp_access_vary_t;


typedef struct {
    const sp_policy_t  *policy;
    int64_t             now;
    sp_access_vary_t    vary;
    sp_place_t          home;           /* of what does not vary */
    const json_t       *profile;        /* fields of the record, or NULL */
    char                models[SP_TIERS + 1][SP_MODEL_LEN + 1];
    unsigned            n;
    sp_access_place_t   places[SP_ACCESS_PLACES];
    sp_probe_t          probe;
} sp_access_t;


#define sp_access_cell(place, level, tier)                                    \
    (&(place)->cells[((tier) - 1) * SP_ACCESS_LEVELS + (level)])


/* "allow", "JUR_IP_EMBARGO"; "-" where there is no model of the tier. */
sp_str_t sp_access_word(const sp_access_t *access,
    const sp_access_cell_t *cell);

/* access_out.c */
void sp_access_text(const sp_access_t *access);
json_t *sp_access_json(const sp_access_t *access);

/* access_html.c: SP_ERROR after a message. */
sp_rc_t sp_access_html(const sp_access_t *access, const char *file);


#endif /* SP_CLI_ACCESS_H */
