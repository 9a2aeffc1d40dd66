
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the meters say of themselves: metrics.
 */


#include "ngx_http_sallyport_meter.h"


#define NGX_HTTP_SALLYPORT_METER_LINE  160


static u_char *ngx_http_sallyport_meter_sums(u_char *p,
    ngx_http_sallyport_meters_sh_t *sh, const char *name, const char *help,
    size_t offset);


size_t
ngx_http_sallyport_meter_metrics_size(ngx_http_sallyport_zone_t *zone)
{
    return (zone != NULL) ? 8 * 3 * NGX_HTTP_SALLYPORT_METER_LINE
                            + 4 * SP_METERS * NGX_HTTP_SALLYPORT_METER_LINE
                          : 0;
}


u_char *
ngx_http_sallyport_meter_metrics(u_char *p, ngx_http_sallyport_zone_t *zone)
{
    ngx_http_sallyport_meters_sh_t  *sh;

    if (zone == NULL || zone->meters->sh == NULL) {
        return p;
    }

    sh = zone->meters->sh;

    p = ngx_http_sallyport_metrics_head(p, "sallyport_meter_open", "gauge",
            "Requests under way that will be settled.");
    p = ngx_sprintf(p, "sallyport_meter_open %uL\n", sh->opened - sh->closed);

    p = ngx_http_sallyport_metrics_head(p, "sallyport_meter_orphans_total",
            "counter", "Of those, settled in the place of a dead worker.");
    p = ngx_sprintf(p, "sallyport_meter_orphans_total %uL\n", sh->orphans);

    p = ngx_http_sallyport_metrics_head(p, "sallyport_meter_full_total",
            "counter", "Debits for which there was no room in memory.");
    p = ngx_sprintf(p, "sallyport_meter_full_total %uL\n", sh->full);

    p = ngx_http_sallyport_metrics_head(p, "sallyport_meter_passed_total",
            "counter", "Of those, let through by on_full: allow.");
    p = ngx_sprintf(p, "sallyport_meter_passed_total %uL\n", sh->passed);

    p = ngx_http_sallyport_meter_sums(p, sh, "sallyport_meter_reserved_total",
            "Units held back for requests.",
            offsetof(ngx_http_sallyport_sums_t, reserved));
    p = ngx_http_sallyport_meter_sums(p, sh, "sallyport_meter_settled_total",
            "Of those, used.",
            offsetof(ngx_http_sallyport_sums_t, settled));
    p = ngx_http_sallyport_meter_sums(p, sh, "sallyport_meter_refunded_total",
            "Of those, given back.",
            offsetof(ngx_http_sallyport_sums_t, refunded));

    return ngx_http_sallyport_meter_sums(p, sh, "sallyport_meter_over_total",
            "Units used beyond what was held back.",
            offsetof(ngx_http_sallyport_sums_t, over));
}


static u_char *
ngx_http_sallyport_meter_sums(u_char *p, ngx_http_sallyport_meters_sh_t *sh,
    const char *name, const char *help, size_t offset)
{
    ngx_uint_t  i;

    p = ngx_http_sallyport_metrics_head(p, name, "counter", help);

    for (i = SP_METER_TOKENS; i < SP_METERS; i++) {
        p = ngx_sprintf(p, "%s{meter=\"%s\"} %uL\n", name, sp_meter_name(i),
                        *(uint64_t *) ((u_char *) &sh->sums[i] + offset));
    }

    return p;
}
