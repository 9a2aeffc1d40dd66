
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the meters have of one account, shown and reset:
 * the limits that count by the account alone, or by it and a model's tier.
 * Only a unix socket is answered: what it may do is its file's owner's to say.
 */


#include "ngx_http_sallyport_meter.h"


#define NGX_HTTP_SALLYPORT_LIMIT_ROW  512   /* bytes that one stays below */
#define NGX_HTTP_SALLYPORT_WHO        256   /* of by and reason */


static ngx_int_t ngx_http_sallyport_limits_local(ngx_http_request_t *r);
static ngx_int_t ngx_http_sallyport_limits_ask(ngx_http_request_t *r,
    const char *name, size_t len, size_t max, ngx_str_t *value);
static u_char *ngx_http_sallyport_limits_rows(u_char *p,
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_edition_t *policy,
    const ngx_http_sallyport_print_t *account, ngx_uint_t reset,
    ngx_uint_t *n);
static u_char *ngx_http_sallyport_limits_row(u_char *p,
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_edition_t *policy,
    const sp_apply_t *apply, const ngx_http_sallyport_print_t *print,
    ngx_uint_t tier, ngx_uint_t reset);
static size_t ngx_http_sallyport_limits_size(
    ngx_http_sallyport_main_conf_t *smcf);


/*
 * GET: the account's meters as JSON. POST, with by= and reason=: they are
 * reset, and shown as they were.
 */

ngx_int_t
ngx_http_sallyport_limits_handler(ngx_http_request_t *r)
{
    u_char                          *p;
    ngx_str_t                        id, by, why, body;
    ngx_uint_t                       i, n, reset;
    ngx_http_sallyport_print_t       account;
    ngx_http_sallyport_policy_t    **policies;
    ngx_http_sallyport_edition_t    *policy;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sallyport_module);
    reset = (r->method == NGX_HTTP_POST);

    if (!reset && r->method != NGX_HTTP_GET && r->method != NGX_HTTP_HEAD) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    if (ngx_http_discard_request_body(r) != NGX_OK
        || ngx_http_sallyport_limits_local(r) != NGX_OK)
    {
        return NGX_HTTP_FORBIDDEN;
    }

    if (ngx_http_sallyport_limits_ask(r, "account", 7, SP_ID_LEN, &id)
        != NGX_OK
        || (reset
            && (ngx_http_sallyport_limits_ask(r, "by", 2,
                                              NGX_HTTP_SALLYPORT_WHO, &by)
                != NGX_OK
                || ngx_http_sallyport_limits_ask(r, "reason", 6,
                                                 NGX_HTTP_SALLYPORT_WHO, &why)
                   != NGX_OK)))
    {
        return NGX_HTTP_BAD_REQUEST;
    }

    body.data = ngx_palloc(r->pool, ngx_http_sallyport_limits_size(smcf));
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_sallyport_print(smcf->zone, id.data, id.len, &account);

    p = ngx_sprintf(body.data, "{\"limits\":[");
    policies = smcf->policies.elts;
    n = 0;

    for (i = 0; i < smcf->policies.nelts; i++) {
        policy = ngx_http_sallyport_policy_now(policies[i]);

        if (policy != NULL && policy->image != NULL) {
            p = ngx_http_sallyport_limits_rows(p, smcf->zone, policy,
                                               &account, reset, &n);
        }
    }

    p = ngx_sprintf(p, "],\"reset\":%s}\n", reset ? "true" : "false");
    body.len = p - body.data;

    if (reset) {
        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "sallyport: the limits of account \"%V\" were reset by "
                      "\"%V\": %V", &id, &by, &why);
    }

    return ngx_http_sallyport_status_send(r, NGX_HTTP_OK, "application/json",
                                          &body);
}


static ngx_int_t
ngx_http_sallyport_limits_local(ngx_http_request_t *r)
{
#if (NGX_HAVE_UNIX_DOMAIN)

    if (r->connection->local_sockaddr != NULL
        && r->connection->local_sockaddr->sa_family == AF_UNIX)
    {
        return NGX_OK;
    }

#endif

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "sallyport: limits are told on a unix socket only");

    return NGX_DECLINED;
}


/* Unescaped; printable ASCII only, as it goes into a log. */

static ngx_int_t
ngx_http_sallyport_limits_ask(ngx_http_request_t *r, const char *name,
    size_t len, size_t max, ngx_str_t *value)
{
    u_char     *src, *dst, *p;
    ngx_str_t   arg;

    if (ngx_http_arg(r, (u_char *) name, len, &arg) != NGX_OK || arg.len == 0
        || arg.len > 3 * max)
    {
        return NGX_ERROR;
    }

    dst = ngx_pnalloc(r->pool, arg.len);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    value->data = dst;
    src = arg.data;

    ngx_unescape_uri(&dst, &src, arg.len, 0);

    value->len = dst - value->data;

    for (p = value->data; p < dst; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            return NGX_ERROR;
        }
    }

    return (value->len != 0 && value->len <= max) ? NGX_OK : NGX_ERROR;
}


static size_t
ngx_http_sallyport_limits_size(ngx_http_sallyport_main_conf_t *smcf)
{
    int                             i, rules;
    size_t                          n;
    ngx_uint_t                      k;
    ngx_http_sallyport_policy_t   **policies;
    ngx_http_sallyport_edition_t   *policy;

    policies = smcf->policies.elts;
    n = 1;

    for (k = 0; k < smcf->policies.nelts; k++) {
        policy = ngx_http_sallyport_policy_now(policies[k]);

        if (policy == NULL || policy->image == NULL) {
            continue;
        }

        rules = sp_policy_rules(policy->image);

        for (i = 0; i < rules; i++) {
            n += (size_t) sp_throttle_windows(policy->image, i)
                 * (SP_TIERS + 1);
        }
    }

    return n * NGX_HTTP_SALLYPORT_LIMIT_ROW;
}


static u_char *
ngx_http_sallyport_limits_rows(u_char *p, ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_edition_t *policy,
    const ngx_http_sallyport_print_t *account, ngx_uint_t reset,
    ngx_uint_t *n)
{
    int                          i, w, rules;
    ngx_uint_t                   tier, tiers;
    sp_apply_t                   apply;
    ngx_http_sallyport_print_t   print, part;

    rules = sp_policy_rules(policy->image);

    for (i = 0; i < rules; i++) {

        for (w = 0; w < sp_throttle_windows(policy->image, i); w++) {

            sp_throttle_window(policy->image, i, w, &apply);

            if ((apply.per & ~SP_PER_TIER) != SP_PER_ACCOUNT) {
                continue;
            }

            tiers = (apply.per & SP_PER_TIER) ? SP_TIERS + 1 : 1;

            for (tier = 0; tier < tiers; tier++) {
                ngx_http_sallyport_limit_rule(zone, policy, &apply, &print);
                ngx_http_sallyport_print_add(&print, account);

                if (apply.per & SP_PER_TIER) {
                    part.h[0] = tier;
                    part.h[1] = tier;
                    ngx_http_sallyport_print_add(&print, &part);
                }

                if ((*n)++ != 0) {
                    *p++ = ',';
                }

                p = ngx_http_sallyport_limits_row(p, zone, policy, &apply,
                        &print, (apply.per & SP_PER_TIER) ? tier : 0, reset);
            }
        }
    }

    return p;
}


/* Of a table of rates it is not said which row is the account's. */

static u_char *
ngx_http_sallyport_limits_row(u_char *p, ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_edition_t *policy, const sp_apply_t *apply,
    const ngx_http_sallyport_print_t *print, ngx_uint_t tier,
    ngx_uint_t reset)
{
    int64_t                       until;
    uint64_t                      now, ahead, used;
    sp_str_t                      id;
    ngx_http_sallyport_tally_t   *tally;
    ngx_http_sallyport_bucket_t  *bucket;

    used = 0;
    ahead = 0;
    until = 0;
    tally = NULL;

    ngx_http_sallyport_meter_lock(zone);

    if (apply->window == SP_WINDOW_RATE) {
        now = ngx_http_sallyport_clock();
        bucket = ngx_http_sallyport_bucket_known(zone,
                                          NGX_HTTP_SALLYPORT_T_IDENTITY,
                                          print->h);

        if (bucket != NULL && bucket->tat > now) {
            ahead = bucket->tat - now;

            if (reset) {
                ngx_http_sallyport_redo(zone, &bucket->tat, 0);
            }
        }

    } else {
        tally = ngx_http_sallyport_tally_find(zone, 0, print->h);
    }

    if (tally != NULL && tally->until > (int64_t) ngx_time()) {
        used = tally->value;
        until = tally->until;

        /* what is under way is so whatever anybody says */

        if (reset && apply->window != SP_WINDOW_OPEN) {
            ngx_http_sallyport_redo(zone, &tally->value, 0);
        }
    }

    (void) ngx_http_sallyport_meter_unlock(zone);

    id = sp_policy_rule_id(policy->image, apply->rule);

    p = ngx_sprintf(p, "{\"rule\":\"%*s\",\"meter\":\"%s\",\"window\":\"%s\"",
                    id.len, id.data, sp_meter_name(apply->meter),
                    sp_window_name(apply->window));

    if (apply->per & SP_PER_TIER) {
        p = ngx_sprintf(p, ",\"tier\":%ui", tier);
    }

    if (apply->limit != 0) {
        p = ngx_sprintf(p, ",\"limit\":%uL", apply->limit);

        if (apply->window == SP_WINDOW_RATE) {
            p = ngx_sprintf(p, ",\"period_s\":%uL,\"burst\":%uL",
                            apply->period, apply->burst);
            used = sp_meter_units(ahead, apply->limit, apply->period);
        }
    }

    if (apply->window != SP_WINDOW_RATE || apply->limit != 0) {
        p = ngx_sprintf(p, ",\"used\":%uL", used);
    }

    if (apply->window == SP_WINDOW_RATE) {
        return ngx_sprintf(p, ",\"full_in_ms\":%uL}",
                           (ahead + 999999) / 1000000);
    }

    if (apply->window == SP_WINDOW_OPEN || until == 0) {
        return ngx_sprintf(p, "}");
    }

    return ngx_sprintf(p, ",\"resets_at\":%L}", until);
}


/*
 * Throttles are known by policy file, id and what they count by, so that a
 * bucket outlives a change of the policy. A worker finds each print once for
 * each edition.
 */

void
ngx_http_sallyport_limit_rule(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_edition_t *policy, const sp_apply_t *apply,
    ngx_http_sallyport_print_t *print)
{
    sp_str_t                     id;
    ngx_str_t                   *path;
    ngx_http_sallyport_print_t   part, *known;

    known = &policy->throttles[apply->rule];

    if (known->h[0] == 0) {
        id = sp_policy_rule_id(policy->image, apply->rule);

        path = ngx_http_sallyport_policy_path(policy->policy);

        ngx_http_sallyport_print(zone, path->data, path->len, known);
        ngx_http_sallyport_print(zone, id.data, id.len, &part);
        ngx_http_sallyport_print_add(known, &part);
        ngx_http_sallyport_print(zone, &apply->per, sizeof(apply->per),
                                 &part);
        ngx_http_sallyport_print_add(known, &part);
    }

    *print = *known;

    /* each window of a rule has buckets of its own */

    if (!apply->plain) {
        part.h[0] = part.h[1] = 1 + apply->window;
        ngx_http_sallyport_print_add(print, &part);
    }
}
