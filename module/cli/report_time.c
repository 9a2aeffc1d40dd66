
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains counts over time in a fixed number of bars: they become
 * wider as the time that they are about does.
 */


#include "audit_report.h"


static int64_t sp_report_wider(int64_t width);
static int64_t sp_report_floor(int64_t at, int64_t width);


/* Each is a multiple of the one before, so bars can be put together. */

static int64_t
sp_report_wider(int64_t width)
{
    size_t  i;

    static const int64_t  widths[] = {
        60, 300, 900, 3600, 21600, 86400, 604800
    };

    for (i = 0; i < sp_nelts(widths); i++) {
        if (widths[i] > width) {
            return widths[i];
        }
    }

    return width * 4;
}


static int64_t
sp_report_floor(int64_t at, int64_t width)
{
    return at >= 0 ? at / width : -((-at + width - 1) / width);
}


void
sp_report_time(sp_report_time_t *time, int64_t at, unsigned bar, uint64_t n)
{
    int64_t            low, high, width, from, to;
    unsigned           i, k;
    sp_report_time_t   wide;

    if (time->n == 0) {
        time->width = sp_report_wider(0);
        time->first = sp_report_floor(at, time->width);
        time->n = 1;
    }

    width = time->width;
    from = time->first * width;
    to = (time->first + (int64_t) time->n - 1) * width;

    if (at < from || at >= to + width) {
        low = sp_min(at, from);
        high = sp_max(at, to);

        while (sp_report_floor(high, width) - sp_report_floor(low, width)
               >= SP_REPORT_BUCKETS)
        {
            width = sp_report_wider(width);
        }

        memset(&wide, 0, sizeof(wide));
        wide.width = width;
        wide.first = sp_report_floor(low, width);
        wide.n = (unsigned) (sp_report_floor(high, width) - wide.first + 1);

        for (i = 0; i < time->n; i++) {
            to = sp_report_floor((time->first + i) * time->width, width);

            for (k = 0; k < SP_REPORT_BARS; k++) {
                wide.bars[to - wide.first][k] += time->bars[i][k];
            }
        }

        *time = wide;
    }

    time->bars[sp_report_floor(at, width) - time->first][bar] += n;
}
