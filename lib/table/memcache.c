/*
 * memcache: tables (memcache_table(5)): a memcached server in front of a table that may be slow
 * or far away.  A server that does not answer is passed over when there is such a backup.
 */
#include "table/memcache_client.h"
#include "table/type.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"

struct cached {
    struct memcache *memcache;
    struct table *backup;       /* NULL: there is none */
};

static bool memcache_open(struct table *table, const struct table_context *context,
                          const char *name, struct error *error)
{
    struct cached *cached = memory_new(1, sizeof(*cached));

    table->data = cached;
    cached->memcache = memcache_new(table, context, name, error);
    if (!cached->memcache)
        return false;

    const char *backup = memcache_backup(cached->memcache);

    if (backup && *backup) {
        cached->backup = table_open(context, slice_of(backup), table->flags, error);
        return cached->backup != NULL;
    }
    return true;
}

static void memcache_close(struct table *table)
{
    struct cached *cached = table->data;

    memcache_free(cached->memcache);
    table_close(cached->backup);
    free(cached);
}

static bool memcache_has_changed(struct table *table)
{
    const struct cached *cached = table->data;
    struct stat now;

    if (table->file.path && stat(table->file.path, &now) == 0
        && table_file_differs(&now, &table->file.seen))
        return true;
    return cached->backup && table_has_changed(cached->backup);
}

static enum table_result ask_backup(const struct cached *cached, struct slice key,
                                    struct slice sent, struct str *value, struct error *error)
{
    struct error server = ERROR_NONE;
    enum table_result result = table_get(cached->backup, key, value, error);

    if (result == TABLE_FOUND && !memcache_set(cached->memcache, sent, str_slice(value), &server))
        log_debug("%s", server.text);
    return result;
}

static enum table_result memcache_lookup(struct table *table, struct slice key, struct str *value,
                                         struct error *error)
{
    const struct cached *cached = table->data;
    AUTO_STR struct str sent = STR_EMPTY;
    struct error server = ERROR_NONE;
    enum table_result result = memcache_key(cached->memcache, key, &sent, error);

    if (result != TABLE_FOUND)
        return result;
    result = memcache_get(cached->memcache, str_slice(&sent), value, &server);
    if (result == TABLE_TROUBLE && !server.code)
        log_warn("table %s: %s", table->type_name, server.text);
    if (result == TABLE_FOUND)
        return result;
    if (cached->backup)
        return ask_backup(cached, key, str_slice(&sent), value, error);
    if (result == TABLE_TROUBLE)
        *error = server;
    return result;
}

const struct table_type table_type_memcache = {
    .name = "memcache", .open = memcache_open, .get = memcache_lookup, .close = memcache_close,
    .has_changed = memcache_has_changed,
};
