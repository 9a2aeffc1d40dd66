
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of what makes the audit log provable: the
 * Merkle tree against RFC 6962's own definition and known vectors, proofs,
 * signed notes, and the strict reader of lines.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <openssl/sha.h>
#include <cmocka.h>

#include "sp_line.h"
#include "sp_seal.h"


#define LEAVES  700


static unsigned        seed;
static unsigned char   leaves[LEAVES][SP_HASH_LEN];
static unsigned char   store[2 * LEAVES + 8][SP_HASH_LEN];
static uint64_t        stored;


static unsigned
pick(unsigned n)
{
    return (unsigned) rand_r(&seed) % n;
}


static void
unhex(const char *text, unsigned char *out)
{
    assert_int_equal(sp_unhex(sp_cstr(text), out), SP_OK);
}


static sp_rc_t
from_store(void *ctx, uint64_t at, unsigned char hash[SP_HASH_LEN])
{
    uint64_t  *limit = ctx;

    /* a proof may only need what a tree of its size has stored */

    assert_true(at < *limit);
    memcpy(hash, store[at], SP_HASH_LEN);

    return SP_OK;
}


/* MTH of RFC 6962, section 2.1, word for word. */

static void
mth(unsigned from, unsigned n, unsigned char hash[SP_HASH_LEN])
{
    unsigned       k;
    unsigned char  node[1 + 2 * SP_HASH_LEN];

    if (n == 0) {
        SHA256((const unsigned char *) "", 0, hash);
        return;
    }

    if (n == 1) {
        memcpy(hash, leaves[from], SP_HASH_LEN);
        return;
    }

    for (k = 1; k * 2 < n; k *= 2) { /* void */ }

    node[0] = 1;
    mth(from, k, node + 1);
    mth(from + k, n - k, node + 1 + SP_HASH_LEN);
    SHA256(node, sizeof(node), hash);
}


static void
grow(sp_tree_t *tree, unsigned n)
{
    unsigned       i, k, m;
    unsigned char  out[SP_TREE_LEVELS + 1][SP_HASH_LEN];

    sp_tree_init(tree);
    stored = 0;

    for (i = 0; i < n; i++) {
        assert_int_equal(stored, sp_tree_stored(i));
        m = sp_tree_append(tree, leaves[i], out);

        for (k = 0; k < m; k++) {
            memcpy(store[stored++], out[k], SP_HASH_LEN);
        }
    }

    assert_int_equal(stored, sp_tree_stored(n));
}


static void
test_known_roots(void **state)
{
    unsigned       i;
    sp_tree_t      tree;
    unsigned char  data[16], leaf[SP_HASH_LEN], root[SP_HASH_LEN],
                   want[SP_HASH_LEN];

    /* the leaves and roots of the Certificate Transparency reference tests */

    static const char *const  inputs[] = {
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f"
    };
    static const char *const  roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    };

    sp_tree_init(&tree);

    for (i = 0; /* void */ ; i++) {
        sp_tree_root(&tree, root);
        unhex(roots[i], want);
        assert_memory_equal(root, want, SP_HASH_LEN);

        if (i == sp_nelts(inputs)) {
            break;
        }

        unhex(inputs[i], data);
        sp_tree_leaf(data, strlen(inputs[i]) / 2, leaf);
        (void) sp_tree_append(&tree, leaf, NULL);
    }
}


static void
test_tree_is_the_rfcs(void **state)
{
    unsigned       n;
    sp_tree_t      tree, again;
    unsigned char  root[SP_HASH_LEN], want[SP_HASH_LEN];

    for (n = 0; n <= 130; n++) {
        grow(&tree, n);
        sp_tree_root(&tree, root);
        mth(0, n, want);
        assert_memory_equal(root, want, SP_HASH_LEN);

        assert_int_equal(sp_tree_load(&again, n, from_store, &stored), SP_OK);
        sp_tree_root(&again, root);
        assert_memory_equal(root, want, SP_HASH_LEN);
    }
}


/* Any one change of what a proof is about makes it fail. */

static void
test_inclusion(void **state)
{
    int            round;
    uint64_t       size, index, limit;
    unsigned       n, bit;
    sp_tree_t      tree;
    unsigned char  proof[SP_PROOF_MAX][SP_HASH_LEN], root[SP_HASH_LEN],
                   leaf[SP_HASH_LEN];

    grow(&tree, LEAVES);

    for (round = 0; round < 20000; round++) {
        size = 1 + pick(LEAVES);
        index = pick((unsigned) size);
        limit = sp_tree_stored(size);

        if (round % 500 == 0) {
            mth(0, (unsigned) size, root);

        } else {
            assert_int_equal(sp_tree_load(&tree, size, from_store, &limit),
                             SP_OK);
            sp_tree_root(&tree, root);
        }

        assert_int_equal(sp_tree_inclusion(size, index, from_store, &limit,
                                           proof, &n), SP_OK);
        memcpy(leaf, leaves[index], SP_HASH_LEN);
        assert_true(sp_tree_included(root, size, index, leaf, proof, n));

        bit = pick(8 * SP_HASH_LEN);

        switch (pick(6)) {

        case 0:
            leaf[bit / 8] ^= (unsigned char) (1 << bit % 8);
            break;

        case 1:
            root[bit / 8] ^= (unsigned char) (1 << bit % 8);
            break;

        case 2:
            if (n == 0) {
                continue;
            }

            proof[pick(n)][bit / 8] ^= (unsigned char) (1 << bit % 8);
            break;

        case 3:
            if (n == 0) {
                n++;

            } else {
                n--;
            }

            break;

        case 4:
            index = (index + 1 + pick(LEAVES)) % (2 * LEAVES);

            /* another leaf may hold the same bytes only by being the same */

            if (index < size && memcmp(leaves[index], leaf, SP_HASH_LEN) == 0) {
                continue;
            }

            break;

        default:
            n++;
        }

        assert_false(sp_tree_included(root, size, index, leaf, proof, n));
    }

    assert_int_equal(sp_tree_inclusion(5, 5, from_store, &limit, proof, &n),
                     SP_ERROR);
}


static void
test_consistency(void **state)
{
    int            round;
    uint64_t       size, old, limit;
    unsigned       n, bit;
    sp_tree_t      tree;
    unsigned char  proof[SP_PROOF_MAX][SP_HASH_LEN], root[SP_HASH_LEN],
                   old_root[SP_HASH_LEN];

    grow(&tree, LEAVES);

    for (round = 0; round < 20000; round++) {
        size = pick(LEAVES + 1);
        old = pick((unsigned) size + 1);
        limit = sp_tree_stored(size);

        assert_int_equal(sp_tree_load(&tree, size, from_store, &limit), SP_OK);
        sp_tree_root(&tree, root);
        assert_int_equal(sp_tree_load(&tree, old, from_store, &limit), SP_OK);
        sp_tree_root(&tree, old_root);

        assert_int_equal(sp_tree_consistency(size, old, from_store, &limit,
                                             proof, &n), SP_OK);
        assert_true(sp_tree_consistent(root, size, old_root, old, proof, n));

        bit = pick(8 * SP_HASH_LEN);

        switch (pick(4)) {

        case 0:
            old_root[bit / 8] ^= (unsigned char) (1 << bit % 8);
            break;

        case 1:

            /* every tree begins as the empty one: nothing binds its root */

            if (old == 0 && size != 0) {
                continue;
            }

            root[bit / 8] ^= (unsigned char) (1 << bit % 8);
            break;

        case 2:
            if (n == 0) {
                continue;
            }

            proof[pick(n)][bit / 8] ^= (unsigned char) (1 << bit % 8);
            break;

        default:
            n = n == 0 ? 1 : n - 1;
        }

        assert_false(sp_tree_consistent(root, size, old_root, old, proof, n));
    }

    assert_int_equal(sp_tree_consistency(5, 6, from_store, &limit, proof, &n),
                     SP_ERROR);
}


/* The example of the documentation of golang.org/x/mod/sumdb/note. */

static void
test_note_of_others(void **state)
{
    size_t           n;
    char             buf[SP_VKEY_MAX];
    sp_str_t         note;
    sp_vkey_t        vkey;
    const char      *why;
    unsigned char    key[32], secret[33];
    sp_checkpoint_t  checkpoint;

    static const char  text[] =
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    assert_int_equal(sp_vkey_parse(&vkey, SP_STR("  \n")), SP_ERROR);
    assert_int_equal(sp_vkey_parse(&vkey, sp_cstr(text)), SP_OK);
    assert_string_equal(vkey.name, "PeterNeumann");

    n = sp_vkey_format(&vkey, buf);
    assert_int_equal(n, strlen(text));
    assert_string_equal(buf, text);

    assert_int_equal(sp_unbase64(SP_STR("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdX"
                                        "HKDFz"), secret, 33), SP_OK);
    assert_int_equal(sp_vkey_public(secret + 1, key), SP_OK);
    assert_memory_equal(key, vkey.key, 32);

    /* a note that is no checkpoint is refused before its signature counts */

    note = SP_STR("If you think cryptography is the answer to your problem,\n"
                  "then you don't know what your problem is.\n"
                  "\n"
                  "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupL"
                  "Lr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
                  "\n");
    assert_int_equal(sp_checkpoint_open(&checkpoint, note, &vkey, &why),
                     SP_ERROR);
    assert_string_equal(why, "its text is no checkpoint");
}


static void
test_checkpoint(void **state)
{
    int              round;
    char             text[SP_NOTE_MAX], copy[SP_NOTE_MAX];
    size_t           len, at;
    sp_rc_t          rc;
    sp_str_t         note;
    sp_vkey_t        vkey, other;
    const char      *why;
    unsigned         i;
    unsigned char    secret[32], key[32];
    sp_checkpoint_t  in, out;

    for (i = 0; i < sizeof(secret); i++) {
        secret[i] = (unsigned char) pick(256);
    }

    assert_int_equal(sp_vkey_public(secret, key), SP_OK);
    assert_int_equal(sp_vkey_init(&vkey, SP_STR("gate.example/audit"), key),
                     SP_OK);
    assert_int_equal(sp_vkey_init(&other, SP_STR("else.example/audit"), key),
                     SP_OK);

    memset(&in, 0, sizeof(in));
    memcpy(in.origin, vkey.name, sizeof(in.origin));
    in.size = 20852163;
    memcpy(in.root, leaves[0], SP_HASH_LEN);

    len = sp_checkpoint_sign(&in, &vkey, secret, text);
    assert_true(len > 0 && len < SP_NOTE_MAX);
    note = (sp_str_t) { len, (unsigned char *) text };

    assert_int_equal(sp_checkpoint_open(&out, note, &vkey, &why), SP_OK);
    assert_string_equal(out.origin, in.origin);
    assert_int_equal(out.size, in.size);
    assert_memory_equal(out.root, in.root, SP_HASH_LEN);

    assert_int_equal(sp_checkpoint_open(&out, note, &other, &why),
                     SP_DECLINED);
    assert_int_equal(sp_checkpoint_open(&out, note, NULL, &why), SP_DECLINED);

    /* no byte of it can be another */

    for (round = 0; round < 3000; round++) {
        memcpy(copy, text, len);
        at = pick((unsigned) len);
        copy[at] = (char) (copy[at] ^ (1 << pick(8)));
        note = (sp_str_t) { len, (unsigned char *) copy };
        rc = sp_checkpoint_open(&out, note, &vkey, &why);
        assert_int_not_equal(rc, SP_OK);

        note = (sp_str_t) { pick((unsigned) len), (unsigned char *) text };
        assert_int_not_equal(sp_checkpoint_open(&out, note, &vkey, &why),
                             SP_OK);
    }
}


static void
test_names(void **state)
{
    size_t         i;
    sp_vkey_t      vkey;
    unsigned char  key[32] = { 1 };

    static const char *const  bad[] = {
        "", "a b", "a+b", "a\tb", "a\nb", "a\xc2\xa0" "b", "a\xe2\x80\x83",
        "\xe3\x80\x80", "\xff", "a\x7f"
    };

    for (i = 0; i < sp_nelts(bad); i++) {
        assert_int_equal(sp_vkey_init(&vkey, sp_cstr(bad[i]), key), SP_ERROR);
    }

    assert_int_equal(sp_vkey_init(&vkey, SP_STR("t\xc3\xbcr.example/1"), key),
                     SP_OK);
}


static void
test_base64(void **state)
{
    int            round;
    char           text[64];
    size_t         i, len, n;
    sp_str_t       s;
    unsigned char  in[40], out[40];

    for (round = 0; round < 5000; round++) {
        len = pick(sizeof(in) + 1);

        for (i = 0; i < len; i++) {
            in[i] = (unsigned char) pick(256);
        }

        n = sp_base64(in, len, text);
        s = (sp_str_t) { n, (unsigned char *) text };
        assert_int_equal(sp_unbase64(s, out, len), SP_OK);
        assert_memory_equal(in, out, len);

        if (len != 0) {
            assert_int_equal(sp_unbase64(s, out, len - 1), SP_ERROR);
        }
    }

    /* one form each: no bits that mean nothing, no other alphabet */

    assert_int_equal(sp_unbase64(SP_STR("AA=="), out, 1), SP_OK);
    assert_int_equal(sp_unbase64(SP_STR("AB=="), out, 1), SP_ERROR);
    assert_int_equal(sp_unbase64(SP_STR("A==="), out, 1), SP_ERROR);
    assert_int_equal(sp_unbase64(SP_STR("-_=="), out, 1), SP_ERROR);
    assert_int_equal(sp_unbase64(SP_STR("AA=A"), out, 1), SP_ERROR);
}


/* Lines as the writer makes them. */

static size_t
settle(sp_chain_t *chain, unsigned char *buf)
{
    size_t                  len;
    sp_settle_t             record;

    static sp_audit_keep_t  keep;

    memset(&record, 0, sizeof(record));
    record.wall_us = UINT64_C(1795435204183920) + chain->seq;
    record.of = SP_STR("01KARM5GQ7-3-0000000001");
    record.status = 200;
    record.attempts = 1;
    record.sent = 1;
    record.tokens_in = -1;
    record.tokens_out = (int64_t) pick(1000);
    record.end = "complete";

    len = sp_audit_settle(&record, &keep, chain->seq + 1, buf);

    return sp_chain_link(chain, buf, len);
}


static void
test_line(void **state)
{
    int            i;
    size_t         len;
    sp_str_t       word;
    uint64_t       us, n;
    sp_line_t      line;
    sp_chain_t     writer, reader;
    const char    *why;
    unsigned char  buf[SP_RECORD_MAX];

    sp_chain_init(&writer);
    sp_chain_init(&reader);

    for (i = 0; i < 100; i++) {
        len = settle(&writer, buf);

        assert_int_equal(sp_line_read(&line, (sp_str_t) { len - 1, buf },
                                      &why), SP_OK);
        assert_int_equal(line.type, SP_LINE_SETTLE);
        assert_int_equal(line.seq, i + 1);
        assert_int_equal(sp_line_time(&line, &us), SP_OK);
        assert_int_equal(us, UINT64_C(1795435204183920) + (uint64_t) i);
        assert_int_equal(sp_line_word(&line, SP_LM_OF, &word), SP_OK);
        assert_true(sp_str_eq(word, SP_STR("01KARM5GQ7-3-0000000001")));
        assert_int_equal(sp_line_uint(&line, SP_LM_ATTEMPTS, &n), SP_OK);
        assert_int_equal(n, 1);

        assert_int_equal(sp_line_link(&reader, &line, &why), SP_OK);
        assert_int_equal(sp_line_link(&reader, &line, &why), SP_ERROR);
    }
}


/* Any other byte, or a piece of a line, is found. */

static void
test_line_changed(void **state)
{
    int             round;
    size_t          len, at;
    sp_line_t       line;
    sp_chain_t      writer, reader;
    const char     *why;
    unsigned char   buf[SP_RECORD_MAX], copy[SP_RECORD_MAX], was;

    sp_chain_init(&writer);
    len = settle(&writer, buf) - 1;

    for (round = 0; round < 20000; round++) {
        memcpy(copy, buf, len);
        at = pick((unsigned) len);
        was = copy[at];
        copy[at] = (unsigned char) pick(256);

        if (copy[at] == was) {
            continue;
        }

        sp_chain_init(&reader);
        assert_true(sp_line_read(&line, (sp_str_t) { len, copy }, &why)
                    != SP_OK
                    || sp_line_link(&reader, &line, &why) != SP_OK);
        assert_int_equal(sp_line_read(&line, (sp_str_t) { at, buf }, &why),
                         SP_ERROR);
    }
}


static void
test_line_json(void **state)
{
    size_t      i;
    char        text[512];
    sp_line_t   line;
    const char *why;

    static const char  tail[] = ",\"h\":\"0123456789012345678901234567890123456"
                                "789012345678901234567890123\"}";

    static const char *const  good[] = {
        "{\"v\":1,\"t\":\"settle\",\"seq\":1",
        "{\"v\":1,\"t\":\"new\",\"seq\":1,\"x\":[],\"y\":{},\"z\":[{},[[]]]",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":[1,-2.5e+3,true,false,null]",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":{\"a\":{\"b\":[0]},\"c\":\"\\u2028\"}",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":\"\xc3\xa9\\\"\\\\\""
    };

    static const char *const  bad[] = {
        "{\"v\":1,\"t\":\"settle\",\"seq\":01",
        "{\"v\":1,\"t\":\"settle\",\"seq\":1,\"seq\":1",
        "{\"v\":3,\"t\":\"settle\",\"seq\":1",
        "{\"v\":0,\"t\":\"settle\",\"seq\":1",
        "{\"t\":\"settle\",\"seq\":1",
        "{\"v\":1,\"seq\":1,\"x\":1",
        "{\"v\":1,\"t\":\"settle\",\"x\":1",
        "{\"v\":1,\"t\":5,\"seq\":1",
        "{\"v\":1, \"t\":\"settle\",\"seq\":1",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":[1,]",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":[1}",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":{\"a\"}",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":{,}",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":{1:2}",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":1.",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":.5",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":-",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":1e",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":nul",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":\"\\x\"",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":\"\\u12g4\"",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":\"\t\"",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":\"\xc0\x80\"",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"x\":\"\xed\xa0\x80\"",
        "{\"v\":1,\"t\":\"a\",\"seq\":1}{\"x\":1",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,",
        "[\"v\",1",
        "{\"v\":1,\"t\":\"a\",\"seq\":1,\"h\":\"\""
    };

    for (i = 0; i < sp_nelts(good); i++) {
        (void) snprintf(text, sizeof(text), "%s%s", good[i], tail);

        if (sp_line_read(&line, sp_cstr(text), &why) != SP_OK) {
            fail_msg("refused: %s: %s", text, why);
        }
    }

    for (i = 0; i < sp_nelts(bad); i++) {
        (void) snprintf(text, sizeof(text), "%s%s", bad[i], tail);

        if (sp_line_read(&line, sp_cstr(text), &why) != SP_ERROR) {
            fail_msg("taken: %s", text);
        }
    }
}


static void
test_line_in(void **state)
{
    sp_str_t  object, v;

    object = SP_STR("{\"a\":{\"hash\":1},\"s\":\"x,\\\"hash\\\":2\",\"hash\":"
                    "\"sha256:ab\",\"n\":null}");

    v = sp_line_string(sp_line_in(object, "hash"));
    assert_true(sp_str_eq(v, SP_STR("sha256:ab")));
    v = sp_line_in(object, "n");
    assert_true(sp_str_eq(v, SP_STR("null")));
    v = sp_line_in(sp_line_in(object, "a"), "hash");
    assert_true(sp_str_eq(v, SP_STR("1")));
    assert_null(sp_line_in(object, "none").data);
    assert_null(sp_line_in(SP_STR("null"), "none").data);
    assert_null(sp_line_in(SP_STR("{}"), "none").data);
}


int
main(int argc, char **argv)
{
    unsigned  i, k;

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_known_roots),
        cmocka_unit_test(test_tree_is_the_rfcs),
        cmocka_unit_test(test_inclusion),
        cmocka_unit_test(test_consistency),
        cmocka_unit_test(test_note_of_others),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_line_changed),
        cmocka_unit_test(test_line_json),
        cmocka_unit_test(test_line_in)
    };

    seed = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 0)
                    : (unsigned) time(NULL) ^ (unsigned) getpid();
    printf("seed %u\n", seed);

    for (i = 0; i < LEAVES; i++) {
        for (k = 0; k < SP_HASH_LEN; k++) {
            leaves[i][k] = (unsigned char) pick(256);
        }
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
