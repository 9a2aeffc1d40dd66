
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a program that reads texts with the policy loader's YAML
 * reader and writes what it made of them, for comparison with another reader.
 * In: "LENGTH\n" and as many bytes, again and again. Out: a line of JSON each,
 * {"tree": [...]} with mappings as [["m", key, value...]], lists as
 * ["l", item...] and scalars as strings, or {"line", "col", "message"}.
 */


#include <stdio.h>
#include <stdlib.h>

#include "policy/sp_yaml.h"


static void write_text(sp_str_t s);
static void write_node(const sp_ynode_t *node);
static void write_tree(const char *text, size_t len);


static void
write_text(sp_str_t s)
{
    size_t  i;

    putchar('"');

    for (i = 0; i < s.len; i++) {

        if (s.data[i] < 0x20 || s.data[i] == '"' || s.data[i] == '\\'
            || s.data[i] == 0x7f)
        {
            printf("\\u%04x", s.data[i]);

        } else {
            putchar(s.data[i]);
        }
    }

    putchar('"');
}


static void
write_node(const sp_ynode_t *node)
{
    const sp_ynode_t  *child;

    if (node->kind == SP_Y_SCALAR) {
        write_text(node->text);
        return;
    }

    printf("[\"%s\"", node->kind == SP_Y_MAP ? "m" : "l");

    for (child = node->first; child != NULL; child = child->next) {

        if (node->kind == SP_Y_MAP) {
            putchar(',');
            write_text(child->key->text);
        }

        putchar(',');
        write_node(child);
    }

    putchar(']');
}


static void
write_tree(const char *text, size_t len)
{
    sp_str_t       s = { len, (const unsigned char *) text };
    sp_diags_t     diags;
    sp_arena_t    *arena;
    sp_ynode_t    *root;
    sp_ysource_t   source;

    arena = sp_arena_create();
    sp_diags_init(&diags);
    root = sp_yaml_parse(&source, "text.yaml", s, arena, &diags);

    if (root != NULL && diags.errors == 0) {
        printf("{\"tree\":");
        write_node(root);

    } else {
        printf("{\"line\":%u,\"col\":%u,\"message\":",
               diags.n ? diags.items[0].mark.line : 0,
               diags.n ? diags.items[0].mark.col : 0);
        write_text(sp_cstr(diags.n ? diags.items[0].message : ""));
    }

    printf("}\n");

    sp_diags_free(&diags);
    sp_arena_destroy(arena);
}


int
main(void)
{
    char           *text;
    unsigned long   len;

    while (scanf("%lu", &len) == 1 && getchar() == '\n') {
        text = malloc(len + 1);

        if (text == NULL || fread(text, 1, len, stdin) != len) {
            fprintf(stderr, "yaml-tree: the input ends too early\n");
            return 1;
        }

        write_tree(text, len);
        free(text);
    }

    return feof(stdin) ? 0 : 1;
}
