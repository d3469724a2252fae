/*
 * The lookup tables of an smtp or lmtp process: opened by prepare, shared by every lane.
 */
#pragma once

#include "address/lookup.h"
#include "address/rewrite.h"
#include "base/arena.h"
#include "dns/dns.h"
#include "message/checks.h"
#include "smtp/debug_peer.h"

struct tables {
    struct checks checks;           /* smtp_header_checks and its kin */
    bool has_checks;
    struct table_list *generic;     /* smtp_generic_maps */
    struct lookup *lookup;
    struct rewrite_settings rewrite;
    bool propagate_generic;
    struct table_list *reply_filter, *discarded_keywords, *pix_workarounds, *dns_filter;
    struct match_list *cached_destinations;     /* smtp_connection_cache_destinations */
    struct debug_peer *debug_peer;
};

/* False: a table cannot be opened at all. */
bool tables_open(struct tables *tables, const struct config *config, bool lmtp,
                 const struct table_context *context, struct error *error) MUST_USE;

/*
 * What smtp_generic_maps make of an address in internal form: it lives in the arena, or is
 * address itself.  False when a table cannot be asked: the mail is deferred.
 */
bool tables_generic(const struct tables *tables, const char *address, struct arena *arena,
                    const char **result) MUST_USE;

/* As dns_settings.keep: smtp_dns_reply_filter; the argument is a struct tables. */
enum dns_choice tables_keep_record(void *tables, const char *record);

/* The value of a key; NULL without, or when the table cannot be asked (which was logged). */
const char *tables_find(struct table_list *list, const char *key, struct arena *arena);
