
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the help texts in other forms: manual pages for man(1),
 * and completion for bash. There is one text, that of each verb.
 */


#include <errno.h>
#include <stdlib.h>

#include "manual.h"


#define SP_MANUAL_NAME  64


static sp_rc_t sp_manual_page(const char *dir, const char *name,
    const sp_cli_verb_t *verb, const sp_cli_verb_t *const *verbs, size_t n);
static void sp_manual_verb(FILE *out, const sp_cli_verb_t *verb);
static void sp_manual_all(FILE *out, const sp_cli_verb_t *const *verbs,
    size_t n);
static void sp_manual_text(FILE *out, const char *text);
static void sp_manual_dashed(const char *verb, char name[SP_MANUAL_NAME]);


sp_rc_t
sp_manual_pages(const char *dir, const sp_cli_verb_t *const *verbs, size_t n)
{
    char    name[SP_MANUAL_NAME];
    size_t  i;

    if (sp_manual_page(dir, "sallyport", NULL, verbs, n) != SP_OK) {
        return SP_ERROR;
    }

    for (i = 0; i < n; i++) {
        sp_manual_dashed(verbs[i]->name, name);

        if (sp_manual_page(dir, name, verbs[i], verbs, n) != SP_OK) {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static void
sp_manual_dashed(const char *verb, char name[SP_MANUAL_NAME])
{
    char  *p;

    (void) snprintf(name, SP_MANUAL_NAME, "sallyport-%s", verb);

    while ((p = strchr(name, ' ')) != NULL) {
        *p = '-';
    }
}


static sp_rc_t
sp_manual_page(const char *dir, const char *name, const sp_cli_verb_t *verb,
    const sp_cli_verb_t *const *verbs, size_t n)
{
    int      failed;
    char    *file;
    FILE    *out;
    size_t   len;

    len = strlen(dir) + strlen(name) + sizeof("/.1");
    file = sp_cli_alloc(len);
    (void) snprintf(file, len, "%s/%s.1", dir, name);
    out = fopen(file, "we");

    if (out == NULL) {
        sp_cli_error("cannot write '%s': %s", file, strerror(errno));
        free(file);
        return SP_ERROR;
    }

    fprintf(out, ".TH \"%s\" 1 \"\" \"sallyport " SP_CLI_VERSION "\" "
            "\"Sallyport\"\n.SH NAME\n", name);

    if (verb != NULL) {
        fprintf(out, "%s \\- ", name);
        sp_manual_text(out, verb->summary);
        sp_manual_verb(out, verb);

    } else {
        fputs("sallyport \\- checks, tests and runs the gate before model "
              "APIs\n", out);
        sp_manual_all(out, verbs, n);
    }

    failed = ferror(out);
    failed |= fclose(out) != 0;

    if (failed) {
        sp_cli_error("cannot write '%s'", file);
    }

    free(file);

    return failed ? SP_ERROR : SP_OK;
}


static void
sp_manual_verb(FILE *out, const sp_cli_verb_t *verb)
{
    const sp_cli_opt_t  *opt;

    fprintf(out, "\n.SH SYNOPSIS\n.B sallyport %s\n", verb->name);
    sp_manual_text(out, verb->usage);
    fputs("\n.SH DESCRIPTION\n.nf\n", out);
    sp_manual_text(out, verb->help);
    fputs("\n.fi\n", out);

    if (verb->opts[0].name != NULL) {
        fputs(".SH OPTIONS\n", out);
    }

    for (opt = verb->opts; opt->name != NULL; opt++) {
        fprintf(out, ".TP\n.B \\-\\-%s%s%s\n", opt->name,
                opt->value != NULL ? " " : "",
                opt->value != NULL ? opt->value : "");
        sp_manual_text(out, opt->help);
        fputc('\n', out);
    }

    fputs(".SH EXIT STATUS\n0 fine, 1 refused or errors found, 3 differs, "
          "4 wrong command line\n.SH SEE ALSO\n.BR sallyport (1)\n", out);
}


static void
sp_manual_all(FILE *out, const sp_cli_verb_t *const *verbs, size_t n)
{
    char    name[SP_MANUAL_NAME];
    size_t  i;

    fputs(".SH SYNOPSIS\n.B sallyport\n.I VERB\n[ARGUMENTS] "
          "[\\-\\-OPTION VALUE]...\n.SH VERBS\n", out);

    for (i = 0; i < n; i++) {
        fprintf(out, ".TP\n.B %s\n", verbs[i]->name);
        sp_manual_text(out, verbs[i]->summary);
        fputc('\n', out);
    }

    fputs(".SH EXIT STATUS\n0 fine, 1 refused or errors found, 3 differs, "
          "4 wrong command line\n.SH SEE ALSO\n", out);

    for (i = 0; i < n; i++) {
        sp_manual_dashed(verbs[i]->name, name);
        fprintf(out, ".BR %s (1)%s\n", name, i + 1 < n ? "," : "");
    }
}


/* Text in roff: no line of it is a request, no backslash an escape. */

static void
sp_manual_text(FILE *out, const char *text)
{
    int  start;

    for (start = 1; *text != '\0'; text++) {

        if (start && (*text == '.' || *text == '\'')) {
            fputs("\\&", out);
        }

        if (*text == '\\') {
            fputs("\\e", out);

        } else if (*text == '-') {
            fputs("\\-", out);

        } else {
            fputc(*text, out);
        }

        start = *text == '\n';
    }
}


/* "key new" is completed a word at a time; then options, then files. */

void
sp_manual_completion(FILE *out, const sp_cli_verb_t *const *verbs, size_t n)
{
    size_t               i, k, len;
    const char          *space;
    const sp_cli_opt_t  *opt;

    fputs("# bash completion for sallyport, made from its help texts\n"
          "_sallyport()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} "
          "verb=${COMP_WORDS[1]} words=\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        words='help version", out);

    for (i = 0; i < n; i++) {
        len = strcspn(verbs[i]->name, " ");

        for (k = 0; k < i && (strncmp(verbs[k]->name, verbs[i]->name, len) != 0
                              || (verbs[k]->name[len] != ' '
                                  && verbs[k]->name[len] != '\0')); k++)
        { /* void */ }

        if (k == i) {
            fprintf(out, " %.*s", (int) len, verbs[i]->name);
        }
    }

    fputs("'\n    else\n        case \"$verb ${COMP_WORDS[2]}\" in\n", out);

    for (i = 0; i < n; i++) {
        space = strchr(verbs[i]->name, ' ');
        fprintf(out, "        '%s%s) words='--help", verbs[i]->name,
                space != NULL ? "'" : " '*");

        for (opt = verbs[i]->opts; opt->name != NULL; opt++) {
            fprintf(out, " --%s", opt->name);
        }

        fputs("' ;;\n", out);
    }

    fputs("        esac\n        if [ \"$COMP_CWORD\" -eq 2 ]; then\n"
          "            case $verb in\n", out);

    for (i = 0; i < n; i++) {
        space = strchr(verbs[i]->name, ' ');

        if (space != NULL) {
            fprintf(out, "            %.*s) words+=' %s' ;;&\n",
                    (int) (space - verbs[i]->name), verbs[i]->name, space + 1);
        }
    }

    fputs("            esac\n        fi\n    fi\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
          "complete -o default -F _sallyport sallyport\n", out);
}
