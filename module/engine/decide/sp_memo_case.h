
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what memos ask of cases. Private to the engine.
 */


#ifndef SP_MEMO_CASE_H
#define SP_MEMO_CASE_H


#include "sp_facts.h"


/* 1 if requests of one case have the same value of the field. */
int sp_case_has(const sp_facts_t *facts, int field);


#endif /* SP_MEMO_CASE_H */
