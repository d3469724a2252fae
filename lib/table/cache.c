#include "table/cache.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/scope.h"

#include <pthread.h>

/* Lookups share the lock, opening anew excludes them. */
struct cached {
    pthread_rwlock_t lock;
    struct table *table;    /* NULL: not open (yet) */
};

struct table_cache {
    const struct table_context *context;
    pthread_mutex_t mutex;  /* of entries */
    struct hash *entries;   /* "flags type:name" to struct cached */
};

struct table_cache *table_cache_new(const struct table_context *context)
{
    struct table_cache *cache = memory_new(1, sizeof(*cache));

    cache->context = context;
    cache->entries = hash_new();
    pthread_mutex_init(&cache->mutex, NULL);
    return cache;
}

static void free_cached(void *value)
{
    struct cached *cached = value;

    table_close(cached->table);
    pthread_rwlock_destroy(&cached->lock);
    free(cached);
}

void table_cache_free(struct table_cache *cache)
{
    if (!cache)
        return;
    hash_free(cache->entries, free_cached);
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

/* Lookups that never end would keep a changed table from being opened anew. */
static void init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t prefers_writer;

    pthread_rwlockattr_init(&prefers_writer);
    pthread_rwlockattr_setkind_np(&prefers_writer, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &prefers_writer);
    pthread_rwlockattr_destroy(&prefers_writer);
}

static struct cached *find_entry(struct table_cache *cache, const char *type_name, unsigned flags)
{
    AUTO_STR struct str key = STR_EMPTY;

    str_format(&key, "%u %s", flags, type_name);
    pthread_mutex_lock(&cache->mutex);

    struct cached *cached = hash_get(cache->entries, str_slice(&key));

    if (!cached) {
        cached = memory_new(1, sizeof(*cached));
        init_lock(&cached->lock);
        hash_set(cache->entries, str_slice(&key), cached);
    }
    pthread_mutex_unlock(&cache->mutex);
    return cached;
}

/* With the write lock held: have the table of now.  A changed one that cannot be opened stays. */
static bool refresh(struct table_cache *cache, struct cached *cached, const char *type_name,
                    unsigned flags, struct error *error)
{
    if (cached->table && !table_has_changed(cached->table))
        return true;

    struct table *table = table_open(cache->context, slice_of(type_name), flags, error);

    if (!table)
        return cached->table != NULL;
    table_close(cached->table);
    cached->table = table;
    return true;
}

enum table_result table_cache_get(struct table_cache *cache, const char *type_name,
                                  unsigned flags, struct slice key, struct str *value,
                                  struct error *error)
{
    struct cached *cached = find_entry(cache, type_name, flags);
    enum table_result result = TABLE_TROUBLE;

    pthread_rwlock_rdlock(&cached->lock);
    if (!cached->table || table_has_changed(cached->table)) {
        pthread_rwlock_unlock(&cached->lock);
        pthread_rwlock_wrlock(&cached->lock);
        if (!refresh(cache, cached, type_name, flags, error)) {
            pthread_rwlock_unlock(&cached->lock);
            return TABLE_TROUBLE;
        }
    }
    result = table_get(cached->table, key, value, error);
    pthread_rwlock_unlock(&cached->lock);
    return result;
}
