
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a verb's command line. Options may stand
 * anywhere, as "--name value" or "--name=value"; "--" ends them; "-" is an
 * argument. An option given twice is refused: no one may believe that the
 * first still counts.
 */


#include <stdlib.h>

#include "sp_account.h"
#include "sp_diag.h"

#include "cli.h"


#define SP_CLI_WHO_MAX  256    /* bytes of --by and of --reason */


static sp_rc_t sp_cli_args_option(sp_cli_args_t *args, int argc, char **argv,
    int *i);
static sp_rc_t sp_cli_args_unknown(const sp_cli_verb_t *verb,
    const char *name);
static int sp_cli_opt_index(const sp_cli_verb_t *verb, sp_str_t name);
static sp_rc_t sp_cli_who_text(const char *name, const char *text);


sp_rc_t
sp_cli_args_read(sp_cli_args_t *args, const sp_cli_verb_t *verb, int argc,
    char **argv)
{
    int  i, options;

    memset(args, 0, sizeof(*args));

    args->verb = verb;
    options = 1;

    for (i = 0; i < argc; i++) {

        if (options && strcmp(argv[i], "--") == 0) {
            options = 0;
            continue;
        }

        if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (sp_cli_args_option(args, argc, argv, &i) != SP_OK) {
                return SP_ERROR;
            }

            continue;
        }

        if (args->nargs == verb->max_args || args->nargs == SP_CLI_ARGS_MAX) {
            sp_cli_error("'%s' is one argument too many", argv[i]);
            return SP_ERROR;
        }

        args->args[args->nargs++] = argv[i];
    }

    if (args->nargs < verb->min_args) {
        sp_cli_error("an argument is missing");
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_cli_args_option(sp_cli_args_t *args, int argc, char **argv, int *i)
{
    int                  which;
    sp_str_t             name;
    const char          *eq;
    const sp_cli_opt_t  *opt;

    if (argv[*i][1] != '-') {
        return sp_cli_args_unknown(args->verb, argv[*i]);
    }

    name = sp_cstr(argv[*i] + 2);
    eq = strchr(argv[*i], '=');

    if (eq != NULL) {
        name.len = (size_t) (eq - argv[*i]) - 2;
    }

    which = sp_cli_opt_index(args->verb, name);

    if (which == -1) {
        return sp_cli_args_unknown(args->verb, argv[*i]);
    }

    opt = &args->verb->opts[which];

    if (args->values[which] != NULL) {
        sp_cli_error("--%s is given twice", opt->name);
        return SP_ERROR;
    }

    if (opt->value == NULL) {
        if (eq != NULL) {
            sp_cli_error("--%s takes no value", opt->name);
            return SP_ERROR;
        }

        args->values[which] = "";
        return SP_OK;
    }

    if (eq != NULL) {
        args->values[which] = eq + 1;
        return SP_OK;
    }

    if (*i + 1 == argc || strncmp(argv[*i + 1], "--", 2) == 0) {
        sp_cli_error("--%s needs a value: --%s %s", opt->name, opt->name,
                     opt->value);
        return SP_ERROR;
    }

    args->values[which] = argv[++*i];

    return SP_OK;
}


static sp_rc_t
sp_cli_args_unknown(const sp_cli_verb_t *verb, const char *name)
{
    int          n;
    char         word[SP_CLI_TIME_LEN];
    const char  *names[SP_CLI_OPTS_MAX];

    for (n = 0; verb->opts[n].name != NULL; n++) {
        names[n] = verb->opts[n].name;
    }

    /* Neither the dashes nor a value belong to the word that was meant. */

    name += strspn(name, "-");
    (void) snprintf(word, sizeof(word), "%.*s", (int) strcspn(name, "="), name);

    sp_cli_error_near(word, names, (size_t) n,
                      "there is no option '--%s'", word);

    return SP_ERROR;
}


static int
sp_cli_opt_index(const sp_cli_verb_t *verb, sp_str_t name)
{
    int  i;

    for (i = 0; verb->opts[i].name != NULL; i++) {
        if (sp_str_eq(sp_cstr(verb->opts[i].name), name)) {
            return i;
        }
    }

    return -1;
}


const char *
sp_cli_opt(const sp_cli_args_t *args, const char *name)
{
    int  i;

    i = sp_cli_opt_index(args->verb, sp_cstr(name));

    if (i == -1) {
        abort();    /* a verb asks for an option that its table lacks */
    }

    return args->values[i];
}


int
sp_cli_format(const sp_cli_args_t *args)
{
    const char               *format;
    static const char *const  formats[] = { "text", "json" };

    format = sp_cli_opt(args, "format");

    if (format == NULL || strcmp(format, "text") == 0) {
        return 0;
    }

    if (strcmp(format, "json") == 0) {
        return 1;
    }

    sp_cli_error_near(format, formats, sp_nelts(formats),
                      "--format is text or json, not '%s'", format);

    return -1;
}


sp_rc_t
sp_cli_who(const sp_cli_args_t *args, const char **by, const char **why)
{
    *by = sp_cli_opt(args, "by");
    *why = sp_cli_opt(args, "reason");

    if (sp_cli_who_text("by", *by) != SP_OK
        || sp_cli_who_text("reason", *why) != SP_OK)
    {
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_cli_who_text(const char *name, const char *text)
{
    size_t       i;
    sp_str_t     s;

    if (text == NULL || text[0] == '\0') {
        sp_cli_error("this changes something and needs --%s: %s", name,
                     strcmp(name, "by") == 0
                     ? "who does it (a name or an address that others know)"
                     : "why (a ticket, or a sentence)");
        return SP_ERROR;
    }

    s = sp_cstr(text);

    if (s.len > SP_CLI_WHO_MAX) {
        sp_cli_error("--%s has %zu bytes, at most %d are kept", name, s.len,
                     SP_CLI_WHO_MAX);
        return SP_ERROR;
    }

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < ' ' || s.data[i] == 0x7f) {
            sp_cli_error("--%s has a control character at byte %zu", name,
                         i + 1);
            return SP_ERROR;
        }
    }

    if (!sp_utf8_valid(s)) {
        sp_cli_error("--%s is not valid UTF-8", name);
        return SP_ERROR;
    }

    return SP_OK;
}


sp_rc_t
sp_cli_number(const char *what, const char *text, uint64_t max,
    uint64_t *value)
{
    if (sp_parse_uint(sp_cstr(text), max, value) == SP_OK) {
        return SP_OK;
    }

    sp_cli_error("%s: '%s' is not a whole number from 0 to %llu", what, text,
                 (unsigned long long) max);

    return SP_ERROR;
}


sp_rc_t
sp_cli_id(const char *what, const char *id)
{
    if (id != NULL && sp_id_valid(sp_cstr(id))) {
        return SP_OK;
    }

    sp_cli_error("%s%s%s%s: 1 to %d of A-Z a-z 0-9 . _ : @ - are needed",
                 what, id != NULL ? " '" : "", id != NULL ? id : "",
                 id != NULL ? "'" : "", SP_ID_LEN);

    return SP_ERROR;
}


void
sp_cli_verb_help(const sp_cli_verb_t *verb, FILE *out)
{
    int                  len;
    const sp_cli_opt_t  *opt;

    fprintf(out, "usage: sallyport %s %s\n\n%s.\n\n%s", verb->name,
            verb->usage, verb->summary, verb->help);

    if (verb->opts[0].name == NULL) {
        return;
    }

    fputs("\nOptions:\n", out);

    for (opt = verb->opts; opt->name != NULL; opt++) {
        len = fprintf(out, "  --%s%s%s", opt->name,
                      opt->value != NULL ? " " : "",
                      opt->value != NULL ? opt->value : "");
        fprintf(out, "%*s %s\n", len < 25 ? 25 - len : 0, "", opt->help);
    }
}
