/*
 * What is given back at the end of its block, on every path out of it.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

#include <stdlib.h>
#include <unistd.h>

static inline void scope_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void scope_free(void *pointer)
{
    void *owned;

    memcpy(&owned, pointer, sizeof(owned));
    free(owned);
}

static inline void scope_arena(struct arena **arena)
{
    arena_free(*arena);
}

#define AUTO_CLOSE __attribute__((cleanup(scope_close)))
#define AUTO_FREE __attribute__((cleanup(scope_free)))
#define AUTO_STR __attribute__((cleanup(str_free)))
#define AUTO_ARENA __attribute__((cleanup(scope_arena)))

/* The descriptor changes its owner: the block no longer closes it. */
static inline int take_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}
