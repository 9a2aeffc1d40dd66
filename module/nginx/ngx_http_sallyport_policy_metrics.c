
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what health and metrics say about policies.
 */


#include "ngx_http_sallyport_policy.h"


#define NGX_HTTP_SALLYPORT_POLICY_LINE  512    /* bytes of a metric's line */


typedef struct {
    const char  *name;
    const char  *type;
    const char  *help;
    size_t       offset;     /* in ngx_http_sallyport_policy_sh_t */
    ngx_uint_t   candidate;  /* 1: of candidates only */
} ngx_http_sallyport_policy_metric_t;


static u_char *ngx_http_sallyport_policies_info(u_char *p,
    ngx_array_t *policies);


#define sallyport_of(member)  offsetof(ngx_http_sallyport_policy_sh_t, member)


/* All are 64 bits wide. */

static const ngx_http_sallyport_policy_metric_t
    ngx_http_sallyport_policy_metrics[] = {

    { "sallyport_policy_activated_seconds", "gauge",
      "When the policy came into force, in unix seconds.",
      sallyport_of(activated), 0 },
    { "sallyport_policy_loads_total", "counter",
      "Policies put in force.", sallyport_of(loads), 0 },
    { "sallyport_policy_failures_total", "counter",
      "Times that the pointer led to a policy that could not be used.",
      sallyport_of(failures), 0 },
    { "sallyport_policy_behind", "gauge",
      "Whether the pointer leads to what is not in force.",
      sallyport_of(behind), 0 },
    { "sallyport_candidate_same_total", "counter",
      "Verdicts that the candidate would also have given.",
      sallyport_of(same), 1 },
    { "sallyport_candidate_allows_total", "counter",
      "Refusals that the candidate would have allowed.",
      sallyport_of(allows), 1 },
    { "sallyport_candidate_denies_total", "counter",
      "Allows that the candidate would have refused.",
      sallyport_of(denies), 1 },
    { "sallyport_candidate_reasons_total", "counter",
      "Refusals that the candidate would have given another reason for.",
      sallyport_of(reasons), 1 },
    { "sallyport_candidate_open_total", "counter",
      "Refusals before the body, of which the candidate needed to see more.",
      sallyport_of(open), 1 }
};


ngx_uint_t
ngx_http_sallyport_policies_ready(ngx_array_t *policies)
{
    ngx_uint_t                     i;
    ngx_http_sallyport_policy_t  **policy;

    policy = policies->elts;

    for (i = 0; i < policies->nelts; i++) {
        if (!policy[i]->optional
            && ngx_http_sallyport_policy_now(policy[i]) == NULL)
        {
            return 0;
        }
    }

    return 1;
}


size_t
ngx_http_sallyport_policies_metrics_size(ngx_array_t *policies)
{
    size_t                          len;
    ngx_uint_t                      i;
    ngx_http_sallyport_policy_t   **policy;
    ngx_http_sallyport_edition_t   *edition;

    len = (sp_nelts(ngx_http_sallyport_policy_metrics) + 1)
          * (policies->nelts + 1) * NGX_HTTP_SALLYPORT_POLICY_LINE;

    policy = policies->elts;

    /* A byte of a label takes two at most. */

    for (i = 0; i < policies->nelts; i++) {
        edition = ngx_http_sallyport_policy_now(policy[i]);

        if (edition != NULL) {
            len += 2 * sp_policy_name(edition->image).len
                   + 2 * sp_policy_revision(edition->image).len;
        }
    }

    return len;
}


/*
 * The editions are those that the size was of: nothing takes them from this
 * worker but a look of its own, and there is none in between.
 */

u_char *
ngx_http_sallyport_policies_metrics(u_char *p, ngx_array_t *policies)
{
    uint64_t                                    value;
    ngx_uint_t                                  i, k, first;
    ngx_http_sallyport_policy_t               **policy;
    const ngx_http_sallyport_policy_metric_t   *metric;

    if (policies->nelts == 0) {
        return p;
    }

    p = ngx_http_sallyport_policies_info(p, policies);
    policy = policies->elts;

    for (k = 0; k < sp_nelts(ngx_http_sallyport_policy_metrics); k++) {
        metric = &ngx_http_sallyport_policy_metrics[k];
        first = 1;

        for (i = 0; i < policies->nelts; i++) {

            if (metric->candidate && !policy[i]->optional) {
                continue;
            }

            if (first) {
                p = ngx_http_sallyport_metrics_head(p, metric->name,
                                                    metric->type,
                                                    metric->help);
                first = 0;
            }

            value = __atomic_load_n((uint64_t *) ((u_char *) policy[i]->sh
                                                  + metric->offset),
                                    __ATOMIC_RELAXED);

            p = ngx_sprintf(p, "%s{policy=\"%ui\"} %uL\n", metric->name, i,
                            value);
        }
    }

    return p;
}


static u_char *
ngx_http_sallyport_policies_info(u_char *p, ngx_array_t *policies)
{
    u_char                          hash[2 * SP_POLICY_HASH_LEN];
    ngx_uint_t                      i;
    const sp_policy_t              *image;
    ngx_http_sallyport_policy_t   **policy;

    p = ngx_http_sallyport_metrics_head(p, "sallyport_policy_info", "gauge",
                                        "The policies in force, and "
                                        "candidates beside them.");

    policy = policies->elts;

    for (i = 0; i < policies->nelts; i++) {

        if (policy[i]->current == NULL) {
            continue;
        }

        image = policy[i]->current->image;
        sp_hex(sp_policy_hash(image), SP_POLICY_HASH_LEN, hash);

        p = ngx_sprintf(p, "sallyport_policy_info{policy=\"%ui\",role=\"%s\","
                        "name=\"", i,
                        policy[i]->optional ? "candidate" : "active");
        p = ngx_http_sallyport_metrics_label(p, sp_policy_name(image));
        p = ngx_sprintf(p, "\",revision=\"");
        p = ngx_http_sallyport_metrics_label(p, sp_policy_revision(image));
        p = ngx_sprintf(p, "\",hash=\"%*s\"} 1\n", sizeof(hash), hash);
    }

    return p;
}
