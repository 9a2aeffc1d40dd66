
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the fuzz target of forms as bodies. The boundary is "b";
 * the first byte says where the rest is cut. However it is cut, the same comes
 * of it; and what is accepted has a field "model" that a plain search finds,
 * too, and its model somewhere in it.
 */


#include <stdlib.h>
#include <string.h>

#include "sp_body.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define require(x)  if (!(x)) { abort(); }

#define NAME  "name=\"model\""


static const sp_route_t *
route(void)
{
    int  i;

    for (i = 0; i < sp_route_count(); i++) {
        if (sp_str_eq(sp_route(i)->name, SP_STR("audio.transcriptions"))) {
            return sp_route(i);
        }
    }

    abort();
}


/* Each piece is a copy of its own, so that a read past it is seen. */

static sp_rc_t
read_form(sp_body_t *body, const uint8_t *data, size_t size, size_t step)
{
    size_t    at, n;
    uint8_t  *piece;

    sp_body_init(body, route());
    require(sp_body_form(body, SP_STR("multipart/form-data; boundary=b"))
            == SP_OK);

    for (at = 0; at < size; at += n) {
        n = size - at < step ? size - at : step;
        piece = malloc(n);
        require(piece != NULL);
        memcpy(piece, data + at, n);
        (void) sp_body_feed(body, piece, n);
        free(piece);
    }

    return sp_body_finish(body);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sp_rc_t           rc;
    uint16_t          i;
    static sp_body_t  whole, cut;

    if (size < 1) {
        return 0;
    }

    rc = read_form(&whole, data + 1, size - 1, size);

    require(read_form(&cut, data + 1, size - 1, 1 + data[0] % 32) == rc);
    require(cut.error == whole.error && cut.field == whole.field);
    require((rc == SP_OK) == (whole.error == SP_BODY_FINE));
    require(sp_body_strerror(&whole) != NULL);

    if (rc == SP_OK) {
        require(whole.nmodels >= 1 && whole.nmodels == cut.nmodels);
        require(whole.stream == cut.stream && whole.factor == cut.factor);
        require(memmem(data + 1, size - 1, NAME, sizeof(NAME) - 1) != NULL);

        for (i = 0; i < whole.nmodels; i++) {
            require(sp_str_eq(whole.models[i], cut.models[i]));
            require(sp_model_name_ok(whole.models[i]));
            require(memmem(data + 1, size - 1, whole.models[i].data,
                           whole.models[i].len)
                    != NULL);
        }
    }

    return 0;
}
