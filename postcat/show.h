/*
 * The contents of a queue file in readable form.
 */
#pragma once

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SHOW_ENVELOPE = 1,      /* -e */
    SHOW_HEADER = 2,        /* -h */
    SHOW_BODY = 4,          /* -b */
    SHOW_TYPES = 8,         /* -d: the decimal record type */
    SHOW_OFFSETS = 16,      /* -o */
    SHOW_FILE_ORDER = 32,   /* -r: pointer records are not followed */
    SHOW_NAMES = 64,        /* -v: every record with its name */
};

/*
 * Print the queue file fd, called name, from an offset on.  Damage is warned of; false
 * when the file could not be read to its end.
 */
bool show_file(int fd, const char *name, unsigned options, int64_t start) MUST_USE;
