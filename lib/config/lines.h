/*
 * Logical lines of main.cf, master.cf and lookup table sources.
 *
 * A line that starts with white space continues the one before.  Blank lines
 * and lines whose first character other than white space is # count for
 * nothing; they do not end a logical line (man 5 postconf).
 */
#pragma once

#include "base/str.h"

struct lines {
    struct slice rest;
    int number;         /* of the physical line that was read last */
};

static inline struct lines lines_of(struct slice text)
{
    return (struct lines){ text, 0 };
}

/*
 * The next logical line is put into text, its pieces as they stand in the file
 * without the line ends.  *first is the number of its first line.  False at the end.
 */
bool lines_next(struct lines *lines, struct str *text, int *first);

/* One physical line without its line end; false at the end. */
bool lines_next_physical(struct lines *lines, struct slice *line);
