
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what Prometheus is told of the stores: how fresh their
 * records are, how changes are heard of, and what was served all the same.
 * The numbers are those of the whole node: they lie in the zone.
 */


#include "ngx_http_sallyport_store.h"


typedef struct {
    const char  *name;
    const char  *help;
    size_t       offset;     /* of a uint64_t in the source */
} ngx_http_sallyport_store_counter_t;


static u_char *ngx_http_sallyport_store_gauges(u_char *p,
    ngx_array_t *stores);
static u_char *ngx_http_sallyport_store_counters(u_char *p,
    ngx_array_t *stores);
static u_char *ngx_http_sallyport_store_labelled(u_char *p,
    ngx_array_t *stores, const char *name, const char *help,
    const char *label, const char *const *values, ngx_uint_t n,
    size_t offset);
static u_char *ngx_http_sallyport_store_canaries(u_char *p,
    ngx_array_t *stores);


#define ngx_http_sallyport_source_offset(member)                              \
    offsetof(ngx_http_sallyport_source_t, member)


static const ngx_http_sallyport_store_counter_t
    ngx_http_sallyport_store_counted[] =
{
    { "sallyport_invalidations_total",
      "Changed names that the node was told of.",
      ngx_http_sallyport_source_offset(invalidated) },
    { "sallyport_fences_total", "Revocation fences acknowledged.",
      ngx_http_sallyport_source_offset(fences) },
    { "sallyport_rollback_total",
      "Answers with an older version than was known.",
      ngx_http_sallyport_source_offset(rollbacks) },
    { "sallyport_stale_served_total",
      "Requests allowed by a record whose store could not be asked.",
      ngx_http_sallyport_source_offset(stales) }
};


static const char *const  ngx_http_sallyport_ends[NGX_HTTP_SALLYPORT_ENDS] = {
    "start", "lost", "canary", "quorum", "error", "readonly", "meta", "flush",
    "owner", "handover"
};


static const char *const
    ngx_http_sallyport_refusals[NGX_HTTP_SALLYPORT_REFUSALS] =
{
    "gen", "epoch", "runid"
};


size_t
ngx_http_sallyport_stores_metrics_size(ngx_array_t *stores)
{
    return 8192 + stores->nelts * 6144;
}


u_char *
ngx_http_sallyport_stores_metrics(u_char *p, ngx_array_t *stores)
{
    ngx_uint_t                    i;
    ngx_http_sallyport_store_t  **store;

    store = stores->elts;

    for (i = 0; i < stores->nelts; i++) {
        if (store[i]->source == NULL && store[i]->file == NULL) {
            return p;    /* this process has not started them */
        }
    }

    if (stores->nelts == 0) {
        return p;
    }

    p = ngx_http_sallyport_store_gauges(p, stores);
    p = ngx_http_sallyport_store_counters(p, stores);
    p = ngx_http_sallyport_store_labelled(p, stores, "sallyport_epoch_total",
                                   "Epochs that ended, by what ended them.",
                                   "cause", ngx_http_sallyport_ends,
                                   NGX_HTTP_SALLYPORT_ENDS,
                                   ngx_http_sallyport_source_offset(ended));
    p = ngx_http_sallyport_store_labelled(p, stores,
                                   "sallyport_insert_refused_total",
                                   "Answers that could not be cached.",
                                   "why", ngx_http_sallyport_refusals,
                                   NGX_HTTP_SALLYPORT_REFUSALS,
                                   ngx_http_sallyport_source_offset(refused));

    return ngx_http_sallyport_store_canaries(p, stores);
}


void
ngx_http_sallyport_store_stale(ngx_http_sallyport_store_t *store)
{
    (void) __atomic_fetch_add(&store->source->stales, 1, __ATOMIC_RELAXED);
}


static u_char *
ngx_http_sallyport_store_gauges(u_char *p, ngx_array_t *stores)
{
    int64_t                       age, skew;
    uint64_t                      now;
    ngx_uint_t                    i;
    ngx_http_sallyport_store_t  **store;

    store = stores->elts;
    now = ngx_http_sallyport_clock();

    p = ngx_http_sallyport_metrics_head(p, "sallyport_session_state", "gauge",
                                  "Changes are heard of: 2; soon: 1; not: 0.");

    for (i = 0; i < stores->nelts; i++) {

        if (store[i]->file != NULL) {
            continue;
        }

        p = ngx_sprintf(p, "sallyport_session_state{store=\"%ui\"} %uL\n", i,
                        store[i]->source->word & 3);
    }

    p = ngx_http_sallyport_metrics_head(p, "sallyport_store_polled", "gauge",
                                  "1: records are asked for again each ttl, "
                                  "because changes cannot be heard of.");

    for (i = 0; i < stores->nelts; i++) {

        if (store[i]->file != NULL) {
            continue;
        }

        p = ngx_sprintf(p, "sallyport_store_polled{store=\"%ui\"} %d\n", i,
                        store[i]->source->polled != 0);
    }

    p = ngx_http_sallyport_metrics_head(p, "sallyport_fresh_age_seconds",
                                  "gauge",
                                  "What was written to the store longer ago "
                                  "is known here.");

    for (i = 0; i < stores->nelts; i++) {

        if (store[i]->file != NULL) {
            continue;
        }

        if (store[i]->source->fresh == 0) {
            continue;
        }

        age = ngx_http_sallyport_since(now, store[i]->source->fresh);

        p = ngx_sprintf(p,
                        "sallyport_fresh_age_seconds{store=\"%ui\"} %L.%03L\n",
                        i, age / 1000, age % 1000);
    }

    p = ngx_http_sallyport_metrics_head(p, "sallyport_redis_skew_seconds",
                                  "gauge",
                                  "The store's clock less this node's.");

    for (i = 0; i < stores->nelts; i++) {

        if (store[i]->file != NULL) {
            continue;
        }

        skew = store[i]->source->skew;
        p = ngx_sprintf(p,
                   "sallyport_redis_skew_seconds{store=\"%ui\"} %s%L.%06L\n",
                   i, skew < 0 ? "-" : "", ngx_abs(skew) / 1000000,
                   ngx_abs(skew) % 1000000);
    }

    p = ngx_http_sallyport_metrics_head(p, "sallyport_fetch_inflight", "gauge",
                                  "Look-ups in this worker that wait for the "
                                  "store.");

    for (i = 0; i < stores->nelts; i++) {

        if (store[i]->file != NULL) {
            continue;
        }

        p = ngx_sprintf(p, "sallyport_fetch_inflight{store=\"%ui\"} %ui\n", i,
                        store[i]->redis.nwire);
    }

    return p;
}


static u_char *
ngx_http_sallyport_store_counters(u_char *p, ngx_array_t *stores)
{
    uint64_t                                   *value;
    ngx_uint_t                                  i, n;
    ngx_http_sallyport_store_t                **store;
    const ngx_http_sallyport_store_counter_t   *counted;

    store = stores->elts;

    for (n = 0; n < sizeof(ngx_http_sallyport_store_counted)
                    / sizeof(ngx_http_sallyport_store_counted[0]);
         n++)
    {
        counted = &ngx_http_sallyport_store_counted[n];
        p = ngx_http_sallyport_metrics_head(p, counted->name, "counter",
                                            counted->help);

        for (i = 0; i < stores->nelts; i++) {

        if (store[i]->file != NULL) {
            continue;
        }

            value = (uint64_t *) ((u_char *) store[i]->source
                                  + counted->offset);
            p = ngx_sprintf(p, "%s{store=\"%ui\"} %uL\n", counted->name, i,
                            *value);
        }
    }

    return p;
}


static u_char *
ngx_http_sallyport_store_labelled(u_char *p, ngx_array_t *stores,
    const char *name, const char *help, const char *label,
    const char *const *values, ngx_uint_t n, size_t offset)
{
    uint64_t                     *counts;
    ngx_uint_t                    i, k;
    ngx_http_sallyport_store_t  **store;

    store = stores->elts;
    p = ngx_http_sallyport_metrics_head(p, name, "counter", help);

    for (i = 0; i < stores->nelts; i++) {

        if (store[i]->file != NULL) {
            continue;
        }

        counts = (uint64_t *) ((u_char *) store[i]->source + offset);

        for (k = 0; k < n; k++) {
            p = ngx_sprintf(p, "%s{store=\"%ui\",%s=\"%s\"} %uL\n", name, i,
                            label, values[k], counts[k]);
        }
    }

    return p;
}


/* How long canaries were on their way there and back. */

static u_char *
ngx_http_sallyport_store_canaries(u_char *p, ngx_array_t *stores)
{
    uint64_t                       sum, us;
    ngx_uint_t                     i, k;
    ngx_http_sallyport_store_t   **store;
    ngx_http_sallyport_source_t   *source;

    store = stores->elts;
    p = ngx_http_sallyport_metrics_head(p, "sallyport_canary_seconds",
                                        "histogram",
                                        "From a canary's sending until the "
                                        "node was told of it.");

    for (i = 0; i < stores->nelts; i++) {

        if (store[i]->file != NULL) {
            continue;
        }

        source = store[i]->source;
        sum = 0;

        for (k = 0; k < NGX_HTTP_SALLYPORT_CANARIES; k++) {
            sum += source->canary[k];
            us = ngx_http_sallyport_canary_bounds[k];

            p = ngx_sprintf(p, "sallyport_canary_seconds_bucket{store=\"%ui\","
                            "le=\"%uL.%04uL\"} %uL\n", i, us / 1000000,
                            us % 1000000 / 100, sum);
        }

        sum += source->canary[k];

        p = ngx_sprintf(p, "sallyport_canary_seconds_bucket{store=\"%ui\","
                        "le=\"+Inf\"} %uL\n"
                        "sallyport_canary_seconds_sum{store=\"%ui\"} "
                        "%uL.%06uL\n"
                        "sallyport_canary_seconds_count{store=\"%ui\"} %uL\n",
                        i, sum, i, source->canary_us / 1000000,
                        source->canary_us % 1000000, i, sum);
    }

    return p;
}
