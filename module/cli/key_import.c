
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport key import`: keys that another issuer made,
 * from their SHA-256 digests or from themselves. The file is checked whole
 * before the first record is written.
 */


#include <stdlib.h>

#include "key.h"


#define SP_IMPORT_SHOWN   20       /* messages; more are counted */
#define SP_IMPORT_FILE    (256 * 1024 * 1024)


typedef struct {
    char          *account;        /* into the text of the file */
    char          *name;
    unsigned       line;
    sp_keyname_t   key;
} sp_import_row_t;


typedef struct {
    sp_import_row_t  *rows;
    size_t            n;
    size_t            size;
    unsigned          errors;
    unsigned          line;
    int               plain;
    const char       *file;
    sp_pepper_t       pepper;
} sp_import_t;


static int sp_cli_key_import_run(const sp_cli_args_t *args);
static sp_rc_t sp_import_read(sp_import_t *import, char *text, size_t len);
static void sp_import_line(sp_import_t *import, char *line);
static int sp_import_secret(sp_import_t *import, char *text,
    unsigned char kid[SP_KID_LEN]);
static void sp_import_add(sp_import_t *import, char *account, char *name,
    const unsigned char kid[SP_KID_LEN]);
static void sp_import_twice(sp_import_t *import);
static int sp_import_by_kid(const void *a, const void *b);
static int sp_import_by_name(const void *a, const void *b);
static int sp_import_error(sp_import_t *import, const char *why);
static sp_rc_t sp_import_write(sp_import_t *import, const sp_cli_args_t *args);
static sp_rc_t sp_import_row(sp_store_t *store, const sp_cli_args_t *args,
    const sp_import_row_t *row, int write, sp_write_t *written);
static void sp_import_accounts(sp_import_t *import, sp_store_t *store);


static const sp_cli_opt_t  sp_cli_key_import_opts[] = {
    { "hash", "sha256", "the file has SHA-256 digests (hexadecimal) of keys" },
    { "plain", NULL, "the file has the keys themselves" },
    SP_KEY_PEPPER_OPT,
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_key_import = {
    "key import",
    "--hash sha256 | --plain FILE --by WHO --reason WHY [OPTIONS]",
    "Stores the ids of keys that exist already",
    "A line of FILE is ACCOUNT,NAME,DIGEST or with --plain ACCOUNT,NAME,KEY;\n"
    "empty lines and lines that begin with # are skipped. Nothing is written\n"
    "if any line is wrong. Keys that are there already stay as they are, so\n"
    "the same file may be imported again.\n\n"
    "Keys of another issuer have no tag: a gate that says `sallyport_key_tag\n"
    "required` refuses them.\n\n"
    "Digests with a salt of their own cannot be looked up: such keys have to\n"
    "be made anew.\n\n"
    "  sallyport key import --hash sha256 keys.csv --by jo --reason MOVE-1\n",
    sp_cli_key_import_opts,
    1,
    1,
    sp_cli_key_import_run
};


static int
sp_cli_key_import_run(const sp_cli_args_t *args)
{
    char         *text;
    size_t        len;
    sp_rc_t       rc;
    const char   *by, *why, *hash;
    sp_import_t   import;

    memset(&import, 0, sizeof(import));
    hash = sp_cli_opt(args, "hash");
    import.plain = sp_cli_opt(args, "plain") != NULL;
    import.file = args->args[0];

    if (sp_cli_who(args, &by, &why) != SP_OK) {
        return SP_CLI_USAGE;
    }

    if ((hash != NULL) == import.plain) {
        sp_cli_error("what is in the file? --hash sha256 or --plain, one of "
                     "them");
        return SP_CLI_USAGE;
    }

    if (hash != NULL && strcmp(hash, "sha256") != 0) {
        sp_cli_error("--hash: only sha256 (without a salt) can be looked up, "
                     "not '%s'", hash);
        return SP_CLI_USAGE;
    }

    if (sp_cli_pepper(args, &import.pepper) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    text = sp_cli_read_file(import.file, SP_IMPORT_FILE, &len);

    if (text == NULL) {
        return SP_CLI_REFUSED;
    }

    rc = sp_import_read(&import, text, len);

    if (rc == SP_OK) {
        rc = sp_import_write(&import, args);
    }

    explicit_bzero(text, len);
    explicit_bzero(&import.pepper, sizeof(import.pepper));
    free(text);
    free(import.rows);

    return rc == SP_OK ? SP_CLI_FINE : SP_CLI_REFUSED;
}


static sp_rc_t
sp_import_read(sp_import_t *import, char *text, size_t len)
{
    char  *line, *end;

    for (line = text; line < text + len; line = end + 1) {
        end = memchr(line, '\n', (size_t) (text + len - line));

        if (end == NULL) {
            end = text + len;
        }

        import->line++;

        if (memchr(line, '\0', (size_t) (end - line)) != NULL) {
            sp_import_error(import, "has a NUL byte");
            continue;
        }

        *end = '\0';

        if (end > line && end[-1] == '\r') {
            end[-1] = '\0';
        }

        if (line[0] != '\0' && line[0] != '#') {
            sp_import_line(import, line);
        }
    }

    if (import->errors == 0 && import->n != 0) {
        sp_import_twice(import);
    }

    if (import->errors != 0) {
        sp_cli_error("%u line%s of '%s' %s wrong; nothing was written",
                     import->errors, import->errors == 1 ? "" : "s",
                     import->file, import->errors == 1 ? "is" : "are");
        return SP_ERROR;
    }

    if (import->n == 0) {
        sp_cli_error("'%s' has no keys", import->file);
        return SP_ERROR;
    }

    return SP_OK;
}


/* No message shows what stands in the third place: it may be a key. */

static void
sp_import_line(sp_import_t *import, char *line)
{
    char           *name, *secret;
    unsigned char   kid[SP_KID_LEN];

    name = strchr(line, ',');
    secret = name != NULL ? strchr(name + 1, ',') : NULL;

    if (secret == NULL || strchr(secret + 1, ',') != NULL) {
        sp_import_error(import, "has not three parts, ACCOUNT,NAME,DIGEST");
        return;
    }

    *name++ = '\0';
    *secret++ = '\0';

    if (!sp_id_valid(sp_cstr(line))) {
        sp_import_error(import, "the account is no id: 1 to 64 of "
                        "A-Z a-z 0-9 . _ : @ -");

    } else if (!sp_id_valid(sp_cstr(name))) {
        sp_import_error(import, "the name is no id: 1 to 64 of "
                        "A-Z a-z 0-9 . _ : @ -");

    } else if (sp_import_secret(import, secret, kid)) {
        sp_import_add(import, line, name, kid);
    }
}


static int
sp_import_secret(sp_import_t *import, char *text, unsigned char kid[SP_KID_LEN])
{
    char           *p;
    unsigned char   digest[32];

    if (import->plain) {
        if (sp_keyform_usable(sp_cstr(text)) != SP_OK) {
            return sp_import_error(import, "the key is empty, too long or has "
                                   "a byte that no client could send");
        }

        if (!sp_keyform_fits(&import->pepper,
                                                    sp_cstr(text))) {
            return sp_import_error(import, "the key begins with "
                                   SP_TAGGED_PREFIX " but its tag does not "
                                   "fit");
        }

        sp_kid(&import->pepper, sp_cstr(text), kid);

        return 1;
    }

    for (p = text; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'F') {
            *p = (char) (*p + ('a' - 'A'));
        }
    }

    if (p - text != 2 * (ptrdiff_t) sizeof(digest)
        || sp_unhex(sp_cstr(text), digest) != SP_OK)
    {
        return sp_import_error(import, "the digest is not 64 hexadecimal "
                               "digits");
    }

    sp_kid_from_sha256(&import->pepper, digest, kid);

    return 1;
}


static void
sp_import_add(sp_import_t *import, char *account, char *name,
    const unsigned char kid[SP_KID_LEN])
{
    sp_import_row_t  *row, *rows;

    if (import->n == import->size) {
        import->size = import->size != 0 ? 2 * import->size : 256;
        rows = realloc(import->rows, import->size * sizeof(sp_import_row_t));

        if (rows == NULL) {
            sp_cli_error("no memory for %zu keys", import->size);
            exit(SP_CLI_REFUSED);
        }

        import->rows = rows;
    }

    row = &import->rows[import->n++];
    row->account = account;
    row->name = name;
    row->line = import->line;
    sp_keyname(&row->key, kid);
}


static void
sp_import_twice(sp_import_t *import)
{
    size_t            i;
    sp_import_row_t  *row;

    qsort(import->rows, import->n, sizeof(sp_import_row_t), sp_import_by_kid);

    for (i = 1; i < import->n; i++) {
        row = &import->rows[i];

        if (strcmp(row->key.kid, row[-1].key.kid) == 0) {
            import->line = row->line;
            sp_import_error(import, "the same key stands on another line");
        }
    }

    qsort(import->rows, import->n, sizeof(sp_import_row_t), sp_import_by_name);

    for (i = 1; i < import->n; i++) {
        row = &import->rows[i];

        if (sp_import_by_name(row, row - 1) == 0) {
            import->line = row->line;
            sp_import_error(import, "the account has a key of that name on "
                            "another line");
        }
    }
}


static int
sp_import_by_kid(const void *a, const void *b)
{
    const sp_import_row_t  *one = a, *two = b;

    return strcmp(one->key.kid, two->key.kid);
}


static int
sp_import_by_name(const void *a, const void *b)
{
    int                     rc;
    const sp_import_row_t  *one = a, *two = b;

    rc = strcmp(one->account, two->account);

    return rc != 0 ? rc : strcmp(one->name, two->name);
}


/* Always 0, so that a check can return it. */

static int
sp_import_error(sp_import_t *import, const char *why)
{
    if (import->errors++ < SP_IMPORT_SHOWN) {
        sp_cli_error("%s:%u: %s", import->file, import->line, why);
    }

    return 0;
}


static sp_rc_t
sp_import_write(sp_import_t *import, const sp_cli_args_t *args)
{
    int          write;
    size_t       i, done, same;
    sp_rc_t      rc;
    sp_store_t  *store;
    sp_write_t   written;

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_ERROR;
    }

    rc = SP_OK;
    done = same = 0;

    /* First without writing: a key of someone else stops the whole import. */

    for (write = 0; write <= 1 && rc == SP_OK; write++) {
        for (i = 0; i < import->n && rc == SP_OK; i++) {
            rc = sp_import_row(store, args, &import->rows[i], write, &written);

            if (rc == SP_OK && write) {
                done += written == SP_WRITE_DONE;
                same += written == SP_WRITE_SAME;
            }
        }
    }

    if (rc == SP_OK) {
        sp_import_accounts(import, store);
        rc = sp_store_durable(store, args);
    }

    sp_store_close(store);

    if (rc != SP_OK && done == 0) {
        sp_cli_error("nothing was written");
        return rc;
    }

    printf("%zu key%s stored, %zu there already\n", done, done == 1 ? "" : "s",
           same);

    return rc;
}


static sp_rc_t
sp_import_row(sp_store_t *store, const sp_cli_args_t *args,
    const sp_import_row_t *row, int write, sp_write_t *written)
{
    sp_rc_t      rc;
    sp_stored_t  before, after;

    if (sp_store_read(store, row->key.redis_key, &before) != SP_OK) {
        return SP_ERROR;
    }

    rc = SP_OK;
    *written = SP_WRITE_SAME;
    memset(&after, 0, sizeof(after));

    if (before.n != 0) {
        if (!sp_str_eq(sp_stored_get(&before, "account"),
                       sp_cstr(row->account))
            || !sp_str_eq(sp_stored_get(&before, "name"), sp_cstr(row->name)))
        {
            sp_cli_error("line %u: the store has this key already, under "
                         "another account or name (%s)", row->line,
                         row->key.kid);
            rc = SP_ERROR;
        }

    } else if (write) {
        rc = SP_ERROR;

        if (sp_stored_set(&after, "v", "1") == SP_OK
            && sp_stored_set(&after, "account", row->account) == SP_OK
            && sp_stored_set(&after, "name", row->name) == SP_OK
            && sp_stored_set(&after, "status", "active") == SP_OK)
        {
            *written = sp_store_write(store, row->key.redis_key, &before,
                                      &after, sp_cli_opt(args, "by"),
                                      sp_cli_opt(args, "reason"),
                                      sp_keyrecord_check, NULL);
            rc = *written == SP_WRITE_FAILED ? SP_ERROR : SP_OK;
        }
    }

    sp_stored_free(&before);
    sp_stored_free(&after);

    return rc;
}


/* Rows are sorted by account here. */

static void
sp_import_accounts(sp_import_t *import, sp_store_t *store)
{
    size_t       i;
    unsigned     missing;
    const char  *first;

    first = NULL;
    missing = 0;

    for (i = 0; i < import->n; i++) {
        if (i != 0 && strcmp(import->rows[i].account,
                             import->rows[i - 1].account) == 0)
        {
            continue;
        }

        if (sp_cli_account_exists(store, import->rows[i].account) == 0) {
            missing++;
            first = first != NULL ? first : import->rows[i].account;
        }
    }

    if (missing != 0) {
        sp_cli_warn("%u account%s of these keys (first: %s) %s not in the "
                    "store; their keys are refused until %s", missing,
                    missing == 1 ? "" : "s", first,
                    missing == 1 ? "is" : "are",
                    missing == 1 ? "it is" : "they are");
    }
}
