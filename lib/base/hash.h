/*
 * A hash table from byte strings to pointers, with copied keys.
 *
 * The hash is keyed with a random seed, so that a client cannot choose keys
 * that collide.  Used by one thread at a time.
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"

struct hash;

struct hash_entry {
    const char *key;    /* with a NUL behind */
    size_t key_length;
    void *value;
};

struct hash *hash_new(void) MUST_USE;

/* Frees the table and its keys; calls free_value (may be NULL) for each value. */
void hash_free(struct hash *hash, void (*free_value)(void *));

/* The value, or NULL when there is none. */
void *hash_get(const struct hash *hash, struct slice key);

/* Set a value; returns the one it replaces, or NULL. */
void *hash_set(struct hash *hash, struct slice key, void *value);

/* Remove a key; returns its value, which the caller now owns, or NULL. */
void *hash_remove(struct hash *hash, struct slice key);

size_t hash_count(const struct hash *hash);

/*
 * Walk over all entries: start with *position = 0; NULL at the end.  The
 * table may not be changed during a walk, but for the values.
 */
struct hash_entry *hash_next(const struct hash *hash, size_t *position);
