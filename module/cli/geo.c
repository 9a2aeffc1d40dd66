
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains --geo: the databases of a gate, opened for a verb as the
 * gate opens them.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "geo.h"


static sp_rc_t sp_cli_geo_word(sp_cli_geo_t *geo, const char **paths,
    char *word);
static sp_rc_t sp_cli_geo_file(sp_cli_geo_t *geo, unsigned kind, char *file);


sp_rc_t
sp_cli_geo_open(sp_cli_geo_t *geo, const char *text)
{
    char        *p, *next, err[512];
    unsigned     i;
    const char  *paths[SP_GEO_PATHS];

    memset(geo, 0, sizeof(*geo));
    memset(paths, 0, sizeof(paths));

    if (text == NULL) {
        return SP_OK;
    }

    geo->text = sp_cli_copy(sp_cstr(text));

    if (strchr(text, '=') == NULL) {
        geo->files[SP_GEO_COUNTRY] = geo->text;

    } else {
        for (p = geo->text; p != NULL; p = next) {
            next = strchr(p, ',');

            if (next != NULL) {
                *next++ = '\0';
            }

            if (sp_cli_geo_word(geo, paths, p) != SP_OK) {
                return SP_ERROR;
            }
        }
    }

    for (i = 0; i < SP_GEO_KINDS; i++) {

        if (geo->files[i] == NULL) {
            continue;
        }

        geo->open[i] = sp_geo_open_kind((sp_geo_kind_t) i, geo->files[i],
                                        paths, (uint64_t) time(NULL), err,
                                        sizeof(err));

        if (geo->open[i] == NULL) {
            sp_cli_error("--geo '%s': %s", geo->files[i], err);
            return SP_ERROR;
        }

        geo->set.db[i] = geo->open[i];
    }

    return SP_OK;
}


/* One of KIND=FILE and path.NAME=PATH. */

static sp_rc_t
sp_cli_geo_word(sp_cli_geo_t *geo, const char **paths, char *word)
{
    char      *value;
    unsigned   i;

    value = strchr(word, '=');

    if (value == NULL || value[1] == '\0') {
        sp_cli_error("--geo: '%s' is not NAME=VALUE", word);
        return SP_ERROR;
    }

    *value++ = '\0';

    for (i = 0; i < SP_GEO_KINDS; i++) {

        if (strcmp(word, sp_geo_kind_names[i]) == 0) {
            return sp_cli_geo_file(geo, i, value);
        }
    }

    for (i = 0; strncmp(word, "path.", 5) == 0 && i < SP_GEO_PATHS; i++) {

        if (strcmp(word + 5, sp_geo_path_names[i]) == 0) {
            paths[i] = value;
            return SP_OK;
        }
    }

    sp_cli_error_near(word, sp_geo_kind_names, SP_GEO_KINDS,
                      "--geo: there is no '%s'; country, city, asn, anonymous "
                      "and path.NAME are", word);

    return SP_ERROR;
}


static sp_rc_t
sp_cli_geo_file(sp_cli_geo_t *geo, unsigned kind, char *file)
{
    if (geo->files[kind] != NULL) {
        sp_cli_error("--geo: %s= is there twice", sp_geo_kind_names[kind]);
        return SP_ERROR;
    }

    geo->files[kind] = file;

    return SP_OK;
}


void
sp_cli_geo_close(sp_cli_geo_t *geo)
{
    unsigned  i;

    for (i = 0; i < SP_GEO_KINDS; i++) {
        sp_geo_close(geo->open[i]);
    }

    free(geo->text);
    memset(geo, 0, sizeof(*geo));
}


int
sp_cli_geo_regions(const sp_cli_geo_t *geo)
{
    return geo->open[SP_GEO_CITY] != NULL;
}
