/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the protocol that keeps records in the zone true: one
 * record, one Redis, one tracker, two workers that fetch. Every socket may
 * take any time; a session may break with or without what is under way in
 * it; Redis sends what it has to announce at the end of a turn of its loop.
 *
 * What must hold, and which code a step stands for: README.md. The mutants
 * leave out one thing each, and must be caught. MUTANT and PROPERTY are read
 * from the environment, so that one verifier serves them all.
 */

#ifndef WRITES
#define WRITES    2          /* changes of the record */
#endif
#ifndef CANARIES
#define CANARIES  3
#endif
#ifndef SESSIONS
#define SESSIONS  2          /* of the tracker */
#endif
#ifndef FETCHES
#define FETCHES   2          /* of each worker */
#endif

#define PUSHES    6
#define NONE      255

/* mutants */

#define NO_GENERATION    1   /* a reply is taken whatever came meanwhile */
#define CANARY_OVERTAKES 2   /* a PING, or PUBLISH, in place of a canary */
#define EPOCH_STAYS      3   /* a new session goes on where the last one was */
#define EPOCH_AT_REPLY   4   /* a reply is taken under the epoch it meets */
#define NO_LOCK          5   /* the drop and the count are two steps */
#define OTHER_OWNER      6   /* tracking belongs to another connection */
#define NIL_IGNORED      7   /* "everything changed" is not understood */
#define GRACE_GOES_ON    8   /* a broken epoch ages by the new session */
#define LIVE_EARLY       9   /* the session begins before Redis says so */
#define CANARY_FIRST     10  /* it counts before the names that came with it */

/* properties; ALL: of the protocol itself */

#define ALL        0
#define CANARY     1         /* what a canary proves */
#define QUIET      2         /* nothing under way, nothing stale */
#define GRACE      3         /* the frozen freshness of a broken epoch */

mtype = { changed, everything, canary };
mtype = { DOWN, ARMED, LIVE };

byte mutant, property;

/* Redis */

byte version;                /* of the record */
bool told_not, all_not;      /* to be announced at the end of the turn */
byte canary_not = NONE;
bool attached;               /* it has somebody to announce to */
bool ended;                  /* the socket is closed; seen when it is read */

chan push = [PUSHES] of { mtype, byte };
chan canaries = [CANARIES] of { byte };
chan ask[2] = [1] of { bit };
chan answer[2] = [1] of { byte };

/* the zone */

mtype state = DOWN;
byte epoch, generation;
bool kept;                   /* the record is there and valid */
byte kept_version, kept_epoch;
byte broken_epoch = NONE;
bool halfway;                /* NO_LOCK: dropped, not counted yet */

/* what times stand for: the version at Redis when a canary was sent */

byte sent[CANARIES];
byte fresh;                  /* of the newest canary that came back */
byte broken_fresh;           /* that, when the session broke */


proctype Redis()
{
    byte n, writes;

end:
    do
    :: atomic { writes < WRITES ->
            writes++; version++; told_not = 1 }
    :: atomic { writes < WRITES ->            /* FLUSHALL */
            writes++; version++; all_not = 1 }

    :: atomic { len(ask[0]) > 0 -> ask[0]?_; answer[0]!version }
    :: atomic { len(ask[1]) > 0 -> ask[1]?_; answer[1]!version }

    :: atomic { len(canaries) > 0 && canary_not == NONE ->
            canaries?n;
            if
            :: mutant == CANARY_OVERTAKES ->
                if
                :: attached && len(push) < PUSHES -> push!canary, n
                :: else
                fi
            :: else -> canary_not = n
            fi; n = 0 }

    /* the end of a turn: one message, with all of it */

    :: atomic { (told_not || all_not || canary_not != NONE) &&
                len(push) < PUSHES - 2 ->
            if
            :: attached ->
                if
                :: canary_not != NONE && mutant == CANARY_FIRST ->
                    push!canary, canary_not; canary_not = NONE
                :: else
                fi;
                if :: all_not -> push!everything, 0 :: else fi;
                if :: told_not -> push!changed, 0 :: else fi;
                if
                :: canary_not != NONE -> push!canary, canary_not
                :: else
                fi
            :: else
            fi;
            told_not = 0; all_not = 0; canary_not = NONE }

    /* the session breaks: what is under way is lost, or arrives first */

    :: atomic { attached ->
            attached = 0;
            if
            :: mutant == OTHER_OWNER      /* nobody is told */
            :: else ->
                ended = 1;
                if
                :: true ->
                    do
                    :: len(push) > 0 -> push?_, _
                    :: else -> break
                    od
                :: true
                fi
            fi }
    od
}


proctype Tracker()
{
    mtype what;
    byte n, sessions, ncanaries;

end:
    do
    :: atomic { state == DOWN && sessions < SESSIONS && !attached ->
            sessions++; ended = 0;
            if
            :: mutant == LIVE_EARLY -> epoch++; state = LIVE
            :: else -> attached = 1
            fi };

        atomic {                              /* SUBSCRIBE is acknowledged */
            if
            :: mutant == LIVE_EARLY -> attached = 1
            :: mutant == EPOCH_STAYS -> state = ARMED
            :: else -> epoch++; state = ARMED
            fi }

    :: atomic { state != DOWN && ncanaries < CANARIES ->
            sent[ncanaries] = version; canaries!ncanaries; ncanaries++ }

    :: atomic { state != DOWN && len(push) > 0 ->
            push?what, n;
            if
            :: what == canary ->
                if :: sent[n] > fresh -> fresh = sent[n] :: else fi;
                state = LIVE
            :: what == everything ->
                if
                :: mutant == NIL_IGNORED
                :: else -> epoch++; broken_epoch = NONE
                fi
            :: what == changed ->
                kept = 0;
                if
                :: mutant == NO_LOCK -> halfway = 1
                :: else -> generation++
                fi
            fi;
            n = 0; what = 0 }

    :: atomic { halfway -> generation++; halfway = 0 }

    :: atomic { state != DOWN && ended && len(push) == 0 ->
            state = DOWN; broken_epoch = epoch; broken_fresh = fresh;
            if
            :: mutant == EPOCH_STAYS
            :: else -> epoch++
            fi }
    od
}


proctype Worker(byte w)
{
    byte g, e, v, fetches;

end:
    do
    :: atomic { fetches < FETCHES &&
                state == LIVE && !(kept && kept_epoch == epoch) ->
            fetches++; g = generation; e = epoch; ask[w]!1 };

        atomic { answer[w]?v ->
            if
            :: (g == generation || mutant == NO_GENERATION) &&
               (e == epoch || mutant == EPOCH_AT_REPLY) &&
               state == LIVE ->
                kept = 1; kept_version = v; kept_epoch = epoch
            :: else
            fi;
            g = 0; e = 0; v = 0 }
    od
}


#define usable  (state == LIVE && kept && kept_epoch == epoch)
#define quiet   (len(push) == 0 && !told_not && !all_not && !ended && !halfway)
#define grace   (kept && kept_epoch == broken_epoch)
#define bound   (mutant == GRACE_GOES_ON -> fresh : broken_fresh)

proctype Judge()
{
end:
    atomic {
        if
        :: (property == ALL || property == CANARY) &&
           usable && kept_version < fresh -> assert(false)
        :: (property == ALL || property == QUIET) &&
           usable && quiet && kept_version != version -> assert(false)
        :: (property == ALL || property == GRACE) &&
           grace && kept_version < bound -> assert(false)
        fi
    }
}


init
{
    atomic {
        c_code {
            now.mutant = getenv("MUTANT") ? atoi(getenv("MUTANT")) : 0;
            now.property = getenv("PROPERTY") ? atoi(getenv("PROPERTY")) : 0;
        };
        run Redis(); run Tracker(); run Worker(0); run Worker(1); run Judge()
    }
}
