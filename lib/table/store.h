/*
 * Tables that a program keeps for itself: the caches of verify, postscreen and the like
 * (address_verify_map, postscreen_cache_map).
 *
 * "btree:name" and "hash:name" belong to the one process that has them open; "lmdb:name" may be
 * shared by several; "proxy:btree:name" is changed by proxywrite(8).  What was put is in the
 * file when the call returns; what was deleted may be there again after a crash.  Any number of
 * threads of a process may use a store.
 */
#pragma once

#include "table/table.h"

#include <time.h>

struct store;

/*
 * Open the store, or make it.  Waits until the deadline (base/moment.h) for another process to
 * close it; 0 waits for ever.  A root process makes it as the owner of its folder.  False in
 * Postfix's words: "open database NAME.db: ...", "NAME: unable to get exclusive lock: ...".
 * The context is borrowed for the call.
 */
struct store *store_open(const struct table_context *context, const char *type_name,
                         int64_t deadline, struct error *error) MUST_USE;
void store_close(struct store *store);

/* "type:name" as it was asked for. */
const char *store_name(const struct store *store);

/* The name in the log, for who had to ask for it in another way. */
void store_set_name(struct store *store, const char *name);

/* The value replaces what is in value. */
enum table_result store_get(struct store *store, struct slice key, struct str *value,
                            struct error *error) MUST_USE;

/* Add or replace. */
bool store_put(struct store *store, struct slice key, struct slice value,
               struct error *error) MUST_USE;

/* TABLE_FOUND: it was there and is gone. */
enum table_result store_delete(struct store *store, struct slice key,
                               struct error *error) MUST_USE;

/*
 * Walk over all entries (one walk at a time): first starts it, TABLE_ABSENT is the end.  What
 * was given may be deleted or replaced before the next is asked for.
 */
enum table_result store_next(struct store *store, bool first, struct str *key, struct str *value,
                             struct error *error) MUST_USE;

/*
 * Delete every entry that keeps() refuses, say so in the log, and remember in the store that it
 * was done now.  Other threads' calls go on between two entries.
 */
bool store_clean(struct store *store,
                 bool (*keeps)(void *argument, struct slice key, struct slice value),
                 void *argument, struct error *error) MUST_USE;

/* When store_clean was last done, by whatever process; 0: never. */
time_t store_cleaned_at(struct store *store);
