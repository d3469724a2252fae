/*
 * Resolving with the tables in this process.  For lib/address.
 */
#pragma once

#include "address/lookup.h"
#include "address/resolve.h"

struct resolver_here;

/* By the settings of the lookup, which is kept. */
struct resolver_here *resolver_here_open(const struct table_context *context,
                                         struct lookup *lookup, enum resolve_purpose purpose,
                                         struct error *error) MUST_USE;
void resolver_here_close(struct resolver_here *resolver);

/* As resolver_resolve and resolver_domain_class. */
bool resolver_here_resolve(struct resolver_here *resolver, struct slice sender,
                           struct slice internal, struct resolution *resolution,
                           struct error *error) MUST_USE;
bool resolver_here_class(struct resolver_here *resolver, struct slice domain,
                         enum address_class *class, struct error *error) MUST_USE;
