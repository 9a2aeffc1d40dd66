
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the memory of a worker's large tables. They are read all
 * over, a few lines a request, so that with small pages the processor would
 * look up most addresses anew; large ones are asked for, and not relied on.
 */


#include "ngx_http_sallyport_ways.h"

#include <sys/mman.h>


#define NGX_HTTP_SALLYPORT_PAGE  (2 * 1024 * 1024)


typedef struct {
    void    *p;
    size_t   size;
} ngx_http_sallyport_pages_t;


static void *ngx_http_sallyport_pages_map(size_t size,
    ngx_http_sallyport_pages_t *pages, ngx_log_t *log);
static void ngx_http_sallyport_pages_cleanup(void *data);


void *
ngx_http_sallyport_pages(ngx_cycle_t *cycle, size_t size)
{
    void                        *p;
    ngx_pool_cleanup_t          *cln;
    ngx_http_sallyport_pages_t  *pages;

    cln = ngx_pool_cleanup_add(cycle->pool,
                               sizeof(ngx_http_sallyport_pages_t));
    if (cln == NULL) {
        return NULL;
    }

    pages = cln->data;

    p = ngx_http_sallyport_pages_map(size, pages, cycle->log);

    if (p != NULL) {
        cln->handler = ngx_http_sallyport_pages_cleanup;
    }

    return p;
}


void *
ngx_http_sallyport_pages_for_good(size_t size, ngx_log_t *log)
{
    ngx_http_sallyport_pages_t  pages;

    return ngx_http_sallyport_pages_map(size, &pages, log);
}


/* Pages that nobody has touched take no memory. */

static void *
ngx_http_sallyport_pages_map(size_t size, ngx_http_sallyport_pages_t *pages,
    ngx_log_t *log)
{
    u_char  *p, *start;
    size_t   room;

    room = ngx_align(size, NGX_HTTP_SALLYPORT_PAGE) + NGX_HTTP_SALLYPORT_PAGE;

    p = mmap(NULL, room, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1,
             0);

    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "sallyport: no %uz bytes for a table", room);
        return NULL;
    }

    start = ngx_align_ptr(p, NGX_HTTP_SALLYPORT_PAGE);

    if (size >= NGX_HTTP_SALLYPORT_PAGE / 2) {
        (void) madvise(start, ngx_align(size, NGX_HTTP_SALLYPORT_PAGE),
                       MADV_HUGEPAGE);
    }

    pages->p = p;
    pages->size = room;

    return start;
}


ngx_int_t
ngx_http_sallyport_ways_init(ngx_cycle_t *cycle,
    ngx_http_sallyport_ways_t *ways, ngx_uint_t entries)
{
    ways->tags = ngx_http_sallyport_pages(cycle, entries * sizeof(uint64_t));
    ways->sets = entries / NGX_HTTP_SALLYPORT_TAGS;
    ways->turn = 0;

    return (ways->tags != NULL) ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_sallyport_pages_cleanup(void *data)
{
    ngx_http_sallyport_pages_t *pages = data;

    (void) munmap(pages->p, pages->size);
}
