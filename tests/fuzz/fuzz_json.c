
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the fuzz target of the body scan. The first byte picks a
 * route, the second where the rest is cut: whole, in two and byte by byte the
 * same must come out, and what is accepted must keep the promises of
 * sp_body.h.
 */


#include <stdlib.h>

#include "sp_body.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan(sp_body_t *body, const sp_route_t *route,
    const uint8_t *data, size_t size, size_t cut, size_t step);
static void same(const sp_body_t *a, const sp_body_t *b);
static void promises(const sp_body_t *body);


#define require(x)  if (!(x)) { abort(); }


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             cut;
    sp_body_t          whole, two, bytes;
    const sp_route_t  *route;

    if (size < 2) {
        return 0;
    }

    route = sp_route(data[0] % sp_route_count());
    cut = data[1];
    data += 2;
    size -= 2;
    cut = cut * size / 255;

    scan(&whole, route, data, size, size, size);
    scan(&two, route, data, size, cut, size);
    scan(&bytes, route, data, size, size, 1);

    same(&whole, &two);
    same(&whole, &bytes);
    promises(&whole);

    return 0;
}


/* Each piece is a copy of its own, so that a read past it is seen. */

static void
scan(sp_body_t *body, const sp_route_t *route, const uint8_t *data,
    size_t size, size_t cut, size_t step)
{
    size_t          at, n;
    unsigned char  *piece;

    memset(body, 0xa5, sizeof(sp_body_t));
    sp_body_init(body, route);

    for (at = 0; at < size; at += n) {
        n = at < cut ? cut - at : size - at;
        n = n < step ? n : step;

        piece = malloc(n);
        require(piece != NULL);
        memcpy(piece, data + at, n);
        (void) sp_body_feed(body, piece, n);
        free(piece);
    }

    (void) sp_body_finish(body);
}


static void
same(const sp_body_t *a, const sp_body_t *b)
{
    size_t  i;

    require(a->error == b->error);
    require(a->field == b->field);
    require(strcmp(sp_body_strerror(a), sp_body_strerror(b)) == 0);
    require(a->json.error == b->json.error);
    require(a->json.offset == b->json.offset);
    require(a->primary == b->primary && a->stream == b->stream);
    require(a->has_tokens == b->has_tokens && a->multi == b->multi);
    require(a->max_tokens == b->max_tokens && a->factor == b->factor);
    require(a->nmodels == b->nmodels);

    for (i = 0; i < a->nmodels; i++) {
        require(sp_str_eq(a->models[i], b->models[i]));
    }
}


static void
promises(const sp_body_t *body)
{
    size_t           i, k;
    const sp_str_t  *name;

    if (body->error != SP_BODY_FINE) {
        return;
    }

    require(body->nmodels <= SP_MODELS_MAX);
    require(body->factor >= 1 && body->factor <= SP_FACTOR_MAX);
    require(body->has_tokens == (body->max_tokens != 0));
    require(body->max_tokens <= SP_TOKENS_MAX);
    require(body->primary || body->route->model != SP_MODEL_REQUIRED);

    for (i = 0; i < body->nmodels; i++) {
        name = &body->models[i];

        require(name->len >= 1 && name->len <= SP_MODEL_LEN);
        require(name->data[0] != ' ' && name->data[name->len - 1] != ' ');

        for (k = 0; k < name->len; k++) {
            require(name->data[k] >= 0x20 && name->data[k] <= 0x7e);
        }

        for (k = 0; k < i; k++) {
            require(!sp_str_eq(*name, body->models[k]));
        }
    }
}
