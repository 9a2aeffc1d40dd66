
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the fuzz target of the usage reader. The first byte is
 * the form, the second the size of the pieces: however the rest is cut, the
 * counts are the same, and in the range that a record can hold.
 */


#include <stdlib.h>

#include "sp_usage.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_check(const sp_usage_t *usage);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t      n, step;
    sp_usage_t  whole, cut;

    static sp_usage_table_t  table;

    if (size < 2) {
        return 0;
    }

    if (table.json == NULL && sp_usage_table(&table) != SP_OK) {
        abort();
    }

    step = (size_t) data[1] + 1;

    sp_usage_init(&whole, &table, data[0] & 1);
    sp_usage_init(&cut, &table, data[0] & 1);

    data += 2;
    size -= 2;

    sp_usage_feed(&whole, data, size);
    sp_usage_finish(&whole);
    fuzz_check(&whole);

    while (size) {
        n = step < size ? step : size;

        sp_usage_feed(&cut, data, n);
        fuzz_check(&cut);

        data += n;
        size -= n;
    }

    sp_usage_finish(&cut);

    if (sp_usage_in(&cut) != sp_usage_in(&whole)
        || sp_usage_out(&cut) != sp_usage_out(&whole))
    {
        abort();
    }

    return 0;
}


static void
fuzz_check(const sp_usage_t *usage)
{
    if (sp_usage_in(usage) < -1 || sp_usage_out(usage) < -1
        || sp_usage_in(usage) > ((int64_t) 1 << 53) - 1
        || sp_usage_out(usage) > ((int64_t) 1 << 53) - 1)
    {
        abort();
    }
}
