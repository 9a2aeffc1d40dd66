
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains signed policies: a manifest beside the policy's files
 * names each of them with its size and SHA-256, and is signed. It is a C2SP
 * signed note (sp_seal.h) with this text, "policy" being sp_policy_hash():
 *
 *   sallyport-policy/1
 *   serial 118
 *   revision 2026-11-23.1
 *   policy 5f1c...
 *   sha256 91aa... 2210 lists/embargoed.yaml
 *   sha256 3f6e... 5188 policy.yaml
 *
 * Each file says that its bytes are the signed ones; "policy" says that these
 * were all: a pattern of an include must not find one less.
 */


#ifndef SP_BUNDLE_H
#define SP_BUNDLE_H


#include "sp_policy.h"
#include "sp_seal.h"


#define SP_BUNDLE_NAME      "manifest"
#define SP_BUNDLE_BYTES     (512 * 1024)   /* of a manifest */
#define SP_BUNDLE_FILES     1024
#define SP_BUNDLE_PATH      512            /* bytes of a file's name */
#define SP_BUNDLE_SIGNERS   16
#define SP_BUNDLE_SERIAL    INT64_MAX      /* the highest */


typedef struct {
    sp_str_t            name;    /* below the policy's directory */
    uint64_t            size;
    unsigned char       hash[SP_HASH_LEN];
} sp_bundle_file_t;


typedef struct sp_bundle_s {
    uint64_t            serial;
    sp_str_t            revision;
    unsigned char       policy[SP_POLICY_HASH_LEN];
    unsigned            n;
    sp_bundle_file_t   *files;   /* from malloc(); sorted by name */
} sp_bundle_t;


/* Whose signatures count: any one of them does. */
typedef struct {
    unsigned            n;
    sp_vkey_t           keys[SP_BUNDLE_SIGNERS];
} sp_signers_t;


/* 1 for a relative name without "..", "." and control characters. */
int sp_bundle_name(sp_str_t name);

/* The manifest's text; returns its length, 0 if it does not fit. */
size_t sp_bundle_text(const sp_bundle_t *bundle, char *buf, size_t size);

/*
 * Reads a signed manifest, into which *bundle points afterwards; close it
 * with sp_bundle_free(). "signers" NULL: whoever signed it, unverified, for
 * showing. *by (may be NULL) is the key that signed. SP_ERROR: *why says why,
 * for people; nothing is to be freed.
 */
sp_rc_t sp_bundle_open(sp_bundle_t *bundle, sp_str_t note,
    const sp_signers_t *signers, const sp_vkey_t **by, const char **why);
void sp_bundle_free(sp_bundle_t *bundle);

/* NULL, or why these bytes are not the file's of this name. */
const char *sp_bundle_differs(const sp_bundle_t *bundle, sp_str_t name,
    const unsigned char *data, size_t len);

/*
 * Verifier keys, one a line; empty lines and those that begin with '#' are
 * skipped. SP_ERROR: *line (from 1) is none, or there are too many; 0: there
 * is no key at all.
 */
sp_rc_t sp_signers_read(sp_signers_t *signers, sp_str_t text,
    unsigned *line);

/*
 * sp_policy_load() of what is signed: each file is read once, and the bytes
 * that are compared with the manifest are the bytes that are parsed. *serial
 * is the lowest that will do, and is set to that of the manifest if it could
 * be read. Messages have the code SP107.
 */
sp_policy_t *sp_policy_load_signed(const char *file,
    const sp_policy_opts_t *opts, const sp_signers_t *signers,
    uint64_t *serial, sp_diags_t *diags);


#endif /* SP_BUNDLE_H */
