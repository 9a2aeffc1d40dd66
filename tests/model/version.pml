/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the memory of a zone for versions: one record whose odd
 * versions allow and whose even ones deny, a store that goes forward, goes
 * back to a backup, loses the record and gets it again, a slot that may be
 * evicted, and two workers whose replies take any time.
 *
 * What must hold: once the gate has refused because of version n, no lower
 * version allows. What remembers is either the slot, as long as nobody takes
 * it, or a tombstone beside it, which outlives the slot (EVICTS). The mutants
 * each forget something. MUTANT and EVICTS are read from the environment.
 */

#ifndef LATEST
#define LATEST   4           /* version */
#endif
#ifndef BACKUPS
#define BACKUPS  2           /* restored */
#endif
#ifndef ASKED
#define ASKED    3           /* look-ups of each worker */
#endif

#define GONE     0           /* the store has no such record */

#define NOT_COMPARED     1   /* what may not be kept is used all the same */
#define DROP_FORGETS     2   /* an invalidation empties the slot */
#define NO_TOMBSTONE     3   /* only the slot remembers */
#define GONE_FORGETS     4   /* a record that is gone empties the slot */
#define DENIAL_LOWERS    5   /* an older denial brings its version with it */
#define TWO_STEPS        6   /* compared, and later written */
#define NOT_KEPT         7   /* a denial that came too late leaves no trace */
#define SLOT_STAYS       8   /* ... leaves a lower version in force */

#define denies(v)  ((v) != GONE && (v) % 2 == 0)

byte mutant;
bool evicts;

/* the store */

byte version = 1;
bool gone;
byte generation;             /* of the record's bucket; counts changes */
chan ask[2] = [1] of { bit };
chan answer[2] = [1] of { byte };

/* the zone: a slot, and a tombstone */

bool there, valid, refuses;
byte slot_version;
byte tomb;

/* what clients were told */

byte denied;                 /* the highest version that refused */


proctype Store()
{
    byte backups;

end:
    do
    :: atomic { version < LATEST -> version++; generation++;
            valid = 0; there = (mutant == DROP_FORGETS -> 0 : there) }
    :: atomic { backups < BACKUPS && version > 1 -> backups++;
            do
            :: version > 1 -> version--
            :: break
            od;
            generation++; valid = 0;
            there = (mutant == DROP_FORGETS -> 0 : there) }
    :: atomic { backups < BACKUPS -> backups++; gone = !gone;
            generation++; valid = 0;
            there = (mutant == DROP_FORGETS -> 0 : there) }

    :: atomic { len(ask[0]) > 0 -> ask[0]?_;
            answer[0]!(gone -> GONE : version) }
    :: atomic { len(ask[1]) > 0 -> ask[1]?_;
            answer[1]!(gone -> GONE : version) }
    od
}


/* Others need the room of the slot. */

proctype Evictor()
{
end:
    do
    :: atomic { there && evicts ->
            there = 0; valid = 0; refuses = 0; slot_version = 0 }
    od
}


inline told(v)
{
    if
    :: denies(v) ->
        denied = (v > denied -> v : denied)
    :: else -> assert(v >= denied)
    fi
}


/* The highest version that the zone remembers. */

#define slot_known  (there -> slot_version : 0)
#define known       (slot_known > tomb -> slot_known : tomb)

proctype Worker(byte w)
{
    byte v, g, k, asked;

end:
    do
    :: atomic { there && valid ->
            if
            :: refuses -> denied = (slot_version > denied
                                    -> slot_version : denied)
            :: else -> told(slot_version)
            fi }

    :: atomic { asked < ASKED && !(there && valid) ->
            asked++; g = generation; ask[w]!1 };

        atomic { answer[w]?v -> k = known };

        atomic {
            if
            :: mutant != TWO_STEPS -> k = known
            :: else
            fi;
            if
            :: v == GONE ->
                if
                :: mutant == GONE_FORGETS -> there = 0; valid = 0; refuses = 0
                :: else -> valid = 0
                fi

            :: v != GONE && v < k && !denies(v) ->
                if                            /* refused: 503 or sticky */
                :: mutant == NOT_COMPARED && g != generation -> told(v)
                :: else
                fi

            :: v != GONE && (v >= k || denies(v)) ->
                if
                :: denies(v) && v > tomb && evicts &&
                   mutant != NO_TOMBSTONE &&
                   (g == generation || mutant != NOT_KEPT) ->
                    tomb = v
                :: else
                fi;
                if
                :: g == generation ->
                    there = 1; valid = 1; refuses = denies(v);
                    slot_version = (v < k && mutant != DENIAL_LOWERS
                                    -> k : v)
                :: g != generation && denies(v) && v > slot_known &&
                   mutant != SLOT_STAYS ->
                    valid = 0;
                    if
                    :: mutant != NOT_KEPT ->
                        there = 1; refuses = 1; slot_version = v
                    :: else
                    fi
                :: else
                fi;
                told(v)
            fi;
            v = 0; g = 0; k = 0 }
    od
}


init
{
    atomic {
        c_code {
            now.mutant = getenv("MUTANT") ? atoi(getenv("MUTANT")) : 0;
            now.evicts = getenv("EVICTS") ? atoi(getenv("EVICTS")) : 0;
        };
        run Store(); run Evictor(); run Worker(0); run Worker(1)
    }
}
