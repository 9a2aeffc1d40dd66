
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the journal of the meters: what requests under way hold,
 * the changes of shared memory that are made whole or not at all, and the
 * settling of what the dead have left.
 */


#include "ngx_http_sallyport_meter.h"


#define NGX_HTTP_SALLYPORT_OF_ZONE  ((uint64_t) 1 << 63)


static void ngx_http_sallyport_redo_apply(ngx_http_sallyport_zone_t *zone);
static ngx_http_sallyport_entry_t *ngx_http_sallyport_entry(
    ngx_http_sallyport_meters_sh_t *sh, uint32_t i);
static ngx_http_sallyport_entry_t *ngx_http_sallyport_journal_entry(
    ngx_http_sallyport_zone_t *zone, uint64_t at, ngx_uint_t head);
static void ngx_http_sallyport_journal_close(ngx_http_sallyport_zone_t *zone,
    uint32_t first, const uint64_t *amounts, ngx_uint_t n);
static void ngx_http_sallyport_hold_settle(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_hold_t *hold, uint64_t amount, uint64_t now,
    int64_t today);
static void ngx_http_sallyport_hold_tally(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_hold_t *hold, uint64_t amount, int64_t today);
static void ngx_http_sallyport_hold_bucket(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_hold_t *hold, uint64_t amount, uint64_t now);
static void ngx_http_sallyport_journal_beat(ngx_event_t *ev);
static ngx_uint_t ngx_http_sallyport_journal_dead(
    ngx_http_sallyport_owner_t *owner, uint64_t now);
static void ngx_http_sallyport_journal_reap(ngx_http_sallyport_zone_t *zone,
    uint32_t owner);


/* Whoever was killed with the mutex may have left a change that is whole. */

void
ngx_http_sallyport_meter_lock(ngx_http_sallyport_zone_t *zone)
{
    ngx_shmtx_lock(&zone->shpool->mutex);

    if (zone->meters->sh->nredo != 0) {
        ngx_http_sallyport_redo_apply(zone);
    }

    zone->meters->nwords = 0;
    zone->meters->broken = 0;
}


void
ngx_http_sallyport_redo(ngx_http_sallyport_zone_t *zone, void *word,
    uint64_t value)
{
    u_char                          *p;
    ngx_uint_t                       i;
    ngx_http_sallyport_word_t       *redo;
    ngx_http_sallyport_meters_sh_t  *sh;
    uint64_t                         where;

    sh = zone->meters->sh;
    p = word;

    where = (p >= (u_char *) sh && p < (u_char *) sh + sh->size)
            ? (uint64_t) (p - (u_char *) sh)
            : (uint64_t) (p - (u_char *) zone->sh)
              | NGX_HTTP_SALLYPORT_OF_ZONE;

    redo = sh->redo;

    for (i = 0; i < zone->meters->nwords; i++) {
        if (redo[i].where == where) {
            redo[i].value = value;
            return;
        }
    }

    if (i == NGX_HTTP_SALLYPORT_REDO_MAX) {
        zone->meters->broken = 1;
        return;
    }

    redo[i].where = where;
    redo[i].value = value;

    zone->meters->nwords++;
}


/* Modulo 2^64; a word that this change has written already is added to. */

void
ngx_http_sallyport_redo_add(ngx_http_sallyport_zone_t *zone, uint64_t *word,
    uint64_t more)
{
    ngx_http_sallyport_redo(zone, word,
                            ngx_http_sallyport_redo_value(zone, word) + more);
}


uint64_t
ngx_http_sallyport_redo_value(ngx_http_sallyport_zone_t *zone, uint64_t *word)
{
    u_char                          *p;
    uint64_t                         where;
    ngx_uint_t                       i;
    ngx_http_sallyport_meters_sh_t  *sh;

    sh = zone->meters->sh;
    p = (u_char *) word;

    where = (p >= (u_char *) sh && p < (u_char *) sh + sh->size)
            ? (uint64_t) (p - (u_char *) sh)
            : (uint64_t) (p - (u_char *) zone->sh)
              | NGX_HTTP_SALLYPORT_OF_ZONE;

    for (i = 0; i < zone->meters->nwords; i++) {
        if (sh->redo[i].where == where) {
            return sh->redo[i].value;
        }
    }

    return *word;
}


ngx_int_t
ngx_http_sallyport_meter_unlock(ngx_http_sallyport_zone_t *zone)
{
    ngx_int_t  rc;

    rc = zone->meters->broken ? NGX_ERROR : NGX_OK;

    if (rc == NGX_OK && zone->meters->nwords != 0) {

        /* from here on it happens, whoever does it */

        ngx_memory_barrier();
        zone->meters->sh->nredo = zone->meters->nwords;
        ngx_memory_barrier();

        ngx_http_sallyport_redo_apply(zone);
    }

    zone->meters->nwords = 0;

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


static void
ngx_http_sallyport_redo_apply(ngx_http_sallyport_zone_t *zone)
{
    u_char                          *base;
    uint64_t                         i;
    ngx_http_sallyport_word_t       *word;
    ngx_http_sallyport_meters_sh_t  *sh;

    sh = zone->meters->sh;

    for (i = 0; i < sh->nredo; i++) {
        word = &sh->redo[i];

        base = (word->where & NGX_HTTP_SALLYPORT_OF_ZONE) ? (u_char *) zone->sh
                                                          : (u_char *) sh;

        *(uint64_t *) (base + (word->where & ~NGX_HTTP_SALLYPORT_OF_ZONE))
            = word->value;
    }

    ngx_memory_barrier();
    sh->nredo = 0;
    ngx_memory_barrier();
}


static ngx_http_sallyport_entry_t *
ngx_http_sallyport_entry(ngx_http_sallyport_meters_sh_t *sh, uint32_t i)
{
    return (ngx_http_sallyport_entry_t *) ((u_char *) sh + sh->journal) + i;
}


/*
 * Entries are taken off the free list. What they say does not count before
 * their serial does, so it is written to them directly.
 */

ngx_int_t
ngx_http_sallyport_journal_open(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_meter_debit_t *debits, ngx_uint_t n,
    ngx_http_sallyport_holding_t *held)
{
    uint64_t                         at;
    ngx_uint_t                       i;
    ngx_http_sallyport_hold_t       *hold;
    ngx_http_sallyport_entry_t      *entry;
    ngx_http_sallyport_meters_sh_t  *sh;

    sh = zone->meters->sh;
    at = sh->free;
    entry = NULL;
    held->serial = 0;

    for (i = 0; i < n; i++) {

        if (!debits[i].settles || debits[i].cost == 0 || debits[i].full) {
            continue;
        }

        if (entry == NULL || entry->n == NGX_HTTP_SALLYPORT_HOLDS) {

            if (entry != NULL) {
                at = entry->next;
            }

            if (at == NGX_HTTP_SALLYPORT_NOBODY) {
                return NGX_ERROR;
            }

            if (entry == NULL) {
                held->entry = (uint32_t) at;
            }

            entry = ngx_http_sallyport_journal_entry(zone, at,
                                                     at == sh->free);
        }

        hold = &entry->hold[entry->n++];

        hold->h[0] = debits[i].bucket.print.h[0];
        hold->h[1] = debits[i].bucket.print.h[1];
        hold->amount = debits[i].cost;
        hold->until = debits[i].until;
        hold->limit = debits[i].limit;
        hold->period = debits[i].period;
        hold->window = debits[i].window;
        hold->meter = debits[i].meter;
        hold->other = debits[i].other;

        ngx_http_sallyport_redo_add(zone, &sh->sums[hold->meter].reserved,
                                    hold->amount);
    }

    if (entry == NULL) {
        return NGX_OK;
    }

    /* the chain ends here; that of the free ones goes on behind it */

    ngx_http_sallyport_redo(zone, &sh->free, entry->next);
    ngx_http_sallyport_redo(zone, &entry->next, NGX_HTTP_SALLYPORT_NOBODY);
    ngx_http_sallyport_redo(zone, &sh->serial, sh->serial + 1);
    ngx_http_sallyport_redo_add(zone, &sh->opened, 1);
    ngx_http_sallyport_redo_add(zone, &sh->owners[ngx_process_slot].open, 1);

    held->serial = sh->serial + 1;

    return NGX_OK;
}


static ngx_http_sallyport_entry_t *
ngx_http_sallyport_journal_entry(ngx_http_sallyport_zone_t *zone, uint64_t at,
    ngx_uint_t head)
{
    ngx_http_sallyport_entry_t      *entry;
    ngx_http_sallyport_meters_sh_t  *sh;

    sh = zone->meters->sh;
    entry = ngx_http_sallyport_entry(sh, (uint32_t) at);

    entry->owner = (uint64_t) ngx_process_slot;
    entry->head = head;
    entry->n = 0;

    ngx_http_sallyport_redo(zone, &entry->serial, sh->serial + 1);

    return entry;
}


void
ngx_http_sallyport_journal_settle(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_holding_t *held, const uint64_t *amounts,
    ngx_uint_t n)
{
    ngx_http_sallyport_entry_t  *entry;

    if (held->serial == 0) {
        return;
    }

    ngx_http_sallyport_meter_lock(zone);

    entry = ngx_http_sallyport_entry(zone->meters->sh, held->entry);

    /* another may have thought us dead */

    if (entry->serial == held->serial) {
        ngx_http_sallyport_journal_close(zone, held->entry, amounts, n);
    }

    (void) ngx_http_sallyport_meter_unlock(zone);

    held->serial = 0;
}


static void
ngx_http_sallyport_journal_close(ngx_http_sallyport_zone_t *zone,
    uint32_t first, const uint64_t *amounts, ngx_uint_t n)
{
    int64_t                          today;
    uint64_t                         k, now;
    ngx_uint_t                       i;
    ngx_http_sallyport_entry_t      *entry;
    ngx_http_sallyport_meters_sh_t  *sh;

    sh = zone->meters->sh;
    now = ngx_http_sallyport_clock();
    today = (int64_t) ngx_time();
    entry = ngx_http_sallyport_entry(sh, first);

    ngx_http_sallyport_redo_add(zone, &sh->owners[entry->owner].open,
                                (uint64_t) -1);
    ngx_http_sallyport_redo_add(zone, &sh->closed, 1);

    for (i = 0; /* void */ ; /* void */ ) {

        for (k = 0; k < entry->n; k++, i++) {
            ngx_http_sallyport_hold_settle(zone, &entry->hold[k],
                                           amounts != NULL && i < n
                                           ? amounts[i]
                                           : entry->hold[k].amount,
                                           now, today);
        }

        ngx_http_sallyport_redo(zone, &entry->serial, 0);

        if (entry->next == NGX_HTTP_SALLYPORT_NOBODY) {
            break;
        }

        entry = ngx_http_sallyport_entry(sh, (uint32_t) entry->next);
    }

    ngx_http_sallyport_redo(zone, &entry->next, sh->free);
    ngx_http_sallyport_redo(zone, &sh->free, first);
}


static void
ngx_http_sallyport_hold_settle(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_hold_t *hold, uint64_t amount, uint64_t now,
    int64_t today)
{
    uint64_t                    within;
    ngx_http_sallyport_sums_t  *sums;

    sums = &zone->meters->sh->sums[hold->meter];
    within = ngx_min(amount, hold->amount);

    ngx_http_sallyport_redo_add(zone, &sums->settled, within);
    ngx_http_sallyport_redo_add(zone, &sums->refunded, hold->amount - within);
    ngx_http_sallyport_redo_add(zone, &sums->over, amount - within);

    if (hold->window != SP_WINDOW_RATE) {
        ngx_http_sallyport_hold_tally(zone, hold, amount, today);

    } else if (amount != hold->amount) {
        ngx_http_sallyport_hold_bucket(zone, hold, amount, now);
    }
}


/*
 * What was not used goes back to the window that it was taken from, if that is
 * not over. What was used beyond is charged to the one that there is.
 */

static void
ngx_http_sallyport_hold_tally(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_hold_t *hold, uint64_t amount, int64_t today)
{
    uint64_t                     value;
    ngx_http_sallyport_tally_t  *tally;

    tally = ngx_http_sallyport_tally_find(zone, hold->other, hold->h);

    if (tally == NULL) {
        return;
    }

    value = ngx_http_sallyport_redo_value(zone, &tally->value);

    if (hold->window == SP_WINDOW_OPEN) {
        value -= ngx_min(value, hold->amount);

        ngx_http_sallyport_redo(zone, &tally->value, value);

        if (value == 0) {
            ngx_http_sallyport_redo(zone, &tally->until, 0);
        }

        return;
    }

    if (amount > hold->amount) {

        if (tally->until > today) {
            value += amount - hold->amount;
            ngx_http_sallyport_redo(zone, &tally->value, value);
        }

    } else if (tally->until == hold->until) {
        value -= ngx_min(value, hold->amount - amount);
        ngx_http_sallyport_redo(zone, &tally->value, value);
    }
}


/* A TAT that has passed is a full bucket, and cannot be more than full. */

static void
ngx_http_sallyport_hold_bucket(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_hold_t *hold, uint64_t amount, uint64_t now)
{
    uint64_t                      tat, moves, interval, tolerance;
    ngx_http_sallyport_bucket_t  *bucket;

    bucket = ngx_http_sallyport_bucket_known(zone,
                 hold->other ? NGX_HTTP_SALLYPORT_T_ADDRESS
                             : NGX_HTTP_SALLYPORT_T_IDENTITY, hold->h);
    if (bucket == NULL) {
        return;
    }

    tat = ngx_http_sallyport_redo_value(zone, &bucket->tat);

    if (amount < hold->amount) {
        moves = sp_meter_moves(hold->amount - amount, hold->limit,
                               hold->period);
        tat -= ngx_min(moves, tat);

    } else if (sp_meter_debit(amount - hold->amount, hold->limit,
                              hold->period, UINT64_MAX >> 2, &interval,
                              &tolerance)
               == SP_OK)
    {
        tat = ngx_max(tat, now);
        tat = tat > UINT64_MAX - interval ? UINT64_MAX : tat + interval;

    } else {
        tat = ngx_max(tat, now) + sp_meter_moves(amount - hold->amount,
                                                 hold->limit, hold->period);
    }

    ngx_http_sallyport_redo(zone, &bucket->tat, tat);
}


ngx_int_t
ngx_http_sallyport_journal_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_zone_t *zone)
{
    ngx_event_t                     *beat;
    ngx_http_sallyport_owner_t      *owner;
    ngx_http_sallyport_meters_sh_t  *sh;

    sh = zone->meters->sh;
    owner = &sh->owners[ngx_process_slot];

    /* whoever was in this slot before is dead */

    if (owner->open != 0) {
        ngx_http_sallyport_journal_reap(zone, (uint32_t) ngx_process_slot);
    }

    owner->seen = ngx_current_msec;
    owner->pid = (uint64_t) ngx_pid;

    zone->meters->zone = zone;

    beat = &zone->meters->beat;

    ngx_memzero(beat, sizeof(ngx_event_t));
    ngx_memzero(&zone->meters->conn, sizeof(ngx_connection_t));

    zone->meters->conn.fd = (ngx_socket_t) -1;

    beat->handler = ngx_http_sallyport_journal_beat;
    beat->data = &zone->meters->conn;
    beat->log = cycle->log;
    beat->cancelable = 1;

    zone->meters->conn.data = zone;

    ngx_add_timer(beat, NGX_HTTP_SALLYPORT_BEAT);

    return NGX_OK;
}


/* Requests that the worker leaves behind are charged as they stand. */

void
ngx_http_sallyport_journal_exit_process(ngx_http_sallyport_zone_t *zone)
{
    if (zone->meters->beat.timer_set) {
        ngx_del_timer(&zone->meters->beat);
    }

    if (zone->meters->sh->owners[ngx_process_slot].open != 0) {
        ngx_http_sallyport_journal_reap(zone, (uint32_t) ngx_process_slot);
    }
}


/* A sign of life, and a look at those of others. */

static void
ngx_http_sallyport_journal_beat(ngx_event_t *ev)
{
    uint32_t                         i;
    ngx_connection_t                *c;
    ngx_http_sallyport_zone_t       *zone;
    ngx_http_sallyport_meters_sh_t  *sh;

    c = ev->data;
    zone = c->data;
    sh = zone->meters->sh;

    sh->owners[ngx_process_slot].seen = ngx_current_msec;

    for (i = 0; i < NGX_MAX_PROCESSES; i++) {

        if ((ngx_int_t) i != ngx_process_slot
            && sh->owners[i].open != 0
            && ngx_http_sallyport_journal_dead(&sh->owners[i],
                                               ngx_current_msec))
        {
            ngx_http_sallyport_journal_reap(zone, i);
        }
    }

    ngx_add_timer(ev, NGX_HTTP_SALLYPORT_BEAT);
}


/* A process that is stopped holds on for the lease. */

static ngx_uint_t
ngx_http_sallyport_journal_dead(ngx_http_sallyport_owner_t *owner,
    uint64_t now)
{
    if (kill((pid_t) owner->pid, 0) == -1 && ngx_errno == ESRCH) {
        return 1;
    }

    return now > owner->seen
           && now - owner->seen > NGX_HTTP_SALLYPORT_LEASE;
}


static void
ngx_http_sallyport_journal_reap(ngx_http_sallyport_zone_t *zone,
    uint32_t owner)
{
    uint32_t                         i;
    ngx_http_sallyport_entry_t      *entry;
    ngx_http_sallyport_meters_sh_t  *sh;

    sh = zone->meters->sh;

    for (i = 0; i < sh->nentries; i++) {
        entry = ngx_http_sallyport_entry(sh, i);

        if (entry->serial == 0 || entry->owner != owner || !entry->head) {
            continue;
        }

        ngx_http_sallyport_meter_lock(zone);

        if (entry->serial != 0 && entry->owner == owner && entry->head) {
            ngx_http_sallyport_journal_close(zone, i, NULL, 0);
            ngx_http_sallyport_redo_add(zone, &sh->orphans, 1);
        }

        (void) ngx_http_sallyport_meter_unlock(zone);
    }
}
