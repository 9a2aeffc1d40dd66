
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains usage in two other wrappings: an object a line, and the
 * binary frames of Amazon's event streams (big-endian length of the frame, of
 * its headers, CRC of both; headers; payload; CRC of all). The payload is an
 * object, or has one in base64 as {"bytes":"...": that one counts.
 */


#include "sp_usage_room.h"


#define SP_FRAME_PRELUDE  12
#define SP_FRAME_CRC      4
#define SP_FRAME_MAX      (24u * 1024 * 1024)


static const unsigned char  sp_frame_bytes[] = "{\"bytes\":\"";


static void sp_frame_begin(sp_usage_t *usage);
static void sp_frame_payload(sp_usage_t *usage, const unsigned char *p,
    size_t len);
static int sp_frame_base64(sp_usage_t *usage, unsigned char ch);


void
sp_usage_lines(sp_usage_t *usage, const unsigned char *data, size_t len)
{
    const unsigned char  *p, *last, *start;

    last = data + len;

    for (p = data; p < last; p++) {
        start = p;

        while (p < last && *p != '\n') {
            p++;
        }

        if (p != start) {

            if (!usage->lines) {
                usage->lines = 1;
                sp_usage_open(usage);
            }

            usage->value += (uint64_t) (p - start);
            (void) sp_json_feed(&usage->json, start, (size_t) (p - start));
        }

        if (p == last) {
            return;
        }

        if (usage->lines) {
            sp_usage_commit(usage);
            sp_usage_event(usage);
            usage->lines = 0;
        }
    }
}


void
sp_usage_frames(sp_usage_t *usage, const unsigned char *data, size_t len)
{
    size_t                n;
    const unsigned char  *p, *last;

    last = data + len;

    for (p = data; p < last; p += n) {

        if (usage->prelude < SP_FRAME_PRELUDE) {
            usage->head[usage->prelude++] = *p;
            n = 1;

            if (usage->prelude == SP_FRAME_PRELUDE) {
                sp_frame_begin(usage);
            }

            continue;
        }

        n = (size_t) (last - p);

        if (usage->headers != 0) {
            n = n < usage->headers ? n : usage->headers;
            usage->headers -= (uint32_t) n;

        } else if (usage->frame > SP_FRAME_CRC) {
            n = n < usage->frame - SP_FRAME_CRC ? n
                                                : usage->frame - SP_FRAME_CRC;
            sp_frame_payload(usage, p, n);

        } else {
            n = n < usage->frame ? n : usage->frame;
        }

        usage->frame -= (uint32_t) n;

        if (usage->frame == 0) {
            usage->prelude = 0;

            if (usage->lines) {
                sp_usage_commit(usage);
                sp_usage_event(usage);
                usage->lines = 0;
            }
        }

        if (usage->finished) {
            return;
        }
    }
}


/* A length that cannot be ends the reading: nothing after it is certain. */

static void
sp_frame_begin(sp_usage_t *usage)
{
    const unsigned char  *h;

    h = usage->head;

    usage->frame = (uint32_t) h[0] << 24 | (uint32_t) h[1] << 16
                   | (uint32_t) h[2] << 8 | h[3];
    usage->headers = (uint32_t) h[4] << 24 | (uint32_t) h[5] << 16
                     | (uint32_t) h[6] << 8 | h[7];

    if (usage->frame > SP_FRAME_MAX
        || usage->frame < SP_FRAME_PRELUDE + SP_FRAME_CRC
        || usage->headers > usage->frame - SP_FRAME_PRELUDE - SP_FRAME_CRC)
    {
        usage->finished = 1;
        return;
    }

    usage->frame -= SP_FRAME_PRELUDE;
    usage->line = SP_LINE_PAYLOAD;
    usage->matched = 0;
    usage->nbits = 0;
    usage->bits = 0;
}


static void
sp_frame_payload(sp_usage_t *usage, const unsigned char *p, size_t len)
{
    size_t  i;

    if (!usage->lines) {
        usage->lines = 1;
        sp_usage_open(usage);
    }

    usage->value += len;

    for (i = 0; i < len && usage->line == SP_LINE_PAYLOAD; i++) {

        if (p[i] != sp_frame_bytes[usage->matched]) {
            usage->line = SP_LINE_PLAIN;

            (void) sp_json_feed(&usage->json, sp_frame_bytes, usage->matched);
            break;
        }

        if (++usage->matched == sizeof(sp_frame_bytes) - 1) {
            usage->line = SP_LINE_BASE64;
        }
    }

    if (usage->line == SP_LINE_PLAIN) {
        (void) sp_json_feed(&usage->json, p + i, len - i);
        return;
    }

    for ( /* void */ ; i < len && usage->line == SP_LINE_BASE64; i++) {

        if (!sp_frame_base64(usage, p[i])) {
            usage->line = SP_LINE_SKIP;
        }
    }
}


/* 0: the text is over. */

static int
sp_frame_base64(sp_usage_t *usage, unsigned char ch)
{
    uint32_t       digit;
    unsigned char  byte;

    if (ch >= 'A' && ch <= 'Z') {
        digit = (uint32_t) (ch - 'A');

    } else if (ch >= 'a' && ch <= 'z') {
        digit = (uint32_t) (ch - 'a') + 26;

    } else if (ch >= '0' && ch <= '9') {
        digit = (uint32_t) (ch - '0') + 52;

    } else if (ch == '+' || ch == '/') {
        digit = ch == '+' ? 62 : 63;

    } else {
        return 0;
    }

    usage->bits = (usage->bits << 6 | digit) & 0xffff;
    usage->nbits = (uint8_t) (usage->nbits + 6);

    if (usage->nbits >= 8) {
        usage->nbits = (uint8_t) (usage->nbits - 8);
        byte = (unsigned char) (usage->bits >> usage->nbits);

        (void) sp_json_feed(&usage->json, &byte, 1);
    }

    return 1;
}
