#include "table/proxy_frames.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"

/* proxywrite has room for a single client: a lane to it is given up after each answer. */
enum { IDLE_LANES = 8, IDLE_SECONDS = 60, ANSWER_SECONDS = 100 };

static const struct field table_request_fields[] = {
    NUMBER_FIELD(table_request, action),
    TEXT_FIELD(table_request, name),
    NUMBER_FIELD(table_request, flags),
    BYTES_FIELD(table_request, key),
    BYTES_FIELD(table_request, value),
    LAST_FIELD,
};

FRAME_TYPE(table_request, "table request", FRAME_TABLE_REQUEST)

static const struct field table_reply_fields[] = {
    NUMBER_FIELD(table_reply, status),
    BYTES_FIELD(table_reply, key),
    BYTES_FIELD(table_reply, value),
    TEXT_FIELD(table_reply, reason),
    LAST_FIELD,
};

FRAME_TYPE(table_reply, "table answer", FRAME_TABLE_REPLY)

struct proxy_client {
    struct lane_pool *lanes;
    char *name;             /* what is asked for: "type:name" */
    bool writes;
};

struct proxy_client *proxy_client_new(const struct table_context *context, const char *name,
                                      bool writes)
{
    struct proxy_client *client = memory_new(1, sizeof(*client));
    AUTO_STR struct str path = STR_EMPTY;

    table_service_path(context, writes ? context->proxywrite_service
                                       : context->proxymap_service, &path);
    client->name = memory_copy(name);
    client->writes = writes;
    if (context->connects)
        context->connects(context->argument, TABLE_CONNECTS_UNIX);
    client->lanes = lane_pool_new(path.data, writes ? 0 : IDLE_LANES, IDLE_SECONDS);
    return client;
}

void proxy_client_free(struct proxy_client *client)
{
    if (!client)
        return;
    lane_pool_free(client->lanes);
    free(client->name);
    free(client);
}

static enum table_result result_of(const struct proxy_client *client,
                                   const struct table_reply *reply, struct error *error)
{
    switch (reply->status) {
    case TABLE_STATUS_FOUND:
        return TABLE_FOUND;
    case TABLE_STATUS_ABSENT:
        return TABLE_ABSENT;
    case TABLE_STATUS_DENIED:
        error_set(error, "service %s is not configured for table \"%s\": %s does not name it",
                  client->writes ? "proxywrite" : "proxymap", client->name,
                  client->writes ? "proxy_write_maps" : "proxy_read_maps");
        return TABLE_TROUBLE;
    default:
        error_set(error, "proxy:%s: %s", client->name, reply->reason);
        return TABLE_TROUBLE;
    }
}

enum table_result proxy_client_ask(struct proxy_client *client, struct table_request *request,
                                   struct arena *arena, struct table_reply *reply,
                                   struct error *error)
{
    enum table_result result = TABLE_TROUBLE;

    request->name = client->name;
    if (lane_pool_call(client->lanes, &table_request_frame, request, &table_reply_frame, arena,
                       reply, moment_after(ANSWER_SECONDS), error))
        result = result_of(client, reply, error);
    else
        error_prefix(error, "proxy:%s", client->name);
    if (result == TABLE_TROUBLE)
        log_warn("%s", error->text);
    return result;
}
