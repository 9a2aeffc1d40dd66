
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the strict YAML that policy files are written in: a
 * small tree with the place of every word, built from libyaml's events, and
 * the memory that a loading policy lives in.
 */


#ifndef SP_YAML_H
#define SP_YAML_H


#include "sp_diag.h"


#define SP_YAML_BYTES  (1024 * 1024)   /* one file */
#define SP_YAML_DEPTH  16
#define SP_YAML_KEYS   4096            /* in one mapping */


/* Memory that is given back all at once, when the policy is loaded. */
typedef struct sp_arena_s  sp_arena_t;

sp_arena_t *sp_arena_create(void);
void sp_arena_destroy(sp_arena_t *arena);

/* Zeroed, aligned to 16; NULL without memory. */
void *sp_arena_alloc(sp_arena_t *arena, size_t size);
sp_rc_t sp_arena_str(sp_arena_t *arena, sp_str_t src, sp_str_t *dst);


typedef enum {
    SP_Y_SCALAR = 0,
    SP_Y_SEQ,
    SP_Y_MAP
} sp_ykind_t;

typedef enum {
    SP_Y_PLAIN = 0,
    SP_Y_QUOTED,
    SP_Y_LITERAL,
    SP_Y_FOLDED
} sp_ystyle_t;


/* One file, kept while the policy loads. */
typedef struct {
    const char  *name;      /* as messages show it */
    sp_str_t     text;
    uint32_t    *lines;     /* offset of each line */
    unsigned     nlines;
} sp_ysource_t;


typedef struct sp_ynode_s  sp_ynode_t;

struct sp_ynode_s {
    uint8_t              kind;      /* sp_ykind_t */
    uint8_t              style;     /* sp_ystyle_t, of a scalar */
    uint8_t              flow;      /* "{}" or "[]" */
    uint8_t              in_flow;   /* inside of one */
    unsigned             line;      /* from 1 */
    unsigned             col;       /* from 1, characters */
    unsigned             end_line;
    unsigned             end_col;
    unsigned             n;         /* children */
    sp_str_t             text;      /* of a scalar; NUL-terminated */
    const sp_ysource_t  *source;
    sp_ynode_t          *key;       /* of a value in a mapping */
    sp_ynode_t          *first;     /* child */
    sp_ynode_t          *next;      /* sibling */
};


/*
 * Takes "text" (which must outlive the result) apart. NULL with errors in
 * diags if it is not of the profile: tags, anchors, aliases, directives,
 * several documents, tabs, odd bytes, doubled keys, deep nesting.
 */
sp_ynode_t *sp_yaml_parse(sp_ysource_t *source, const char *name,
    sp_str_t text, sp_arena_t *arena, sp_diags_t *diags);

/* Refuses what readers of YAML do not agree on; part of sp_yaml_parse(). */
sp_rc_t sp_yaml_tokens(const sp_ysource_t *source, sp_diags_t *diags);

/* Line of a source from 1, without its end; empty outside of it. */
sp_str_t sp_ysource_line(const sp_ysource_t *source, unsigned line);

/* Indexes the lines of text that is no YAML: items of lists. */
sp_rc_t sp_ysource_init(sp_ysource_t *source, const char *name, sp_str_t text,
    sp_arena_t *arena, sp_diags_t *diags);

sp_mark_t sp_ynode_mark(const sp_ynode_t *node);

/* The value of a key, or NULL. */
sp_ynode_t *sp_ynode_get(const sp_ynode_t *map, const char *key);


#endif /* SP_YAML_H */
