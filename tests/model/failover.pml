/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a fail-over with a gate that is still attached to the
 * old primary. Of REPLICAS replicas one is promoted, the others are moved to
 * it one by one. A writer waits for CONFIRM replicas (WAIT) before it calls a
 * revocation done. A canary counts when QUORUM replicas of the primary that
 * the gate is attached to have it.
 *
 * What must hold: no canary that was sent after a revocation was done counts
 * at the old primary, which has not heard of it. It holds exactly when
 * QUORUM + CONFIRM >= REPLICAS. All three are read from the environment.
 */

#define MOST  3

byte replicas, quorum, confirm;

bool promoted;               /* replica 0 is the primary of the writers */
bool moved[MOST];            /* replica follows the new primary */
bool written, done;          /* the revocation; with "confirm" replicas */
bool has[MOST];              /* replica has the revocation */
byte nhas;

bool sent;                   /* a canary is on its way */
bool late;                   /* ... sent after the revocation was done */
bool got[MOST];              /* replica has the canary */
byte ngot;


proctype Fleet()
{
    byte i;

end:
    do
    :: atomic { !promoted -> promoted = 1; moved[0] = 1 }
    :: atomic { promoted && !written -> written = 1 }
    :: atomic { written && !done && nhas >= confirm -> done = 1 }

    /* replica i: is moved, has the revocation, has the canary */

    :: atomic { i = 1;
            do
            :: i < replicas - 1 -> i++
            :: break
            od;
            if
            :: i < replicas && promoted && !moved[i] -> moved[i] = 1
            :: i < replicas && written && moved[i] && !has[i] ->
                has[i] = 1; nhas++
            :: i < replicas && sent && !moved[i] && !got[i] ->
                got[i] = 1; ngot++
            :: else
            fi; i = 0 }

    :: atomic { sent && !moved[0] && !got[0] -> got[0] = 1; ngot++ }
    od
}


proctype Gate()
{
end:
    do
    :: atomic { !sent ->
            sent = 1; late = done; ngot = 0;
            got[0] = 0; got[1] = 0; got[2] = 0 }

    :: atomic { sent && ngot >= quorum -> assert(!late); sent = 0 }

    :: atomic { sent -> sent = 0 }            /* it took too long */
    od
}


init
{
    atomic {
        c_code {
            now.replicas = atoi(getenv("REPLICAS"));
            now.quorum = atoi(getenv("QUORUM"));
            now.confirm = atoi(getenv("CONFIRM"));
        };
        assert(replicas >= 1 && replicas <= MOST);
        run Fleet(); run Gate()
    }
}
