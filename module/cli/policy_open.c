
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the opening of a policy for verbs that use one: loaded
 * as the gate loads it, or a message.
 */


#include <stdlib.h>

#include "policy/sp_policy_image.h"

#include "policy_open.h"


sp_policy_t *
sp_cli_policy(const char *path, const sp_policy_opts_t *opts)
{
    char         *file;
    sp_diags_t    diags;
    sp_policy_t  *policy;

    file = sp_cli_policy_file(path);

    if (file == NULL) {
        return NULL;
    }

    sp_diags_init(&diags);
    policy = sp_policy_load(file, opts, &diags);

    if (policy == NULL) {
        sp_diags_print(&diags, stderr);
        sp_cli_error("'%s' has %u error%s; `sallyport check` shows the same",
                     file, diags.errors, diags.errors == 1 ? "" : "s");
    }

    sp_diags_free(&diags);
    free(file);

    return policy;
}


sp_rc_t
sp_cli_now(const sp_cli_args_t *args, int64_t *now)
{
    const char  *text;

    text = sp_cli_opt(args, "now");

    if (text == NULL || sp_cli_time(sp_cstr(text), *now, now) == SP_OK) {
        return SP_OK;
    }

    sp_cli_error("--now: '%s' is no time; 2026-12-01, 2026-12-01T08:00:00Z "
                 "and +30d are", text);

    return SP_ERROR;
}


sp_rc_t
sp_cli_tier_model(const sp_policy_t *policy, int tier, char *name, size_t size)
{
    uint32_t               i;
    sp_str_t               head, tail;
    const sp_glob_t       *glob;
    const sp_tier_name_t  *row;

    row = sp_image_at(policy, policy->tiers, sp_tier_name_t);
    glob = sp_image_at(policy, policy->globs, sp_glob_t);

    for (i = 0; i < policy->ntiers; i++) {
        head = sp_image_str(policy, row[i].name);
        (void) snprintf(name, size, "%.*s", (int) head.len,
                        (const char *) head.data);

        if (sp_policy_model_tier(policy, sp_cstr(name)) == tier) {
            return SP_OK;
        }
    }

    for (i = 0; i < policy->nglobs; i++) {
        head = sp_image_str(policy, glob[i].head);
        tail = sp_image_str(policy, glob[i].tail);
        (void) snprintf(name, size, "%.*s%.*s", (int) head.len,
                        (const char *) head.data, (int) tail.len,
                        (const char *) tail.data);

        if (name[0] != '\0'
            && sp_policy_model_tier(policy, sp_cstr(name)) == tier)
        {
            return SP_OK;
        }
    }

    return SP_ERROR;
}
