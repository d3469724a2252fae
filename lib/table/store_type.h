/*
 * What a kind of store is made of; for lib/table only.
 */
#pragma once

#include "table/store.h"

#include <pthread.h>

struct store {
    const struct store_type *type;
    char *name;
    pthread_mutex_t mutex;  /* held around each call of the type */
    void *data;
};

struct store_type {
    /* name is what stands behind proxy: for a proxied store, else "type:name". */
    bool (*open)(struct store *store, const struct table_context *context, const char *name,
                 int64_t deadline, struct error *error);
    enum table_result (*get)(struct store *store, struct slice key, struct str *value,
                             struct error *error);
    bool (*put)(struct store *store, struct slice key, struct slice value, struct error *error);
    enum table_result (*remove)(struct store *store, struct slice key, struct error *error);
    enum table_result (*next)(struct store *store, bool first, struct str *key,
                              struct str *value, struct error *error);
    void (*close)(struct store *store);
};

extern const struct store_type store_type_file, store_type_proxy, store_type_memcache;
extern const struct store_type store_type_internal;
