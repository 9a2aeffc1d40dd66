
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit seal`: the loop of the sealer.
 */


#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "seal.h"
#include "store.h"


#define SP_SEAL_LOOK   200      /* ms between looks at the lanes */
#define SP_SEAL_EVERY  1000     /* ms between seals while lines come */
#define SP_SEAL_IDLE   60000    /* ms between seals while none come */
#define SP_SEAL_SAVE   60000    /* ms between writes of the cursors */


static int sp_cli_audit_seal_run(const sp_cli_args_t *args);
static sp_rc_t sp_seal_options(const sp_cli_args_t *args,
    sp_sealer_t *sealer);
static sp_rc_t sp_seal_key(const sp_cli_args_t *args, sp_sealer_t *sealer);
static sp_rc_t sp_seal_once(sp_sealer_t *sealer, int64_t idle);
static sp_rc_t sp_seal_follow(sp_sealer_t *sealer);
static void sp_seal_end(sp_sealer_t *sealer);
static void sp_seal_signal(int number);


static volatile sig_atomic_t  sp_seal_ended;


static const sp_cli_opt_t  sp_cli_audit_seal_opts[] = {
    { "dir", "DIR", "the audit directory, as in `sallyport_audit`" },
    { "key", "FILE", "the secret key: `sallyport audit key`" },
    { "origin", "NAME", "the log's name; needed the first time" },
    { "seal", "DIR", "where to write (DIR/seal)" },
    { "policy", "PATH", "archive policies from here: .../policy/current" },
    { "follow", NULL, "go on until SIGTERM; else seal what is there" },
    SP_STORE_OPTS,
    { "to-file", "FILE", "publish checkpoints: add them to a file" },
    { "to-https", "URL", "publish: POST them as text/plain" },
    { "to-syslog", "HOST:PORT", "publish: syslog over TLS, RFC 5425" },
    { "ca", "FILE", "certificates to trust (the system's)" },
    { "client-cert", "FILE", "certificate and key to show, as PEM" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_seal = {
    "audit seal",
    "--dir DIR --key FILE [--origin NAME] [--follow] [OPTIONS]",
    "Seals the audit log: signed Merkle checkpoints",
    "Reads what the gate has written, checks its chain, has it on the disk,\n"
    "and signs a checkpoint over all of it: at least every second while lines\n"
    "come, and every minute without. It can be killed at any time and started\n"
    "again.\n\n"
    "Run it as a user of its own, who may read the audit directory and alone\n"
    "may read the key. A checkpoint protects what it covers from everyone who\n"
    "does not have it: let them leave the machine, with one of the --to-\n"
    "options, or by keeping copies of DIR/seal/checkpoint.\n\n"
    "  sallyport audit seal --follow --dir /var/log/sallyport \\\n"
    "      --key /etc/sallyport/seal.key --origin gate7.example.com/audit \\\n"
    "      --policy /etc/sallyport/policy/current \\\n"
    "      --to-https https://logs.example.com/checkpoints\n\n"
    "With --store (or SALLYPORT_STORE) each change of an account, a key, a\n"
    "customer or a block that was made by `sallyport` or store/write.lua is\n"
    "recorded, too: who, why, and what it was. The store's user needs\n"
    "+xrange +xrevrange on sp:log, and +select if DB is not 0.\n\n"
    "Exit codes: 0 sealed; 1 it could not, the store did not answer, or a\n"
    "lane is not what was written (the others are sealed nevertheless).\n",
    sp_cli_audit_seal_opts,
    0,
    0,
    sp_cli_audit_seal_run
};


static int
sp_cli_audit_seal_run(const sp_cli_args_t *args)
{
    int            follow, failed;
    char           root[48];
    size_t         len;
    sp_rc_t        rc;
    sp_sealer_t    sealer;
    unsigned char  hash[SP_HASH_LEN];

    memset(&sealer, 0, sizeof(sealer));
    sealer.lock = sealer.writer.fd = sealer.tree.fd = -1;
    follow = sp_cli_opt(args, "follow") != NULL;

    if (sp_cli_opt(args, "dir") == NULL || sp_cli_opt(args, "key") == NULL) {
        sp_cli_error("--dir DIR and --key FILE are needed");
        return SP_CLI_USAGE;
    }

    rc = sp_seal_options(args, &sealer);

    if (rc == SP_OK) {
        rc = sp_seal_start(&sealer);
    }

    if (rc == SP_OK && follow) {
        fprintf(stderr, "sealing '%s' as %s from line %llu\n", sealer.dir,
                sealer.vkey.name,
                (unsigned long long) sealer.tree.tree.size);
        rc = sp_seal_follow(&sealer);

    } else if (rc == SP_OK) {
        rc = sp_seal_once(&sealer, 0);
    }

    if (rc == SP_OK) {
        rc = sp_seal_save(&sealer);
    }

    if (rc == SP_OK) {
        sp_tree_root(&sealer.tree.tree, hash);
        len = sp_base64(hash, sizeof(hash), root);
        printf("sealed %llu lines; tree of %llu, root %.*s\n",
               (unsigned long long) sealer.total,
               (unsigned long long) sealer.tree.tree.size, (int) len, root);
    }

    failed = rc != SP_OK || sealer.failed || sealer.store_failed;
    sp_seal_end(&sealer);

    return failed ? SP_CLI_REFUSED : SP_CLI_FINE;
}


static sp_rc_t
sp_seal_options(const sp_cli_args_t *args, sp_sealer_t *sealer)
{
    sealer->dir = sp_cli_opt(args, "dir");
    sealer->seal = sp_audit_seal_dir(args, sealer->dir);
    sealer->policy = sp_cli_opt(args, "policy");
    sealer->args = sp_cli_opt(args, "store") != NULL
                   || getenv("SALLYPORT_STORE") != NULL ? args : NULL;

    if (sp_seal_key(args, sealer) != SP_OK) {
        return SP_ERROR;
    }

    if (sp_cli_opt(args, "to-file") == NULL
        && sp_cli_opt(args, "to-https") == NULL
        && sp_cli_opt(args, "to-syslog") == NULL)
    {
        return SP_OK;
    }

    sealer->publish = sp_publish_open(args, sp_cli_opt(args, "follow")
                                            != NULL);

    return sealer->publish == NULL ? SP_ERROR : SP_OK;
}


/* The name stands in key.pub from the first time on: a log has one. */

static sp_rc_t
sp_seal_key(const sp_cli_args_t *args, sp_sealer_t *sealer)
{
    char            path[SP_LANE_PATH], text[SP_VKEY_MAX];
    size_t          len;
    sp_vkey_t       known;
    const char     *origin;
    unsigned char   key[32];

    if (sp_audit_secret(sp_cli_opt(args, "key"), sealer->secret) != SP_OK) {
        return SP_ERROR;
    }

    if (sp_vkey_public(sealer->secret, key) != SP_OK) {
        sp_cli_error("OpenSSL cannot use the key");
        return SP_ERROR;
    }

    origin = sp_cli_opt(args, "origin");
    (void) snprintf(path, sizeof(path), "%s/key.pub", sealer->seal);

    if (access(path, F_OK) == 0) {

        if (sp_audit_vkey(path, path, &known) != SP_OK) {
            return SP_ERROR;
        }

        if (origin != NULL && strcmp(origin, known.name) != 0) {
            sp_cli_error("'%s' is the log %s, not %s", sealer->seal,
                         known.name, origin);
            return SP_ERROR;
        }

        if (memcmp(known.key, key, sizeof(key)) != 0) {
            sp_cli_error("'%s' was sealed with another key; a new key begins "
                         "another log: give another --seal", sealer->seal);
            return SP_ERROR;
        }

        sealer->vkey = known;
        return SP_OK;
    }

    if (origin == NULL
        || sp_vkey_init(&sealer->vkey, sp_cstr(origin), key) != SP_OK)
    {
        sp_cli_error("the first time --origin NAME is needed: what this log "
                     "is called, like gate7.example.com/audit");
        return SP_ERROR;
    }

    if (sp_seal_directory(sealer) != SP_OK) {
        return SP_ERROR;
    }

    len = sp_vkey_format(&sealer->vkey, text);
    text[len++] = '\n';

    return sp_audit_replace(path, text, len);
}


/* Until nothing is left; a seal of nothing if the last is "idle" ms old. */

static sp_rc_t
sp_seal_once(sp_sealer_t *sealer, int64_t idle)
{
    do {
        if (sp_seal_changes(sealer) != SP_OK
            || sp_seal_read(sealer) != SP_OK)
        {
            return SP_ERROR;
        }

        if (sealer->nleaves == 0 && sealer->nmine == 0
            && sp_seal_now() - sealer->sealed < idle)
        {
            return SP_OK;
        }

        if (sp_seal_commit(sealer) != SP_OK) {
            return SP_ERROR;
        }

    } while ((sealer->full || sealer->notes_left) && !sp_seal_ended);

    return SP_OK;
}


static sp_rc_t
sp_seal_follow(sp_sealer_t *sealer)
{
    int64_t           last, now;
    struct sigaction  action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = sp_seal_signal;
    (void) sigaction(SIGTERM, &action, NULL);
    (void) sigaction(SIGINT, &action, NULL);
    (void) signal(SIGPIPE, SIG_IGN);

    last = 0;

    while (!sp_seal_ended) {
        now = sp_seal_now();

        if (now - last >= SP_SEAL_EVERY) {
            last = now;

            if (sp_seal_once(sealer, SP_SEAL_IDLE) != SP_OK) {
                return SP_ERROR;
            }

            if (now - sealer->saved >= SP_SEAL_SAVE
                && sp_seal_save(sealer) != SP_OK)
            {
                return SP_ERROR;
            }
        }

        (void) poll(NULL, 0, SP_SEAL_LOOK);
    }

    /* What was written before the signal is sealed. */

    sp_seal_ended = 0;

    return sp_seal_once(sealer, 0);
}


static void
sp_seal_end(sp_sealer_t *sealer)
{
    OPENSSL_cleanse(sealer->secret, sizeof(sealer->secret));
    sp_publish_close(sealer->publish);
    sp_store_close(sealer->store);
    sp_lane_writer_close(&sealer->writer);
    sp_tree_file_close(&sealer->tree);
    sp_lanes_free(&sealer->lanes);

    if (sealer->own != NULL) {
        sp_lane_free(sealer->own);
    }

    if (sealer->lock != -1) {
        (void) close(sealer->lock);
    }

    json_decref(sealer->entries);
    free(sealer->leaves);
    free(sealer->mine);
    free(sealer->pols);
    free(sealer->seal);
}


static void
sp_seal_signal(int number)
{
    sp_seal_ended = 1;
}
