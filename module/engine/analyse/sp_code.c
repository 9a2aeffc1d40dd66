
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the table of message codes: what each means, why it is
 * looked for and what to do. `sallyport help SPnnn` prints it, and so do the
 * reports that other tools read.
 */


#include "sp_analyse.h"


static const sp_code_t  sp_code_table[] = {

    { 100, "error", "the file cannot be read",
      "The file does not exist, is not a regular file, may not be read or is "
      "too large; or there was no memory. Nothing of it was used.",
      NULL, NULL },

    { 101, "error", "not the YAML of policy files",
      "Policy files take a small part of YAML: no tags, anchors, aliases, "
      "merge keys, tabs, several documents, control or invisible characters, "
      "at most 16 levels and 1 MiB. What is refused here is what makes YAML "
      "say something else than it looks like.",
      "when: !account.flag", "when: not account.x_flag" },

    { 102, "error", "a key is given twice",
      "Elsewhere the last of two keys would win in silence.",
      "reason: NET_TOR\nreason: NET_VPN", "reason: NET_TOR" },

    { 103, "error", "unknown key",
      "A key that is not known is never ignored: it may be a word misspelt, "
      "and the rule would mean something else.",
      "resaon: NET_TOR", "reason: NET_TOR" },

    { 104, "error", "missing or wrong value",
      "A value is missing, or it is not of the kind that belongs here. The "
      "message says which would be.",
      "rate: 60", "rate: 60/min" },

    { 105, "error", "a condition cannot stand like this",
      "Conditions stand on one line, or under '|' on several: only then is "
      "what you see what is read, and a place in a message the place in the "
      "file. Quotes, '>' and text after '#' on the line are refused.",
      "when: \"ip.tor\"", "when: ip.tor" },

    { 106, "error", "a name is given twice",
      "Ids of rules, names of lists and the like are unique over all files: "
      "order means nothing, so neither of two could win.",
      NULL, NULL },

    { 107, "error", "not signed as it must be",
      "The gate takes signed policies only, and this one is not: its manifest "
      "is missing, not signed by a key that counts, or older than what was in "
      "force; or a file is not the one that was signed. `sallyport policy "
      "verify` says the same, `sallyport policy sign` signs.",
      NULL, NULL },

    { 201, "error", "unknown field",
      "There is no such fact. `sallyport fields` prints them all; facts of "
      "your own are declared under 'facts:'.",
      "when: ip.countri in @embargoed", "when: ip.country in @embargoed" },

    { 202, "error", "the test does not fit the field",
      "The operator or the value is not one for a field of this type.",
      "when: owner_share(@restricted) >= 50",
      "when: owner_share(@restricted) >= 50%" },

    { 203, "error", "no such value",
      "The field or list can never have this value: a word that an enum does "
      "not have, a number out of range, a code that is not in ISO 3166.",
      "items: [UK]", "items: [GB]" },

    { 204, "error", "'and' and 'or' without parentheses",
      "Nobody should need a table of precedence to read a rule.",
      "when: ip.tor and ip.vpn or ip.proxy",
      "when: (ip.tor and ip.vpn) or ip.proxy" },

    { 205, "error", "a sign of another language",
      "Conditions say 'and', 'or', 'not' and '=='.",
      "when: ip.tor && ip.vpn", "when: ip.tor and ip.vpn" },

    { 206, "error", "no such list, or one of another type",
      "A list holds countries, networks, accounts and so on; a field is asked "
      "for in a list of its own kind.",
      "when: ip.country in @partner_networks", "when: ip.addr in @partner_"
      "networks" },

    { 207, "error", "an absent value would match",
      "A deny rule matches where its condition is unsure, and a test of an "
      "absent fact is unsure: without a word about it the rule would refuse "
      "everybody who has no such fact.",
      "when: account.parent in @restricted",
      "when: has(account.parent) and account.parent in @restricted" },

    { 208, "warning", "an absent value escapes",
      "has() in front of a negative test lets everybody through who has no "
      "value. Say 'unknown: skip' if that is meant.",
      "when: has(account.plan) and account.plan != trial",
      "when: account.plan != trial\nunknown: skip" },

    { 209, "error", "the condition is too large",
      "At most 2,048 bytes, 256 tests, 16 levels: so that deciding takes a "
      "bounded time. Make two rules of it, or use a list.",
      NULL, NULL },

    { 210, "error", "the condition cannot be read",
      "Something is missing or out of place; the message says what would fit.",
      "when: account.level >=", "when: account.level >= 2" },

    { 211, "error", "the GeoIP database has no subdivisions",
      "Rules over ip.region, and lists of subdivisions for addresses, need a "
      "city database. With one that knows countries only such a rule would "
      "always be unsure. `sallyport check --regions` says that the gate has "
      "such a database.",
      NULL, NULL },

    { 212, "error", "nothing says how an end customer is named",
      "customer.* are facts of a reseller's end customer. A policy that reads "
      "them says where a request names one: in a header, or in the field that "
      "the API has for it.",
      NULL, "customers: {from: {header: X-End-Customer}}" },

    { 301, "error", "the condition can never be true",
      "No request fulfils it, whatever its facts are: two parts exclude each "
      "other. A rule like this refuses nobody, or at most those of whom "
      "something is unknown.",
      "when: account.level < 1 and account.level >= 2",
      "when: account.level < 1 or account.level >= 2" },

    { 302, "warning", "the condition is always true",
      "Every request fulfils it, so the condition says nothing; or it is "
      "never false, and the rule matches every request since unknown matches "
      "too.",
      "when: account.level >= 0", NULL },

    { 303, "warning", "the allow rule allows nothing",
      "Deny rules refuse every request that it matches. Either it is not "
      "needed, or one of them says more than was meant.",
      NULL, NULL },

    { 304, "warning", "the rule is redundant",
      "Other rules match whatever it does, and of deny rules with the same "
      "reason or one that is reported before it. All rules that this is said "
      "of can be removed together: no answer would be another.",
      NULL, NULL },

    { 305, "note", "the rule changes only the reason",
      "What it refuses would be refused without it, by another deny rule or "
      "because nothing allows it. It still gives a better reason, which may "
      "be what it is for.",
      NULL, NULL },

    { 306, "warning", "a part of the condition changes nothing",
      "The parts beside it say as much: with and without it the condition is "
      "the same for every request.",
      "when: account.level >= 2 and account.level >= 1",
      "when: account.level >= 2" },

    { 307, "error", "what cannot be lifted",
      "An exception names deny rules whose reason may be lifted by its kind: "
      "'liftable: never' by none, 'licence' only by 'kind: licence'.",
      NULL, NULL },

    { 308, "warning", "the exception opens nothing",
      "It is never in force where a rule that it lifts matches, or what it "
      "lifts stays refused by other rules, or nothing allows it.",
      NULL, NULL },

    { 309, "warning", "the exception runs out",
      "It has expired, expires within 30 days, or has not been approved by "
      "two people.",
      NULL, NULL },

    { 310, "warning", "the list wants a look",
      "It is past the day of its review or its last day, is used by no rule, "
      "or holds an item twice.",
      NULL, NULL },

    { 311, "error", "the table has a gap",
      "A table by a field has a row for every value that the field can have, "
      "and for no other.",
      NULL, NULL },

    { 312, "warning", "the throttle never binds",
      "Wherever it applies another one does that counts for the same, with a "
      "rate and a burst no greater: that one is always the first to be full.",
      NULL, NULL },

    { 313, "error", "what cannot be replaced",
      "'replaces' names throttles, and no two replace each other.",
      NULL, NULL },

    { 314, "warning", "a legal reason is not enforced",
      "A rule with a legal reason in shadow or canary refuses nobody, or only "
      "some. Watch it for a while if you must, then enforce it.",
      NULL, NULL },

    { 316, "warning", "a tier that nobody reaches",
      "The catalogue has models of this tier, but there is no request for one "
      "that the rules would allow.",
      NULL, NULL },

    { 317, "warning", "a part of a place is missing",
      "ISO 3166-2 keeps parts apart that the law may name together, such as "
      "Crimea and Sevastopol: a list of one without the other is often not "
      "what was meant.",
      NULL, NULL },

    { 320, "warning", "not analysed",
      "The rules taken together are too many or too entangled for the "
      "analysis to end in bounded time (200,000 nodes). Each was checked by "
      "itself; nothing is claimed about them together, and invariants are "
      "neither proved nor refuted. The policy decides as it says all the same.",
      NULL, NULL },

    { 401, "error", "an invariant does not hold",
      "There is a request that breaks it. The example can be given to "
      "`sallyport explain POLICY --request -`, which shows the rules that "
      "decided it.",
      NULL, NULL },

    { 403, "warning", "an invariant is neither proved nor refuted",
      "The diagrams leave room for a request that breaks it, but no such "
      "request could be made: most often several comparisons of places, or "
      "several ownership lists at once. Treat it as not proved.",
      NULL, NULL },

    { 510, "error", "a test file is wrong",
      "A file of `sallyport test` says something that it cannot: a key, fact, "
      "rule or model that there is not, or a case that expects nothing. "
      "`sallyport test --help` shows the format. The rest of the file is not "
      "run.",
      NULL, NULL }
};


const sp_code_t *
sp_codes(size_t *n)
{
    *n = sp_nelts(sp_code_table);

    return sp_code_table;
}


const sp_code_t *
sp_code_find(int code)
{
    size_t  i;

    for (i = 0; i < sp_nelts(sp_code_table); i++) {

        if (sp_code_table[i].code == code) {
            return &sp_code_table[i];
        }
    }

    return NULL;
}
