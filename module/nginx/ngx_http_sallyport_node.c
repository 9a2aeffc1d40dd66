
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what a node writes into the store for people and for the
 * command: that it is there, how far it has heard of changes, and that it has
 * passed a fence. The names are not under the tracked prefix, but beside it:
 *
 *   sp:node         zset: nodes by when they were seen last, unix ms
 *   sp:node:NODE    hash: what the node is and does; gone 10 s after it is
 *   sp:ack:ID       hash: nodes that have passed the fence, and when; 60 s
 *
 * A fence is a key under the prefix, "~fence:ID". A node that is told of it
 * has been told of all that was written before it.
 *
 * Times are the server's clock, so that nodes can be compared.
 */


#include "ngx_http_sallyport_geo.h"
#include "ngx_http_sallyport_tracker.h"


#define NGX_HTTP_SALLYPORT_NODE_FIELDS  12
#define NGX_HTTP_SALLYPORT_NODE_POLICY  160    /* bytes of a list */


typedef struct {
    ngx_uint_t    n;
    const char   *argv[2 + 2 * NGX_HTTP_SALLYPORT_NODE_FIELDS];
    size_t        lens[2 + 2 * NGX_HTTP_SALLYPORT_NODE_FIELDS];
    u_char       *last;
    u_char        room[1024];
} ngx_http_sallyport_words_t;


static void ngx_http_sallyport_node_entry(
    ngx_http_sallyport_tracker_t *tracker);
static u_char *ngx_http_sallyport_node_policies(
    ngx_http_sallyport_tracker_t *tracker, u_char *p, u_char *end);
static u_char *ngx_http_sallyport_node_geos(
    ngx_http_sallyport_tracker_t *tracker, u_char *p, u_char *end);
static void ngx_http_sallyport_words(ngx_http_sallyport_words_t *words,
    const char *name);
static void ngx_cdecl ngx_http_sallyport_word(
    ngx_http_sallyport_words_t *words, const char *fmt, ...);
static void ngx_http_sallyport_words_say(
    ngx_http_sallyport_tracker_t *tracker, ngx_http_sallyport_words_t *words);


/* "sp:" of "sp:data:"; beside another prefix, "sp~" and the prefix. */

void
ngx_http_sallyport_node_init(ngx_http_sallyport_tracker_t *tracker)
{
    u_char                      *p, *end;
    uint64_t                     id;
    ngx_str_t                   *prefix, *host;
    ngx_uint_t                   i;
    ngx_http_sallyport_store_t  *store;

    store = tracker->store;
    prefix = &store->prefix;

    p = tracker->room;
    tracker->base.data = p;

    if (prefix->len >= 5
        && ngx_memcmp(prefix->data + prefix->len - 5, "data:", 5) == 0)
    {
        p = ngx_cpymem(p, prefix->data, prefix->len - 5);

    } else {
        p = ngx_cpymem(p, prefix->len != 0 ? "sp~" : "sp:", 3);
        p = ngx_cpymem(p, prefix->data, prefix->len);
    }

    tracker->base.len = p - tracker->base.data;

    /* of the host, and of this start of nginx */

    host = (ngx_str_t *) &ngx_cycle->hostname;
    p = tracker->node_room;
    end = p + NGX_HTTP_SALLYPORT_NODE_LEN - 9;

    for (i = 0; i < host->len && p < end; i++) {
        *p++ = ngx_strchr("*?[]\\ :", host->data[i]) != NULL
               || host->data[i] < '!' || host->data[i] > '~'
               ? '-' : host->data[i];
    }

    id = sp_siphash(store->zone->sh->key, "node", 4);

    tracker->node.data = tracker->node_room;
    tracker->node.len = ngx_sprintf(p, ".%08xD", (uint32_t) id)
                        - tracker->node_room;
}


void
ngx_http_sallyport_node_tick(ngx_http_sallyport_tracker_t *tracker)
{
    ngx_http_sallyport_words_t  words;

    if (tracker->time == 0
        || (tracker->written_at != 0
            && ngx_current_msec - tracker->written_at
               < NGX_HTTP_SALLYPORT_NODE_BEAT))
    {
        return;
    }

    tracker->written_at = ngx_current_msec;

    ngx_http_sallyport_node_entry(tracker);

    ngx_http_sallyport_words(&words, "PEXPIRE");
    ngx_http_sallyport_word(&words, "%Vnode:%V", &tracker->base,
                            &tracker->node);
    ngx_http_sallyport_word(&words, "%d", NGX_HTTP_SALLYPORT_NODE_LIFE);
    ngx_http_sallyport_words_say(tracker, &words);

    ngx_http_sallyport_words(&words, "ZADD");
    ngx_http_sallyport_word(&words, "%Vnode", &tracker->base);
    ngx_http_sallyport_word(&words, "%uL", tracker->time / 1000);
    ngx_http_sallyport_word(&words, "%V", &tracker->node);
    ngx_http_sallyport_words_say(tracker, &words);

    /* whoever has not been seen for an hour is forgotten */

    ngx_http_sallyport_words(&words, "ZREMRANGEBYSCORE");
    ngx_http_sallyport_word(&words, "%Vnode", &tracker->base);
    ngx_http_sallyport_word(&words, "-inf");
    ngx_http_sallyport_word(&words, "%uL", tracker->time / 1000 - 3600000);
    ngx_http_sallyport_words_say(tracker, &words);
}


static void
ngx_http_sallyport_node_entry(ngx_http_sallyport_tracker_t *tracker)
{
    u_char                        list[NGX_HTTP_SALLYPORT_NODE_POLICY], *end;
    uint64_t                      now;
    ngx_str_t                     text;
    ngx_core_conf_t              *ccf;
    ngx_http_sallyport_words_t    words;
    ngx_http_sallyport_source_t  *source;

    source = tracker->store->source;
    now = ngx_http_sallyport_clock();
    text.data = list;
    end = list + sizeof(list);

    ngx_http_sallyport_words(&words, "HSET");
    ngx_http_sallyport_word(&words, "%Vnode:%V", &tracker->base,
                            &tracker->node);

    ngx_http_sallyport_word(&words, "host");
    ngx_http_sallyport_word(&words, "%V", &ngx_cycle->hostname);

    ngx_http_sallyport_word(&words, "version");
    ngx_http_sallyport_word(&words, "%s", NGX_HTTP_SALLYPORT_VERSION);

    ngx_http_sallyport_word(&words, "policy");
    text.len = ngx_http_sallyport_node_policies(tracker, list, end) - list;
    ngx_http_sallyport_word(&words, "%V", &text);

    ngx_http_sallyport_word(&words, "geo");
    text.len = ngx_http_sallyport_node_geos(tracker, list, end) - list;
    ngx_http_sallyport_word(&words, "%V", &text);

    ngx_http_sallyport_word(&words, "lag_ms");
    ngx_http_sallyport_word(&words, "%L",
                            ngx_http_sallyport_since(now, source->fresh));

    ngx_http_sallyport_word(&words, "lease_ms");
    ngx_http_sallyport_word(&words, "%M", tracker->store->lease);

    ngx_http_sallyport_word(&words, "epoch");
    ngx_http_sallyport_word(&words, "%uL", source->word >> 2);

    ngx_http_sallyport_word(&words, "skew_us");
    ngx_http_sallyport_word(&words, "%L", source->skew);

    ngx_http_sallyport_word(&words, "workers");
    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);
    ngx_http_sallyport_word(&words, "%i", ccf->worker_processes);

    ngx_http_sallyport_word(&words, "seen_ms");
    ngx_http_sallyport_word(&words, "%uL", tracker->time / 1000);

    ngx_http_sallyport_words_say(tracker, &words);
}


/* The first 16 digits of each policy's hash, with commas. */

static u_char *
ngx_http_sallyport_node_policies(ngx_http_sallyport_tracker_t *tracker,
    u_char *p, u_char *end)
{
    ngx_uint_t                      i;
    const u_char                   *hash;
    ngx_http_sallyport_policy_t   **policies;
    ngx_http_sallyport_edition_t   *edition;

    policies = tracker->store->smcf->policies.elts;

    for (i = 0; i < tracker->store->smcf->policies.nelts && end - p > 20;
         i++)
    {
        edition = ngx_http_sallyport_policy_now(policies[i]);

        if (edition == NULL) {
            continue;
        }

        if (i != 0) {
            *p++ = ',';
        }

        hash = sp_policy_hash(edition->image);
        p = ngx_hex_dump(p, (u_char *) hash, 8);
    }

    return p;
}


/* When the oldest database of each place was built, unix seconds. */

static u_char *
ngx_http_sallyport_node_geos(ngx_http_sallyport_tracker_t *tracker, u_char *p,
    u_char *end)
{
    ngx_uint_t                  i;
    ngx_http_sallyport_geo_t  **geos;

    geos = tracker->store->smcf->geos.elts;

    for (i = 0; i < tracker->store->smcf->geos.nelts; i++) {

        p = ngx_slprintf(p, end, "%s%uL", i != 0 ? "," : "",
                         geos[i]->oldest);
    }

    return p;
}


void
ngx_http_sallyport_node_ack(ngx_http_sallyport_tracker_t *tracker)
{
    uint64_t                     hash;
    ngx_str_t                    id;
    ngx_uint_t                   i, n;
    ngx_http_sallyport_words_t   words;

    if (tracker->canaries.state != NGX_HTTP_SALLYPORT_R_READY) {
        return;
    }

    for (i = 0; i < tracker->nfences; i++) {
        id.data = tracker->fences[i].id;
        id.len = tracker->fences[i].len;

        /* its end is told of, too */

        hash = sp_siphash(tracker->store->zone->sh->key, id.data, id.len);

        for (n = 0; n < NGX_HTTP_SALLYPORT_ACKED; n++) {
            if (tracker->acked[n] == hash) {
                break;
            }
        }

        if (n < NGX_HTTP_SALLYPORT_ACKED) {
            continue;
        }

        tracker->acked[tracker->nacked++ % NGX_HTTP_SALLYPORT_ACKED] = hash;
        (void) __atomic_fetch_add(&tracker->store->source->fences, 1,
                                  __ATOMIC_RELAXED);

        ngx_http_sallyport_words(&words, "HSET");
        ngx_http_sallyport_word(&words, "%Vack:%V", &tracker->base, &id);
        ngx_http_sallyport_word(&words, "%V", &tracker->node);
        ngx_http_sallyport_word(&words, "%uL", tracker->time / 1000);
        ngx_http_sallyport_words_say(tracker, &words);

        ngx_http_sallyport_words(&words, "PEXPIRE");
        ngx_http_sallyport_word(&words, "%Vack:%V", &tracker->base, &id);
        ngx_http_sallyport_word(&words, "60000");
        ngx_http_sallyport_words_say(tracker, &words);
    }
}


static void
ngx_http_sallyport_words(ngx_http_sallyport_words_t *words, const char *name)
{
    words->n = 1;
    words->argv[0] = name;
    words->lens[0] = ngx_strlen(name);
    words->last = words->room;
}


static void ngx_cdecl
ngx_http_sallyport_word(ngx_http_sallyport_words_t *words, const char *fmt,
    ...)
{
    va_list  args;

    words->argv[words->n] = (char *) words->last;

    va_start(args, fmt);
    words->last = ngx_vslprintf(words->last,
                                words->room + sizeof(words->room), fmt, args);
    va_end(args);

    words->lens[words->n] = words->last - (u_char *) words->argv[words->n];
    words->n++;
}


/* Whether it can be written matters to nobody here. */

static void
ngx_http_sallyport_words_say(ngx_http_sallyport_tracker_t *tracker,
    ngx_http_sallyport_words_t *words)
{
    (void) ngx_http_sallyport_redis_say(&tracker->canaries,
                                        NGX_HTTP_SALLYPORT_CMD_NODE, NULL,
                                        (int) words->n, words->argv,
                                        words->lens);
}
