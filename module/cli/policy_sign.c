
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport policy keygen`, `sign` and `verify`.
 */


#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "bundle.h"
#include "policy_open.h"
#include "seal.h"


static int sp_cli_policy_keygen_run(const sp_cli_args_t *args);
static int sp_cli_policy_sign_run(const sp_cli_args_t *args);
static sp_rc_t sp_sign_serial(const sp_cli_args_t *args, uint64_t *serial);
static sp_rc_t sp_sign_note(sp_set_t *set, const sp_bundle_t *bundle,
    const sp_vkey_t *vkey, const unsigned char secret[32]);
static int sp_cli_policy_verify_run(const sp_cli_args_t *args);
static int sp_verify_files(const sp_set_t *set, const sp_signers_t *signers);


static const sp_cli_opt_t  sp_cli_policy_keygen_opts[] = {
    { "out", "FILE", "where the secret key goes; must not be there" },
    { "name", "NAME", "whose key it is, like ops.example.com/policy" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_policy_keygen = {
    "policy keygen",
    "--out FILE --name NAME",
    "Makes a key for signing policies",
    "Writes a new Ed25519 key as PEM, readable by its owner alone, and prints\n"
    "the public key as a line for the file of `policy verify --keys`: one key\n"
    "a line, lines that begin with # are skipped. Keep the secret one where\n"
    "policies are approved, not on the gate.\n\n"
    "  sallyport policy keygen --out policy.key \\\n"
    "      --name ops.example.com/policy >> policy-keys\n",
    sp_cli_policy_keygen_opts,
    0,
    0,
    sp_cli_policy_keygen_run
};


static const sp_cli_opt_t  sp_cli_policy_sign_opts[] = {
    { "key", "FILE", "the secret key" },
    { "name", "NAME", "the name under which keygen made it" },
    { "serial", "N", "higher than of all before (highest beside it, and 1)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_policy_sign = {
    "policy sign",
    "DIR/REVISION --key FILE --name NAME [--serial N]",
    "Signs a policy and all its files",
    "Writes `manifest` into the directory of the policy: the name, size and\n"
    "SHA-256 of each file, the policy's revision and hash, a serial number, and\n"
    "an Ed25519 signature over them as a C2SP signed note. A policy is signed\n"
    "before it is staged, or after. Serials count up: an old policy cannot be\n"
    "put in force again without a new signature. Without --serial it is one\n"
    "more than the highest among the directories beside this one.\n\n"
    "  sallyport policy sign /etc/sallyport/policy/2026-12-01.1 \\\n"
    "      --key policy.key --name ops.example.com/policy\n",
    sp_cli_policy_sign_opts,
    1,
    1,
    sp_cli_policy_sign_run
};


static const sp_cli_opt_t  sp_cli_policy_verify_opts[] = {
    { "keys", "FILE", "public keys, one a line; any of them will do" },
    { "serial", "N", "the lowest serial that will do (0)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_policy_verify = {
    "policy verify",
    "DIR/REVISION --keys FILE [--serial N]",
    "Verifies the signature of a policy and each of its files",
    "Loads the policy and compares the very bytes that are parsed with the\n"
    "signed manifest; then the other files, such as tests. Exit code 0: all is\n"
    "as it was signed; 1: not.\n\n"
    "  sallyport policy verify /etc/sallyport/policy/current \\\n"
    "      --keys /etc/sallyport/policy-keys\n",
    sp_cli_policy_verify_opts,
    1,
    1,
    sp_cli_policy_verify_run
};


static int
sp_cli_policy_keygen_run(const sp_cli_args_t *args)
{
    if (sp_cli_opt(args, "out") == NULL || sp_cli_opt(args, "name") == NULL) {
        sp_cli_error("--out FILE and --name NAME are needed");
        return SP_CLI_USAGE;
    }

    return sp_audit_key_make(sp_cli_opt(args, "out"), "name",
                             sp_cli_opt(args, "name"));
}


static int
sp_cli_policy_sign_run(const sp_cli_args_t *args)
{
    int                rc;
    char               path[SP_DIR_PATH];
    uint64_t           serial;
    sp_set_t          *set;
    sp_policy_t       *policy;
    sp_policy_opts_t   opts;

    if (sp_cli_opt(args, "key") == NULL || sp_cli_opt(args, "name") == NULL) {
        sp_cli_error("--key FILE and --name NAME are needed");
        return SP_CLI_USAGE;
    }

    if (sp_sign_serial(args, &serial) != SP_OK
        || sp_dir_path(path, args->args[0], SP_BUNDLE_NAME) != SP_OK)
    {
        return SP_CLI_USAGE;
    }

    memset(&opts, 0, sizeof(opts));
    opts.now = (int64_t) time(NULL);
    opts.has_regions = 1;

    rc = SP_CLI_REFUSED;
    set = sp_cli_alloc(sizeof(*set));
    memset(set, 0, sizeof(*set));
    policy = sp_cli_policy(args->args[0], &opts);

    if (policy != NULL && sp_set_read(set, args->args[0]) == SP_OK
        && sp_policy_sign(set, policy, serial, args) == SP_OK
        && sp_audit_replace(path, (char *) set->manifest.data,
                            set->manifest.len)
           == SP_OK)
    {
        printf("signed %s: %u files, serial %llu\n", args->args[0], set->n,
               (unsigned long long) serial);
        rc = SP_CLI_FINE;
    }

    sp_set_free(set);
    free(set);
    free(policy);

    return rc;
}


static sp_rc_t
sp_sign_serial(const sp_cli_args_t *args, uint64_t *serial)
{
    char        *real, *slash;
    const char  *text;

    text = sp_cli_opt(args, "serial");

    if (text != NULL) {
        if (sp_cli_number("--serial", text, SP_BUNDLE_SERIAL, serial)
            != SP_OK)
        {
            return SP_ERROR;
        }

        if (*serial != 0) {
            return SP_OK;
        }

        sp_cli_error("--serial begins with 1");
        return SP_ERROR;
    }

    real = realpath(args->args[0], NULL);
    slash = real != NULL ? strrchr(real, '/') : NULL;

    if (slash == NULL) {
        sp_cli_error("cannot open '%s': %s", args->args[0], strerror(errno));
        return SP_ERROR;
    }

    *slash = '\0';
    *serial = sp_policy_highest(slash == real ? "/" : real) + 1;
    free(real);

    return SP_OK;
}


uint64_t
sp_policy_highest(const char *dir)
{
    int              i, n;
    char             path[SP_DIR_PATH];
    size_t           len;
    uint64_t         serial, highest;
    sp_set_t        *set;
    struct dirent  **list;

    highest = 0;
    set = sp_cli_alloc(sizeof(*set));
    n = scandir(dir, &list, NULL, alphasort);

    for (i = 0; i < n; i++) {
        memset(set, 0, sizeof(*set));

        if ((size_t) snprintf(path, sizeof(path), "%s/%s/" SP_BUNDLE_NAME, dir,
                              list[i]->d_name)
            < sizeof(path)
            && access(path, F_OK) == 0)
        {
            set->manifest.data = (unsigned char *)
                                 sp_cli_read_file(path, SP_BUNDLE_BYTES, &len);
            set->manifest.len = set->manifest.data != NULL ? len : 0;
            serial = sp_policy_serial(set);
            highest = serial > highest ? serial : highest;
            sp_set_free(set);
        }

        free(list[i]);
    }

    if (n >= 0) {
        free(list);
    }

    free(set);

    return highest;
}


uint64_t
sp_policy_serial(const sp_set_t *set)
{
    uint64_t      serial;
    const char   *why;
    sp_bundle_t   bundle;

    if (set->manifest.data == NULL
        || sp_bundle_open(&bundle, set->manifest, NULL, NULL, &why) != SP_OK)
    {
        return 0;
    }

    serial = bundle.serial;
    sp_bundle_free(&bundle);

    return serial;
}


sp_rc_t
sp_policy_sign(sp_set_t *set, const sp_policy_t *policy, uint64_t serial,
    const sp_cli_args_t *args)
{
    sp_rc_t         rc;
    sp_vkey_t       vkey;
    const char     *name;
    sp_bundle_t     bundle;
    unsigned char   secret[32], key[32];

    name = sp_cli_opt(args, "name");
    bundle.serial = serial;
    bundle.revision = sp_policy_revision(policy);
    bundle.n = set->n;
    bundle.files = set->files;
    memcpy(bundle.policy, sp_policy_hash(policy), SP_POLICY_HASH_LEN);

    if (sp_audit_secret(sp_cli_opt(args, "key"), secret) != SP_OK) {
        return SP_ERROR;
    }

    rc = SP_ERROR;

    if (sp_vkey_public(secret, key) != SP_OK) {
        sp_cli_error("OpenSSL cannot use this key");

    } else if (sp_vkey_init(&vkey, sp_cstr(name), key) != SP_OK) {
        sp_cli_error("--name '%s' is no name: 1 to %d bytes without spaces "
                     "and '+', like ops.example.com/policy", name,
                     SP_ORIGIN_LEN);

    } else {
        rc = sp_sign_note(set, &bundle, &vkey, secret);
    }

    OPENSSL_cleanse(secret, sizeof(secret));

    return rc;
}


static sp_rc_t
sp_sign_note(sp_set_t *set, const sp_bundle_t *bundle, const sp_vkey_t *vkey,
    const unsigned char secret[32])
{
    char          *note;
    size_t         len;
    sp_str_t       text;
    const char    *why;
    sp_bundle_t    again;
    sp_signers_t   signers;

    note = sp_cli_alloc(SP_BUNDLE_BYTES);
    len = sp_bundle_text(bundle, note, SP_BUNDLE_BYTES);
    len = len != 0 ? sp_note_sign(note, len, SP_BUNDLE_BYTES, vkey, secret)
                   : 0;

    text = (sp_str_t) { len, (unsigned char *) note };
    signers.n = 1;
    signers.keys[0] = *vkey;

    /* what is written is what the gate will read */

    if (len == 0
        || sp_bundle_open(&again, text, &signers, NULL, &why) != SP_OK)
    {
        sp_cli_error("the manifest cannot be made%s%s",
                     len == 0 ? "" : ": ", len == 0 ? "" : why);
        free(note);
        return SP_ERROR;
    }

    sp_bundle_free(&again);
    free((void *) set->manifest.data);
    set->manifest = text;

    return SP_OK;
}


sp_rc_t
sp_policy_signers(const char *file, sp_signers_t *signers)
{
    char      *text;
    size_t     len;
    sp_rc_t    rc;
    unsigned   line;

    text = sp_cli_read_file(file, SP_CLI_FILE_MAX, &len);

    if (text == NULL) {
        return SP_ERROR;
    }

    rc = sp_signers_read(signers, (sp_str_t) { len, (unsigned char *) text },
                         &line);
    free(text);

    if (rc == SP_OK) {
        return SP_OK;
    }

    if (line == 0) {
        sp_cli_error("'%s' has no keys", file);

    } else {
        sp_cli_error("%s:%u: no public key as `policy keygen` prints it, or "
                     "more than %d", file, line, SP_BUNDLE_SIGNERS);
    }

    return SP_ERROR;
}


static int
sp_cli_policy_verify_run(const sp_cli_args_t *args)
{
    int                rc;
    char              *file;
    uint64_t           serial;
    sp_set_t          *set;
    const char        *text;
    sp_diags_t         diags;
    sp_policy_t       *policy;
    sp_signers_t       signers;
    sp_policy_opts_t   opts;

    serial = 0;
    text = sp_cli_opt(args, "serial");

    if (sp_cli_opt(args, "keys") == NULL) {
        sp_cli_error("--keys FILE is needed: whose signatures count");
        return SP_CLI_USAGE;
    }

    if (text != NULL
        && sp_cli_number("--serial", text, SP_BUNDLE_SERIAL, &serial)
           != SP_OK)
    {
        return SP_CLI_USAGE;
    }

    if (sp_policy_signers(sp_cli_opt(args, "keys"), &signers) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    file = sp_cli_policy_file(args->args[0]);

    if (file == NULL) {
        return SP_CLI_REFUSED;
    }

    memset(&opts, 0, sizeof(opts));
    opts.now = (int64_t) time(NULL);
    opts.has_regions = 1;
    sp_diags_init(&diags);
    policy = sp_policy_load_signed(file, &opts, &signers, &serial, &diags);
    sp_diags_print(&diags, stderr);
    rc = SP_CLI_REFUSED;

    if (policy != NULL) {
        set = sp_cli_alloc(sizeof(*set));
        rc = sp_set_read(set, args->args[0]) == SP_OK
             ? sp_verify_files(set, &signers) : SP_CLI_REFUSED;
        sp_set_free(set);
        free(set);
    }

    sp_diags_free(&diags);
    free(policy);
    free(file);

    return rc;
}


/* All that is signed is there, as signed, and nothing else. */

static int
sp_verify_files(const sp_set_t *set, const sp_signers_t *signers)
{
    int               rc;
    unsigned          i;
    const char       *why;
    sp_bundle_t       bundle;
    const sp_vkey_t  *by;

    if (sp_bundle_open(&bundle, set->manifest, signers, &by, &why) != SP_OK) {
        sp_cli_error("'" SP_BUNDLE_NAME "': %s", why);
        return SP_CLI_REFUSED;
    }

    rc = SP_CLI_FINE;

    for (i = 0; i < set->n; i++) {
        why = sp_bundle_differs(&bundle, set->files[i].name, set->data[i],
                                set->files[i].size);

        if (why != NULL) {
            sp_cli_error("'%s': %s", (const char *) set->files[i].name.data,
                         why);
            rc = SP_CLI_REFUSED;
        }
    }

    if (rc == SP_CLI_FINE && set->n != bundle.n) {
        sp_cli_error("%u files are signed, %u are there", bundle.n, set->n);
        rc = SP_CLI_REFUSED;
    }

    if (rc == SP_CLI_FINE) {
        printf("signed by %s: revision %.*s, serial %llu, %u files\n",
               by->name, (int) bundle.revision.len,
               (const char *) bundle.revision.data,
               (unsigned long long) bundle.serial, bundle.n);
    }

    sp_bundle_free(&bundle);

    return rc;
}
