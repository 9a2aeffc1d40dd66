
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the tag of an API key.
 */


#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp_key_tag.h"


#define SEED   20261124
#define KEYS   1000
#define GUESS  200000


static const char  digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";


static unsigned char *
random_key(unsigned char key[SP_TAGGED_LEN])
{
    size_t  i;

    memcpy(key, SP_TAGGED_PREFIX, sizeof(SP_TAGGED_PREFIX) - 1);

    for (i = sizeof(SP_TAGGED_PREFIX) - 1; i < SP_TAGGED_LEN; i++) {
        key[i] = (unsigned char) digits[rand() % 62];
    }

    return key;
}


static sp_str_t
whole(const unsigned char *key)
{
    return (sp_str_t) { SP_TAGGED_LEN, key };
}


/*
 * A key that was made is known under its pepper and no other, and not once any
 * byte of it is another.
 */

static void
test_made(void **state)
{
    int             i;
    size_t          at;
    sp_str_t        head;
    sp_pepper_t     pepper, other;
    unsigned char   was, key[SP_TAGGED_LEN];

    srand(SEED);
    assert_int_equal(sp_pepper_init(&pepper, SP_STR("a pepper of the tests")),
                     SP_OK);
    assert_int_equal(sp_pepper_init(&other, SP_STR("another of the tests")),
                     SP_OK);

    for (i = 0; i < KEYS; i++) {
        head = whole(random_key(key));
        head.len -= SP_KEY_TAG_LEN;
        sp_key_tag(&pepper, head, key + head.len);

        assert_int_equal(sp_key_tagged(&pepper, whole(key)), 1);
        assert_int_equal(sp_key_tagged(&other, whole(key)), 0);

        at = (size_t) rand() % SP_TAGGED_LEN;
        was = key[at];
        key[at] = (unsigned char) (was == 'x' ? 'y' : 'x');
        assert_int_equal(sp_key_tagged(&pepper, whole(key)), 0);
        key[at] = was;

        head = whole(key);
        head.len -= 1 + (size_t) rand() % (SP_TAGGED_LEN - 1);
        assert_int_equal(sp_key_tagged(&pepper, head), 0);
    }

    print_message("seed %d\n", SEED);
}


/* Of 5.7 * 10^10 guesses one fits: not one of these. */

static void
test_guessed(void **state)
{
    int            i;
    sp_pepper_t    pepper;
    unsigned char  key[SP_TAGGED_LEN];

    srand(SEED);
    assert_int_equal(sp_pepper_init(&pepper, SP_STR("a pepper of the tests")),
                     SP_OK);

    for (i = 0; i < GUESS; i++) {
        assert_int_equal(sp_key_tagged(&pepper, whole(random_key(key))), 0);
    }

    assert_int_equal(sp_key_tagged(&pepper, SP_STR("")), 0);
    assert_int_equal(sp_key_tagged(&pepper, SP_STR("sk-sp-")), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_made),
        cmocka_unit_test(test_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
