
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what replay_facts.c and replay_account.c share.
 */


#ifndef SP_CLI_REPLAY_FACTS_H
#define SP_CLI_REPLAY_FACTS_H


#include "replay.h"


/* Why a record cannot be used; SP_DECLINED. */
sp_rc_t sp_recorded_why(sp_recorded_t *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * One fact by the marks of the record: null, "?", "!", "~" or its value. One
 * that is not there (NULL) is missing.
 */
sp_rc_t sp_recorded_fact(sp_recorded_t *r, int field, const json_t *value);

/* The index of a word, or -1; "n" 0: the words end with NULL. */
int sp_recorded_word(const json_t *value, const char *const *words, size_t n);

/* replay_account.c */
sp_rc_t sp_recorded_account(sp_recorded_t *r);


#endif /* SP_CLI_REPLAY_FACTS_H */
