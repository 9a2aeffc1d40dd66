
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a decision as an event of OCSF (schema.ocsf.io, class
 * api_activity, profile security_control) and of the Elastic Common Schema
 * (elastic.co/guide/en/ecs/8.17).
 */


#include <arpa/inet.h>

#include "audit_export.h"


#define SP_OCSF_VERSION   "1.6.0"
#define SP_OCSF_CLASS     6003     /* API Activity */
#define SP_OCSF_CATEGORY  6        /* Application Activity */
#define SP_OCSF_CREATE    1        /* activity: a completion is created */
#define SP_OCSF_READ      2        /* of GET and HEAD */

#define SP_ECS_VERSION    "8.17.0"


static void sp_put(json_t *object, const char *name, sp_str_t text);
static void sp_put_word(json_t *object, const char *name, const char *text);
static json_t *sp_put_object(json_t *object, const char *name);
static void sp_put_copy(json_t *object, const char *name,
    const json_t *record, const char *member);
static sp_str_t sp_export_hash(const sp_export_t *e);
static int sp_export_address(sp_str_t text);
static void sp_ocsf_control(json_t *event, const sp_export_t *e);
static void sp_ocsf_who(json_t *event, const sp_export_t *e);
static void sp_ocsf_api(json_t *event, const sp_export_t *e);
static void sp_ecs_event(json_t *event, const sp_export_t *e);


/* Members that have nothing to say are left out. */

static void
sp_put(json_t *object, const char *name, sp_str_t text)
{
    if (text.len != 0) {
        json_object_set_new(object, name, json_stringn((const char *)
                            text.data, text.len));
    }
}


static void
sp_put_word(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, json_string(text));
}


static json_t *
sp_put_object(json_t *object, const char *name)
{
    json_t  *made;

    made = json_object();
    json_object_set_new(object, name, made);

    return made;
}


static void
sp_put_copy(json_t *object, const char *name, const json_t *record,
    const char *member)
{
    json_t  *value;

    value = json_object_get(record, member);

    if (value != NULL && !json_is_null(value)
        && !(json_is_array(value) && json_array_size(value) == 0))
    {
        json_object_set(object, name, value);
    }
}


static sp_str_t
sp_export_hash(const sp_export_t *e)
{
    return sp_line_string(e->lane->line.members[SP_LM_H]);
}


static int
sp_export_address(sp_str_t text)
{
    char           name[INET6_ADDRSTRLEN];
    unsigned char  addr[16];

    if (text.len == 0 || text.len >= sizeof(name)) {
        return 0;
    }

    memcpy(name, text.data, text.len);
    name[text.len] = '\0';

    return inet_pton(AF_INET, name, addr) == 1
           || inet_pton(AF_INET6, name, addr) == 1;
}


json_t *
sp_export_ocsf(const sp_export_t *e)
{
    int        activity;
    json_t    *event, *object;
    sp_str_t   method;

    static const int  severities[] = { 1, 2, 3, 4 };
    static const char *const  names[] = {
        "Informational", "Low", "Medium", "High"
    };

    method = sp_record_text(e->record, "req", "method");
    activity = sp_str_eq(method, SP_STR("GET"))
               || sp_str_eq(method, SP_STR("HEAD")) ? SP_OCSF_READ
                                                    : SP_OCSF_CREATE;
    event = json_object();
    json_object_set_new(event, "time", json_integer((json_int_t)
                        (e->us / 1000)));
    sp_put_copy(event, "count", e->record, "n");
    json_object_set_new(event, "class_uid", json_integer(SP_OCSF_CLASS));
    sp_put_word(event, "class_name", "API Activity");
    json_object_set_new(event, "category_uid",
                        json_integer(SP_OCSF_CATEGORY));
    sp_put_word(event, "category_name", "Application Activity");
    json_object_set_new(event, "activity_id", json_integer(activity));
    sp_put_word(event, "activity_name", activity == SP_OCSF_READ ? "Read"
                                                                 : "Create");
    json_object_set_new(event, "type_uid",
                        json_integer(SP_OCSF_CLASS * 100 + activity));
    json_object_set_new(event, "severity_id",
                        json_integer(severities[sp_export_severity(e)]));
    sp_put_word(event, "severity", names[sp_export_severity(e)]);

    object = sp_put_object(event, "metadata");
    sp_put_word(object, "version", SP_OCSF_VERSION);
    json_object_set_new(object, "profiles",
                        json_pack("[s]", "security_control"));
    sp_put(object, "uid", sp_record_text(e->record, "id", NULL));
    sp_put(object, "original_time", sp_record_text(e->record, "ts", NULL));
    sp_put_copy(object, "sequence", e->record, "seq");
    sp_put_word(object, "log_name", e->lane->boot);
    object = sp_put_object(object, "product");
    sp_put_word(object, "name", "Sallyport");
    sp_put_word(object, "vendor_name", "Sallyport");
    sp_put_word(object, "version", SP_CLI_VERSION);

    sp_ocsf_control(event, e);
    sp_ocsf_who(event, e);
    sp_ocsf_api(event, e);

    return event;
}


static void
sp_ocsf_control(json_t *event, const sp_export_t *e)
{
    int        served;
    json_t    *object;
    sp_str_t   pol;

    /* action and disposition, in the order of sp_export_what_t */

    static const struct {
        int          action;
        const char  *action_name;
        int          disposition;
        const char  *disposition_name;
    } rows[] = {
        { 1, "Allowed", 1, "Allowed" }, { 2, "Denied", 25, "Rejected" },
        { 2, "Denied", 2, "Blocked" }, { 3, "Observed", 17, "Logged" }
    };

    served = e->what == SP_EXPORT_ALLOWED || e->what == SP_EXPORT_OBSERVED;
    json_object_set_new(event, "action_id",
                        json_integer(rows[e->what].action));
    sp_put_word(event, "action", rows[e->what].action_name);
    json_object_set_new(event, "disposition_id",
                        json_integer(rows[e->what].disposition));
    sp_put_word(event, "disposition", rows[e->what].disposition_name);
    json_object_set_new(event, "status_id", json_integer(served ? 1 : 2));
    sp_put_word(event, "status", served ? "Success" : "Failure");
    sp_put(event, "status_detail", sp_record_text(e->record, "reason", NULL));

    if (e->rule.len != 0) {
        object = sp_put_object(event, "firewall_rule");
        sp_put(object, "uid", e->rule);
        sp_put(object, "name", e->rule);
        sp_put(object, "category", sp_record_text(e->record, "class", NULL));
    }

    pol = sp_record_text(e->record, "pol", "hash");

    if (pol.len != 0) {
        object = sp_put_object(event, "policy");
        sp_put(object, "uid", pol);
        sp_put(object, "version", sp_record_text(e->record, "pol", "rev"));
    }

    object = sp_put_object(event, "unmapped");
    sp_put(object, "record_hash", sp_export_hash(e));
    sp_put_copy(object, "enforced", e->record, "enforced");
    sp_put_copy(object, "detail", e->record, "detail");
    sp_put_copy(object, "by", e->record, "by");
    sp_put_copy(object, "lifted", e->record, "lifted");
    sp_put_copy(object, "flags", e->record, "flags");
    sp_put_copy(object, "shadow", e->record, "shadow");
    sp_put_copy(object, "allow", e->record, "allow");
    sp_put_copy(object, "lim", e->record, "lim");
    sp_put_copy(object, "net", e->record, "net");
}


static void
sp_ocsf_who(json_t *event, const sp_export_t *e)
{
    json_t    *user, *src, *object;
    sp_str_t   account, key, ip, country;

    account = sp_record_text(e->record, "who", "account");
    key = sp_record_text(e->record, "who", "key");

    /* user needs one of name and uid: a request without a key has neither */

    user = sp_put_object(sp_put_object(event, "actor"), "user");

    if (key.len != 0) {
        sp_put(user, "uid", key);

    } else {
        sp_put_word(user, "name", "unknown");
    }

    if (account.len != 0) {
        sp_put(sp_put_object(user, "org"), "uid", account);
    }

    src = sp_put_object(event, "src_endpoint");
    ip = sp_record_text(e->record, "net", "ip_p");

    if (ip.len == 0) {
        sp_put_word(src, "name", "unknown");

    } else {
        sp_put(src, sp_export_address(ip) ? "ip" : "uid", ip);
    }

    country = sp_record_text(e->record, "net", "country");

    if (country.len == 2) {
        object = sp_put_object(src, "location");
        sp_put(object, "country", country);
    }
}


static void
sp_ocsf_api(json_t *event, const sp_export_t *e)
{
    json_t       *api, *object;
    sp_str_t      text;
    json_int_t    code;

    api = sp_put_object(event, "api");
    text = sp_record_text(e->record, "req", "route");
    sp_put(api, "operation", text.len != 0 ? text : SP_STR("unknown"));
    text = sp_record_text(e->record, "req", "rid");

    if (text.len != 0) {
        sp_put(sp_put_object(api, "request"), "uid", text);
    }

    code = json_integer_value(json_object_get(e->record, "status"));

    if (code != 0) {
        object = sp_put_object(api, "response");
        json_object_set_new(object, "code", json_integer(code));
        sp_put(object, "error", sp_record_text(e->record, "reason", NULL));
    }

    text = sp_record_text(e->record, "req", "method");

    if (text.len != 0) {
        sp_put(sp_put_object(event, "http_request"), "http_method", text);
    }

    text = sp_record_text(e->record, "req", "model");

    if (text.len != 0) {
        object = json_object();
        sp_put(object, "name", text);
        sp_put_word(object, "type", "model");
        json_object_set_new(event, "resources", json_pack("[o]", object));
    }
}


json_t *
sp_export_ecs(const sp_export_t *e)
{
    json_t       *event, *object;
    sp_str_t      text;
    json_int_t    status;

    event = json_object();
    sp_put(event, "@timestamp", sp_record_text(e->record, "ts", NULL));
    sp_put_word(sp_put_object(event, "ecs"), "version", SP_ECS_VERSION);
    sp_ecs_event(event, e);

    object = sp_put_object(event, "observer");
    sp_put_word(object, "vendor", "Sallyport");
    sp_put_word(object, "product", "Sallyport");
    sp_put_word(object, "type", "gateway");

    object = sp_put_object(event, "rule");
    sp_put(object, "id", e->rule);
    sp_put(object, "category", sp_record_text(e->record, "class", NULL));
    sp_put(object, "ruleset", sp_record_text(e->record, "pol", "hash"));
    sp_put(object, "version", sp_record_text(e->record, "pol", "rev"));

    sp_put(sp_put_object(event, "organization"), "id",
           sp_record_text(e->record, "who", "account"));
    sp_put(sp_put_object(event, "user"), "id",
           sp_record_text(e->record, "who", "key"));

    object = sp_put_object(event, "source");
    text = sp_record_text(e->record, "net", "ip_p");
    sp_put(object, "address", text);

    if (sp_export_address(text)) {
        sp_put(object, "ip", text);
    }

    text = sp_record_text(e->record, "net", "country");

    if (text.len == 2) {
        sp_put(sp_put_object(object, "geo"), "country_iso_code", text);
    }

    object = sp_put_object(event, "http");
    json_object_set_new(object, "request", json_object());
    sp_put(json_object_get(object, "request"), "method",
           sp_record_text(e->record, "req", "method"));
    sp_put(json_object_get(object, "request"), "id",
           sp_record_text(e->record, "req", "rid"));
    status = json_integer_value(json_object_get(e->record, "status"));

    if (status != 0) {
        json_object_set_new(sp_put_object(object, "response"), "status_code",
                            json_integer(status));
    }

    sp_put(sp_put_object(sp_put_object(event, "gen_ai"), "request"), "model",
           sp_record_text(e->record, "req", "model"));

    return event;
}


static void
sp_ecs_event(json_t *event, const sp_export_t *e)
{
    int      served;
    size_t   i;
    json_t  *object;

    static const char *const  members[] = {
        "dec", "enforced", "class", "detail", "by", "lifted", "flags",
        "shadow", "allow", "lim", "us"
    };

    /* in the order of sp_export_what_t */

    static const char *const  actions[] = {
        "allow", "throttle", "deny", "observe"
    };

    served = e->what == SP_EXPORT_ALLOWED || e->what == SP_EXPORT_OBSERVED;
    object = sp_put_object(event, "event");
    sp_put_word(object, "kind", "event");
    json_object_set_new(object, "category", json_pack("[s]", "api"));
    json_object_set_new(object, "type", json_pack("[ss]", "access",
                        served ? "allowed" : "denied"));
    sp_put_word(object, "outcome", served ? "success" : "failure");
    sp_put_word(object, "action", actions[e->what]);
    sp_put_word(object, "module", "sallyport");
    sp_put_word(object, "dataset", "sallyport.decision");
    sp_put(object, "id", sp_record_text(e->record, "id", NULL));
    sp_put(object, "code", sp_record_text(e->record, "reason", NULL));
    sp_put(object, "reason", sp_record_text(e->record, "reason", NULL));
    sp_put(object, "hash", sp_export_hash(e));
    sp_put_copy(object, "sequence", e->record, "seq");
    json_object_set_new(object, "severity",
                        json_integer(sp_export_severity(e)));

    object = sp_put_object(event, "sallyport");
    sp_put_word(object, "boot", e->lane->boot);
    json_object_set_new(object, "lane", json_integer(e->lane->number));

    for (i = 0; i < sp_nelts(members); i++) {
        sp_put_copy(object, members[i], e->record, members[i]);
    }
}
