
/*
 * Copyright (C) the Sallyport authors
 *
 * This program loads an HTTP/1.1 server on 127.0.0.1 and prints what it saw
 * as one line of JSON: load PORT FILE [NAME=NUMBER]... It waits for the last
 * answers.
 *
 * FILE has a line "KEY ADDRESS" for each caller. NAME is one of
 *   connections  how many are kept open (64)
 *   seconds      how long (2)
 *   rate         requests a second, sent when they are due whether or not
 *                earlier ones are answered, and timed from when they were due
 *                (0: each connection sends its next one at once)
 *   first        the line to begin with (0)
 *   sticky       1: each connection keeps one caller (0: each request is of
 *                the next line)
 *   body         bytes of the prompt (901)
 */


#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "load_input.h"


#define ANSWER    65536      /* bytes of an answer's head, at most */
#define EVENTS    256
#define GRACE     2          /* seconds for the last answers */


typedef struct {
    int           fd;
    char          head[768];     /* of the request under way */
    size_t        head_len;
    size_t        sent;          /* of head and body together */
    char         *answer;        /* from its first byte on */
    size_t        have;
    uint64_t      due;           /* ns */
    size_t        caller;
    unsigned      busy:1;
    unsigned      writing:1;
} conn_t;


static void open_connection(conn_t *c);
static void begin(conn_t *c, uint64_t due);
static void push(conn_t *c);
static void pull(conn_t *c);
static int finished(conn_t *c);
static void answered(conn_t *c);
static void lost(conn_t *c);
static void due_ones(uint64_t now);
static void arm(uint64_t at);
static uint64_t now_ns(void);
static int by_size(const void *a, const void *b);
static void report(uint64_t took);


static int         port;
static int         ep, timer;
static conn_t     *conns;
static conn_t    **idle;        /* for a rate: those without a request */
static size_t      nidle;
static size_t      next;        /* caller */
static uint64_t    begun, until;
static uint64_t    sent;        /* of the rate's schedule */
static uint32_t   *latency;     /* us */
static size_t      nlatency, alatency;
static uint64_t    refused, errors;


int
main(int argc, char **argv)
{
    int                 i, n;
    long                k;
    conn_t             *c;
    uint64_t            now;
    struct epoll_event  ev, events[EVENTS];

    if (argc < 3) {
        fprintf(stderr, "usage: load PORT FILE [NAME=NUMBER]...\n");
        return 4;
    }

    port = atoi(argv[1]);
    read_callers(argv[2]);
    options(argc - 3, argv + 3);
    make_body();

    ep = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    conns = calloc((size_t) o.connections, sizeof(conn_t));
    idle = calloc((size_t) o.connections, sizeof(conn_t *));

    if (ep == -1 || timer == -1 || conns == NULL || idle == NULL) {
        die("cannot begin");
    }

    ev.events = EPOLLIN;
    ev.data.ptr = NULL;

    if (epoll_ctl(ep, EPOLL_CTL_ADD, timer, &ev) == -1) {
        die("epoll_ctl");
    }

    next = (size_t) o.first % ncallers;

    for (k = 0; k < o.connections; k++) {
        c = &conns[k];
        c->answer = malloc(ANSWER);
        c->caller = (next + (size_t) k) % ncallers;

        if (c->answer == NULL) {
            die("no memory");
        }

        open_connection(c);
    }

    begun = now_ns();
    until = begun + (uint64_t) o.seconds * 1000000000ull;

    for (k = 0; k < o.connections; k++) {
        if (o.rate == 0) {
            begin(&conns[k], begun);

        } else {
            idle[nidle++] = &conns[k];
        }
    }

    arm(o.rate == 0 ? until : begun);

    for ( ;; ) {
        n = epoll_wait(ep, events, EVENTS, GRACE * 1000);
        now = now_ns();

        if (n == 0 || now > until + GRACE * 1000000000ull) {
            break;
        }

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            if (c == NULL) {
                (void) !read(timer, &now, sizeof(now));
                continue;
            }

            if (events[i].events & EPOLLOUT) {
                push(c);
            }

            if (events[i].events & (EPOLLIN|EPOLLHUP|EPOLLERR)) {
                pull(c);
            }
        }

        now = now_ns();

        if (o.rate != 0 && now < until) {
            due_ones(now);
        }

        if (now >= until) {
            for (k = 0; k < o.connections && !conns[k].busy; k++) { /* void */ }

            if (k == o.connections) {
                break;
            }

            arm(now + 10000000);
        }
    }

    now = now_ns();

    for (k = 0; k < o.connections; k++) {
        errors += conns[k].busy;
    }

    report(now - begun);

    return 0;
}


static void
open_connection(conn_t *c)
{
    int                 on;
    struct epoll_event  ev;
    struct sockaddr_in  to;

    memset(&to, 0, sizeof(to));
    to.sin_family = AF_INET;
    to.sin_port = htons((uint16_t) port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &to, sizeof(to)) == -1
        || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1
        || fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1)
    {
        die("cannot connect");
    }

    ev.events = EPOLLIN;
    ev.data.ptr = c;

    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) == -1) {
        die("epoll_ctl");
    }

    c->have = 0;
    c->busy = 0;
    c->writing = 0;
}


static void
begin(conn_t *c, uint64_t due)
{
    int          n;
    const char  *key;

    if (o.sticky == 0) {
        c->caller = next;
        next = (next + 1) % ncallers;
    }

    key = callers[c->caller];
    n = snprintf(c->head, sizeof(c->head),
                 "POST /v1/chat/completions HTTP/1.1\r\n"
                 "Host: models.test\r\n"
                 "Authorization: Bearer %s\r\n"
                 "X-Forwarded-For: %s\r\n"
                 "Content-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 key, key + strlen(key) + 1, body_len);

    c->head_len = (size_t) n;
    c->sent = 0;
    c->have = 0;
    c->due = due;
    c->busy = 1;
    push(c);
}


static void
push(conn_t *c)
{
    int                 parts;
    ssize_t             n;
    unsigned            more;
    struct iovec        iov[2];
    struct epoll_event  ev;

    if (!c->busy) {
        return;
    }

    while (c->sent < c->head_len + body_len) {
        parts = 0;

        if (c->sent < c->head_len) {
            iov[parts].iov_base = c->head + c->sent;
            iov[parts++].iov_len = c->head_len - c->sent;
            iov[parts].iov_base = body;
            iov[parts++].iov_len = body_len;

        } else {
            iov[parts].iov_base = body + (c->sent - c->head_len);
            iov[parts++].iov_len = c->head_len + body_len - c->sent;
        }

        n = writev(c->fd, iov, parts);

        if (n == -1) {
            if (errno == EAGAIN) {
                break;
            }

            lost(c);
            return;
        }

        c->sent += (size_t) n;
    }

    more = c->sent < c->head_len + body_len;

    if (more != c->writing) {
        ev.events = more ? EPOLLIN|EPOLLOUT : EPOLLIN;
        ev.data.ptr = c;
        epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
        c->writing = more;
    }
}


static void
pull(conn_t *c)
{
    ssize_t  n;

    n = recv(c->fd, c->answer + c->have, ANSWER - 1 - c->have, 0);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0 || !c->busy) {
        lost(c);
        return;
    }

    c->have += (size_t) n;
    c->answer[c->have] = '\0';

    switch (finished(c)) {

    case 1:
        answered(c);
        break;

    case -1:
        lost(c);
        break;
    }
}


/* 1: the answer is whole, 0: not yet, -1: it is none. */

static int
finished(conn_t *c)
{
    char    *end, *field;
    size_t   head;

    end = strstr(c->answer, "\r\n\r\n");

    if (end == NULL) {
        return c->have < ANSWER - 1 ? 0 : -1;
    }

    head = (size_t) (end - c->answer) + 4;
    *end = '\0';
    field = strcasestr(c->answer, "\r\nContent-Length:");

    if (field != NULL) {
        head += strtoul(field + 17, NULL, 10);
        *end = '\r';
        return head < ANSWER ? c->have >= head : -1;
    }

    field = strcasestr(c->answer, "\r\nTransfer-Encoding: chunked");
    *end = '\r';

    if (field == NULL) {
        return -1;
    }

    return c->have >= head + 5
           && memcmp(c->answer + c->have - 5, "0\r\n\r\n", 5) == 0;
}


static void
answered(conn_t *c)
{
    uint64_t  now;

    now = now_ns();

    if (nlatency == alatency) {
        alatency = alatency ? alatency * 2 : 1 << 18;
        latency = realloc(latency, alatency * sizeof(uint32_t));

        if (latency == NULL) {
            die("no memory");
        }
    }

    latency[nlatency++] = (uint32_t) ((now - c->due) / 1000);

    /* "HTTP/1.1 200": what any other status means is the caller's to judge. */
    refused += memcmp(c->answer + 9, "200", 3) != 0;
    c->busy = 0;

    if (strcasestr(c->answer, "\r\nConnection: close") != NULL) {
        close(c->fd);
        open_connection(c);
    }

    if (o.rate == 0) {
        if (now < until) {
            begin(c, now);
        }

        return;
    }

    idle[nidle++] = c;
}


static void
lost(conn_t *c)
{
    int  busy;

    busy = c->busy;
    errors += (uint64_t) busy;
    close(c->fd);
    open_connection(c);

    if (busy && o.rate != 0) {
        idle[nidle++] = c;

    } else if (busy && now_ns() < until) {
        begin(c, now_ns());
    }
}


/* Sends what is due; one that finds no connection waits, and its time runs. */

static void
due_ones(uint64_t now)
{
    uint64_t  at;

    for ( ;; ) {
        at = begun + sent * 1000000000ull / (uint64_t) o.rate;

        if (at > now || at >= until) {
            arm(at < until ? at : until);
            return;
        }

        if (nidle == 0) {
            return;
        }

        sent++;
        begin(idle[--nidle], at);
    }
}


static void
arm(uint64_t at)
{
    struct itimerspec  t;

    memset(&t, 0, sizeof(t));
    t.it_value.tv_sec = (time_t) (at / 1000000000ull);
    t.it_value.tv_nsec = (long) (at % 1000000000ull);
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &t, NULL);
}


static uint64_t
now_ns(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (uint64_t) t.tv_sec * 1000000000ull + (uint64_t) t.tv_nsec;
}


static int
by_size(const void *a, const void *b)
{
    uint32_t  x = *(const uint32_t *) a;
    uint32_t  y = *(const uint32_t *) b;

    return x < y ? -1 : x > y;
}


static void
report(uint64_t took)
{
    uint64_t  missed;

    missed = 0;

    /* Those that were due and never could be sent. */
    if (o.rate != 0) {
        missed = (uint64_t) o.rate * (uint64_t) o.seconds - sent;
    }

    qsort(latency, nlatency, sizeof(uint32_t), by_size);
    printf("{\"requests\":%zu,\"duration_us\":%llu,\"p50_us\":%u,"
           "\"p99_us\":%u,\"refused\":%llu,\"errors\":%llu,"
           "\"missed\":%llu}\n",
           nlatency, (unsigned long long) took / 1000,
           nlatency ? latency[nlatency / 2] : 0,
           nlatency ? latency[nlatency * 99 / 100] : 0,
           (unsigned long long) refused, (unsigned long long) errors,
           (unsigned long long) missed);
}
