/* proxy: tables: asked of proxymap(8), which may open what this process may not. */
#include "table/type.h"

#include "base/memory.h"
#include "base/scope.h"
#include "table/proxy_frames.h"

static enum table_result proxy_get(struct table *table, struct slice key, struct str *value,
                                   struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct table_request request = { .action = TABLE_ACTION_GET, .flags = table->flags,
                                     .key = key };
    struct table_reply reply;
    enum table_result result = proxy_client_ask(table->data, &request, arena, &reply, error);

    if (result == TABLE_FOUND)
        str_add(value, reply.value);
    return result;
}

static void proxy_close(struct table *table)
{
    proxy_client_free(table->data);
}

static bool proxy_open(struct table *table, const struct table_context *context, const char *name,
                       struct error *error);

const struct table_type table_type_proxy = {
    .name = "proxy", .open = proxy_open, .get = proxy_get, .close = proxy_close,
};

/* Behind proxymap is a table of patterns: only whole keys are asked, as they are. */
static const struct table_type proxied_pattern = {
    .name = "proxy", .pattern = true,
    .open = proxy_open, .get = proxy_get, .close = proxy_close,
};

static bool proxy_open(struct table *table, const struct table_context *context, const char *name,
                       UNUSED struct error *error)
{
    size_t colon = slice_find(slice_of(name), ':');

    if (table_type_is_pattern(slice_part(slice_of(name), 0, colon)))
        table->type = &proxied_pattern;
    table->data = proxy_client_new(context, name, false);
    return true;
}
