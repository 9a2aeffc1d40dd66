
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the reading of a request's target offers to the rest
 * of the module.
 */


#ifndef NGX_HTTP_SALLYPORT_ROUTE_H
#define NGX_HTTP_SALLYPORT_ROUTE_H


#include "ngx_http_sallyport.h"


/* Sets the facts of the route; "websocket": an upgrade to it is asked for. */
void ngx_http_sallyport_read_route(ngx_http_sallyport_ctx_t *ctx,
    ngx_uint_t websocket);

/*
 * Answers OPTIONS for a path that is served, by itself and without a grant to
 * other origins; in observe mode and for other paths the request is judged.
 */
ngx_int_t ngx_http_sallyport_preflight(ngx_http_sallyport_ctx_t *ctx);


#endif /* NGX_HTTP_SALLYPORT_ROUTE_H */
