/*
 * Who may change an alias table: local(8) gives commands and files of a table its owner's rights.
 */
#pragma once

#include "base/slice.h"

#include <sys/types.h>

/*
 * The owner of the file behind "type:name": of the database for those that are compiled.  Root
 * for tables without a file, which stand in main.cf or belong to the system.
 */
uid_t table_owner(struct slice type_name);
