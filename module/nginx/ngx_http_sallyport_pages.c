
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the memory of a worker's large tables. They are read all
 * over, a few lines a request, so that with small pages the processor would
 * look up most addresses anew; large ones are asked for, and not relied on.
 */


#include "ngx_http_sallyport.h"

#include <sys/mman.h>


#define NGX_HTTP_SALLYPORT_PAGE  (2 * 1024 * 1024)


static void ngx_http_sallyport_pages_cleanup(void *data);


typedef struct {
    void    *p;
    size_t   size;
} ngx_http_sallyport_pages_t;


/* Pages that nobody has touched take no memory. Lives as long as the cycle. */

void *
ngx_http_sallyport_pages(ngx_cycle_t *cycle, size_t size)
{
    u_char                      *p, *start;
    size_t                       room;
    ngx_pool_cleanup_t          *cln;
    ngx_http_sallyport_pages_t  *pages;

    cln = ngx_pool_cleanup_add(cycle->pool,
                               sizeof(ngx_http_sallyport_pages_t));
    if (cln == NULL) {
        return NULL;
    }

    room = ngx_align(size, NGX_HTTP_SALLYPORT_PAGE) + NGX_HTTP_SALLYPORT_PAGE;

    p = mmap(NULL, room, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1,
             0);

    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "sallyport: no %uz bytes for a table", room);
        return NULL;
    }

    start = ngx_align_ptr(p, NGX_HTTP_SALLYPORT_PAGE);

    if (size >= NGX_HTTP_SALLYPORT_PAGE / 2) {
        (void) madvise(start, ngx_align(size, NGX_HTTP_SALLYPORT_PAGE),
                       MADV_HUGEPAGE);
    }

    pages = cln->data;
    pages->p = p;
    pages->size = room;

    cln->handler = ngx_http_sallyport_pages_cleanup;

    return start;
}


static void
ngx_http_sallyport_pages_cleanup(void *data)
{
    ngx_http_sallyport_pages_t *pages = data;

    (void) munmap(pages->p, pages->size);
}
