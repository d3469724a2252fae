/*
 * internal: tables (DATABASE_README): what the process has put in itself.  As a lookup table it
 * is empty for good; as a store it is a hash in memory.
 */
#include "table/store_type.h"
#include "table/type.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/vector.h"

#include <stdlib.h>

static bool table_open_empty(UNUSED struct table *table,
                             UNUSED const struct table_context *context,
                             UNUSED const char *name, UNUSED struct error *error)
{
    return true;
}

static enum table_result empty_get(UNUSED struct table *table, UNUSED struct slice key,
                                   UNUSED struct str *value, UNUSED struct error *error)
{
    return TABLE_ABSENT;
}

const struct table_type table_type_internal = {
    .name = "internal", .open = table_open_empty, .get = empty_get,
};

/* A hash may not be changed during a walk, so the walk has a list of the keys of its start. */
struct internal {
    struct hash *entries;
    struct { char **items; size_t count, capacity; } keys;
    size_t at;
};

static bool internal_open(struct store *store, UNUSED const struct table_context *context,
                          UNUSED const char *name, UNUSED int64_t deadline,
                          UNUSED struct error *error)
{
    struct internal *internal = memory_new(1, sizeof(*internal));

    internal->entries = hash_new();
    store->data = internal;
    return true;
}

static void forget_keys(struct internal *internal)
{
    for (size_t i = 0; i < internal->keys.count; i++)
        free(internal->keys.items[i]);
    VECTOR_FREE(&internal->keys);
    internal->at = 0;
}

static void internal_close(struct store *store)
{
    struct internal *internal = store->data;

    forget_keys(internal);
    hash_free(internal->entries, free);
    free(internal);
}

static enum table_result internal_get(struct store *store, struct slice key, struct str *value,
                                      UNUSED struct error *error)
{
    const struct internal *internal = store->data;
    const char *found = hash_get(internal->entries, key);

    if (!found)
        return TABLE_ABSENT;
    str_set(value, slice_of(found));
    return TABLE_FOUND;
}

static bool internal_put(struct store *store, struct slice key, struct slice value,
                         UNUSED struct error *error)
{
    struct internal *internal = store->data;

    free(hash_set(internal->entries, key, memory_text(value.data, value.length)));
    return true;
}

static enum table_result internal_remove(struct store *store, struct slice key,
                                         UNUSED struct error *error)
{
    struct internal *internal = store->data;
    char *removed = hash_remove(internal->entries, key);

    free(removed);
    return removed ? TABLE_FOUND : TABLE_ABSENT;
}

static enum table_result internal_next(struct store *store, bool first, struct str *key,
                                       struct str *value, struct error *error)
{
    struct internal *internal = store->data;
    const struct hash_entry *entry;

    if (first) {
        forget_keys(internal);
        for (size_t position = 0; (entry = hash_next(internal->entries, &position));)
            VECTOR_PUSH(&internal->keys, memory_text(entry->key, entry->key_length));
    }
    while (internal->at < internal->keys.count) {
        struct slice name = slice_of(internal->keys.items[internal->at++]);

        if (internal_get(store, name, value, error) == TABLE_FOUND) {
            str_set(key, name);
            return TABLE_FOUND;
        }
    }
    return TABLE_ABSENT;
}

const struct store_type store_type_internal = {
    .open = internal_open, .get = internal_get, .put = internal_put,
    .remove = internal_remove, .next = internal_next, .close = internal_close,
};
