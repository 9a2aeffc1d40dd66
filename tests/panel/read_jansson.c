
/*
 * Copyright (C) the Sallyport authors
 *
 * This program is jansson among the readers of the panel; judge.c says what
 * goes in and out. "?": no string is the model.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>


int
main(void)
{
    size_t          i, len;
    char           *data;
    json_t         *json, *model;
    unsigned char   head[4];
    const char     *name;
    static char     room[1 << 16];

    setvbuf(stdout, room, _IOFBF, sizeof(room));

    while (fread(head, 4, 1, stdin) == 1) {
        len = (size_t) head[0] | (size_t) head[1] << 8
              | (size_t) head[2] << 16 | (size_t) head[3] << 24;
        data = malloc(len + 1);

        if (data == NULL || (len != 0 && fread(data, len, 1, stdin) != 1)) {
            return 1;
        }

        json = json_loadb(data, len, JSON_ALLOW_NUL, NULL);
        free(data);

        if (json == NULL) {
            puts("-");
            continue;
        }

        model = json_object_get(json, "model");

        if (!json_is_string(model)) {
            puts("?");
            json_decref(json);
            continue;
        }

        putchar('=');
        name = json_string_value(model);

        for (i = 0; i < json_string_length(model); i++) {
            printf("%02x", (unsigned char) name[i]);
        }

        printf(" %d\n", json_is_true(json_object_get(json, "stream")));
        json_decref(json);
    }

    return 0;
}
