
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit prove`, and the verifying of what it
 * made, which needs no log.
 */


#include <errno.h>
#include <stdlib.h>

#include "prove.h"


static int sp_cli_audit_prove_run(const sp_cli_args_t *args);
static sp_rc_t sp_prove_write(const char *dir, const char *id,
    const char *suffix, const char *text);
static const char *sp_prove_read(char *text, uint64_t *index,
    unsigned char proof[SP_PROOF_MAX][SP_HASH_LEN], unsigned *n);


static const sp_cli_opt_t  sp_cli_audit_prove_opts[] = {
    { "id", "ID", "decision id: the client has it from x-sallyport-id" },
    { "out", "DIR", "where the two files go (the current directory)" },
    { "seal", "DIR", "the sealer's directory (DIR/seal)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_prove = {
    "audit prove",
    "DIR --id ID [--out DIR]",
    "Proves one decision to someone outside, and shows no other",
    "Writes ID.json, the one line, and ID.tlog-proof, its Merkle path to the\n"
    "newest signed checkpoint (C2SP tlog-proof). Whoever has the public key\n"
    "verifies with them, offline, that the line was recorded and is what it\n"
    "was:\n\n"
    "  sallyport audit prove /var/log/sallyport --id 01KAR...-3-...\n"
    "  sallyport audit verify --record ID.json --proof ID.tlog-proof \\\n"
    "      --key seal.pub\n\n"
    "Exit codes: 0 done; 1 there is no such decision, or it is not sealed\n"
    "yet (a second after it was made).\n",
    sp_cli_audit_prove_opts,
    1,
    1,
    sp_cli_audit_prove_run
};


static int
sp_cli_audit_prove_run(const sp_cli_args_t *args)
{
    int          rc;
    char        *seal, *proof;
    const char  *id, *out;
    sp_found_t  *found;

    id = sp_cli_opt(args, "id");
    out = sp_cli_opt(args, "out");

    if (id == NULL || strchr(id, '/') != NULL) {
        sp_cli_error("which decision? --id ID");
        return SP_CLI_USAGE;
    }

    if (sp_found_decision(args->args[0], id, &found) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    rc = SP_CLI_REFUSED;
    proof = NULL;
    seal = sp_audit_seal_dir(args, args->args[0]);

    if (sp_audit_index(seal, found, 1) == SP_OK) {

        if (!found->sealed) {
            sp_cli_error("the decision '%s' is not sealed yet", id);

        } else {
            proof = sp_audit_proof(seal, found);
        }
    }

    if (proof != NULL
        && sp_prove_write(out, id, "json", found->text) == SP_OK
        && sp_prove_write(out, id, "tlog-proof", proof) == SP_OK)
    {
        printf("%s is line %llu of the log\n", id,
               (unsigned long long) found->index);
        rc = SP_CLI_FINE;
    }

    sp_found_free(found, 1);
    free(proof);
    free(seal);

    return rc;
}


static sp_rc_t
sp_prove_write(const char *dir, const char *id, const char *suffix,
    const char *text)
{
    char   path[SP_LANE_PATH], *copy;
    size_t len;
    sp_rc_t rc;

    (void) snprintf(path, sizeof(path), "%s%s%s.%s", dir != NULL ? dir : "",
                    dir != NULL ? "/" : "", id, suffix);

    len = strlen(text);
    copy = sp_cli_alloc(len + 2);
    memcpy(copy, text, len);

    if (len == 0 || copy[len - 1] != '\n') {
        copy[len++] = '\n';
    }

    rc = sp_audit_replace(path, copy, len);
    free(copy);

    return rc;
}


int
sp_prove_check(const sp_cli_args_t *args)
{
    char             *record, *text;
    size_t            len, text_len;
    uint64_t          index;
    unsigned          n;
    sp_vkey_t         vkey;
    const char       *note, *why, *key;
    unsigned char     leaf[SP_HASH_LEN], proof[SP_PROOF_MAX][SP_HASH_LEN];
    sp_checkpoint_t   checkpoint;

    key = sp_cli_opt(args, "key");

    if (key == NULL || sp_cli_opt(args, "record") == NULL
        || sp_cli_opt(args, "proof") == NULL || args->nargs != 0)
    {
        sp_cli_error("--record FILE, --proof FILE and --key FILE go together");
        return SP_CLI_USAGE;
    }

    if (sp_audit_vkey("--key", key, &vkey) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    record = sp_cli_read_file(sp_cli_opt(args, "record"), SP_CLI_FILE_MAX,
                              &len);
    text = record == NULL ? NULL
           : sp_cli_read_file(sp_cli_opt(args, "proof"), SP_CLI_FILE_MAX,
                              &text_len);

    if (text == NULL) {
        free(record);
        return SP_CLI_REFUSED;
    }

    if (len != 0 && record[len - 1] == '\n') {
        len--;
    }

    sp_tree_leaf(record, len, leaf);
    why = "it is no tlog-proof";
    note = sp_prove_read(text, &index, proof, &n);

    if (note != NULL
        && sp_checkpoint_open(&checkpoint, sp_cstr(note), &vkey, &why)
           == SP_OK)
    {
        why = NULL;

        if (strcmp(checkpoint.origin, vkey.name) != 0) {
            why = "the checkpoint is one of another log";

        } else if (!sp_tree_included(checkpoint.root, checkpoint.size, index,
                                     leaf, proof, n))
        {
            why = "the record is not the line that was sealed there";
        }
    }

    free(record);
    free(text);

    if (why != NULL) {
        sp_cli_error("not proved: %s", why);
        return SP_CLI_REFUSED;
    }

    printf("proved: line %llu of %s, as of a checkpoint of %llu lines\n",
           (unsigned long long) index, vkey.name,
           (unsigned long long) checkpoint.size);

    return SP_CLI_FINE;
}


/* Returns the note at its end, NULL if it is no proof. */

static const char *
sp_prove_read(char *text, uint64_t *index,
    unsigned char proof[SP_PROOF_MAX][SP_HASH_LEN], unsigned *n)
{
    char      *end;
    sp_str_t   line;
    unsigned   row;

    *n = 0;

    for (row = 0; (end = strchr(text, '\n')) != NULL; text = end + 1, row++) {
        line = (sp_str_t) { (size_t) (end - text), (unsigned char *) text };

        if (row == 0) {
            if (!sp_str_eq(line, SP_STR("c2sp.org/tlog-proof@v1"))) {
                return NULL;
            }

        } else if (row == 1) {

            if (line.len > 6 && strncmp(text, "extra ", 6) == 0) {
                row = 0;
                *end = '\n';
                text = end + 1;
                end = strchr(text, '\n');

                if (end == NULL) {
                    return NULL;
                }

                line = (sp_str_t) { (size_t) (end - text),
                                    (unsigned char *) text };
                row = 1;
            }

            if (line.len < 7 || strncmp(text, "index ", 6) != 0) {
                return NULL;
            }

            line.data += 6;
            line.len -= 6;

            if (sp_parse_uint(line, INT64_MAX, index) != SP_OK) {
                return NULL;
            }

        } else if (line.len == 0) {
            return end + 1;

        } else if (*n == SP_PROOF_MAX
                   || sp_unbase64(line, proof[(*n)++], SP_HASH_LEN) != SP_OK)
        {
            return NULL;
        }
    }

    return NULL;
}
