
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the open connection, as store.c and store_write.c see
 * it.
 */


#ifndef SP_CLI_STORE_CONN_H
#define SP_CLI_STORE_CONN_H


#include <hiredis/hiredis.h>

#include "store.h"


struct sp_store_s {
    redisContext  *redis;
    char           name[256];    /* "host:port/db": no password */
    int            meta_known;   /* sp:data:meta is there */
    unsigned       written;      /* records changed in this run */
    char           sha[48];      /* of the script, once it was loaded */
};


typedef struct {
    char      *host;        /* NULL: "path" is used */
    char      *path;
    char      *user;
    char      *password;
    unsigned   port;
    unsigned   db;
} sp_store_url_t;


/* store_url.c; SP_ERROR after a message. "url" is zeroed before. */
sp_rc_t sp_store_url(const char *text, sp_store_url_t *url);
void sp_store_url_free(sp_store_url_t *url);

/* 1: something but ver, by, why and changed_at differs. */
int sp_stored_changed(const sp_stored_t *before, const sp_stored_t *after);

/* 1 for those: what the writer itself notes down is no change. */
int sp_stored_clerical(sp_str_t name);

/* One command; NULL after a message: no answer, or an error as answer. */
redisReply *sp_store_call(sp_store_t *store, int argc, const char **argv,
    const size_t *lens);


#endif /* SP_CLI_STORE_CONN_H */
