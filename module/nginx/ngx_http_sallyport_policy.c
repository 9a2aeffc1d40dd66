
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the sallyport_policy directive, and the reading of a
 * policy by whoever does it: the master at a start or a reload, later the
 * thread of the lease holder.
 */


#include "ngx_http_sallyport_directives.h"
#include "ngx_http_sallyport_policy.h"


static ngx_int_t ngx_http_sallyport_policy_option(ngx_conf_t *cf,
    ngx_http_sallyport_policy_t *policy, ngx_str_t *value,
    ngx_str_t *candidate);
static ngx_int_t ngx_http_sallyport_policy_keys(ngx_conf_t *cf,
    ngx_http_sallyport_policy_t *policy);
static ngx_http_sallyport_policy_t *ngx_http_sallyport_policy_add(
    ngx_conf_t *cf, ngx_http_sallyport_policy_t *wanted);
static ngx_http_sallyport_policy_t *ngx_http_sallyport_policy_known(
    ngx_conf_t *cf, ngx_http_sallyport_main_conf_t *smcf,
    ngx_http_sallyport_policy_t *wanted, ngx_uint_t *conflict);
static ngx_int_t ngx_http_sallyport_policy_read(ngx_conf_t *cf,
    ngx_http_sallyport_policy_t *policy);
static ngx_uint_t ngx_http_sallyport_policy_wants_regions(
    ngx_http_sallyport_loaded_t *loaded);
static void ngx_http_sallyport_policy_cleanup(void *data);


char *
ngx_http_sallyport_set_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_loc_conf_t *slcf = conf;

    ngx_str_t                    *value, candidate;
    ngx_uint_t                    i;
    ngx_http_sallyport_policy_t   wanted, other;

    if (slcf->policy != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_memzero(&wanted, sizeof(ngx_http_sallyport_policy_t));
    ngx_str_null(&candidate);

    wanted.path = value[1];
    wanted.size = NGX_HTTP_SALLYPORT_POLICY_ZONE;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_sallyport_policy_option(cf, &wanted, &value[i],
                                             &candidate)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_conf_full_name(cf->cycle, &wanted.path, 1) != NGX_OK
        || (candidate.len != 0
            && ngx_conf_full_name(cf->cycle, &candidate, 1) != NGX_OK)
        || ngx_http_sallyport_policy_keys(cf, &wanted) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (candidate.len != 0) {
        other = wanted;
        other.path = candidate;
        other.optional = 1;

        wanted.candidate = ngx_http_sallyport_policy_add(cf, &other);
        if (wanted.candidate == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    slcf->policy = ngx_http_sallyport_policy_add(cf, &wanted);

    return slcf->policy != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_sallyport_policy_option(ngx_conf_t *cf,
    ngx_http_sallyport_policy_t *policy, ngx_str_t *value,
    ngx_str_t *candidate)
{
    ssize_t    size;
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "candidate=", 10) == 0 && value->len > 10) {
        candidate->data = value->data + 10;
        candidate->len = value->len - 10;
        return NGX_OK;
    }

    if (ngx_strncmp(value->data, "keys=", 5) == 0 && value->len > 5) {
        policy->keys.data = value->data + 5;
        policy->keys.len = value->len - 5;
        return NGX_OK;
    }

    if (ngx_strncmp(value->data, "zone=", 5) == 0) {
        s.data = value->data + 5;
        s.len = value->len - 5;
        size = ngx_parse_size(&s);

        if (size == NGX_ERROR || size < NGX_HTTP_SALLYPORT_POLICY_ZONE_MIN) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "sallyport_policy: bad \"%V\", a size of at "
                               "least 1m is expected, for example 32m",
                               value);
            return NGX_ERROR;
        }

        policy->size = size;
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "sallyport_policy: unknown \"%V\"; known are "
                       "candidate=PATH, keys=FILE and zone=SIZE", value);

    return NGX_ERROR;
}


/* Read at a start and at a reload only: who may sign is configuration. */

static ngx_int_t
ngx_http_sallyport_policy_keys(ngx_conf_t *cf,
    ngx_http_sallyport_policy_t *policy)
{
    u_char      buf[NGX_HTTP_SALLYPORT_POLICY_KEYS];
    ssize_t     n;
    ngx_fd_t    fd;
    unsigned    line;
    ngx_err_t   err;

    if (policy->keys.len == 0) {
        return NGX_OK;
    }

    policy->signers = ngx_pcalloc(cf->pool, sizeof(sp_signers_t));

    if (policy->signers == NULL
        || ngx_conf_full_name(cf->cycle, &policy->keys, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    fd = ngx_open_file(policy->keys.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);
    n = (fd == NGX_INVALID_FILE) ? -1 : ngx_read_fd(fd, buf, sizeof(buf));
    err = (n == -1) ? ngx_errno : 0;

    if (fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(fd);
    }

    if (n == -1 || n == sizeof(buf)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                           "sallyport_policy: keys \"%V\" cannot be read%s",
                           &policy->keys, n == -1 ? "" : ": too large");
        return NGX_ERROR;
    }

    if (sp_signers_read(policy->signers, (sp_str_t) { n, buf }, &line)
        != SP_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sallyport_policy: \"%V\" has %s at line %ui; "
                           "`sallyport policy keygen` prints public keys",
                           &policy->keys, line ? "something else" : "no key",
                           (ngx_uint_t) line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* One object per path: what follows it is said once. */

static ngx_http_sallyport_policy_t *
ngx_http_sallyport_policy_add(ngx_conf_t *cf,
    ngx_http_sallyport_policy_t *wanted)
{
    ngx_uint_t                       conflict;
    ngx_http_sallyport_policy_t     *policy;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);

    policy = ngx_http_sallyport_policy_known(cf, smcf, wanted, &conflict);
    if (policy != NULL || conflict) {
        return policy;
    }

    policy = ngx_palloc(cf->pool, sizeof(ngx_http_sallyport_policy_t));
    if (policy == NULL) {
        return NULL;
    }

    *policy = *wanted;
    policy->smcf = smcf;
    policy->number = smcf->policies.nelts;

    if (ngx_http_sallyport_policy_read(cf, policy) != NGX_OK
        || ngx_http_sallyport_policy_zone(cf, policy) != NGX_OK
        || ngx_http_sallyport_remember(&smcf->policies, policy) != NGX_OK)
    {
        return NULL;
    }

    return policy;
}


static ngx_http_sallyport_policy_t *
ngx_http_sallyport_policy_known(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf, ngx_http_sallyport_policy_t *wanted,
    ngx_uint_t *conflict)
{
    ngx_uint_t                     i;
    ngx_http_sallyport_policy_t  **known;

    known = smcf->policies.elts;
    *conflict = 0;

    for (i = 0; i < smcf->policies.nelts; i++) {

        if (known[i]->path.len != wanted->path.len
            || ngx_memcmp(known[i]->path.data, wanted->path.data,
                          wanted->path.len)
               != 0)
        {
            continue;
        }

        if (known[i]->optional == wanted->optional
            && known[i]->size == wanted->size
            && known[i]->keys.len == wanted->keys.len
            && ngx_memcmp(known[i]->keys.data, wanted->keys.data,
                          wanted->keys.len)
               == 0
            && known[i]->candidate == wanted->candidate)
        {
            return known[i];
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sallyport_policy: \"%V\" has been given before, "
                           "with other options", &wanted->path);
        *conflict = 1;
        break;
    }

    return NULL;
}


/* A candidate that is not there, or is bad, keeps nobody from serving. */

static ngx_int_t
ngx_http_sallyport_policy_read(ngx_conf_t *cf,
    ngx_http_sallyport_policy_t *policy)
{
    char                          line[1024];
    size_t                        n;
    ngx_uint_t                    i, level, worst;
    sp_diag_t                    *diag;
    ngx_pool_cleanup_t           *cln;
    ngx_http_sallyport_loaded_t  *loaded;

    loaded = ngx_alloc(sizeof(ngx_http_sallyport_loaded_t), cf->log);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (loaded == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    ngx_http_sallyport_policy_load(policy, loaded);

    if (loaded->image == NULL
        && ngx_http_sallyport_policy_wants_regions(loaded))
    {
        policy->regions = 1;
        sp_diags_free(&loaded->diags);
        ngx_http_sallyport_policy_load(policy, loaded);
    }

    policy->loaded = loaded;
    cln->handler = ngx_http_sallyport_policy_cleanup;
    cln->data = policy;

    worst = policy->optional ? NGX_LOG_WARN : NGX_LOG_EMERG;

    for (i = 0; i < loaded->diags.n; i++) {
        diag = &loaded->diags.items[i];
        level = (diag->severity == SP_DIAG_ERROR) ? worst : NGX_LOG_WARN;

        n = sp_diag_line(diag, line, sizeof(line));
        ngx_conf_log_error(level, cf, 0, "%*s",
                           ngx_min(n, sizeof(line) - 1), line);
    }

    if (loaded->diags.dropped) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "and %ui more messages about this policy",
                           (ngx_uint_t) loaded->diags.dropped);
    }

    if (loaded->image != NULL
        || (policy->optional && loaded->err == NGX_ENOENT))
    {
        return NGX_OK;
    }

    ngx_conf_log_error(worst, cf, loaded->err,
                       "policy \"%V\" cannot be used", &policy->path);

    return policy->optional ? NGX_OK : NGX_ERROR;
}


/* Which databases there are is not known before all has been read. */

static ngx_uint_t
ngx_http_sallyport_policy_wants_regions(ngx_http_sallyport_loaded_t *loaded)
{
    ngx_uint_t  i;

    for (i = 0; i < loaded->diags.n; i++) {

        if (loaded->diags.items[i].code == 211) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_sallyport_policy_regions(ngx_http_sallyport_policy_t *policy,
    ngx_uint_t known)
{
    if (policy->candidate != NULL
        && ngx_http_sallyport_policy_regions(policy->candidate, known)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!policy->asked) {
        policy->asked = 1;
        policy->needs_regions = policy->regions;
        policy->regions = 1;
    }

    policy->regions &= known;

    return policy->needs_regions && !known ? NGX_ERROR : NGX_OK;
}


static void
ngx_http_sallyport_policy_cleanup(void *data)
{
    ngx_http_sallyport_policy_t *policy = data;

    if (policy->loaded != NULL) {
        ngx_http_sallyport_policy_loaded_free(policy->loaded);
        policy->loaded = NULL;
    }
}


void
ngx_http_sallyport_policy_loaded_free(ngx_http_sallyport_loaded_t *loaded)
{
    free(loaded->image);
    sp_diags_free(&loaded->diags);
    ngx_free(loaded);
}


ngx_str_t *
ngx_http_sallyport_policy_path(ngx_http_sallyport_policy_t *policy)
{
    return &policy->path;
}


/*
 * The files are read from where the pointer led at one moment, so that they
 * are of one set even if it moves meanwhile.
 */

void
ngx_http_sallyport_policy_load(ngx_http_sallyport_policy_t *policy,
    ngx_http_sallyport_loaded_t *loaded)
{
    sp_policy_opts_t  opts;

    ngx_memzero(&opts, sizeof(sp_policy_opts_t));
    ngx_memzero(loaded, sizeof(ngx_http_sallyport_loaded_t));

    sp_diags_init(&loaded->diags);

    loaded->err = ngx_http_sallyport_pointer_find(&policy->path,
                                                  &loaded->pointer);
    if (loaded->err) {
        return;
    }

    opts.now = (int64_t) time(NULL);
    opts.has_regions = (int) policy->regions;

    if (policy->signers != NULL) {

        /* one that is only asked may be an older one */

        if (policy->sh != NULL && !policy->optional) {
            loaded->serial = __atomic_load_n(&policy->sh->serial,
                                             __ATOMIC_RELAXED);
        }

        loaded->image = sp_policy_load_signed((char *) loaded->pointer.real,
                                              &opts, policy->signers,
                                              &loaded->serial,
                                              &loaded->diags);
        return;
    }

    loaded->image = sp_policy_load((char *) loaded->pointer.real, &opts,
                                   &loaded->diags);
}


ngx_err_t
ngx_http_sallyport_pointer_find(ngx_str_t *path,
    ngx_http_sallyport_pointer_t *pointer)
{
    char             *real, *slash;
    ngx_err_t         err;
    ngx_file_info_t   fi;

    ngx_memzero(pointer, sizeof(ngx_http_sallyport_pointer_t));

    real = realpath((char *) path->data, NULL);
    if (real == NULL) {
        return ngx_errno;
    }

    err = ENAMETOOLONG;

    if (ngx_strlen(real) < NGX_HTTP_SALLYPORT_POLICY_PATH) {
        (void) ngx_cpystrn(pointer->real, (u_char *) real,
                           NGX_HTTP_SALLYPORT_POLICY_PATH);

        /* of a file in the root directory, the file itself */

        slash = strrchr(real, '/');

        if (slash != NULL && slash != real) {
            *slash = '\0';
        }

        err = (ngx_file_info(real, &fi) == NGX_FILE_ERROR) ? ngx_errno : 0;
    }

    free(real);

    if (err == 0) {
        pointer->dev = (uint64_t) fi.st_dev;
        pointer->ino = (uint64_t) ngx_file_uniq(&fi);
    }

    return err;
}


ngx_uint_t
ngx_http_sallyport_pointer_same(const ngx_http_sallyport_pointer_t *a,
    const ngx_http_sallyport_pointer_t *b)
{
    return a->dev == b->dev && a->ino == b->ino
           && ngx_strcmp(a->real, b->real) == 0;
}
