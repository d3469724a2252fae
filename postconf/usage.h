/*
 * Which names that users made up are used, and warnings for those that are not.
 */
#pragma once

#include "source.h"

/*
 * Add the names of users to known: what builtin and service parameters refer to, restriction
 * classes, settings of database tables.  Warns of references to what nobody defined,
 * of broken texts, and of settings of what cannot be set.
 */
void usage_collect(const struct source *source, struct known_names *known);

/* Warn of settings in main.cf that nothing uses. */
void usage_warn_main(const struct source *source, struct known_names *known);

/* Warn of -o settings in master.cf that nothing uses. */
void usage_warn_master(const struct source *source, struct known_names *known);
