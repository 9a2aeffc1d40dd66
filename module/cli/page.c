
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the files of module/cli/page/, which the command
 * carries in itself. The compiler runs in the project's root.
 */


#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "sp_seal.h"

#include "cli.h"
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
sp_page_file(sp_page_report_html, "module/cli/page/report.html");
sp_page_file(sp_page_style_css, "module/cli/page/style.css");
sp_page_file(sp_page_world_txt, "module/cli/page/world.txt");
sp_page_file(sp_page_verify_py, "module/cli/page/verify.py");


static void sp_page_fill(FILE *out, sp_str_t page, sp_page_part_pt part,
    void *ctx);


sp_str_t
sp_page_access(void)
{
    return (sp_str_t) { (size_t) (sp_page_access_html_end
                                  - sp_page_access_html),
                        sp_page_access_html };
}


sp_str_t
sp_page_report(void)
{
    return (sp_str_t) { (size_t) (sp_page_report_html_end
                                  - sp_page_report_html),
                        sp_page_report_html };
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


sp_rc_t
sp_page_write(const char *file, sp_str_t page, sp_page_part_pt part,
    void *ctx)
{
    int      failed;
    char    *name;
    FILE    *out;
    size_t   len;

    len = strlen(file) + sizeof(".new");
    name = sp_cli_alloc(len);
    (void) snprintf(name, len, "%s.new", file);
    out = fopen(name, "we");

    if (out == NULL) {
        sp_cli_error("cannot write '%s': %s", name, strerror(errno));
        free(name);
        return SP_ERROR;
    }

    sp_page_fill(out, page, part, ctx);
    failed = ferror(out);
    failed |= fclose(out) != 0;

    if (failed || rename(name, file) != 0) {
        sp_cli_error("cannot write '%s': %s", file, strerror(errno));
        (void) unlink(name);
        free(name);
        return SP_ERROR;
    }

    free(name);

    return SP_OK;
}


static void
sp_page_fill(FILE *out, sp_str_t page, sp_page_part_pt part, void *ctx)
{
    sp_str_t              rest, name;
    const unsigned char  *mark, *end;

    rest = page;

    while ((mark = memmem(rest.data, rest.len, "<!--", 4)) != NULL) {
        (void) fwrite(rest.data, 1, (size_t) (mark - rest.data), out);
        rest.len -= (size_t) (mark - rest.data) + 4;
        rest.data = mark + 4;

        end = memmem(rest.data, rest.len, "-->", 3);

        if (end == NULL) {
            break;
        }

        name = (sp_str_t) { (size_t) (end - rest.data), rest.data };
        rest.len -= name.len + 3;
        rest.data = end + 3;

        if (sp_str_eq(name, SP_STR("STYLE"))) {
            (void) fwrite(sp_page_style_css, 1,
                          (size_t) (sp_page_style_css_end
                                    - sp_page_style_css), out);

        } else {
            part(out, name, ctx);
        }
    }

    (void) fwrite(rest.data, 1, rest.len, out);
}


void
sp_page_map(FILE *out, const char *(*how)(sp_str_t code, void *ctx),
    void *ctx)
{
    sp_str_t              rest, f[4];
    const unsigned char  *space;

    rest = sp_page_world();

    while (sp_page_place(&rest, f) == SP_OK) {

        if (f[2].len == 0 && f[3].len == 0) {
            continue;
        }

        fprintf(out, "<%s data-place=\"%.*s\" class=\"%s\" ",
                f[2].len != 0 ? "path" : "circle", (int) f[0].len,
                (const char *) f[0].data, how(f[0], ctx));

        if (f[2].len != 0) {
            fprintf(out, "d=\"%.*s\">", (int) f[2].len,
                    (const char *) f[2].data);

        } else {
            space = memchr(f[3].data, ' ', f[3].len);
            fprintf(out, "r=\"5\" cx=\"%.*s\" cy=\"%.*s\">",
                    (int) (space - f[3].data), (const char *) f[3].data,
                    (int) (f[3].data + f[3].len - space - 1),
                    (const char *) space + 1);
        }

        fputs("<title>", out);
        sp_page_escape(out, f[1]);
        fprintf(out, "</title></%s>\n", f[2].len != 0 ? "path" : "circle");
    }
}


json_t *
sp_page_names(void)
{
    char      *code;
    json_t    *names;
    sp_str_t   rest, f[4];

    names = json_object();
    rest = sp_page_world();

    while (sp_page_place(&rest, f) == SP_OK) {
        code = sp_cli_copy(f[0]);
        json_object_set_new(names, code, sp_cli_json_str(f[1]));
        free(code);
    }

    return names;
}


void
sp_page_json(FILE *out, const json_t *data)
{
    char  *text;

    text = json_dumps(data, JSON_COMPACT);

    if (text != NULL) {
        sp_page_json_text(out, sp_cstr(text));
    }

    free(text);
}


/* Outside of its strings JSON has no '<'. */

void
sp_page_json_text(FILE *out, sp_str_t text)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] == '<') {
            fputs("\\u003c", out);

        } else {
            fputc(text.data[i], out);
        }
    }
}


void
sp_page_hash(FILE *out, sp_str_t page)
{
    char                  line[48];
    unsigned char         hash[SHA256_DIGEST_LENGTH];
    const unsigned char  *from, *end;

    from = memmem(page.data, page.len, "<script>", 8);

    if (from == NULL) {
        return;
    }

    from += 8;
    end = memmem(from, page.len - (size_t) (from - page.data), "</script>", 9);

    if (end == NULL) {
        return;
    }

    SHA256(from, (size_t) (end - from), hash);
    fprintf(out, "'sha256-%.*s'",
            (int) sp_base64(hash, sizeof(hash), line), line);
}
