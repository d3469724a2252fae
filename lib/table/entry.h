/*
 * One line of a table source as postmap(1) and texthash: read it: key white space value.
 */
#pragma once

#include "base/slice.h"
#include "table/source.h"

struct entry {
    struct slice key;
    struct slice value;
};

enum {
    ENTRY_UTF8 = 1,         /* what is not UTF-8 is refused */
    ENTRY_TEXTHASH = 2,     /* the warning of a bad line ends in "-- ignoring this line" */
};

/*
 * Take the line apart.  A key in double quotes keeps them.  False after a warning that names
 * file and line; a line in "key: value" form is warned of and taken.
 */
bool entry_parse(const struct source_line *line, const char *path, unsigned flags,
                 struct entry *entry);
