
/*
 * Copyright (C) the Sallyport authors
 *
 * This program is the gate among the readers of the panel: it reads bodies
 * (four bytes of length, little end first, then the bytes) and says of each in
 * a line "-" if it is refused, or "=MODEL STREAM", the model in hexadecimal.
 * Each body is also fed cut in two and must read the same.
 */


#include <stdio.h>
#include <stdlib.h>

#include "sp_body.h"


static const sp_route_t *chat(void);
static sp_rc_t judge(sp_body_t *body, const unsigned char *data, size_t len,
    size_t cut);


int
main(void)
{
    size_t             i, len;
    uint16_t           k;
    sp_rc_t            rc;
    unsigned char      head[4], *data;
    static char        room[1 << 16];
    static sp_body_t   body, again;

    setvbuf(stdout, room, _IOFBF, sizeof(room));

    while (fread(head, 4, 1, stdin) == 1) {
        len = (size_t) head[0] | (size_t) head[1] << 8
              | (size_t) head[2] << 16 | (size_t) head[3] << 24;
        data = malloc(len + 1);

        if (data == NULL || (len != 0 && fread(data, len, 1, stdin) != 1)) {
            return 1;
        }

        rc = judge(&body, data, len, len);

        if (judge(&again, data, len, len / 2) != rc
            || (rc == SP_OK && (again.nmodels != body.nmodels
                                || again.stream != body.stream)))
        {
            return 2;
        }

        for (k = 0; rc == SP_OK && k < body.nmodels; k++) {
            if (!sp_str_eq(body.models[k], again.models[k])) {
                return 2;
            }
        }

        free(data);

        if (rc != SP_OK) {
            puts("-");
            continue;
        }

        putchar('=');

        for (i = 0; i < body.models[0].len; i++) {
            printf("%02x", body.models[0].data[i]);
        }

        printf(" %d\n", body.stream);
    }

    return 0;
}


static sp_rc_t
judge(sp_body_t *body, const unsigned char *data, size_t len, size_t cut)
{
    sp_body_init(body, chat());

    if (sp_body_feed(body, data, cut) != SP_OK
        || sp_body_feed(body, data + cut, len - cut) != SP_OK)
    {
        return SP_ERROR;
    }

    return sp_body_finish(body);
}


static const sp_route_t *
chat(void)
{
    int                       i;
    static const sp_route_t  *route;

    for (i = 0; route == NULL && i < sp_route_count(); i++) {
        if (sp_str_eq(sp_route(i)->name, SP_STR("chat.completions"))) {
            route = sp_route(i);
        }
    }

    return route;
}
