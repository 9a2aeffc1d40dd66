
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the files of module/cli/page/, which the command
 * carries in itself. The compiler runs in the project's root.
 */


#include "page.h"


#define sp_page_file(name, file)                                              \
    __asm__(".section .rodata\n"                                              \
            ".global " #name "\n" #name ":\n"                                 \
            ".incbin \"" file "\"\n"                                          \
            ".global " #name "_end\n" #name "_end:\n"                         \
            ".byte 0\n"                                                       \
            ".previous\n");                                                   \
    extern const unsigned char  name[], name##_end[]


sp_page_file(sp_page_access_html, "module/cli/page/access.html");
sp_page_file(sp_page_world_txt, "module/cli/page/world.txt");
sp_page_file(sp_page_verify_py, "module/cli/page/verify.py");


sp_str_t
sp_page_access(void)
{
    return (sp_str_t) { (size_t) (sp_page_access_html_end
                                  - sp_page_access_html),
                        sp_page_access_html };
}


sp_str_t
sp_page_world(void)
{
    return (sp_str_t) { (size_t) (sp_page_world_txt_end - sp_page_world_txt),
                        sp_page_world_txt };
}


sp_str_t
sp_page_verify(void)
{
    return (sp_str_t) { (size_t) (sp_page_verify_py_end - sp_page_verify_py),
                        sp_page_verify_py };
}


sp_rc_t
sp_page_place(sp_str_t *rest, sp_str_t fields[4])
{
    int                   i;
    sp_str_t              line;
    const unsigned char  *end, *bar;

    do {
        if (rest->len == 0) {
            return SP_DECLINED;
        }

        end = memchr(rest->data, '\n', rest->len);
        line = *rest;
        line.len = end != NULL ? (size_t) (end - rest->data) : rest->len;
        rest->data += line.len + (end != NULL);
        rest->len -= line.len + (end != NULL);

    } while (line.len == 0 || line.data[0] == '#');

    for (i = 0; i < 4; i++) {
        bar = line.len != 0 ? memchr(line.data, '|', line.len) : NULL;
        fields[i] = line;

        if (bar == NULL) {
            line.len = 0;
            continue;
        }

        fields[i].len = (size_t) (bar - line.data);
        line.data = bar + 1;
        line.len -= fields[i].len + 1;
    }

    return SP_OK;
}


void
sp_page_escape(FILE *out, sp_str_t text)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'') {
            fprintf(out, "&#%u;", c);

        } else if (c >= ' ' || c == '\n') {
            fputc(c, out);
        }
    }
}
