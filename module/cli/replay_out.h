
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the bounds on what a replay may find.
 */


#ifndef SP_CLI_REPLAY_OUT_H
#define SP_CLI_REPLAY_OUT_H


#include "replay.h"


/* "5" or "0.1%" of the replayed requests. */
typedef struct {
    int        set;
    uint64_t   n;
    unsigned   bps;      /* basis points, if "share" */
    int        share;
} sp_replay_gate_t;


/* "text" NULL: no bound. SP_ERROR after a message. */
sp_rc_t sp_replay_gate(const char *name, const char *text,
    sp_replay_gate_t *gate);

/*
 * gates[0] bounds what is newly allowed, gates[1] what is newly denied: an
 * exit code, after messages.
 */
int sp_replay_gates(const sp_replay_t *replay, const sp_replay_gate_t *gates,
    size_t n);


#endif /* SP_CLI_REPLAY_OUT_H */
