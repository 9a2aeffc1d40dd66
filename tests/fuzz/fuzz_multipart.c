
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the fuzz target of the form reader. The boundary is
 * "b"; the first byte says where the rest is cut: whole, in two and byte by
 * byte the same fields must come out, and a form that is accepted must be what
 * a plain split at its delimiters makes of it.
 */


#include <stdlib.h>
#include <string.h>

#include "sp_multipart.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define require(x)  if (!(x)) { abort(); }

#define TYPE   "multipart/form-data; boundary=b"
#define FIELDS SP_MULTIPART_PARTS


typedef struct {
    size_t   n;
    sp_rc_t  rc;
    struct {
        size_t         name_len;
        size_t         value_len;
        unsigned       file;
        unsigned       whole;
        unsigned char  name[SP_MULTIPART_NAME];
        unsigned char  value[SP_MULTIPART_VALUE];
    } fields[FIELDS];
} form_t;


static sp_rc_t
on_field(void *ctx, const sp_multipart_field_t *field)
{
    form_t  *form = ctx;

    require(form->n < FIELDS);
    require(field->name.len >= 1 && field->name.len <= SP_MULTIPART_NAME);
    require(field->value.len <= SP_MULTIPART_VALUE);
    require(!(field->file && field->whole));
    require(field->whole || field->value.len == 0);

    form->fields[form->n].name_len = field->name.len;
    form->fields[form->n].value_len = field->value.len;
    form->fields[form->n].file = field->file;
    form->fields[form->n].whole = field->whole;
    memcpy(form->fields[form->n].name, field->name.data, field->name.len);
    memcpy(form->fields[form->n].value, field->value.data, field->value.len);
    form->n++;

    return SP_OK;
}


/* Each piece is a copy of its own, so that a read past it is seen. */

static void
scan(form_t *form, const uint8_t *data, size_t size, size_t cut, size_t step)
{
    size_t                 at, n;
    uint8_t               *piece;
    static sp_multipart_t  mp;

    memset(form, 0, sizeof(*form));
    require(sp_multipart_init(&mp, sp_cstr(TYPE), on_field, form) == SP_OK);
    form->rc = SP_OK;

    for (at = 0; at < size && form->rc == SP_OK; at += n) {
        n = at < cut ? cut - at : size - at;
        n = n < step ? n : step;
        piece = malloc(n);
        require(piece != NULL);
        memcpy(piece, data + at, n);
        form->rc = sp_multipart_feed(&mp, piece, n);
        free(piece);
    }

    if (form->rc == SP_OK) {
        form->rc = sp_multipart_finish(&mp);
    }

    require((form->rc == SP_OK) == (mp.error == NULL));
}


/* As a reader would that looks for nothing but delimiters. */

static void
plain(const form_t *form, const uint8_t *data, size_t size)
{
    size_t          i, len;
    const uint8_t  *p, *end, *next, *value;

    p = data;
    end = data + size;

    for (i = 0; i < form->n; i++) {
        require((size_t) (end - p) > 5 && memcmp(p, "--b\r\n", 5) == 0);
        p += 5;

        value = memmem(p, (size_t) (end - p), "\r\n\r\n", 4);
        require(value != NULL);
        value += 4;

        next = memmem(value, (size_t) (end - value), "\r\n--b", 5);
        require(next != NULL);

        /* no part of it is a delimiter to somebody else */

        require(memmem(p, (size_t) (next - p), "--b", 3) == NULL);

        len = (size_t) (next - value);

        if (form->fields[i].whole) {
            require(form->fields[i].value_len == len);
            require(memcmp(form->fields[i].value, value, len) == 0);

        } else {
            require(form->fields[i].file || len > SP_MULTIPART_VALUE);
        }

        p = next + 2;
    }

    require((size_t) (end - p) >= 5 && memcmp(p, "--b--", 5) == 0);
    require((size_t) (end - p) == 5
            || ((size_t) (end - p) == 7 && memcmp(p + 5, "\r\n", 2) == 0));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         cut;
    static form_t  whole, two, bytes;

    if (size == 0) {
        return 0;
    }

    cut = data[0] * (size - 1) / 255;
    data++;
    size--;

    scan(&whole, data, size, size, size + 1);
    scan(&two, data, size, cut, size + 1);
    scan(&bytes, data, size, size, 1);

    require(memcmp(&whole, &two, sizeof(whole)) == 0);
    require(memcmp(&whole, &bytes, sizeof(whole)) == 0);

    if (whole.rc == SP_OK) {
        plain(&whole, data, size);
    }

    return 0;
}
