/*
 * What is wrong with the file of a table, for `postfix check`: the program that opens it says
 * so only when it is asked.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

/*
 * True for "type:name" when its file can be opened and is not older than its source, and for
 * types without a file.  False: "open database /x.db: No such file or directory", "database /x.db
 * is older than source file /x", "unsupported dictionary type: hahs", each with what would help.
 */
bool table_inspect(struct slice type_name, struct error *error) MUST_USE;
