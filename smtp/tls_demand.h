/*
 * Whether main.cf lets a message go out in the clear (postconf(5): smtp_tls_security_level,
 * smtp_tls_policy_maps, smtp_tls_per_site, smtp_enforce_tls, smtp_tls_wrappermode).  There is no
 * TLS here: what must not go in the clear is deferred.
 */
#pragma once

#include "destination.h"
#include "table/table.h"

struct tls_demand {
    bool demanded;                  /* where no table says otherwise */
    struct table_list *policies;    /* by next hop: a level, and attributes */
    struct table_list *sites;       /* by host: NONE, MAY, MUST, MUST_NOPEERMATCH */
};

/* False: a table cannot be opened at all. */
bool tls_demand_open(struct tls_demand *demand, const struct config *config, bool lmtp,
                     const struct table_context *context, struct error *error) MUST_USE;

/* Is it demanded on the way to that server?  When a table cannot be asked, it is. */
bool tls_demand_holds(const struct tls_demand *demand,
                            const struct destination *destination, const char *server);
