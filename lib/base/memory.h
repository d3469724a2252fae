/*
 * Memory that never fails: when there is none left the process ends with
 * EX_TEMPFAIL (sysexits.h) and its supervisor starts another.  So every
 * promise to the outside must be on disk before it is spoken.
 */
#pragma once

#include "base/compiler.h"

#include <stddef.h>

/* Zeroed memory for count things of size bytes; caller owns, free() gives it back. */
void *memory_new(size_t count, size_t size) MUST_USE;

/* As realloc(3), for count things of size bytes; what is added is not zeroed. */
void *memory_resize(void *old, size_t count, size_t size) MUST_USE;

/* A copy of length bytes with a NUL behind; caller owns. */
char *memory_text(const char *data, size_t length) MUST_USE;

/* As strdup(3); NULL gives NULL. */
char *memory_copy(const char *text) MUST_USE;

/* End the process as running out of memory does. */
void memory_exhausted(void) NO_RETURN;
