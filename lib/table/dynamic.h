/*
 * dynamicmaps.cf, and the files of dynamicmaps.cf.d, in meta_directory: types of tables that
 * Debian's packages add to Postfix.  Only the first column is read; the plugins are made for
 * Postfix's own programs and are never opened here.
 */
#pragma once

#include "table/table.h"

/*
 * Why a table of this type cannot be opened: "unsupported dictionary type: mysql", and what
 * would help.  Always false.
 */
bool dynamic_refuse(const struct table_context *context, struct slice type, struct error *error);
