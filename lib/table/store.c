#include "table/store_type.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"

/* Postfix's caches bear the same mark. */
static const char cleaned_key[] = "_LAST_CACHE_CLEANUP_COMPLETED_";

struct store *store_open(const struct table_context *context, const char *type_name,
                         int64_t deadline, struct error *error)
{
    struct store *store = memory_new(1, sizeof(*store));
    struct slice name = slice_of(type_name);

    store->name = memory_copy(type_name);
    store->type = &store_type_file;
    pthread_mutex_init(&store->mutex, NULL);
    if (slice_starts(name, "proxy:")) {
        store->type = &store_type_proxy;
        type_name += strlen("proxy:");
    } else if (slice_starts(name, "memcache:")) {
        store->type = &store_type_memcache;
    } else if (slice_starts(name, "internal:")) {
        store->type = &store_type_internal;
    }
    if (store->type->open(store, context, type_name, deadline, error))
        return store;
    store_close(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    if (store->data)
        store->type->close(store);
    pthread_mutex_destroy(&store->mutex);
    free(store->name);
    free(store);
}

const char *store_name(const struct store *store)
{
    return store->name;
}

void store_set_name(struct store *store, const char *name)
{
    free(store->name);
    store->name = memory_copy(name);
}

enum table_result store_get(struct store *store, struct slice key, struct str *value,
                            struct error *error)
{
    str_clear(value);
    pthread_mutex_lock(&store->mutex);

    enum table_result result = store->type->get(store, key, value, error);

    pthread_mutex_unlock(&store->mutex);
    return result;
}

bool store_put(struct store *store, struct slice key, struct slice value, struct error *error)
{
    pthread_mutex_lock(&store->mutex);

    bool good = store->type->put(store, key, value, error);

    pthread_mutex_unlock(&store->mutex);
    return good;
}

enum table_result store_delete(struct store *store, struct slice key, struct error *error)
{
    pthread_mutex_lock(&store->mutex);

    enum table_result result = store->type->remove(store, key, error);

    pthread_mutex_unlock(&store->mutex);
    return result;
}

enum table_result store_next(struct store *store, bool first, struct str *key, struct str *value,
                             struct error *error)
{
    pthread_mutex_lock(&store->mutex);

    enum table_result result = store->type->next(store, first, key, value, error);

    pthread_mutex_unlock(&store->mutex);
    return result;
}

static bool mark_cleaned(struct store *store, struct error *error)
{
    AUTO_STR struct str now = STR_EMPTY;

    str_format(&now, "%ld", (long)time(NULL));
    return store_put(store, slice_of(cleaned_key), str_slice(&now), error);
}

bool store_clean(struct store *store,
                 bool (*keeps)(void *argument, struct slice key, struct slice value),
                 void *argument, struct error *error)
{
    AUTO_STR struct str key = STR_EMPTY;
    AUTO_STR struct str value = STR_EMPTY;
    unsigned long retained = 0, dropped = 0;
    enum table_result result = store_next(store, true, &key, &value, error);

    for (; result == TABLE_FOUND; result = store_next(store, false, &key, &value, error)) {
        if (slice_is(str_slice(&key), cleaned_key))
            continue;
        if (keeps(argument, str_slice(&key), str_slice(&value)))
            retained++;
        else if (store_delete(store, str_slice(&key), error) == TABLE_TROUBLE)
            return false;
        else
            dropped++;
    }
    if (result == TABLE_TROUBLE || !mark_cleaned(store, error))
        return false;
    log_info("cache %s full cleanup: retained=%lu dropped=%lu entries", store->name, retained,
             dropped);
    return true;
}

time_t store_cleaned_at(struct store *store)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct error ignored;
    int64_t at = 0;

    if (store_get(store, slice_of(cleaned_key), &value, &ignored) != TABLE_FOUND
        || !slice_integer(str_slice(&value), 0, INT64_MAX, &at))
        return 0;
    return (time_t)at;
}
