
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the loading of a signed policy.
 */


#include <inttypes.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp_bundle.h"
#include "sp_policy_load.h"


static char *sp_bundle_slurp(const char *dir, size_t *len);


sp_policy_t *
sp_policy_load_signed(const char *file, const sp_policy_opts_t *opts,
    const sp_signers_t *signers, uint64_t *serial, sp_diags_t *diags)
{
    char         *real, *slash, *note;
    size_t        len;
    uint64_t      least;
    sp_mark_t     mark = { file, 0, 0, 1 };
    const char   *why;
    sp_bundle_t   bundle;
    sp_policy_t  *policy;

    real = realpath(file, NULL);

    if (real == NULL) {
        sp_diag_add(diags, SP_DIAG_ERROR, 100, mark, SP_STR(""), NULL,
                    "'%.300s' cannot be opened", file);
        return NULL;
    }

    policy = NULL;
    slash = strrchr(real, '/');
    *slash = '\0';
    note = sp_bundle_slurp(real, &len);
    *slash = '/';

    if (note == NULL) {
        sp_diag_add(diags, SP_DIAG_ERROR, 107, mark, SP_STR(""), NULL,
                    "the policy is not signed: there is no readable '"
                    SP_BUNDLE_NAME "' beside it");
        goto done;
    }

    if (sp_bundle_open(&bundle,
                       (sp_str_t) { len, (unsigned char *) note }, signers,
                       NULL, &why)
        != SP_OK)
    {
        sp_diag_add(diags, SP_DIAG_ERROR, 107, mark, SP_STR(""), NULL,
                    "the policy's '" SP_BUNDLE_NAME "' is refused: %s", why);
        goto done;
    }

    least = *serial;
    *serial = bundle.serial;

    if (bundle.serial < least) {
        sp_diag_add(diags, SP_DIAG_ERROR, 107, mark, SP_STR(""), NULL,
                    "the policy has serial %" PRIu64 ", and one with serial "
                    "%" PRIu64 " was in force: going back needs a new "
                    "signature with a higher serial", bundle.serial, least);

    } else {
        policy = sp_policy_load_bundle(real, opts, &bundle, diags);
    }

    if (policy != NULL
        && memcmp(sp_policy_hash(policy), bundle.policy, SP_POLICY_HASH_LEN)
           != 0)
    {
        sp_diag_add(diags, SP_DIAG_ERROR, 107, mark, SP_STR(""), NULL,
                    "the policy is not made of the files that it was made of "
                    "when it was signed");
        free(policy);
        policy = NULL;
    }

    sp_bundle_free(&bundle);

done:

    free(note);
    free(real);

    return policy;
}


static char *
sp_bundle_slurp(const char *dir, size_t *len)
{
    int          fd;
    char         path[PATH_MAX], *data;
    FILE        *in;
    struct stat  st;

    if ((size_t) snprintf(path, sizeof(path), "%s/" SP_BUNDLE_NAME, dir)
        >= sizeof(path))
    {
        return NULL;
    }

    /* without O_NONBLOCK, opening a pipe would wait for a writer */

    fd = open(path, O_RDONLY|O_NONBLOCK|O_CLOEXEC);
    in = fd >= 0 ? fdopen(fd, "rb") : NULL;

    if (in == NULL) {

        if (fd >= 0) {
            (void) close(fd);
        }

        return NULL;
    }

    data = malloc(SP_BUNDLE_BYTES + 1);
    *len = 0;

    if (data != NULL && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *len = fread(data, 1, SP_BUNDLE_BYTES + 1, in);
    }

    if (*len == 0 || *len > SP_BUNDLE_BYTES || ferror(in)) {
        free(data);
        data = NULL;
    }

    (void) fclose(in);

    return data;
}
