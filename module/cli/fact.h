
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains facts as people write and read them: one value of the
 * fact table from JSON, and as text or JSON.
 */


#ifndef SP_CLI_FACT_H
#define SP_CLI_FACT_H


#include "sp_facts.h"

#include "cli.h"


#define SP_FACT_TEXT  512    /* bytes of a value as text with its NUL */


/* Memory that values of facts point to; freed at once. */
typedef struct sp_fact_memory_s  sp_fact_memory_t;

struct sp_fact_memory_s {
    sp_fact_memory_t  *next;
    _Alignas(16) char  bytes[];
};


void *sp_fact_alloc(sp_fact_memory_t **memory, size_t size);
void sp_fact_free(sp_fact_memory_t **memory);

/*
 * Sets one fact. "absent" or null, "unknown", "failed" and "pending" are its
 * states; a value has the type of the field. SP_ERROR after a message.
 */
sp_rc_t sp_fact_set(sp_facts_t *facts, int field, const json_t *json,
    sp_fact_memory_t **memory);

/*
 * "IR", "absent", "[SG, MY]", "90d"; returns buf. Facts that a policy
 * declares are written by sp_fact_text() only.
 */
const char *sp_fact_text(const sp_facts_t *facts, int field,
    char buf[SP_FACT_TEXT]);
const char *sp_fact_value_text(const sp_value_t *value, int field,
    char buf[SP_FACT_TEXT]);

/* The same as JSON; states as {"state": "absent"}. */
json_t *sp_fact_json(const sp_facts_t *facts, int field);


#endif /* SP_CLI_FACT_H */
