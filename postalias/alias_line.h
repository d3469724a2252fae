/*
 * One line of an alias file: "name: value, value" (aliases(5)).
 */
#pragma once

#include "table/source.h"
#include "base/str.h"

/*
 * Take the line apart.  The name loses its quotes; the value is written in standard form, with
 * ", " between its parts.  False after a warning that names file and line.
 */
bool alias_line_parse(const struct source_line *line, const char *path, bool utf8,
                      struct str *name, struct str *value);
