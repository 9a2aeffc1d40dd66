
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what load.c is given: its options, who calls, and the
 * body that all of them send.
 */


#ifndef LOAD_INPUT_H
#define LOAD_INPUT_H


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>


#define SENTENCE  "The door is guarded on both sides, and someone asks. "


typedef struct {
    long          connections;
    long          seconds;
    long          rate;
    long          first;
    long          sticky;
    long          body;
} options_t;


static options_t   o = { 64, 2, 0, 0, 0, 901 };
static char      **callers;     /* "KEY\0ADDRESS" */
static size_t      ncallers;
static char       *body;
static size_t      body_len;


static void
die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}


static void
options(int argc, char **argv)
{
    int     i;
    size_t  k, len;

    static struct {
        const char  *name;
        long        *value;
    } names[] = {
        { "connections", &o.connections }, { "seconds", &o.seconds },
        { "rate", &o.rate }, { "first", &o.first }, { "sticky", &o.sticky },
        { "body", &o.body }
    };

    for (i = 0; i < argc; i++) {
        for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            len = strlen(names[k].name);

            if (strncmp(argv[i], names[k].name, len) == 0
                && argv[i][len] == '=')
            {
                *names[k].value = atol(argv[i] + len + 1);
                break;
            }
        }

        if (k == sizeof(names) / sizeof(names[0])) {
            fprintf(stderr, "load: what is \"%s\"?\n", argv[i]);
            exit(4);
        }
    }

    if (o.connections < 1 || o.seconds < 1 || o.rate < 0 || o.first < 0
        || o.body < 1)
    {
        fprintf(stderr, "load: a number is out of its range\n");
        exit(4);
    }
}


static void
read_callers(const char *file)
{
    char    *line;
    FILE    *f;
    char    *space;
    size_t   size, room;
    ssize_t  len;

    f = fopen(file, "r");

    if (f == NULL) {
        die(file);
    }

    line = NULL;
    size = 0;
    room = 0;

    while ((len = getline(&line, &size, f)) > 0) {
        space = strchr(line, ' ');

        if (space == NULL || line[len - 1] != '\n' || len > 300) {
            fprintf(stderr, "load: \"%s\" is not KEY ADDRESS\n", line);
            exit(4);
        }

        *space = '\0';
        line[len - 1] = '\0';

        if (ncallers == room) {
            room = room ? room * 2 : 4096;
            callers = realloc(callers, room * sizeof(char *));
        }

        if (callers == NULL
            || (callers[ncallers] = malloc((size_t) len)) == NULL)
        {
            die("no memory");
        }

        memcpy(callers[ncallers++], line, (size_t) len);
    }

    free(line);
    fclose(f);

    if (ncallers == 0) {
        fprintf(stderr, "load: nobody calls\n");
        exit(4);
    }
}


/* A chat whose model comes last, so that whoever wants it reads all. */

static void
make_body(void)
{
    char    *p;
    size_t   len, n;

    static const char  front[] =
        "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
        "{\"role\":\"user\",\"content\":\"";
    static const char  back[] = "\"}],\"temperature\":0.2,"
        "\"model\":\"gpt-4o\",\"max_tokens\":64}";

    len = (size_t) o.body;
    body = malloc(sizeof(front) + sizeof(back) + len);

    if (body == NULL) {
        die("no memory");
    }

    p = body;
    memcpy(p, front, sizeof(front) - 1);
    p += sizeof(front) - 1;

    while (len > 0) {
        n = len < sizeof(SENTENCE) - 1 ? len : sizeof(SENTENCE) - 1;
        memcpy(p, SENTENCE, n);
        p += n;
        len -= n;
    }

    memcpy(p, back, sizeof(back) - 1);
    p += sizeof(back) - 1;
    body_len = (size_t) (p - body);
}


#endif /* LOAD_INPUT_H */
