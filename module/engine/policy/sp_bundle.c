
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the manifests of signed policies: written, read, and
 * held against the bytes of files.
 */


#include <inttypes.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "sp_bundle.h"


#define SP_BUNDLE_HEAD  "sallyport-policy/1"


static sp_rc_t sp_bundle_signed(sp_str_t note, const sp_signers_t *signers,
    sp_str_t *text, const sp_vkey_t **by, const char **why);
static sp_rc_t sp_bundle_parse(sp_bundle_t *bundle, sp_str_t text);
static sp_rc_t sp_bundle_file(sp_bundle_t *bundle, sp_str_t line);
static int sp_bundle_line(sp_str_t *text, sp_str_t *line);
static int sp_bundle_word(sp_str_t *line, sp_str_t *word);
static int sp_bundle_value(sp_str_t *text, const char *name,
    sp_str_t *value);
static int sp_bundle_cmp(sp_str_t a, sp_str_t b);


int
sp_bundle_name(sp_str_t name)
{
    size_t  i, from;

    if (name.len == 0 || name.len > SP_BUNDLE_PATH || !sp_utf8_valid(name)) {
        return 0;
    }

    from = 0;

    for (i = 0; i <= name.len; i++) {

        if (i < name.len && name.data[i] != '/') {
            if (name.data[i] < ' ' || name.data[i] == 0x7f) {
                return 0;
            }

            continue;
        }

        if (i == from
            || (i == from + 1 && name.data[from] == '.')
            || (i == from + 2 && memcmp(name.data + from, "..", 2) == 0))
        {
            return 0;
        }

        from = i + 1;
    }

    return 1;
}


size_t
sp_bundle_text(const sp_bundle_t *bundle, char *buf, size_t size)
{
    int                      len;
    char                     hex[2 * SP_HASH_LEN];
    size_t                   n;
    unsigned                 i;
    const sp_bundle_file_t  *file;

    sp_hex(bundle->policy, SP_POLICY_HASH_LEN, (unsigned char *) hex);

    len = snprintf(buf, size, SP_BUNDLE_HEAD "\nserial %" PRIu64 "\n"
                   "revision %.*s\npolicy %.64s\n", bundle->serial,
                   (int) bundle->revision.len,
                   (const char *) bundle->revision.data, hex);

    n = (size_t) len;

    for (i = 0; i < bundle->n && n < size; i++) {
        file = &bundle->files[i];
        sp_hex(file->hash, SP_HASH_LEN, (unsigned char *) hex);

        len = snprintf(buf + n, size - n, "sha256 %.64s %" PRIu64 " %.*s\n",
                       hex, file->size, (int) file->name.len,
                       (const char *) file->name.data);
        n += (size_t) len;
    }

    return n < size ? n : 0;
}


sp_rc_t
sp_bundle_open(sp_bundle_t *bundle, sp_str_t note,
    const sp_signers_t *signers, const sp_vkey_t **by, const char **why)
{
    sp_str_t  text;

    if (sp_bundle_signed(note, signers, &text, by, why) != SP_OK) {
        return SP_ERROR;
    }

    memset(bundle, 0, sizeof(sp_bundle_t));

    bundle->files = malloc(SP_BUNDLE_FILES * sizeof(sp_bundle_file_t));
    if (bundle->files == NULL) {
        *why = "there is no memory";
        return SP_ERROR;
    }

    if (sp_bundle_parse(bundle, text) == SP_OK) {
        return SP_OK;
    }

    sp_bundle_free(bundle);
    *why = "its text is no manifest of a policy";

    return SP_ERROR;
}


static sp_rc_t
sp_bundle_signed(sp_str_t note, const sp_signers_t *signers, sp_str_t *text,
    const sp_vkey_t **by, const char **why)
{
    sp_rc_t   rc;
    unsigned  i;

    if (signers == NULL) {
        return sp_note_open(note, NULL, text, why) == SP_ERROR ? SP_ERROR
                                                               : SP_OK;
    }

    rc = SP_DECLINED;
    *why = "there are no keys to verify it with";

    for (i = 0; i < signers->n && rc == SP_DECLINED; i++) {
        rc = sp_note_open(note, &signers->keys[i], text, why);

        if (rc == SP_OK && by != NULL) {
            *by = &signers->keys[i];
        }
    }

    if (rc == SP_DECLINED && signers->n > 1) {
        *why = "it is not signed by any of the keys";
    }

    return rc == SP_OK ? SP_OK : SP_ERROR;
}


void
sp_bundle_free(sp_bundle_t *bundle)
{
    free(bundle->files);
    bundle->files = NULL;
    bundle->n = 0;
}


static sp_rc_t
sp_bundle_parse(sp_bundle_t *bundle, sp_str_t text)
{
    sp_str_t  line, value;

    if (!sp_bundle_line(&text, &line)
        || !sp_str_eq(line, SP_STR(SP_BUNDLE_HEAD))
        || !sp_bundle_value(&text, "serial", &value)
        || sp_parse_uint(value, SP_BUNDLE_SERIAL, &bundle->serial) != SP_OK
        || !sp_bundle_value(&text, "revision", &bundle->revision)
        || !sp_bundle_value(&text, "policy", &value)
        || value.len != 2 * SP_POLICY_HASH_LEN
        || sp_unhex(value, bundle->policy) != SP_OK)
    {
        return SP_ERROR;
    }

    while (sp_bundle_line(&text, &line)) {
        if (sp_bundle_file(bundle, line) != SP_OK) {
            return SP_ERROR;
        }
    }

    return bundle->n != 0 && text.len == 0 ? SP_OK : SP_ERROR;
}


static sp_rc_t
sp_bundle_file(sp_bundle_t *bundle, sp_str_t line)
{
    sp_str_t           word;
    sp_bundle_file_t  *file;

    if (bundle->n == SP_BUNDLE_FILES) {
        return SP_ERROR;
    }

    file = &bundle->files[bundle->n];

    if (!sp_bundle_word(&line, &word) || !sp_str_eq(word, SP_STR("sha256"))
        || !sp_bundle_word(&line, &word) || word.len != 2 * SP_HASH_LEN
        || sp_unhex(word, file->hash) != SP_OK
        || !sp_bundle_word(&line, &word)
        || sp_parse_uint(word, INT64_MAX, &file->size) != SP_OK
        || !sp_bundle_name(line))
    {
        return SP_ERROR;
    }

    file->name = line;

    if (bundle->n != 0 && sp_bundle_cmp(file[-1].name, line) >= 0) {
        return SP_ERROR;
    }

    bundle->n++;

    return SP_OK;
}


static int
sp_bundle_line(sp_str_t *text, sp_str_t *line)
{
    const unsigned char  *end;

    end = text->len != 0 ? memchr(text->data, '\n', text->len) : NULL;

    if (end == NULL) {
        return 0;
    }

    line->data = text->data;
    line->len = (size_t) (end - text->data);
    text->data = end + 1;
    text->len -= line->len + 1;

    return 1;
}


static int
sp_bundle_word(sp_str_t *line, sp_str_t *word)
{
    const unsigned char  *end;

    end = line->len != 0 ? memchr(line->data, ' ', line->len) : NULL;

    if (end == NULL) {
        return 0;
    }

    word->data = line->data;
    word->len = (size_t) (end - line->data);
    line->data = end + 1;
    line->len -= word->len + 1;

    return 1;
}


static int
sp_bundle_value(sp_str_t *text, const char *name, sp_str_t *value)
{
    sp_str_t  word;

    return sp_bundle_line(text, value) && sp_bundle_word(value, &word)
           && sp_str_eq(word, sp_cstr(name));
}


static int
sp_bundle_cmp(sp_str_t a, sp_str_t b)
{
    int  rc;

    rc = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    return rc != 0 ? rc : a.len < b.len ? -1 : a.len > b.len;
}


const char *
sp_bundle_differs(const sp_bundle_t *bundle, sp_str_t name,
    const unsigned char *data, size_t len)
{
    int                      rc;
    unsigned                 from, to, mid;
    unsigned char            hash[SHA256_DIGEST_LENGTH];
    const sp_bundle_file_t  *file;

    from = 0;
    to = bundle->n;

    while (from < to) {
        mid = from + (to - from) / 2;
        file = &bundle->files[mid];
        rc = sp_bundle_cmp(name, file->name);

        if (rc == 0) {
            SHA256(data, len, hash);

            return file->size == len
                   && memcmp(file->hash, hash, sizeof(hash)) == 0
                   ? NULL : "it is not as it was signed";
        }

        if (rc < 0) {
            to = mid;

        } else {
            from = mid + 1;
        }
    }

    return "it is not in the signed manifest";
}


sp_rc_t
sp_signers_read(sp_signers_t *signers, sp_str_t text, unsigned *line)
{
    sp_str_t   s;

    signers->n = 0;
    *line = 0;

    while (text.len != 0) {
        (*line)++;

        if (!sp_bundle_line(&text, &s)) {
            s = text;
            text.len = 0;
        }

        while (s.len != 0 && memchr(" \t\r", s.data[s.len - 1], 3) != NULL) {
            s.len--;
        }

        if (s.len == 0 || s.data[0] == '#') {
            continue;
        }

        if (signers->n == SP_BUNDLE_SIGNERS
            || sp_vkey_parse(&signers->keys[signers->n], s) != SP_OK)
        {
            return SP_ERROR;
        }

        signers->n++;
    }

    if (signers->n != 0) {
        return SP_OK;
    }

    *line = 0;

    return SP_ERROR;
}
