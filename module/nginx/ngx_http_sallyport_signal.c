
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what is remembered of keys for an hour: the countries
 * that their requests came from. Up to 26 of them are told apart, which is
 * what a slot holds; more do not make the count larger.
 *
 * Only requests whose key was found are remembered, so that a flood of made-up
 * keys takes no room. A request that is answered by what earlier ones said is
 * so only if its country was seen within the last minute.
 *
 * A worker knows by heart what it read in this minute, as long as the zone has
 * counted no change since: then nothing is locked.
 */


#include "ngx_http_sallyport_meter.h"


#define NGX_HTTP_SALLYPORT_HOUR   60   /* minutes */

#define NGX_HTTP_SALLYPORT_HEART  4096 /* keys known by heart: 12 bits */


/* What a slot said of a country that was seen in this very minute. */

typedef struct {
    u_char       kid[SP_KID_LEN];
    uint64_t     seen;         /* of the zone, as it was */
    u_char       zone[8];      /* of its random key: it may be another */
    uint16_t     minute;
    uint16_t     code;
    uint32_t     n;            /* countries; 0: empty */
} ngx_http_sallyport_heart_t;


static ngx_inline ngx_uint_t ngx_http_sallyport_signal_read(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_signal_look(
    ngx_http_sallyport_ctx_t *ctx, ngx_uint_t take, uint16_t now,
    ngx_http_sallyport_heart_t *heart)
    __attribute__((noinline));
static ngx_http_sallyport_signal_t *ngx_http_sallyport_signal_slot(
    ngx_http_sallyport_meters_sh_t *sh, const ngx_http_sallyport_print_t *h,
    uint16_t now, ngx_uint_t take);
static ngx_uint_t ngx_http_sallyport_signal_live(
    ngx_http_sallyport_signal_t *slot, uint16_t now);
static ngx_uint_t ngx_http_sallyport_signal_add(
    ngx_http_sallyport_signal_t *slot, uint16_t code, uint16_t now,
    ngx_uint_t *fresh, ngx_uint_t take, uint64_t *seen);


/* Of this process. */

static ngx_http_sallyport_heart_t
    ngx_http_sallyport_hearts[NGX_HTTP_SALLYPORT_HEART];


ngx_int_t
ngx_http_sallyport_signal(ngx_http_sallyport_ctx_t *ctx, ngx_uint_t take)
{
    uint16_t                     now;
    uint64_t                     at;
    sp_value_t                  *count;
    const sp_value_t            *country;
    ngx_http_sallyport_zone_t   *zone;
    ngx_http_sallyport_heart_t  *heart;

    country = &ctx->facts.v[SP_F_IP_COUNTRY];
    count = &ctx->facts.v[SP_F_KEY_COUNTRY_COUNT];

    if (!ngx_http_sallyport_signal_read(ctx)) {
        return NGX_OK;
    }

    count->state = SP_FACT_UNKNOWN;

    if (country->state != SP_FACT_KNOWN) {
        return take ? NGX_OK : NGX_DECLINED;
    }

    zone = ctx->smcf->zone;
    now = (uint16_t) (ngx_current_msec / 60000);

    /* digits of a keyed hash: any of them would do */

    ngx_memcpy(&at, ctx->kid, sizeof(at));

    at *= 0x9e3779b97f4a7c15ull;
    heart = &ngx_http_sallyport_hearts[at >> 52];

    if (heart->n != 0
        && heart->code == (uint16_t) country->u.place
        && heart->minute == now
        && heart->seen == __atomic_load_n(&zone->meters->sh->seen,
                                          __ATOMIC_ACQUIRE)
        && ngx_memcmp(heart->zone, zone->sh->key, sizeof(heart->zone)) == 0
        && ngx_memcmp(heart->kid, ctx->kid, SP_KID_LEN) == 0)
    {
        count->state = SP_FACT_KNOWN;
        count->u.i = (int64_t) heart->n;

        return NGX_OK;
    }

    return ngx_http_sallyport_signal_look(ctx, take, now, heart);
}


static ngx_int_t
ngx_http_sallyport_signal_look(ngx_http_sallyport_ctx_t *ctx, ngx_uint_t take,
    uint16_t now, ngx_http_sallyport_heart_t *heart)
{
    uint16_t                         code;
    uint64_t                         seen;
    ngx_uint_t                       n, fresh;
    sp_value_t                      *count;
    ngx_http_sallyport_zone_t       *zone;
    ngx_http_sallyport_print_t       print;
    ngx_http_sallyport_signal_t     *slot;
    ngx_http_sallyport_meters_sh_t  *sh;

    zone = ctx->smcf->zone;
    sh = zone->meters->sh;
    count = &ctx->facts.v[SP_F_KEY_COUNTRY_COUNT];
    code = (uint16_t) ctx->facts.v[SP_F_IP_COUNTRY].u.place;
    n = 0;
    fresh = 0;

    ngx_http_sallyport_print_kid(ctx->kid, &print);

    ngx_http_sallyport_meter_lock(zone);

    slot = ngx_http_sallyport_signal_slot(sh, &print, now, take);

    if (slot != NULL) {
        n = ngx_http_sallyport_signal_add(slot, code, now, &fresh, take,
                                          &sh->seen);
    }

    if (slot == NULL && take) {
        sh->full++;
    }

    seen = sh->seen;

    (void) ngx_http_sallyport_meter_unlock(zone);

    if (slot == NULL && take) {
        ngx_http_sallyport_count(zone, NGX_HTTP_SALLYPORT_C_ZONE_FULL);
        count->state = SP_FACT_FAILED;
        return NGX_OK;
    }

    if (!take && !fresh) {
        return NGX_DECLINED;
    }

    if (fresh) {
        ngx_memcpy(heart->kid, ctx->kid, SP_KID_LEN);
        heart->seen = seen;
        ngx_memcpy(heart->zone, zone->sh->key, sizeof(heart->zone));
        heart->minute = now;
        heart->code = code;
        heart->n = (uint32_t) n;
    }

    count->state = SP_FACT_KNOWN;
    count->u.i = (int64_t) n;

    return NGX_OK;
}


/* 1 if the policy reads the count; asked once for each edition. */

static ngx_uint_t
ngx_http_sallyport_signal_read(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_sallyport_edition_t  *policy;

    policy = ctx->policy;

    if (policy == NULL || policy->image == NULL) {
        return 0;
    }

    if (policy->counts == 0) {
        policy->counts = 1 + (ngx_uint_t)
            sp_policy_reads(policy->image, SP_F_KEY_COUNTRY_COUNT);
    }

    return policy->counts == 2;
}


/* A slot of which nothing is younger than an hour may be taken over. */

static ngx_http_sallyport_signal_t *
ngx_http_sallyport_signal_slot(ngx_http_sallyport_meters_sh_t *sh,
    const ngx_http_sallyport_print_t *print, uint16_t now, ngx_uint_t take)
{
    ngx_uint_t                    i, k;
    ngx_http_sallyport_signal_t  *set, *idle;

    idle = NULL;

    for (k = 0; k < 2; k++) {
        set = (ngx_http_sallyport_signal_t *)
              ngx_http_sallyport_meter_set(sh, NGX_HTTP_SALLYPORT_M_SIGNALS,
                                           print->h[k]);

        for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {

            if (set[i].h[0] == print->h[0] && set[i].h[1] == print->h[1]) {
                return &set[i];
            }

            if (take && idle == NULL
                && ngx_http_sallyport_signal_live(&set[i], now) == 0)
            {
                idle = &set[i];
            }
        }
    }

    if (idle != NULL) {
        idle->n = 0;
        ngx_memory_barrier();
        idle->h[0] = print->h[0];
        idle->h[1] = print->h[1];
    }

    return idle;
}


static ngx_uint_t
ngx_http_sallyport_signal_live(ngx_http_sallyport_signal_t *slot,
    uint16_t now)
{
    ngx_uint_t  i, n;

    for (i = 0, n = 0; i < slot->n && i < NGX_HTTP_SALLYPORT_SEEN; i++) {
        n += (uint16_t) (now - slot->minute[i]) < NGX_HTTP_SALLYPORT_HOUR;
    }

    return n;
}


/* The countries of the last hour, with this one; *seen counts changes. */

static ngx_uint_t
ngx_http_sallyport_signal_add(ngx_http_sallyport_signal_t *slot,
    uint16_t code, uint16_t now, ngx_uint_t *fresh, ngx_uint_t take,
    uint64_t *seen)
{
    ngx_uint_t  i, at, n;

    at = NGX_HTTP_SALLYPORT_SEEN;
    n = ngx_min(slot->n, NGX_HTTP_SALLYPORT_SEEN);

    for (i = 0; i < n; i++) {

        if (slot->code[i] == code) {
            *fresh = (slot->minute[i] == now);
            at = i;
            break;
        }

        if (at == NGX_HTTP_SALLYPORT_SEEN
            && (uint16_t) (now - slot->minute[i]) >= NGX_HTTP_SALLYPORT_HOUR)
        {
            at = i;
        }
    }

    if (take) {

        if (at == NGX_HTTP_SALLYPORT_SEEN && n < NGX_HTTP_SALLYPORT_SEEN) {
            at = n;
            slot->n = (uint32_t) n + 1;
        }

        if (at != NGX_HTTP_SALLYPORT_SEEN && !*fresh) {
            slot->code[at] = code;
            slot->minute[at] = now;
            *fresh = 1;
            __atomic_store_n(seen, *seen + 1, __ATOMIC_RELEASE);
        }
    }

    return ngx_http_sallyport_signal_live(slot, now);
}
