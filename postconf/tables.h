/*
 * Database tables whose settings may stand in main.cf: ldap:foo reads foo_server_host.
 */
#pragma once

#include "base/slice.h"

/*
 * The suffixes that "type:name" makes valid, NULL at the end; name is then all of *table.
 * NULL when the type has none, or its settings are in a file.
 */
const char *const *table_settings(struct slice *table);
