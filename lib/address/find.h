/*
 * The steps of an address lookup, for lib/address.
 */
#pragma once

#include "address/lookup.h"

enum {
    FIND_FULL = 1,          /* user+ext@domain, then user@domain */
    FIND_LOCAL_PART = 2,    /* user+ext, user when the domain is ours */
    FIND_AT_DOMAIN = 4,     /* @domain */
    FIND_DOMAIN = 8,        /* domain */
    FIND_PARENTS = 16,      /* domain's parents: "parent" */
    FIND_DOT_PARENTS = 32,  /* ".parent" */
    FIND_QUOTED = 64,       /* addresses in external form only */
};

/* As lookup_address, with the steps of choice. */
enum table_result find_address(struct lookup *lookup, struct table_list *maps, unsigned steps,
                               struct slice address, struct str *value, struct str *extension,
                               struct error *error);

/* One key; partial keys are not asked of tables of patterns. */
enum table_result find_key(struct table_list *maps, struct slice key, bool partial,
                           struct str *value, struct error *error);

const struct config *lookup_config(const struct lookup *lookup);
