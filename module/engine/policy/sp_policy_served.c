
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what a compiled policy says of routes and of the names of
 * models: written out by the compilation, and asked for by requests.
 */


#include "sp_policy_emit.h"


static int sp_policy_alias_cmp(sp_str_t a, sp_str_t b);
static sp_route_rc_t sp_policy_route_own(const sp_policy_t *policy,
    sp_method_t method, sp_str_t raw, sp_str_t normal,
    unsigned char *scratch, int *route, sp_str_t *param);


void
sp_emit_aliases(sp_emit_t *e)
{
    size_t       i;
    sp_load_t   *l;
    sp_alias_t   alias, *out;

    l = e->load;
    out = sp_emit_room(e, l->naliases * sizeof(sp_alias_t),
                       &e->policy->aliases);
    e->policy->naliases = (uint32_t) l->naliases;

    for (i = 0; i < l->naliases; i++) {
        alias.name = sp_emit_str(e, l->aliases[i].name);
        alias.model = sp_emit_str(e, l->aliases[i].model);

        if (out != NULL) {
            out[i] = alias;
        }
    }
}


void
sp_emit_routes(sp_emit_t *e)
{
    size_t         i, n;
    sp_load_t     *l;
    sp_path_t      path, *paths;
    sp_served_t    served, *out;

    l = e->load;
    n = (size_t) sp_route_count();

    out = sp_emit_room(e, n * sizeof(sp_served_t), &e->policy->routes);
    e->policy->nroutes = (uint32_t) n;

    for (i = 0; i < n; i++) {
        memset(&served, 0, sizeof(served));
        served.model = sp_emit_str(e, l->served[i].model);
        served.busy = l->served[i].busy != 0;
        served.open = l->served[i].open
                      && (sp_route((int) i)->model != SP_MODEL_SERVED
                          || served.model.len != 0);

        if (out != NULL) {
            out[i] = served;
        }
    }

    paths = sp_emit_room(e, l->npaths * sizeof(sp_path_t),
                         &e->policy->paths);
    e->policy->npaths = (uint32_t) l->npaths;

    for (i = 0; i < l->npaths; i++) {
        path.path = sp_emit_str(e, l->paths[i].path);
        path.route = (uint32_t) l->paths[i].route;

        if (paths != NULL) {
            paths[i] = path;
        }
    }
}


sp_str_t
sp_policy_model_name(const sp_policy_t *policy, sp_str_t model)
{
    int                rc;
    uint32_t           low, high, mid;
    const sp_alias_t  *aliases;

    aliases = sp_image_at(policy, policy->aliases, sp_alias_t);

    for (low = 0, high = policy->naliases; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        rc = sp_policy_alias_cmp(sp_image_str(policy, aliases[mid].name),
                                 model);

        if (rc == 0) {
            return sp_image_str(policy, aliases[mid].model);
        }

        if (rc < 0) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return model;
}


static int
sp_policy_alias_cmp(sp_str_t a, sp_str_t b)
{
    int     rc;
    size_t  len;

    len = a.len < b.len ? a.len : b.len;
    rc = len ? memcmp(a.data, b.data, len) : 0;

    return rc ? rc : (a.len < b.len ? -1 : a.len > b.len);
}


int
sp_policy_route_open(const sp_policy_t *policy, int route)
{
    const sp_route_t  *row;

    if (policy != NULL) {
        return route >= 0 && (uint32_t) route < policy->nroutes
               && sp_image_at(policy, policy->routes, sp_served_t)[route].open;
    }

    row = sp_route(route);

    return row != NULL && !row->closed && row->model != SP_MODEL_SERVED;
}


sp_str_t
sp_policy_route_model(const sp_policy_t *policy, int route)
{
    if (policy == NULL || route < 0 || (uint32_t) route >= policy->nroutes) {
        return SP_STR("");
    }

    return sp_image_str(policy, sp_image_at(policy, policy->routes,
                                            sp_served_t)[route].model);
}


int
sp_policy_route_busy(const sp_policy_t *policy, int route)
{
    return policy != NULL && route >= 0 && (uint32_t) route < policy->nroutes
           && sp_image_at(policy, policy->routes, sp_served_t)[route].busy;
}


sp_route_rc_t
sp_policy_route_find(const sp_policy_t *policy, sp_method_t method,
    sp_str_t raw, sp_str_t normal, unsigned hints, unsigned char *scratch,
    int *route, sp_str_t *param)
{
    sp_route_rc_t      rc;
    const sp_route_t  *row;

    rc = sp_route_find(method, raw, normal, scratch, route, param);

    if (rc != SP_ROUTE_FOUND && policy != NULL && policy->npaths != 0) {
        rc = sp_policy_route_own(policy, method, raw, normal, scratch, route,
                                 param);
    }

    if (rc != SP_ROUTE_FOUND) {
        return rc;
    }

    if (hints != 0) {
        *route = sp_route_variant(*route, hints);
    }

    row = sp_route(*route);

    if (row->model != SP_MODEL_PATH) {
        *param = sp_policy_route_model(policy, *route);

    } else if (row->dialect == SP_DIALECT_BEDROCK) {

        /* of a path, a spelling is a piece of what is written */

        *param = sp_model_spelling(row->dialect, *param, NULL);
    }

    return rc;
}


/* What is ambiguous for one pattern may be the path of another. */

static sp_route_rc_t
sp_policy_route_own(const sp_policy_t *policy, sp_method_t method,
    sp_str_t raw, sp_str_t normal, unsigned char *scratch, int *route,
    sp_str_t *param)
{
    uint32_t          i;
    const sp_path_t  *path;

    for (i = 0; i < policy->npaths; i++) {
        path = sp_image_at(policy, policy->paths, sp_path_t) + i;

        if (sp_route((int) path->route)->method == method
            && sp_route_match(sp_image_str(policy, path->path), raw, normal,
                              scratch, param)
               == SP_ROUTE_FOUND)
        {
            *route = (int) path->route;
            return SP_ROUTE_FOUND;
        }
    }

    return sp_str_eq(raw, normal) ? SP_ROUTE_UNKNOWN : SP_ROUTE_AMBIGUOUS;
}


int
sp_policy_route_paths(const sp_policy_t *policy)
{
    return policy != NULL ? (int) policy->npaths : 0;
}


sp_str_t
sp_policy_route_path(const sp_policy_t *policy, int i, int *route)
{
    const sp_path_t  *path;

    path = sp_image_at(policy, policy->paths, sp_path_t) + i;
    *route = (int) path->route;

    return sp_image_str(policy, path->path);
}


/*
 * Anthropic's API answers 400 to a body in a form that it does not take, and
 * its clients know no 415.
 */

unsigned
sp_policy_status(const sp_policy_t *policy, int route, int reason)
{
    size_t             n;
    unsigned           status;
    const sp_route_t  *row;

    status = policy != NULL ? sp_policy_reason(policy, reason)->status
                            : sp_reason_rows(&n)[reason].status;

    if (status == 503 && sp_policy_route_busy(policy, route)) {
        return 429;
    }

    if (status == 415) {
        row = sp_route(route);

        if (row != NULL && row->dialect == SP_DIALECT_ANTHROPIC) {
            return 400;
        }
    }

    return status;
}


sp_str_t
sp_policy_contact(const sp_policy_t *policy)
{
    return sp_image_str(policy, policy->contact);
}


sp_str_t
sp_policy_appeal(const sp_policy_t *policy)
{
    return sp_image_str(policy, policy->appeal);
}


sp_str_t
sp_policy_legal_basis(const sp_policy_t *policy)
{
    return sp_image_str(policy, policy->legal_basis);
}
