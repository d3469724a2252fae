/* Stores that proxywrite(8) changes for us. */
#include "table/store_type.h"

#include "base/scope.h"
#include "table/proxy_frames.h"

static bool proxy_open(struct store *store, const struct table_context *context,
                       const char *name, UNUSED int64_t deadline, UNUSED struct error *error)
{
    store->data = proxy_client_new(context, name, true);
    return true;
}

static enum table_result proxy_get(struct store *store, struct slice key, struct str *value,
                                   struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct table_request request = { .action = TABLE_ACTION_GET, .key = key };
    struct table_reply reply;
    enum table_result result = proxy_client_ask(store->data, &request, arena, &reply, error);

    if (result == TABLE_FOUND)
        str_set(value, reply.value);
    return result;
}

static bool proxy_put(struct store *store, struct slice key, struct slice value,
                      struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct table_request request = { .action = TABLE_ACTION_PUT, .key = key, .value = value };
    struct table_reply reply;

    return proxy_client_ask(store->data, &request, arena, &reply, error) == TABLE_FOUND;
}

static enum table_result proxy_remove(struct store *store, struct slice key, struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct table_request request = { .action = TABLE_ACTION_DELETE, .key = key };
    struct table_reply reply;

    return proxy_client_ask(store->data, &request, arena, &reply, error);
}

static enum table_result proxy_next(struct store *store, bool first, struct str *key,
                                    struct str *value, struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct table_request request = { .action = first ? TABLE_ACTION_FIRST : TABLE_ACTION_NEXT };
    struct table_reply reply;
    enum table_result result = proxy_client_ask(store->data, &request, arena, &reply, error);

    if (result == TABLE_FOUND) {
        str_set(key, reply.key);
        str_set(value, reply.value);
    }
    return result;
}

static void proxy_close(struct store *store)
{
    proxy_client_free(store->data);
}

const struct store_type store_type_proxy = {
    .open = proxy_open, .get = proxy_get, .put = proxy_put, .remove = proxy_remove,
    .next = proxy_next, .close = proxy_close,
};
