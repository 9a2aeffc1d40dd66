
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of a lane's chain, that it is what coreutils can
 * verify and what an edit breaks, and of the pseudonyms of addresses.
 */


#include "audit_case.h"


/* The loop of AUDIT.md, on a file. Returns its exit code. */

static int
verify(const char *file)
{
    int    rc;
    char   command[1024];
    FILE  *p;

    snprintf(command, sizeof(command),
             "prev=$(printf '0%%.0s' $(seq 64))\n"
             "while IFS= read -r line; do\n"
             "    body=${line%%,\\\"h\\\":\\\"*}\n"
             "    h=${line##*,\\\"h\\\":\\\"}; h=${h%%\\\"\\}}\n"
             "    sum=$(printf '%%s\\n%%s' \"$prev\" \"$body\" |"
             " sha256sum)\n"
             "    [ \"${sum%%%% *}\" = \"$h\" ] || exit 3\n"
             "    prev=$h\n"
             "done < %s\n", file);

    p = popen(command, "r");
    assert_non_null(p);
    rc = pclose(p);
    assert_true(WIFEXITED(rc));

    return WEXITSTATUS(rc);
}


static size_t
lane(unsigned char *out, sp_chain_t *chain, size_t *starts, unsigned n)
{
    size_t       len, used;
    unsigned     i;
    sp_settle_t  settle;

    sp_chain_init(chain);
    ordinary();
    memset(&settle, 0, sizeof(settle));
    settle.wall_us = ctx.wall_us;
    settle.of = ctx.id;
    settle.tokens_in = -1;
    settle.tokens_out = 812;
    settle.status = 200;
    settle.attempts = 2;
    settle.sent = 1;
    settle.end = "complete";
    used = 0;

    for (i = 0; i < n; i++) {
        starts[i] = used;

        if (i == 0) {
            len = sp_audit_segment(&ctx, SP_STR("b0f3"), 1, SP_STR(""),
                                   SP_STR(""), SP_STR("0.1.0"),
                                   chain->seq + 1, line);

        } else if (i == n - 1) {
            len = sp_audit_close(&ctx, i, chain->seq + 1, line);

        } else if (i % 3 == 0) {
            len = sp_audit_settle(&settle, &keep, chain->seq + 1, line);

        } else {
            if (i % 5 == 0) {
                worst();
            }

            sp_decide(policy, &facts, SP_STAGE_WHOLE, &verdict);
            len = sp_audit_decision(policy, &facts, &verdict, &ctx,
                                    chain->seq + 1, line);
        }

        check(line, len);
        len = sp_chain_link(chain, line, len);
        assert_true(len <= SP_RECORD_MAX);
        assert_int_equal(line[len - 1], '\n');
        check(line, len - 1 > SP_RECORD_MAX - 81 ? 0 : len - 1);
        memcpy(out + used, line, len);
        used += len;
    }

    assert_int_equal(chain->seq, n);

    return used;
}


static void
save(const char *file, const unsigned char *bytes, size_t len)
{
    FILE  *f;

    f = fopen(file, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}


static void
test_chain(void **state)
{
    char            file[] = "/tmp/sallyport-lane-XXXXXX";
    size_t          len, at, starts[41];
    unsigned        i;
    sp_chain_t      chain;
    unsigned char  *bytes, *copy;

    srand(20261126);
    bytes = malloc(41 * SP_RECORD_MAX);
    copy = malloc(41 * SP_RECORD_MAX);
    len = lane(bytes, &chain, starts, 40);
    starts[40] = len;
    close(mkstemp(file));

    save(file, bytes, len);
    assert_int_equal(verify(file), 0);

    /* any byte changed, any line gone, any two swapped */

    for (i = 0; i < 20; i++) {
        memcpy(copy, bytes, len);
        at = (size_t) rand() % len;
        at -= bytes[at] == '\n';
        copy[at] = copy[at] == 'x' ? 'y' : 'x';
        save(file, copy, len);
        assert_int_equal(verify(file), 3);
    }

    for (i = 0; i < 39; i += 13) {
        memcpy(copy, bytes, starts[i]);
        memcpy(copy + starts[i], bytes + starts[i + 1], len - starts[i + 1]);
        save(file, copy, len - (starts[i + 1] - starts[i]));
        assert_int_equal(verify(file), 3);

        memcpy(copy, bytes, len);
        at = starts[i + 2] - starts[i + 1];
        memcpy(copy + starts[i], bytes + starts[i + 1], at);
        memcpy(copy + starts[i] + at, bytes + starts[i],
               starts[i + 1] - starts[i]);
        save(file, copy, len);
        assert_int_equal(verify(file), 3);
    }

    unlink(file);
    free(bytes);
    free(copy);
}


static void
test_pseudonym(void **state)
{
    char                  period[32];
    time_t                t;
    size_t                n;
    unsigned              i, k, len;
    sp_addr_t             a;
    sp_pseudonym_t        pseudonym;
    struct tm             tm;
    uint64_t              bits;
    unsigned char         secret[32], out[SP_PSEUDONYM_LEN];
    unsigned char         data[32], mac[EVP_MAX_MD_SIZE];

    static const char     digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    srand(20261127);

    for (i = 0; i < 20000; i++) {
        nasty(secret, sizeof(secret));
        nasty(a.bytes, sizeof(a.bytes));
        t = (time_t) rand() * 118;
        gmtime_r(&t, &tm);
        snprintf(period, sizeof(period), "%04dq%d:", tm.tm_year + 1900,
                 tm.tm_mon / 3 + 1);

        sp_pseudonym_init(&pseudonym, secret);
        n = sp_pseudonym(&pseudonym, &a, t, out);
        assert_int_equal(n, 23);
        assert_memory_equal(out, period, 7);

        memcpy(data, "ip", 3);
        memcpy(data + 3, period, 6);
        data[9] = 0;
        memcpy(data + 10, a.bytes, 16);
        assert_non_null(HMAC(EVP_sha256(), secret, 32, data, 26, mac, &len));

        for (k = 0; k < 16; k++) {
            bits = (uint64_t) mac[k * 5 / 8] << 8 | mac[k * 5 / 8 + 1];
            assert_int_equal(out[7 + k],
                             digits[bits >> (11 - k * 5 % 8) & 31]);
        }
    }

    /* before and after the range of years */

    assert_int_equal(sp_pseudonym(&pseudonym, &a, -1, out), 23);
    assert_memory_equal(out, "1970q1:", 7);
    assert_int_equal(sp_pseudonym(&pseudonym, &a, INT64_MAX, out), 23);
    assert_memory_equal(out, "9999q4:", 7);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_pseudonym)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
