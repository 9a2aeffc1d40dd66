
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the pieces that answers are put together from. Private to
 * the engine.
 */


#ifndef SP_ANSWER_TEXT_H
#define SP_ANSWER_TEXT_H


#include "sp_answer.h"


/* Escaped bytes of each part at most. */

#define SP_ANSWER_TEXT   1200
#define SP_ANSWER_CODE   96
#define SP_ANSWER_ID     96
#define SP_ANSWER_PARAM  96


/* Each appends at "p", and returns where it ended. */

unsigned char *sp_answer_put(unsigned char *p, const char *text);
unsigned char *sp_answer_uint(unsigned char *p, uint32_t n);

/* Between quotes, of at most "max" bytes, and no part of a character. */
unsigned char *sp_answer_quote(unsigned char *p, sp_str_t s, size_t max);

/* OpenAI's "type". */
const char *sp_answer_word(const sp_answer_t *answer);

/* The sentence, what helps, and the id if clients print nothing else. */
unsigned char *sp_answer_message(const sp_answer_t *answer, unsigned char *p,
    size_t max, int with_id);


#endif /* SP_ANSWER_TEXT_H */
