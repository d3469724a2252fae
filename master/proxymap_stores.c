#include "proxymap_stores.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/moment.h"

#include <pthread.h>

/* Long enough for a process of an old generation to give its tables up. */
enum { OPEN_SECONDS = 10 };

struct proxymap_stores {
    const struct table_context *context;
    pthread_mutex_t mutex;
    struct hash *open;      /* "type:name" to struct store */
};

struct proxymap_stores *proxymap_stores_new(const struct table_context *context)
{
    struct proxymap_stores *stores = memory_new(1, sizeof(*stores));

    stores->context = context;
    stores->open = hash_new();
    pthread_mutex_init(&stores->mutex, NULL);
    return stores;
}

struct store *proxymap_store(struct proxymap_stores *stores, const char *type_name,
                             struct error *error)
{
    pthread_mutex_lock(&stores->mutex);

    struct store *store = hash_get(stores->open, slice_of(type_name));

    if (!store) {
        store = store_open(stores->context, type_name, moment_after(OPEN_SECONDS), error);
        if (store)
            hash_set(stores->open, slice_of(type_name), store);
    }
    pthread_mutex_unlock(&stores->mutex);
    return store;
}
