
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what is asked about a running gate: sallyport_health,
 * for load balancers, and sallyport_metrics, for Prometheus (text format
 * 0.0.4). Neither names an account, a key, a file or an address.
 */


#include "ngx_http_sallyport_control.h"
#include "ngx_http_sallyport_geo.h"
#include "ngx_http_sallyport_meter.h"


/* Bytes that all lines of a value, beside its labels, stay below. */

#define NGX_HTTP_SALLYPORT_METRIC_LINE  512


typedef struct {
    const char                    *name;
    const char                    *label;      /* or NULL */
    const char                    *help;       /* NULL: of the row before */
    ngx_http_sallyport_counter_t   counter;
} ngx_http_sallyport_metric_t;


static ngx_int_t ngx_http_sallyport_status_method(ngx_http_request_t *r);
static ngx_uint_t ngx_http_sallyport_health_policy(
    ngx_http_sallyport_main_conf_t *smcf);
static ngx_uint_t ngx_http_sallyport_health_geo(
    ngx_http_sallyport_main_conf_t *smcf);
static ngx_uint_t ngx_http_sallyport_health_audit(
    ngx_http_sallyport_main_conf_t *smcf);
static size_t ngx_http_sallyport_metrics_size(
    ngx_http_sallyport_main_conf_t *smcf);
static u_char *ngx_http_sallyport_metrics_counters(u_char *p,
    ngx_http_sallyport_zone_t *zone);
static u_char *ngx_http_sallyport_metrics_stores(u_char *p,
    ngx_array_t *stores);
static u_char *ngx_http_sallyport_metrics_audits(u_char *p,
    ngx_array_t *audits);


#define sallyport_denied(label, class)                                       \
    { "sallyport_decisions_total", "verdict=\"deny\",class=\"" label "\"",   \
      NULL, NGX_HTTP_SALLYPORT_C_DENY + class }


static const ngx_http_sallyport_metric_t  ngx_http_sallyport_metrics[] = {

    { "sallyport_decisions_total", "verdict=\"allow\",class=\"\"",
      "Verdicts, by verdict and class of the reason.",
      NGX_HTTP_SALLYPORT_C_ALLOW },
    { "sallyport_decisions_total", "verdict=\"throttle\",class=\"\"",
      NULL, NGX_HTTP_SALLYPORT_C_THROTTLE },
    sallyport_denied("legal", SP_CLASS_LEGAL),
    sallyport_denied("risk", SP_CLASS_RISK),
    sallyport_denied("commercial", SP_CLASS_COMMERCIAL),
    sallyport_denied("credential", SP_CLASS_CREDENTIAL),
    sallyport_denied("request", SP_CLASS_REQUEST),
    sallyport_denied("system", SP_CLASS_SYSTEM),

    { "sallyport_observed_total", NULL,
      "Requests that observe mode let pass and enforcing would not have.",
      NGX_HTTP_SALLYPORT_C_OBSERVED },

    { "sallyport_recalled_total", NULL,
      "Allows of a case and records that were judged before.",
      NGX_HTTP_SALLYPORT_C_RECALLED },

    { "sallyport_cache_total", "result=\"hit\"",
      "Records looked for in shared memory, by result.",
      NGX_HTTP_SALLYPORT_C_CACHE_HIT },
    { "sallyport_cache_total", "result=\"miss\"",
      NULL, NGX_HTTP_SALLYPORT_C_CACHE_MISS },
    { "sallyport_cache_total", "result=\"negative\"",
      NULL, NGX_HTTP_SALLYPORT_C_NEGATIVE_HIT },

    { "sallyport_keys_untagged_total", NULL,
      "Keys that were refused by their tag, without a look-up.",
      NGX_HTTP_SALLYPORT_C_UNTAGGED },

    { "sallyport_lookups_total", NULL,
      "Commands sent to the store for a record.",
      NGX_HTTP_SALLYPORT_C_LOOKUP },
    { "sallyport_lookups_failed_total", NULL,
      "Look-ups that got no usable answer.",
      NGX_HTTP_SALLYPORT_C_LOOKUP_FAILED },
    { "sallyport_lookups_refused_total", NULL,
      "Look-ups not made, for their rate, a full queue or a resting store.",
      NGX_HTTP_SALLYPORT_C_LOOKUP_REFUSED },
    { "sallyport_records_invalid_total", NULL,
      "Records that could not be read, and denied.",
      NGX_HTTP_SALLYPORT_C_RECORD_INVALID },
    { "sallyport_store_reconnects_total", NULL,
      "Connections to a store made anew.",
      NGX_HTTP_SALLYPORT_C_RECONNECT },
    { "sallyport_zone_full_total", NULL,
      "Times that shared memory had no room.",
      NGX_HTTP_SALLYPORT_C_ZONE_FULL },

    { "sallyport_audit_records_total", NULL,
      "Decision and settle records written.",
      NGX_HTTP_SALLYPORT_C_AUDIT_RECORDS },
    { "sallyport_audit_failed_total", NULL,
      "Decisions that could not be recorded.",
      NGX_HTTP_SALLYPORT_C_AUDIT_FAILED },
    { "sallyport_settled_total", NULL,
      "Recorded allows whose request has ended.",
      NGX_HTTP_SALLYPORT_C_SETTLED },
    { "sallyport_cut_total", NULL,
      "Allowed requests that were ended, being allowed no more.",
      NGX_HTTP_SALLYPORT_C_CUT }
};


ngx_int_t
ngx_http_sallyport_health_handler(ngx_http_request_t *r)
{
    u_char                          *p;
    ngx_int_t                        rc;
    ngx_str_t                        body;
    ngx_uint_t                       i, status;
    u_char                           text[128];
    ngx_http_sallyport_main_conf_t  *smcf;

    static const struct {
        const char    *name;
        ngx_uint_t   (*ready)(ngx_http_sallyport_main_conf_t *smcf);
    } room[] = {
        { "policy", ngx_http_sallyport_health_policy },
        { "geo", ngx_http_sallyport_health_geo },
        { "audit", ngx_http_sallyport_health_audit }
    };

    rc = ngx_http_sallyport_status_method(r);
    if (rc != NGX_OK) {
        return rc;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sallyport_module);

    status = NGX_HTTP_OK;
    p = text;

    for (i = 0; i < sp_nelts(room); i++) {

        if (room[i].ready(smcf)) {
            continue;
        }

        p = ngx_sprintf(p, "%s\"%s\"",
                        status == NGX_HTTP_OK
                        ? "{\"status\":\"unready\",\"failing\":[" : ",",
                        room[i].name);

        status = NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    p = ngx_sprintf(p, "%s\n", status == NGX_HTTP_OK ? "{\"status\":\"ok\"}"
                                                     : "]}");

    body.len = p - text;
    body.data = ngx_pnalloc(r->pool, body.len);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(body.data, text, body.len);

    return ngx_http_sallyport_status_send(r, status, "application/json",
                                          &body);
}


ngx_int_t
ngx_http_sallyport_metrics_handler(ngx_http_request_t *r)
{
    u_char                          *p;
    ngx_int_t                        rc;
    ngx_str_t                        body;
    ngx_http_sallyport_main_conf_t  *smcf;

    rc = ngx_http_sallyport_status_method(r);
    if (rc != NGX_OK) {
        return rc;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sallyport_module);

    body.data = ngx_pnalloc(r->pool, ngx_http_sallyport_metrics_size(smcf));
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_http_sallyport_metrics_head(body.data, "sallyport_info", "gauge",
                                        "The version of the gate.");
    p = ngx_sprintf(p, "sallyport_info{version=\"%s\"} 1\n",
                    NGX_HTTP_SALLYPORT_VERSION);

    if (smcf->zone) {
        p = ngx_http_sallyport_metrics_counters(p, smcf->zone);
    }

    p = ngx_http_sallyport_meter_metrics(p, smcf->zone);
    p = ngx_http_sallyport_policies_metrics(p, &smcf->policies);
    p = ngx_http_sallyport_geos_metrics(p, &smcf->geos);
    p = ngx_http_sallyport_follow_metrics(p, &smcf->follows);
    p = ngx_http_sallyport_metrics_stores(p, &smcf->stores);
    p = ngx_http_sallyport_files_metrics(p, &smcf->stores);
    p = ngx_http_sallyport_stores_metrics(p, &smcf->stores);
    p = ngx_http_sallyport_block_metrics(p, &smcf->stores);

    if (smcf->enabled) {
        p = ngx_http_sallyport_metrics_audits(p, &smcf->audits);
    }

    body.len = p - body.data;

    return ngx_http_sallyport_status_send(r, NGX_HTTP_OK,
                                          "text/plain; version=0.0.4", &body);
}


static ngx_int_t
ngx_http_sallyport_status_method(ngx_http_request_t *r)
{
    if (r->method != NGX_HTTP_GET && r->method != NGX_HTTP_HEAD) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    return ngx_http_discard_request_body(r);
}


ngx_int_t
ngx_http_sallyport_status_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *body)
{
    ngx_int_t         rc;
    ngx_buf_t        *b;
    ngx_chain_t       out;
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "Cache-Control");
    ngx_str_set(&h->value, "no-store");
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;
    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, &out);
}


/* Without a policy everything is refused. */

static ngx_uint_t
ngx_http_sallyport_health_policy(ngx_http_sallyport_main_conf_t *smcf)
{
    return ngx_http_sallyport_policies_ready(&smcf->policies)
           && (smcf->policies.nelts != 0 || !smcf->enabled);
}


static ngx_uint_t
ngx_http_sallyport_health_geo(ngx_http_sallyport_main_conf_t *smcf)
{
    return ngx_http_sallyport_geos_ready(&smcf->geos);
}


static ngx_uint_t
ngx_http_sallyport_health_audit(ngx_http_sallyport_main_conf_t *smcf)
{
    ngx_uint_t                    i;
    ngx_http_sallyport_audit_t  **audit;

    if (!smcf->enabled) {
        return 1;
    }

    audit = smcf->audits.elts;

    for (i = 0; i < smcf->audits.nelts; i++) {
        if (!ngx_http_sallyport_audit_ready(audit[i])) {
            return 0;
        }
    }

    return 1;
}


static size_t
ngx_http_sallyport_metrics_size(ngx_http_sallyport_main_conf_t *smcf)
{
    size_t  len;

    len = sp_nelts(ngx_http_sallyport_metrics) + 10
          + 4 * (smcf->stores.nelts + 1) + smcf->audits.nelts;
    len *= NGX_HTTP_SALLYPORT_METRIC_LINE;

    return len + ngx_http_sallyport_geos_metrics_size(&smcf->geos)
           + ngx_http_sallyport_follow_metrics_size(&smcf->follows)
           + ngx_http_sallyport_policies_metrics_size(&smcf->policies)
           + ngx_http_sallyport_files_metrics_size(&smcf->stores)
           + ngx_http_sallyport_meter_metrics_size(smcf->zone)
           + ngx_http_sallyport_stores_metrics_size(&smcf->stores);
}


static u_char *
ngx_http_sallyport_metrics_counters(u_char *p,
    ngx_http_sallyport_zone_t *zone)
{
    ngx_uint_t                          i;
    const ngx_http_sallyport_metric_t  *m;

    for (i = 0; i < sp_nelts(ngx_http_sallyport_metrics); i++) {

        m = &ngx_http_sallyport_metrics[i];

        if (m->help) {
            p = ngx_http_sallyport_metrics_head(p, m->name, "counter",
                                                m->help);
        }

        p = ngx_sprintf(p, m->label ? "%s{%s} %uA\n" : "%s%s %uA\n", m->name,
                        m->label ? m->label : "",
                        ngx_http_sallyport_counted(zone, m->counter));
    }

    return p;
}


static u_char *
ngx_http_sallyport_metrics_stores(u_char *p, ngx_array_t *stores)
{
    ngx_uint_t                    i;
    ngx_http_sallyport_store_t  **store;

    if (stores->nelts == 0) {
        return p;
    }

    p = ngx_http_sallyport_metrics_head(p, "sallyport_store_up", "gauge",
                                        "Whether the store answers the "
                                        "worker that was asked.");

    store = stores->elts;

    for (i = 0; i < stores->nelts; i++) {
        p = ngx_sprintf(p, "sallyport_store_up{store=\"%ui\"} %ui\n", i,
                        ngx_http_sallyport_store_up(store[i]));
    }

    return p;
}


static u_char *
ngx_http_sallyport_metrics_audits(u_char *p, ngx_array_t *audits)
{
    ngx_uint_t                    i;
    ngx_http_sallyport_audit_t  **audit;

    if (audits->nelts == 0) {
        return p;
    }

    p = ngx_http_sallyport_metrics_head(p, "sallyport_audit_up", "gauge",
                                        "Whether the worker that was asked "
                                        "can write its records.");

    audit = audits->elts;

    for (i = 0; i < audits->nelts; i++) {
        p = ngx_sprintf(p, "sallyport_audit_up{audit=\"%ui\"} %ui\n", i,
                        ngx_http_sallyport_audit_ready(audit[i]));
    }

    return p;
}


u_char *
ngx_http_sallyport_metrics_head(u_char *p, const char *name,
    const char *type, const char *help)
{
    return ngx_sprintf(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                       type);
}


/* Backslash, quote and newline are escaped, as the text format asks. */

u_char *
ngx_http_sallyport_metrics_label(u_char *p, sp_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] == '\n') {
            *p++ = '\\';
            *p++ = 'n';
            continue;
        }

        if (s.data[i] == '\\' || s.data[i] == '"') {
            *p++ = '\\';
        }

        *p++ = s.data[i];
    }

    return p;
}
