
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the metrics of stores that are files.
 */


#include "ngx_http_sallyport_file.h"


#define NGX_HTTP_SALLYPORT_FILE_METRICS  5
#define NGX_HTTP_SALLYPORT_FILE_LINE     128   /* bytes of a value's */
#define NGX_HTTP_SALLYPORT_FILE_HEAD     256   /* and of what is before them */


static ngx_int_t ngx_http_sallyport_file_metric(
    ngx_http_sallyport_file_sh_t *sh, ngx_uint_t n);


static const struct {
    const char  *name;
    const char  *type;
    const char  *help;
} ngx_http_sallyport_file_metrics[NGX_HTTP_SALLYPORT_FILE_METRICS] = {

    { "sallyport_store_file_records", "gauge",
      "Records of the store's file in force." },

    { "sallyport_store_file_age_seconds", "gauge",
      "Time since the store's file in force was made." },

    { "sallyport_store_file_behind", "gauge",
      "Whether there is another file than the one in force." },

    { "sallyport_store_file_loads_total", "counter",
      "Files of the store put in force." },

    { "sallyport_store_file_failures_total", "counter",
      "Files of the store read and refused." }
};


size_t
ngx_http_sallyport_files_metrics_size(ngx_array_t *stores)
{
    return NGX_HTTP_SALLYPORT_FILE_METRICS
           * (NGX_HTTP_SALLYPORT_FILE_HEAD
              + stores->nelts * NGX_HTTP_SALLYPORT_FILE_LINE);
}


u_char *
ngx_http_sallyport_files_metrics(u_char *p, ngx_array_t *stores)
{
    ngx_uint_t                    i, n, head;
    ngx_http_sallyport_store_t  **store;

    store = stores->elts;

    for (n = 0; n < NGX_HTTP_SALLYPORT_FILE_METRICS; n++) {
        head = 0;

        for (i = 0; i < stores->nelts; i++) {

            if (store[i]->file == NULL || store[i]->file->sh == NULL) {
                continue;
            }

            if (head++ == 0) {
                p = ngx_http_sallyport_metrics_head(p,
                                      ngx_http_sallyport_file_metrics[n].name,
                                      ngx_http_sallyport_file_metrics[n].type,
                                      ngx_http_sallyport_file_metrics[n].help);
            }

            p = ngx_sprintf(p, "%s{store=\"%ui\"} %i\n",
                            ngx_http_sallyport_file_metrics[n].name, i,
                            ngx_http_sallyport_file_metric(
                                                   store[i]->file->sh, n));
        }
    }

    return p;
}


static ngx_int_t
ngx_http_sallyport_file_metric(ngx_http_sallyport_file_sh_t *sh, ngx_uint_t n)
{
    ngx_uint_t  i;
    ngx_int_t   value;

    switch (n) {

    case 0:
        for (i = 0, value = 0; i < SP_ROSTER_KINDS; i++) {
            value += sh->counts[i];
        }

        return value;

    case 1:
        return ngx_max(ngx_time() - sh->mtime / 1000000000, 0);

    case 2:
        return sh->behind;

    case 3:
        return sh->loads;

    default:
        return sh->failures;
    }
}
