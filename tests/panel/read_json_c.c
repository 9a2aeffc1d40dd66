
/*
 * Copyright (C) the Sallyport authors
 *
 * This program is json-c among the readers of the panel, as most use it: not
 * strict. judge.c says what goes in and out. "?": no string is the model.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>


int
main(void)
{
    int                  i, n;
    size_t               len;
    char                *data;
    const char          *name;
    unsigned char        head[4];
    struct json_object  *json, *model, *stream;
    struct json_tokener *reader;
    static char          room[1 << 16];

    setvbuf(stdout, room, _IOFBF, sizeof(room));
    reader = json_tokener_new_ex(512);

    while (fread(head, 4, 1, stdin) == 1) {
        len = (size_t) head[0] | (size_t) head[1] << 8
              | (size_t) head[2] << 16 | (size_t) head[3] << 24;
        data = malloc(len + 1);

        if (data == NULL || (len != 0 && fread(data, len, 1, stdin) != 1)) {
            return 1;
        }

        data[len] = '\0';

        json_tokener_reset(reader);
        json = json_tokener_parse_ex(reader, data, (int) len + 1);
        free(data);

        if (json == NULL) {
            puts("-");
            continue;
        }

        if (!json_object_is_type(json, json_type_object)
            || !json_object_object_get_ex(json, "model", &model)
            || !json_object_is_type(model, json_type_string))
        {
            puts("?");
            json_object_put(json);
            continue;
        }

        putchar('=');
        name = json_object_get_string(model);
        n = json_object_get_string_len(model);

        for (i = 0; i < n; i++) {
            printf("%02x", (unsigned char) name[i]);
        }

        stream = NULL;
        (void) json_object_object_get_ex(json, "stream", &stream);
        printf(" %d\n", json_object_is_type(stream, json_type_boolean)
                        && json_object_get_boolean(stream));
        json_object_put(json);
    }

    return 0;
}
