
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the way of checkpoints off this machine: only what left
 * it is safe from whoever owns it. Each says all that the ones before said, so
 * only the newest is ever tried.
 */


#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "seal.h"


#define SP_PUBLISH_TIMEOUT  10      /* s, of one attempt */
#define SP_PUBLISH_RETRY    5       /* s */
#define SP_PUBLISH_PRI      109     /* log audit, notice: RFC 5424, 6.2.1 */


struct sp_publish_s {
    const char      *file;
    const char      *https;
    const char      *syslog;        /* HOST:PORT */
    const char      *ca;            /* PEM file, or NULL: the system's */
    const char      *cert;          /* client certificate with its key */
    char             host[256];
    int              threaded;
    int              ended;
    int              complained;
    uint64_t         put;           /* number of the note that waits */
    uint64_t         gone;          /* of the last that was published */
    size_t           len;
    char             note[SP_NOTE_MAX];
    pthread_t        thread;
    pthread_mutex_t  mutex;
    pthread_cond_t   cond;
};


static void *sp_publish_thread(void *data);
static sp_rc_t sp_publish_all(sp_publish_t *publish, const char *note,
    size_t len);
static sp_rc_t sp_publish_file(sp_publish_t *publish, const char *note,
    size_t len);
static sp_rc_t sp_publish_https(sp_publish_t *publish, const char *note,
    size_t len);
static sp_rc_t sp_publish_syslog(sp_publish_t *publish, const char *note,
    size_t len);
static sp_rc_t sp_publish_send(CURL *curl, const char *data, size_t len);
static CURL *sp_publish_curl(const sp_publish_t *publish, const char *url);
static size_t sp_publish_ignore(char *data, size_t size, size_t n, void *ctx);


sp_publish_t *
sp_publish_open(const sp_cli_args_t *args, int threaded)
{
    sp_publish_t  *publish;

    publish = sp_cli_alloc(sizeof(*publish));
    publish->file = sp_cli_opt(args, "to-file");
    publish->https = sp_cli_opt(args, "to-https");
    publish->syslog = sp_cli_opt(args, "to-syslog");
    publish->ca = sp_cli_opt(args, "ca");
    publish->cert = sp_cli_opt(args, "client-cert");
    publish->threaded = threaded;

    if (publish->https != NULL
        && strncmp(publish->https, "https://", 8) != 0)
    {
        sp_cli_error("--to-https: '%s' does not begin with https://",
                     publish->https);
        free(publish);
        return NULL;
    }

    if (publish->syslog != NULL
        && (strchr(publish->syslog, ':') == NULL
            || strpbrk(publish->syslog, "/@? ") != NULL))
    {
        sp_cli_error("--to-syslog: '%s' is not HOST:PORT, like "
                     "logs.example.com:6514", publish->syslog);
        free(publish);
        return NULL;
    }

    if (gethostname(publish->host, sizeof(publish->host) - 1) != 0) {
        (void) snprintf(publish->host, sizeof(publish->host), "-");
    }

    if (publish->https != NULL || publish->syslog != NULL) {
        (void) curl_global_init(CURL_GLOBAL_DEFAULT);
    }

    if (threaded) {
        (void) pthread_mutex_init(&publish->mutex, NULL);
        (void) pthread_cond_init(&publish->cond, NULL);

        if (pthread_create(&publish->thread, NULL, sp_publish_thread, publish)
            != 0)
        {
            sp_cli_error("cannot start a thread: %s", strerror(errno));
            free(publish);
            return NULL;
        }
    }

    return publish;
}


sp_rc_t
sp_publish(sp_publish_t *publish, const char *note, size_t len)
{
    if (!publish->threaded) {
        return sp_publish_all(publish, note, len);
    }

    (void) pthread_mutex_lock(&publish->mutex);
    memcpy(publish->note, note, len);
    publish->len = len;
    publish->put++;
    (void) pthread_cond_signal(&publish->cond);
    (void) pthread_mutex_unlock(&publish->mutex);

    return SP_OK;
}


void
sp_publish_close(sp_publish_t *publish)
{
    if (publish == NULL) {
        return;
    }

    if (publish->threaded) {
        (void) pthread_mutex_lock(&publish->mutex);
        publish->ended = 1;
        (void) pthread_cond_signal(&publish->cond);
        (void) pthread_mutex_unlock(&publish->mutex);
        (void) pthread_join(publish->thread, NULL);
    }

    free(publish);
}


static void *
sp_publish_thread(void *data)
{
    char             note[SP_NOTE_MAX];
    size_t           len;
    sp_rc_t          rc;
    uint64_t         number;
    sp_publish_t    *publish = data;
    struct timespec  until;

    (void) pthread_mutex_lock(&publish->mutex);

    for ( ;; ) {

        while (publish->put == publish->gone && !publish->ended) {
            (void) pthread_cond_wait(&publish->cond, &publish->mutex);
        }

        if (publish->put == publish->gone) {
            break;
        }

        number = publish->put;
        len = publish->len;
        memcpy(note, publish->note, len);

        (void) pthread_mutex_unlock(&publish->mutex);
        rc = sp_publish_all(publish, note, len);
        (void) pthread_mutex_lock(&publish->mutex);

        if (rc == SP_OK) {
            publish->gone = number;
            continue;
        }

        if (publish->ended) {
            break;
        }

        (void) clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += SP_PUBLISH_RETRY;
        number = publish->put;

        while (!publish->ended
               && pthread_cond_timedwait(&publish->cond, &publish->mutex,
                                         &until) == 0)
        { /* void */ }
    }

    (void) pthread_mutex_unlock(&publish->mutex);

    return NULL;
}


static sp_rc_t
sp_publish_all(sp_publish_t *publish, const char *note, size_t len)
{
    sp_rc_t  rc;

    rc = SP_OK;

    if (publish->file != NULL && sp_publish_file(publish, note, len) != SP_OK)
    {
        rc = SP_ERROR;
    }

    if (publish->https != NULL
        && sp_publish_https(publish, note, len) != SP_OK)
    {
        rc = SP_ERROR;
    }

    if (publish->syslog != NULL
        && sp_publish_syslog(publish, note, len) != SP_OK)
    {
        rc = SP_ERROR;
    }

    /* Once is enough until it works again. */

    publish->complained = (rc != SP_OK);

    return rc;
}


static sp_rc_t
sp_publish_file(sp_publish_t *publish, const char *note, size_t len)
{
    int    done;
    FILE  *out;

    out = fopen(publish->file, "ae");
    done = out != NULL && fwrite(note, 1, len, out) == len
           && fputc('\n', out) != EOF && fflush(out) == 0
           && fsync(fileno(out)) == 0;

    if (out != NULL && fclose(out) != 0) {
        done = 0;
    }

    if (!done && !publish->complained) {
        sp_cli_error("cannot publish to '%s': %s", publish->file,
                     strerror(errno));
    }

    return done ? SP_OK : SP_ERROR;
}


static sp_rc_t
sp_publish_https(sp_publish_t *publish, const char *note, size_t len)
{
    CURL               *curl;
    CURLcode            rc;
    struct curl_slist  *headers;

    curl = sp_publish_curl(publish, publish->https);

    if (curl == NULL) {
        return SP_ERROR;
    }

    headers = curl_slist_append(NULL, "Content-Type: text/plain; "
                                      "charset=utf-8");
    (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, note);
    (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long) len);
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void) curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, sp_publish_ignore);

    rc = curl_easy_perform(curl);

    if (rc != CURLE_OK && !publish->complained) {
        sp_cli_error("cannot publish to %s: %s", publish->https,
                     curl_easy_strerror(rc));
    }

    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);

    return rc == CURLE_OK ? SP_OK : SP_ERROR;
}


/* RFC 5424 in the octet-counted frames of RFC 5425, over libcurl's TLS. */

static sp_rc_t
sp_publish_syslog(sp_publish_t *publish, const char *note, size_t len)
{
    int         n;
    CURL       *curl;
    char        url[512], time_text[SP_CLI_TIME_LEN], text[2 * SP_NOTE_MAX],
                frame[3 * SP_NOTE_MAX], *json;
    json_t     *message;
    CURLcode    rc;

    (void) snprintf(url, sizeof(url), "https://%s/", publish->syslog);
    curl = sp_publish_curl(publish, url);

    if (curl == NULL) {
        return SP_ERROR;
    }

    message = json_pack("{s:s#}", "checkpoint", note, (int) len);
    json = json_dumps(message, JSON_COMPACT|JSON_ENSURE_ASCII);
    json_decref(message);

    n = snprintf(text, sizeof(text), "<%d>1 %s %s sallyport %ld checkpoint - "
                 "%s", SP_PUBLISH_PRI,
                 sp_cli_time_text((int64_t) time(NULL), time_text),
                 publish->host, (long) getpid(), json != NULL ? json : "");
    n = snprintf(frame, sizeof(frame), "%d %s", n, text);
    free(json);

    (void) curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
    rc = curl_easy_perform(curl);

    if (rc != CURLE_OK || sp_publish_send(curl, frame, (size_t) n) != SP_OK) {

        if (!publish->complained) {
            sp_cli_error("cannot publish to syslog at %s: %s",
                         publish->syslog, rc != CURLE_OK
                         ? curl_easy_strerror(rc) : "the connection broke");
        }

        rc = CURLE_SEND_ERROR;
    }

    curl_easy_cleanup(curl);

    return rc == CURLE_OK ? SP_OK : SP_ERROR;
}


static sp_rc_t
sp_publish_send(CURL *curl, const char *data, size_t len)
{
    size_t         n;
    CURLcode       rc;
    struct pollfd  fd;
    curl_socket_t  s;

    if (curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &s) != CURLE_OK) {
        return SP_ERROR;
    }

    fd.fd = (int) s;
    fd.events = POLLOUT;

    while (len != 0) {
        rc = curl_easy_send(curl, data, len, &n);

        if (rc == CURLE_AGAIN) {
            if (poll(&fd, 1, SP_PUBLISH_TIMEOUT * 1000) <= 0) {
                return SP_ERROR;
            }

            continue;
        }

        if (rc != CURLE_OK) {
            return SP_ERROR;
        }

        data += n;
        len -= n;
    }

    return SP_OK;
}


static CURL *
sp_publish_curl(const sp_publish_t *publish, const char *url)
{
    CURL  *curl;

    curl = curl_easy_init();

    if (curl == NULL) {
        return NULL;
    }

    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long) SP_PUBLISH_TIMEOUT);
    (void) curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                            (long) CURL_SSLVERSION_TLSv1_2);

    if (publish->ca != NULL) {
        (void) curl_easy_setopt(curl, CURLOPT_CAINFO, publish->ca);
    }

    if (publish->cert != NULL) {
        (void) curl_easy_setopt(curl, CURLOPT_SSLCERT, publish->cert);
        (void) curl_easy_setopt(curl, CURLOPT_SSLKEY, publish->cert);
    }

    return curl;
}


static size_t
sp_publish_ignore(char *data, size_t size, size_t n, void *ctx)
{
    return size * n;
}
