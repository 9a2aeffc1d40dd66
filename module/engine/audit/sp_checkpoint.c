
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains signed notes with Ed25519 (signature type 1), verifier
 * keys, and signed tree heads: C2SP checkpoints in such notes.
 */


#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>

#include "sp_seal.h"


#define SP_NOTE_ED25519  1
#define SP_NOTE_SIG_LEN  (4 + 64)
#define SP_NOTE_SIGS     64      /* lines looked at in one note */
#define SP_NOTE_DASH     "\xe2\x80\x94 "


static int sp_vkey_name(sp_str_t name);
static void sp_vkey_id(sp_vkey_t *vkey);
static sp_rc_t sp_checkpoint_text(sp_checkpoint_t *checkpoint, sp_str_t text);
static sp_rc_t sp_note_split(sp_str_t note, sp_str_t *text,
    sp_str_t *signatures);
static int sp_note_line(sp_str_t *text, sp_str_t *line);
static sp_rc_t sp_note_verify(sp_str_t text, sp_str_t signatures,
    const sp_vkey_t *vkey, const char **why);
static int sp_note_signed(sp_str_t text, const unsigned char *signature,
    const sp_vkey_t *vkey);
static int sp_note_fine(sp_str_t note);


sp_rc_t
sp_vkey_init(sp_vkey_t *vkey, sp_str_t name, const unsigned char key[32])
{
    if (!sp_vkey_name(name)) {
        return SP_ERROR;
    }

    memset(vkey, 0, sizeof(*vkey));
    memcpy(vkey->name, name.data, name.len);
    memcpy(vkey->key, key, 32);
    sp_vkey_id(vkey);

    return SP_OK;
}


/*
 * ASCII and letters beyond it; of Unicode's spaces those in use are refused:
 * U+0085, U+00A0, U+1680, U+2000..U+200A, U+2028, U+2029, U+202F, U+205F and
 * U+3000.
 */

static int
sp_vkey_name(sp_str_t name)
{
    size_t                i;
    const unsigned char  *p;

    if (name.len == 0 || name.len > SP_ORIGIN_LEN || !sp_utf8_valid(name)) {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        p = name.data + i;

        if (*p <= ' ' || *p == 0x7f || *p == '+') {
            return 0;
        }

        if (*p == 0xc2 && (p[1] == 0x85 || p[1] == 0xa0)) {
            return 0;
        }

        if ((*p == 0xe1 && p[1] == 0x9a && p[2] == 0x80)
            || (*p == 0xe2 && p[1] == 0x80
                && (p[2] <= 0x8a || p[2] == 0xa8 || p[2] == 0xa9
                    || p[2] == 0xaf))
            || (*p == 0xe2 && p[1] == 0x81 && p[2] == 0x9f)
            || (*p == 0xe3 && p[1] == 0x80 && p[2] == 0x80))
        {
            return 0;
        }
    }

    return 1;
}


static void
sp_vkey_id(sp_vkey_t *vkey)
{
    size_t         len;
    unsigned char  text[SP_ORIGIN_LEN + 2 + 32], hash[SHA256_DIGEST_LENGTH];

    len = strlen(vkey->name);
    memcpy(text, vkey->name, len);
    text[len++] = '\n';
    text[len++] = SP_NOTE_ED25519;
    memcpy(text + len, vkey->key, 32);

    SHA256(text, len + 32, hash);
    memcpy(vkey->id, hash, sizeof(vkey->id));
}


sp_rc_t
sp_vkey_parse(sp_vkey_t *vkey, sp_str_t text)
{
    sp_str_t              name, id, key;
    unsigned char         want[4], bytes[1 + 32];
    const unsigned char  *plus, *second;

    while (text.len != 0 && memchr(" \t\r\n", text.data[text.len - 1], 4)) {
        text.len--;
    }

    plus = memchr(text.data, '+', text.len);

    if (plus == NULL) {
        return SP_ERROR;
    }

    name = (sp_str_t) { (size_t) (plus - text.data), text.data };
    second = memchr(plus + 1, '+', text.len - name.len - 1);

    if (second == NULL) {
        return SP_ERROR;
    }

    id = (sp_str_t) { (size_t) (second - plus) - 1, plus + 1 };
    key = (sp_str_t) { (size_t) (text.data + text.len - second) - 1,
                       second + 1 };

    if (id.len != 8 || sp_unhex(id, want) != SP_OK
        || sp_unbase64(key, bytes, sizeof(bytes)) != SP_OK
        || bytes[0] != SP_NOTE_ED25519
        || sp_vkey_init(vkey, name, bytes + 1) != SP_OK)
    {
        return SP_ERROR;
    }

    return memcmp(want, vkey->id, sizeof(want)) == 0 ? SP_OK : SP_ERROR;
}


size_t
sp_vkey_format(const sp_vkey_t *vkey, char buf[SP_VKEY_MAX])
{
    char           id[8], key[48];
    size_t         n;
    unsigned char  bytes[1 + 32];

    bytes[0] = SP_NOTE_ED25519;
    memcpy(bytes + 1, vkey->key, 32);

    sp_hex(vkey->id, sizeof(vkey->id), (unsigned char *) id);
    n = sp_base64(bytes, sizeof(bytes), key);

    return (size_t) snprintf(buf, SP_VKEY_MAX, "%s+%.8s+%.*s", vkey->name, id,
                             (int) n, key);
}


sp_rc_t
sp_vkey_public(const unsigned char secret[32], unsigned char key[32])
{
    sp_rc_t    rc;
    size_t     len;
    EVP_PKEY  *pkey;

    len = 32;
    rc = SP_ERROR;
    pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);

    if (pkey != NULL
        && EVP_PKEY_get_raw_public_key(pkey, key, &len) == 1 && len == 32)
    {
        rc = SP_OK;
    }

    EVP_PKEY_free(pkey);

    return rc;
}


size_t
sp_checkpoint_sign(const sp_checkpoint_t *checkpoint, const sp_vkey_t *vkey,
    const unsigned char secret[32], char buf[SP_NOTE_MAX])
{
    int     n;
    char    root[48];
    size_t  root_len;

    root_len = sp_base64(checkpoint->root, SP_HASH_LEN, root);

    n = snprintf(buf, SP_NOTE_MAX, "%s\n%llu\n%.*s\n", checkpoint->origin,
                 (unsigned long long) checkpoint->size, (int) root_len, root);

    return sp_note_sign(buf, (size_t) n, SP_NOTE_MAX, vkey, secret);
}


size_t
sp_note_sign(char *buf, size_t n, size_t size, const sp_vkey_t *vkey,
    const unsigned char secret[32])
{
    int            done, more;
    char           text[96 + 4];
    size_t         len, text_len;
    EVP_PKEY      *pkey;
    EVP_MD_CTX    *md;
    unsigned char  signature[SP_NOTE_SIG_LEN];

    memcpy(signature, vkey->id, 4);
    len = sizeof(signature) - 4;
    pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
    md = EVP_MD_CTX_new();

    done = pkey != NULL && md != NULL
           && EVP_DigestSignInit(md, NULL, NULL, NULL, pkey) == 1
           && EVP_DigestSign(md, signature + 4, &len,
                             (const unsigned char *) buf, n) == 1;

    EVP_MD_CTX_free(md);
    EVP_PKEY_free(pkey);

    if (!done) {
        return 0;
    }

    text_len = sp_base64(signature, sizeof(signature), text);
    more = snprintf(buf + n, size - n, "\n" SP_NOTE_DASH "%s %.*s\n",
                    vkey->name, (int) text_len, text);

    return (size_t) more < size - n ? n + (size_t) more : 0;
}


sp_rc_t
sp_checkpoint_open(sp_checkpoint_t *checkpoint, sp_str_t note,
    const sp_vkey_t *vkey, const char **why)
{
    sp_str_t  text, signatures;

    *why = "it is no signed note";

    if (sp_note_split(note, &text, &signatures) != SP_OK) {
        return SP_ERROR;
    }

    if (sp_checkpoint_text(checkpoint, text) != SP_OK) {
        *why = "its text is no checkpoint";
        return SP_ERROR;
    }

    return sp_note_verify(text, signatures, vkey, why);
}


sp_rc_t
sp_note_open(sp_str_t note, const sp_vkey_t *vkey, sp_str_t *text,
    const char **why)
{
    sp_str_t  signatures;

    *why = "it is no signed note";

    if (sp_note_split(note, text, &signatures) != SP_OK) {
        return SP_ERROR;
    }

    return sp_note_verify(*text, signatures, vkey, why);
}


/* The last empty line parts the text from the signatures. */

static sp_rc_t
sp_note_split(sp_str_t note, sp_str_t *text, sp_str_t *signatures)
{
    size_t  i, split;

    if (!sp_note_fine(note)) {
        return SP_ERROR;
    }

    split = 0;

    for (i = 1; i < note.len; i++) {
        if (note.data[i] == '\n' && note.data[i - 1] == '\n') {
            split = i;
        }
    }

    if (split == 0 || split + 1 == note.len) {
        return SP_ERROR;
    }

    *text = (sp_str_t) { split, note.data };
    *signatures = (sp_str_t) { note.len - split - 1, note.data + split + 1 };

    return SP_OK;
}


/* UTF-8 without control characters, ends with a line's end. */

static int
sp_note_fine(sp_str_t note)
{
    size_t  i;

    if (note.len == 0 || note.data[note.len - 1] != '\n'
        || !sp_utf8_valid(note))
    {
        return 0;
    }

    for (i = 0; i < note.len; i++) {
        if (note.data[i] < ' ' && note.data[i] != '\n') {
            return 0;
        }
    }

    return 1;
}


/* Takes a line off the text: 1, or 0 if there is none. */

static int
sp_note_line(sp_str_t *text, sp_str_t *line)
{
    const unsigned char  *end;

    if (text->len == 0) {
        return 0;
    }

    end = memchr(text->data, '\n', text->len);

    if (end == NULL) {
        return 0;
    }

    line->data = text->data;
    line->len = (size_t) (end - text->data);
    text->data = end + 1;
    text->len -= line->len + 1;

    return 1;
}


static sp_rc_t
sp_checkpoint_text(sp_checkpoint_t *checkpoint, sp_str_t text)
{
    sp_str_t  line;

    if (!sp_note_line(&text, &line) || line.len == 0
        || line.len > SP_ORIGIN_LEN)
    {
        return SP_ERROR;
    }

    memcpy(checkpoint->origin, line.data, line.len);
    checkpoint->origin[line.len] = '\0';

    if (!sp_note_line(&text, &line)
        || sp_parse_uint(line, (uint64_t) INT64_MAX, &checkpoint->size)
           != SP_OK
        || !sp_note_line(&text, &line)
        || sp_unbase64(line, checkpoint->root, SP_HASH_LEN) != SP_OK)
    {
        return SP_ERROR;
    }

    /* Extensions are signed, and say nothing here. */

    while (sp_note_line(&text, &line)) {
        if (line.len == 0) {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_note_verify(sp_str_t text, sp_str_t signatures, const sp_vkey_t *vkey,
    const char **why)
{
    size_t          name_len;
    sp_str_t        line;
    unsigned        n;
    unsigned char   signature[SP_NOTE_SIG_LEN];

    *why = "it is not signed by this key";

    if (vkey == NULL) {
        return SP_DECLINED;
    }

    name_len = strlen(vkey->name);

    for (n = 0; sp_note_line(&signatures, &line); n++) {

        if (n == SP_NOTE_SIGS || line.len < 4
            || memcmp(line.data, SP_NOTE_DASH, 4) != 0)
        {
            *why = "its signature lines are malformed";
            return SP_ERROR;
        }

        line.data += 4;
        line.len -= 4;

        if (line.len <= name_len || line.data[name_len] != ' '
            || memcmp(line.data, vkey->name, name_len) != 0)
        {
            continue;
        }

        line.data += name_len + 1;
        line.len -= name_len + 1;

        if (sp_unbase64(line, signature, sizeof(signature)) != SP_OK
            || memcmp(signature, vkey->id, 4) != 0)
        {
            continue;
        }

        if (sp_note_signed(text, signature + 4, vkey)) {
            return SP_OK;
        }

        *why = "the signature is false";
        return SP_ERROR;
    }

    return SP_DECLINED;
}


static int
sp_note_signed(sp_str_t text, const unsigned char *signature,
    const sp_vkey_t *vkey)
{
    int          rc;
    EVP_PKEY    *pkey;
    EVP_MD_CTX  *md;

    pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, vkey->key, 32);
    md = EVP_MD_CTX_new();

    rc = pkey != NULL && md != NULL
         && EVP_DigestVerifyInit(md, NULL, NULL, NULL, pkey) == 1
         && EVP_DigestVerify(md, signature, 64, text.data, text.len) == 1;

    EVP_MD_CTX_free(md);
    EVP_PKEY_free(pkey);

    return rc;
}


size_t
sp_base64(const unsigned char *src, size_t len, char *dst)
{
    char      *p;
    size_t     i;
    unsigned   v;

    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789+/";

    p = dst;

    for (i = 0; i < len; i += 3) {
        v = (unsigned) src[i] << 16;
        v |= i + 1 < len ? (unsigned) src[i + 1] << 8 : 0;
        v |= i + 2 < len ? (unsigned) src[i + 2] : 0;

        *p++ = digits[v >> 18];
        *p++ = digits[v >> 12 & 63];
        *p++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
        *p++ = i + 2 < len ? digits[v & 63] : '=';
    }

    return (size_t) (p - dst);
}


sp_rc_t
sp_unbase64(sp_str_t s, unsigned char *dst, size_t len)
{
    size_t               i, n;
    unsigned             v, bits;
    const char          *digit;
    static const char    digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "abcdefghijklmnopqrstuvwxyz0123456789+/";

    if (s.len != (len + 2) / 3 * 4) {
        return SP_ERROR;
    }

    n = 0;
    v = bits = 0;

    for (i = 0; i < s.len && s.data[i] != '='; i++) {
        digit = s.data[i] == '\0' ? NULL : strchr(digits, s.data[i]);

        if (digit == NULL) {
            return SP_ERROR;
        }

        v = (v << 6 | (unsigned) (digit - digits)) & 0xffffff;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;

            if (n == len) {
                return SP_ERROR;
            }

            dst[n++] = (unsigned char) (v >> bits);
        }
    }

    /* Only padding may follow, and unused bits are zero: one form each. */

    if (n != len || (v & ((1u << bits) - 1)) != 0) {
        return SP_ERROR;
    }

    for ( /* void */ ; i < s.len; i++) {
        if (s.data[i] != '=') {
            return SP_ERROR;
        }
    }

    return SP_OK;
}
