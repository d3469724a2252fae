/* memcache: as a store: what is put goes to the backup, if there is one, and to the server. */
#include "table/memcache_client.h"
#include "table/store_type.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"

struct cached {
    struct memcache *memcache;
    struct store *backup;       /* NULL: there is none */
};

static bool memcache_open(struct store *store, const struct table_context *context,
                          const char *type_name, int64_t deadline, struct error *error)
{
    struct cached *cached = memory_new(1, sizeof(*cached));
    const char *name = type_name + strlen("memcache:");

    store->data = cached;
    cached->memcache = memcache_new(NULL, context, name, error);
    if (!cached->memcache)
        return false;

    const char *backup = memcache_backup(cached->memcache);

    if (backup && *backup) {
        cached->backup = store_open(context, backup, deadline, error);
        return cached->backup != NULL;
    }
    return true;
}

static enum table_result memcache_lookup(struct store *store, struct slice key,
                                         struct str *value, struct error *error)
{
    const struct cached *cached = store->data;
    AUTO_STR struct str sent = STR_EMPTY;
    struct error server = ERROR_NONE;
    enum table_result result = memcache_key(cached->memcache, key, &sent, error);

    if (result != TABLE_FOUND)
        return result;
    result = memcache_get(cached->memcache, str_slice(&sent), value, &server);
    if (result == TABLE_FOUND || (!cached->backup && result == TABLE_ABSENT))
        return result;
    if (!cached->backup) {
        *error = server;
        return TABLE_TROUBLE;
    }
    result = store_get(cached->backup, key, value, error);
    if (result == TABLE_FOUND && !memcache_set(cached->memcache, str_slice(&sent),
                                               str_slice(value), &server))
        log_debug("%s", server.text);
    return result;
}

static bool skip_update(const struct store *store, struct slice key, enum table_result result)
{
    if (result == TABLE_ABSENT)
        log_warn("table %s: update for key \"%.*s\" is skipped", store->name, SLICE_ARGS(key));
    return result == TABLE_ABSENT;
}

static bool memcache_put(struct store *store, struct slice key, struct slice value,
                         struct error *error)
{
    const struct cached *cached = store->data;
    AUTO_STR struct str sent = STR_EMPTY;
    struct error server = ERROR_NONE;
    enum table_result result = memcache_key(cached->memcache, key, &sent, error);

    if (result != TABLE_FOUND)
        return skip_update(store, key, result);
    if (cached->backup && !store_put(cached->backup, key, value, error))
        return false;
    if (memcache_set(cached->memcache, str_slice(&sent), value, &server))
        return true;
    *error = server;
    return cached->backup != NULL;
}

static enum table_result memcache_remove(struct store *store, struct slice key,
                                         struct error *error)
{
    const struct cached *cached = store->data;
    AUTO_STR struct str sent = STR_EMPTY;
    struct error server = ERROR_NONE;
    enum table_result result = memcache_key(cached->memcache, key, &sent, error);

    if (result != TABLE_FOUND)
        return skip_update(store, key, result) ? TABLE_ABSENT : TABLE_TROUBLE;

    enum table_result at_server = memcache_delete(cached->memcache, str_slice(&sent), &server);

    if (cached->backup)
        return store_delete(cached->backup, key, error);
    if (at_server == TABLE_TROUBLE)
        *error = server;
    return at_server;
}

static enum table_result memcache_next(struct store *store, bool first, struct str *key,
                                       struct str *value, struct error *error)
{
    const struct cached *cached = store->data;

    if (cached->backup)
        return store_next(cached->backup, first, key, value, error);
    error_set(error, "table %s: sequence operation is not supported", store->name);
    return TABLE_TROUBLE;
}

static void memcache_close(struct store *store)
{
    struct cached *cached = store->data;

    memcache_free(cached->memcache);
    store_close(cached->backup);
    free(cached);
}

const struct store_type store_type_memcache = {
    .open = memcache_open, .get = memcache_lookup, .put = memcache_put,
    .remove = memcache_remove, .next = memcache_next, .close = memcache_close,
};
