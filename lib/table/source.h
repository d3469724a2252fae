/*
 * The logical lines of a text source: tables before postmap, regexp, cidr, lists of files.
 *
 * Blank lines and comments go; a line that starts with white space continues the one before it
 * (postmap(1), INPUT FILE FORMAT).  A NUL byte ends a line.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

#include <sys/stat.h>

struct source_line {
    struct slice text;      /* without white space at the end */
    int number;             /* of its first physical line */
};

struct source {
    struct source_line *items;
    size_t count, capacity;
    struct arena *arena;    /* owns the bytes */
};

#define SOURCE_EMPTY ((struct source){ NULL, 0, 0, NULL })

/*
 * Read the file; *seen gets its state.  A first line that starts with white space is a warning
 * and is left out.  False: "open FILE: No such file or directory".
 */
bool source_read(struct source *source, const char *path, struct stat *seen,
                 struct error *error) MUST_USE;

/* As source_read, from a descriptor; name is for warnings. */
bool source_read_descriptor(struct source *source, int file, const char *name, struct stat *seen,
                            struct error *error) MUST_USE;

/* Lines from text in memory; name is for warnings. */
void source_parse(struct source *source, struct slice text, const char *name);

/* "{ {rule}, {rule} }" of an inline table, one line each; what is for error texts. */
bool source_parse_inline(struct source *source, struct slice text, const char *what,
                         struct error *error) MUST_USE;

void source_free(struct source *source);
