/*
 * The right-hand side of an alias, a .forward file, an :include: file: a list of
 * addresses, /file/names, "|commands" and :include:s (aliases(5)).
 */
#pragma once

#include "base/arena.h"
#include "base/slice.h"

#include <stdbool.h>

enum target_kind { TARGET_ADDRESS, TARGET_FILE, TARGET_COMMAND, TARGET_INCLUDE };

struct target {
    enum target_kind kind;
    const char *text;       /* internal address, path, command */
    bool escaped;           /* \\user, which is \user unquoted: not his .forward */
    const struct target *next;
};

/* The targets of a list, in the arena; NULL for none.  It is read as a header of addresses is. */
const struct target *targets_read(struct slice list, struct arena *arena);

/*
 * The same for a file: each line is a list, '#' in its first column makes it a comment, and one
 * that is longer than limit is taken as several.
 */
const struct target *targets_read_file(struct slice text, size_t limit, struct arena *arena);
