
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit key`, and the reading of the keys with
 * which the audit log is signed and verified.
 */


#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "seal.h"


static int sp_cli_audit_key_run(const sp_cli_args_t *args);
static sp_rc_t sp_audit_key_write(const char *file, EVP_PKEY *pkey);
static sp_rc_t sp_audit_vkey_text(const char *what, const char *text,
    sp_vkey_t *vkey);


static const sp_cli_opt_t  sp_cli_audit_key_opts[] = {
    { "out", "FILE", "where the secret key goes; must not be there" },
    { "origin", "NAME", "the log's name, like gate7.example.com/audit" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_key = {
    "audit key",
    "--out FILE --origin NAME",
    "Makes a key for signing the audit log",
    "Writes a new Ed25519 key as PEM, readable by its owner alone, and prints\n"
    "the public key in the form that `audit verify --key` takes. Give the\n"
    "public key to whoever verifies, and keep the secret one where only the\n"
    "sealer can read it: not on a disk that the gate can read.\n\n"
    "  sallyport audit key --out /etc/sallyport/seal.key \\\n"
    "      --origin gate7.example.com/audit > seal.pub\n\n"
    "A key that was made by `openssl genpkey -algorithm ed25519` does as\n"
    "well.\n",
    sp_cli_audit_key_opts,
    0,
    0,
    sp_cli_audit_key_run
};


static int
sp_cli_audit_key_run(const sp_cli_args_t *args)
{
    if (sp_cli_opt(args, "out") == NULL || sp_cli_opt(args, "origin") == NULL)
    {
        sp_cli_error("--out FILE and --origin NAME are needed");
        return SP_CLI_USAGE;
    }

    return sp_audit_key_make(sp_cli_opt(args, "out"), "origin",
                             sp_cli_opt(args, "origin"));
}


int
sp_audit_key_make(const char *file, const char *option, const char *name)
{
    char            text[SP_VKEY_MAX];
    size_t          len;
    EVP_PKEY       *pkey;
    sp_vkey_t       vkey;
    unsigned char   key[32];

    len = sizeof(key);
    memset(key, 0, sizeof(key));

    if (sp_vkey_init(&vkey, sp_cstr(name), key) != SP_OK) {
        sp_cli_error("--%s '%s' is no name: 1 to %d bytes without spaces "
                     "and '+', like gate7.example.com/audit", option, name,
                     SP_ORIGIN_LEN);
        return SP_CLI_USAGE;
    }

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    if (pkey == NULL || EVP_PKEY_get_raw_public_key(pkey, key, &len) != 1
        || sp_vkey_init(&vkey, sp_cstr(name), key) != SP_OK)
    {
        sp_cli_error("OpenSSL cannot make an Ed25519 key");
        EVP_PKEY_free(pkey);
        return SP_CLI_REFUSED;
    }

    if (sp_audit_key_write(file, pkey) != SP_OK) {
        EVP_PKEY_free(pkey);
        return SP_CLI_REFUSED;
    }

    EVP_PKEY_free(pkey);
    (void) sp_vkey_format(&vkey, text);
    printf("%s\n", text);

    return SP_CLI_FINE;
}


static sp_rc_t
sp_audit_key_write(const char *file, EVP_PKEY *pkey)
{
    int    fd, done;
    FILE  *out;

    fd = open(file, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0400);

    if (fd == -1) {
        sp_cli_error("cannot make '%s': %s", file, strerror(errno));
        return SP_ERROR;
    }

    out = fdopen(fd, "w");
    done = out != NULL
           && PEM_write_PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL) == 1
           && fflush(out) == 0 && fsync(fd) == 0;

    if (out != NULL) {
        (void) fclose(out);

    } else {
        (void) close(fd);
    }

    if (!done) {
        sp_cli_error("cannot write '%s': %s", file, strerror(errno));
        (void) unlink(file);
        return SP_ERROR;
    }

    return SP_OK;
}


sp_rc_t
sp_audit_secret(const char *file, unsigned char secret[32])
{
    FILE         *in;
    size_t        len;
    EVP_PKEY     *pkey;
    struct stat   st;

    in = fopen(file, "re");

    if (in == NULL) {
        sp_cli_error("cannot open the key '%s': %s", file, strerror(errno));
        return SP_ERROR;
    }

    if (fstat(fileno(in), &st) == 0 && (st.st_mode & 07) != 0) {
        sp_cli_error("everyone may use the key '%s' (mode %03o): "
                     "chmod 400 it", file, (unsigned) st.st_mode & 0777);
        (void) fclose(in);
        return SP_ERROR;
    }

    pkey = PEM_read_PrivateKey(in, NULL, NULL, (void *) "");
    (void) fclose(in);
    len = 32;

    if (pkey == NULL || EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519
        || EVP_PKEY_get_raw_private_key(pkey, secret, &len) != 1 || len != 32)
    {
        sp_cli_error("'%s' is no Ed25519 key in PEM without a pass phrase: "
                     "`sallyport audit key` makes one", file);
        EVP_PKEY_free(pkey);
        return SP_ERROR;
    }

    EVP_PKEY_free(pkey);

    return SP_OK;
}


sp_rc_t
sp_audit_vkey(const char *what, const char *text, sp_vkey_t *vkey)
{
    char     *file;
    size_t    len;
    sp_rc_t   rc;

    if (strchr(text, '+') != NULL && access(text, F_OK) != 0) {
        return sp_audit_vkey_text(what, text, vkey);
    }

    file = sp_cli_read_file(text, SP_CLI_FILE_MAX, &len);

    if (file == NULL) {
        return SP_ERROR;
    }

    rc = sp_audit_vkey_text(what, file, vkey);
    free(file);

    return rc;
}


static sp_rc_t
sp_audit_vkey_text(const char *what, const char *text, sp_vkey_t *vkey)
{
    if (sp_vkey_parse(vkey, sp_cstr(text)) == SP_OK) {
        return SP_OK;
    }

    if (strstr(text, "PRIVATE KEY") != NULL) {
        sp_cli_error("%s: that is a secret key; the public one is needed, as "
                     "`audit key` printed it or from seal/key.pub", what);

    } else {
        sp_cli_error("%s: no verifier key; one looks like "
                     "gate7.example.com/audit+1b2c3d4e+AQcb...", what);
    }

    return SP_ERROR;
}


sp_rc_t
sp_audit_replace(const char *path, const char *text, size_t len)
{
    int      fd, done;
    char     beside[SP_LANE_PATH];
    size_t   at;
    ssize_t  n;

    (void) snprintf(beside, sizeof(beside), "%s.new", path);
    fd = open(beside, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0644);

    if (fd == -1) {
        sp_cli_error("cannot make '%s': %s", beside, strerror(errno));
        return SP_ERROR;
    }

    for (at = 0, n = 1; at < len && n > 0; at += (size_t) (n > 0 ? n : 0)) {
        n = write(fd, text + at, len - at);
    }

    done = at == len && fsync(fd) == 0;

    if (close(fd) != 0 || !done || rename(beside, path) != 0) {
        sp_cli_error("cannot write '%s': %s", path, strerror(errno));
        (void) unlink(beside);
        return SP_ERROR;
    }

    return SP_OK;
}


char *
sp_audit_seal_dir(const sp_cli_args_t *args, const char *dir)
{
    char        *path;
    size_t       len;
    const char  *given;

    given = sp_cli_opt(args, "seal");

    if (given != NULL) {
        return sp_cli_copy(sp_cstr(given));
    }

    len = strlen(dir) + sizeof("/" SP_LANE_SEAL);
    path = sp_cli_alloc(len);
    (void) snprintf(path, len, "%s/" SP_LANE_SEAL, dir);

    return path;
}
