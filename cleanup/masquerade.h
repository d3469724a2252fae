/*
 * Address masquerading (masquerade_domains, masquerade_exceptions): user@host.domain leaves as
 * user@domain.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "table/match.h"
#include "table/table.h"

struct config;
struct masquerade;

/* Reads masquerade_domains and opens masquerade_exceptions. */
struct masquerade *masquerade_open(const struct config *config,
                                   const struct table_context *tables, struct error *error)
    MUST_USE;

/* NULL is fine. */
void masquerade_close(struct masquerade *masquerade);

/* There is nothing to do for any address. */
bool masquerade_is_empty(const struct masquerade *masquerade);

/*
 * The first domain of the list that is the address's domain or a parent of it decides: it replaces
 * the address's domain, or with ! before it leaves the address alone.  *address is internal, and
 * is changed to one in the arena.  False when masquerade_exceptions cannot be asked.
 */
bool masquerade_apply(const struct masquerade *masquerade, struct arena *arena,
                      const char **address, struct error *error) MUST_USE;
