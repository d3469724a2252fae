/*
 * Memory for things that live and die together: a message, a session.
 *
 * There are no single frees.  Under the address sanitizer each piece comes
 * from malloc, so that stray accesses are caught.  An arena is used by one
 * thread at a time.
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"

#include <stdarg.h>

struct arena;

struct arena *arena_new(void) MUST_USE;

/* NULL is fine. */
void arena_free(struct arena *arena);

/* Forget every piece; the first block is kept for what comes next. */
void arena_reset(struct arena *arena);

/* size zeroed bytes, aligned for every type. */
void *arena_take(struct arena *arena, size_t size) MUST_USE;

/* A C string with the bytes of slice; a NUL byte among them stays. */
char *arena_text(struct arena *arena, struct slice slice) MUST_USE;

/* As strdup(3); NULL gives NULL. */
char *arena_copy(struct arena *arena, const char *text) MUST_USE;

char *arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3) MUST_USE;

/* Bytes taken so far, for ceilings. */
size_t arena_size(const struct arena *arena);
