/*
 * Match lists: mynetworks, mydestination, relay_domains, debug_peer_list...
 *
 * Members are patterns, type:table lookups, /file/name inclusions, and !negations;
 * the first member that matches decides.  A match in a table counts whatever its value
 * (postconf(5), "mynetworks").  Thread use as for tables.
 */
#pragma once

#include "table/table.h"

struct match_list;

enum match_kind {
    MATCH_STRING,   /* whole text, no case */
    MATCH_DOMAIN,   /* a domain; ".domain" or, with MATCH_PARENT, "domain" matches subdomains */
    MATCH_HOST,     /* host names and addresses with net/mask patterns (namadr lists) */
};

enum { MATCH_PARENT = 1 };      /* the parameter is in parent_domain_matches_subdomains */

enum match_result { MATCH_YES, MATCH_NO, MATCH_TROUBLE };

struct match_list *match_list_open(const struct table_context *context, const char *title,
                                   const char *value, enum match_kind kind, unsigned flags,
                                   struct error *error) MUST_USE;
void match_list_close(struct match_list *list);

/* MATCH_STRING and MATCH_DOMAIN lists. */
enum match_result match_list_get(struct match_list *list, struct slice text,
                                 struct error *error) MUST_USE;

/* MATCH_HOST lists: a client's name ("unknown" never matches a domain) and address in text form. */
enum match_result match_list_client(struct match_list *list, struct slice name,
                                    struct slice address, struct error *error) MUST_USE;

/* parent_domain_matches_subdomains lists the parameter: MATCH_PARENT, else 0. */
unsigned match_parent_flag(const char *parent_domain_matches_subdomains, const char *parameter);
