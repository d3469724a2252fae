/*
 * proxymap(8): looks keys up in the tables that proxy_read_maps names, for processes that
 * may not open them; name services (unix:passwd.byname) are loaded here and not there.
 * As the service proxywrite it is the only writer of the tables that proxy_write_maps names.
 */
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "proxymap_allowed.h"
#include "proxymap_stores.h"
#include "service/needs.h"
#include "table/cache.h"
#include "table/proxy_frames.h"

struct proxymap {
    bool writes;            /* the service is proxywrite */
    struct proxymap_allowed *allowed;
    struct table_cache *cache;          /* proxymap */
    struct proxymap_stores *stores;     /* proxywrite */
};

static bool is_writer(const struct service_context *context)
{
    return strcmp(context->service_name, context->config->proxywrite_service_name) == 0;
}

/* The folder of "btree:/some/where/file" may be written. */
static void allow_folder(void *argument, const char *name)
{
    struct slice path = slice_from(slice_of(name), slice_find(slice_of(name), ':') + 1);
    size_t slash = slice_find_last(path, '/');
    AUTO_STR struct str folder = STR_EMPTY;

    if (!slice_starts(path, "/") || slash == 0)
        return;
    str_add(&folder, slice_part(path, 0, slash));
    service_writes(argument, folder.data);
}

static bool proxymap_prepare(struct service_context *context, UNUSED struct error *error)
{
    const struct config *config = context->config;
    struct proxymap *proxymap = memory_new(1, sizeof(*proxymap));
    struct table_context *tables = memory_new(1, sizeof(*tables));

    /* Files are opened on demand and looked at again: no new process for a changed one. */
    *tables = *service_tables(context);
    tables->file_read = NULL;
    proxymap->writes = is_writer(context);
    proxymap->allowed = proxymap_allowed_new(proxymap->writes ? config->proxy_write_maps
                                                              : config->proxy_read_maps);
    if (proxymap->writes)
        proxymap->stores = proxymap_stores_new(tables);
    else
        proxymap->cache = table_cache_new(tables);
    if (proxymap->writes)
        proxymap_allowed_each(proxymap->allowed, allow_folder, context);
    context->state = proxymap;
    return true;
}

static unsigned proxymap_rights(const struct service_context *context, unsigned rights)
{
    return is_writer(context) ? rights | RIGHT_WRITE_DATA : rights;
}

static bool refuse(const struct proxymap *proxymap, const struct table_request *request,
                   struct table_reply *reply)
{
    if (proxymap_allows(proxymap->allowed, slice_of(request->name)))
        return false;
    log_warn("request for unapproved table: \"%s\"", request->name);
    log_warn("to approve this table for %s access, list proxy:%s in main.cf:%s",
             proxymap->writes ? "read-write" : "read-only", request->name,
             proxymap->writes ? "proxy_write_maps" : "proxy_read_maps");
    reply->status = TABLE_STATUS_DENIED;
    return true;
}

/* What is found for a request; key and value are replaced. */
struct found {
    struct str key, value;
};

static enum table_result ask_store(struct store *store, const struct table_request *request,
                                   struct found *found, struct error *error)
{
    switch (request->action) {
    case TABLE_ACTION_GET:
        return store_get(store, request->key, &found->value, error);
    case TABLE_ACTION_PUT:
        return store_put(store, request->key, request->value, error) ? TABLE_FOUND
                                                                     : TABLE_TROUBLE;
    case TABLE_ACTION_DELETE:
        return store_delete(store, request->key, error);
    case TABLE_ACTION_FIRST:
    case TABLE_ACTION_NEXT:
        return store_next(store, request->action == TABLE_ACTION_FIRST, &found->key,
                          &found->value, error);
    default:
        error_set(error, "unknown request %ld", (long)request->action);
        return TABLE_TROUBLE;
    }
}

static enum table_result ask(const struct proxymap *proxymap, const struct table_request *request,
                             struct found *found, struct error *error)
{
    if (proxymap->writes) {
        struct store *store = proxymap_store(proxymap->stores, request->name, error);

        return store ? ask_store(store, request, found, error) : TABLE_TROUBLE;
    }
    if (request->action == TABLE_ACTION_GET)
        return table_cache_get(proxymap->cache, request->name,
                               (unsigned)request->flags | TABLE_NO_PROXY, request->key,
                               &found->value, error);
    error_set(error, "this service is for lookups only");
    return TABLE_TROUBLE;
}

static void answer(const struct proxymap *proxymap, const struct table_request *request,
                   struct table_reply *reply, struct found *found, struct error *error)
{
    if (refuse(proxymap, request, reply))
        return;

    enum table_result result = ask(proxymap, request, found, error);

    reply->status = result == TABLE_FOUND ? TABLE_STATUS_FOUND
        : result == TABLE_ABSENT ? TABLE_STATUS_ABSENT : TABLE_STATUS_RETRY;
    reply->key = str_slice(&found->key);
    reply->value = str_slice(&found->value);
    reply->reason = error->text;
}

static enum turn proxymap_turn(struct client *client)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str output = STR_EMPTY;
    const struct proxymap *proxymap = client->context->state;
    int64_t deadline = moment_after(client->context->config->ipc_timeout);
    struct found found = { STR_EMPTY, STR_EMPTY };
    struct table_request request;
    struct table_reply reply = { .status = TABLE_STATUS_RETRY, .reason = "" };
    struct error error = ERROR_NONE;
    struct slice frame;

    if (!lane_receive(client->lane, &frame, NULL, deadline, &error)
        || !frame_read(frame, &table_request_frame, arena, &request, &error))
        return TURN_LEAVE;
    answer(proxymap, &request, &reply, &found, &error);
    frame_write(&output, &table_reply_frame, &reply);
    str_free(&found.key);
    str_free(&found.value);
    return lane_send(client->lane, &output, -1, deadline, &error) ? TURN_STAY : TURN_LEAVE;
}

int main(int argc, char **argv)
{
    static const struct service proxymap = {
        .name = "proxymap",
        .pattern = SERVICE_LANES,
        .rights = RIGHT_READ_TABLES | RIGHT_NSS | RIGHT_CONNECT_UNIX,
        .adjust_rights = proxymap_rights,
        .prepare = proxymap_prepare,
        .turn = proxymap_turn,
    };

    return service_main(&proxymap, argc, argv);
}
