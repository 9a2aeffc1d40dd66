
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the formats of `sallyport audit export` share.
 */


#ifndef SP_CLI_AUDIT_EXPORT_H
#define SP_CLI_AUDIT_EXPORT_H


#include "audit_filter.h"


/* What became of the request: of a gate that only observes, never refused. */
typedef enum {
    SP_EXPORT_ALLOWED = 0,
    SP_EXPORT_THROTTLED,
    SP_EXPORT_DENIED,
    SP_EXPORT_OBSERVED         /* would have been refused */
} sp_export_what_t;


typedef struct {
    const sp_lane_t   *lane;
    json_t            *record;
    uint64_t           us;         /* of unix time */
    sp_export_what_t   what;
    sp_str_t           rule;       /* that is reported; may be empty */
} sp_export_t;


/*
 * How much a person should care, 0 to 3: an allow; a throttle or a refusal
 * for what was asked; one for who asked or a fault; one for the law.
 */
int sp_export_severity(const sp_export_t *e);

/* One event, compact and in ASCII, by the schema. */
json_t *sp_export_ocsf(const sp_export_t *e);
json_t *sp_export_ecs(const sp_export_t *e);

/* One line each, with its end. */
void sp_export_cef(FILE *out, const sp_export_t *e);
void sp_export_csv(FILE *out, const sp_export_t *e);
void sp_export_csv_head(FILE *out);


#endif /* SP_CLI_AUDIT_EXPORT_H */
