
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport help SPnnn`: what a message's code means, by
 * the engine's own table.
 */


#include <stdlib.h>

#include "sp_analyse.h"

#include "cli.h"


#define SP_HELP_WIDTH  76


static int sp_help_is_code(const char *word);
static void sp_help_wrap(const char *text);
static void sp_help_example(const char *what, const char *text);
static void sp_help_list(void);


int
sp_cli_help_code(const char *word)
{
    const sp_code_t  *code;

    if (strcmp(word, "codes") == 0) {
        sp_help_list();
        return SP_CLI_FINE;
    }

    if (!sp_help_is_code(word)) {
        return -1;
    }

    code = sp_code_find(atoi(word + 2));

    if (code == NULL) {
        sp_cli_error("there is no message %s; `sallyport help codes` lists "
                     "them", word);
        return SP_CLI_USAGE;
    }

    printf("SP%03d, %s: %s\n\n", code->code, code->severity, code->title);
    sp_help_wrap(code->text);

    if (code->bad != NULL) {
        sp_help_example("not", code->bad);
    }

    if (code->good != NULL) {
        sp_help_example("but", code->good);
    }

    return SP_CLI_FINE;
}


static int
sp_help_is_code(const char *word)
{
    return (word[0] == 'S' || word[0] == 's')
           && (word[1] == 'P' || word[1] == 'p') && strlen(word) == 5
           && strspn(word + 2, "0123456789") == 3;
}


static void
sp_help_list(void)
{
    size_t            i, n;
    const sp_code_t  *codes;

    codes = sp_codes(&n);

    for (i = 0; i < n; i++) {
        printf("SP%03d  %-8s %s\n", codes[i].code, codes[i].severity,
               codes[i].title);
    }
}


static void
sp_help_wrap(const char *text)
{
    int     used;
    size_t  len;

    for (used = 0; *text != '\0'; text += len) {
        text += strspn(text, " ");
        len = strcspn(text, " ");

        if (used != 0 && used + 1 + (int) len > SP_HELP_WIDTH) {
            putchar('\n');
            used = 0;
        }

        used += printf("%s%.*s", used != 0 ? " " : "", (int) len, text);
    }

    putchar('\n');
}


static void
sp_help_example(const char *what, const char *text)
{
    size_t  len;

    printf("\n%s\n", what);

    for ( /* void */ ; *text != '\0'; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        printf("    %.*s\n", (int) len, text);
    }
}
