
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the spellings of a model's name. What a server takes for
 * one model must be one to the rules, or a rule about one spelling would be
 * passed by in another.
 */


#include "sp_route.h"


static sp_str_t sp_spelling_google(sp_str_t name);
static sp_str_t sp_spelling_arn(sp_str_t name);
static sp_str_t sp_spelling_ollama(sp_str_t name, unsigned char *buf);
static int sp_spelling_cut(sp_str_t *name, sp_str_t prefix);


sp_str_t
sp_model_spelling(sp_dialect_t dialect, sp_str_t name, unsigned char *buf)
{
    switch (dialect) {

    case SP_DIALECT_GEMINI:
        return sp_spelling_google(name);

    case SP_DIALECT_BEDROCK:
        return sp_spelling_arn(name);

    case SP_DIALECT_OLLAMA:
        return sp_spelling_ollama(name, buf);

    default:
        return name;
    }
}


static sp_str_t
sp_spelling_google(sp_str_t name)
{
    static const sp_str_t  models = sp_str("models/");
    static const sp_str_t  vertex = sp_str("publishers/google/models/");

    if (!sp_spelling_cut(&name, models)) {
        (void) sp_spelling_cut(&name, vertex);
    }

    return name;
}


/*
 * "arn:aws:bedrock:REGION:ACCOUNT:foundation-model/NAME". Of what hides its
 * model (an application's inference profile, a prompt, a provisioned model)
 * the whole ARN is the name.
 */

static sp_str_t
sp_spelling_arn(sp_str_t name)
{
    size_t    i;
    unsigned  colons;
    sp_str_t  rest;

    static const sp_str_t  arn = sp_str("arn:");
    static const sp_str_t  model = sp_str("foundation-model/");
    static const sp_str_t  profile = sp_str("inference-profile/");

    rest = name;

    if (!sp_spelling_cut(&rest, arn)) {
        return name;
    }

    for (i = 0, colons = 0; i < rest.len && colons < 4; i++) {
        colons += rest.data[i] == ':';
    }

    rest.data += i;
    rest.len -= i;

    return colons == 4 && (sp_spelling_cut(&rest, model)
                           || sp_spelling_cut(&rest, profile)) ? rest : name;
}


static sp_str_t
sp_spelling_ollama(sp_str_t name, unsigned char *buf)
{
    size_t         i;
    sp_str_t       s;
    unsigned char  c;

    static const sp_str_t  registry = sp_str("registry.ollama.ai/");
    static const sp_str_t  library = sp_str("library/");
    static const sp_str_t  latest = sp_str(":latest");

    for (i = 0; i < name.len; i++) {
        c = name.data[i];
        buf[i] = (unsigned char) (c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }

    s.data = buf;
    s.len = name.len;

    (void) sp_spelling_cut(&s, registry);
    (void) sp_spelling_cut(&s, library);

    if (s.len > latest.len
        && memcmp(s.data + s.len - latest.len, latest.data, latest.len) == 0)
    {
        s.len -= latest.len;
    }

    return s;
}


/* Something must be left. */

static int
sp_spelling_cut(sp_str_t *name, sp_str_t prefix)
{
    if (name->len <= prefix.len
        || memcmp(name->data, prefix.data, prefix.len) != 0)
    {
        return 0;
    }

    name->data += prefix.len;
    name->len -= prefix.len;

    return 1;
}
