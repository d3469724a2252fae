/*
 * An address as it is peeled: routing within a local domain is followed (user%host@local is
 * user@host), until what is left is foreign or a bare local part.  For lib/address.
 */
#pragma once

#include "address/lookup.h"

struct peel {
    struct str local;
    struct str domain;          /* of what is not ours; empty when it is */
    struct str own_domain;      /* the local domain that was taken off last */
    bool has_at;                /* there is a domain that is not local, maybe an empty one */
};

#define PEEL_EMPTY ((struct peel){ STR_EMPTY, STR_EMPTY, STR_EMPTY, false })

void peel_free(struct peel *peel);

/* By the settings of the lookup.  False: mydestination could not be asked. */
bool peel_address(struct lookup *lookup, struct slice internal, struct peel *peel,
                  struct error *error) MUST_USE;

/*
 * May mail go to the foreign domain?  Numbers with dots are no host names; with
 * resolve_numeric_domain an address is put into brackets.
 */
bool peel_check_domain(const struct config *config, struct str *domain);
