/*
 * The right-hand side of an alias, a .forward file, an :include: file: a list of
 * addresses, /file/names, "|commands" and :include:s (aliases(5)).
 */
#pragma once

#include "base/arena.h"
#include "base/slice.h"

enum target_kind { TARGET_ADDRESS, TARGET_FILE, TARGET_COMMAND, TARGET_INCLUDE };

struct target {
    enum target_kind kind;
    const char *text;       /* internal address, path, command */
};

/* Take the next target off the list; false at its end. */
bool target_next(struct slice *rest, struct arena *arena, struct target *target);

/* As target_next over the lines of a file: '#' starts a comment line, newlines separate. */
bool target_next_in_file(struct slice *rest, struct arena *arena, struct target *target);
