
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the databases that a verb is given by --geo.
 */


#ifndef SP_CLI_GEO_H
#define SP_CLI_GEO_H


#include "sp_geo.h"

#include "cli.h"


#define SP_CLI_GEO_OPT                                                        \
    { "geo", "DATABASES", "a country database, or as in sallyport_geo: "      \
      "country=FILE,city=FILE,..." }

#define SP_CLI_GEO_HELP                                                       \
    "--geo takes the file of a country database, or what sallyport_geo takes,\n" \
    "with commas: country=FILE, city=FILE, asn=FILE, anonymous=FILE, and for a\n" \
    "layout that is not MaxMind's, DB-IP's, ip-location's or IPinfo's\n"      \
    "path.country=, path.region=, path.asn=, path.tor=, .vpn, .proxy, .hosting\n" \
    "and .relay with a look-up path such as country.iso_code.\n"


typedef struct {
    sp_geo_set_t   set;
    sp_geo_t      *open[SP_GEO_KINDS];
    char          *text;
    char          *files[SP_GEO_KINDS];  /* in "text" */
} sp_cli_geo_t;


/*
 * Opens what --geo names; NULL opens nothing. SP_ERROR after a message. It is
 * the caller's to close, in either case.
 */
sp_rc_t sp_cli_geo_open(sp_cli_geo_t *geo, const char *text);
void sp_cli_geo_close(sp_cli_geo_t *geo);

/* 1 if one of them knows subdivisions. */
int sp_cli_geo_regions(const sp_cli_geo_t *geo);


#endif /* SP_CLI_GEO_H */
