/*
 * Families of parameters: each delivery agent's line in master.cf makes
 * SERVICE_destination_recipient_limit and the like valid (man 5 postconf).
 */
#pragma once

#include "base/slice.h"
#include "config/master_cf.h"
#include "config/parameter.h"

struct family_member {
    const char *suffix;         /* behind the name of the service */
    const char *fallback;       /* the default, unless a row says otherwise */
    enum parameter_type type;
    int lowest, highest;        /* 0: no limit */
};

/* Member number index of what a service of that command has; NULL behind the last. */
const struct family_member *family_at(const char *command, size_t index);

/* The member of that suffix, whatever the command; NULL when there is none. */
const struct family_member *family_find(const char *suffix);

/* True for a row that belongs to a family: smtp_destination_rate_delay. */
bool family_is_row(struct slice name);

/* True when a service of master_cf (may be NULL) has a parameter of that name. */
bool family_holds(const struct master_cf *master_cf, struct slice name);
