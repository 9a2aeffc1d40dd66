
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport check --nginx`: an nginx configuration as a
 * tree, and what in it leads around the gate.
 */


#ifndef SP_CLI_CHECK_NGINX_H
#define SP_CLI_CHECK_NGINX_H


#include "cli.h"


#define SP_NGINX_DEPTH  32
#define SP_NGINX_ARGS   64


typedef struct sp_ngx_s  sp_ngx_t;

/* A directive; of a block with what stands in it. */
struct sp_ngx_s {
    char        *args[SP_NGINX_ARGS];   /* args[0] is its name */
    int          n;
    char        *file;                  /* not owned */
    unsigned     line;
    sp_ngx_t    *up;
    sp_ngx_t    *first;
    sp_ngx_t    *last;
    sp_ngx_t    *next;
};


/* All of it; SP_ERROR after a message. Freed with sp_ngx_free(). */
typedef struct {
    char      *text;
    char     **names;      /* of the files that `nginx -T` printed */
    char     **bodies;
    size_t     nfiles;
    sp_ngx_t  *root;
} sp_ngx_conf_t;

sp_rc_t sp_ngx_read(sp_ngx_conf_t *conf, const char *file);
void sp_ngx_free(sp_ngx_conf_t *conf);


/* The verb: "file" is what `nginx -T` prints, or "-". An exit code. */
int sp_cli_check_nginx(const char *file, int json, int strict);


#endif /* SP_CLI_CHECK_NGINX_H */
