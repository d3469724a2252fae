/*
 * The environment of foreign programs: PATH, and what export_environment lets through.
 */
#pragma once

#include "base/arena.h"

enum { ENVIRONMENT_LIMIT = 64 };

struct environment {
    const char *items[ENVIRONMENT_LIMIT + 1];   /* NAME=value, NULL at the end */
    size_t count;
    struct arena *arena;                        /* the texts' */
};

/* An empty value is not set. */
void environment_set(struct environment *environment, const char *name, struct slice value);

/* PATH, LANG, and the names of the list with the values of this process, or their "=value". */
void environment_export(struct environment *environment, struct slice list);
