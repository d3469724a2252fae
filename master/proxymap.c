/*
 * proxymap(8): looks keys up in the tables that proxy_read_maps names, for processes that
 * may not open them; name services (unix:passwd.byname) are loaded here and not there.
 */
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "proxymap_allowed.h"
#include "service/service.h"
#include "table/cache.h"
#include "table/proxy_frames.h"

struct proxymap {
    struct table_context tables;
    struct table_cache *cache;
    struct proxymap_allowed *allowed;
};

static bool proxymap_prepare(struct service_context *context, UNUSED struct error *error)
{
    const struct config *config = context->config;
    struct proxymap *proxymap = memory_new(1, sizeof(*proxymap));

    proxymap->tables = (struct table_context){
        .queue_directory = config->queue_directory,
        .default_type = config->default_database_type,
        .proxymap_service = config->proxymap_service_name,
        .config = config,
    };
    proxymap->allowed = proxymap_allowed_new(config->proxy_read_maps);
    proxymap->cache = table_cache_new(&proxymap->tables);
    context->state = proxymap;
    return true;
}

static int64_t status_of(enum table_result result)
{
    return result == TABLE_FOUND ? TABLE_STATUS_FOUND
        : result == TABLE_ABSENT ? TABLE_STATUS_ABSENT : TABLE_STATUS_RETRY;
}

static void look_up(const struct proxymap *proxymap, const struct table_request *request,
                    struct table_reply *reply, struct str *value, struct error *error)
{
    if (!proxymap_allows(proxymap->allowed, slice_of(request->name))) {
        log_warn("request for unapproved table: \"%s\"", request->name);
        log_warn("to approve this table for read-only access, list proxy:%s in main.cf:"
                 "proxy_read_maps", request->name);
        reply->status = TABLE_STATUS_DENIED;
        return;
    }
    reply->status = status_of(table_cache_get(proxymap->cache, request->name,
                                              (unsigned)request->flags | TABLE_NO_PROXY,
                                              request->key, value, error));
    reply->value = str_slice(value);
    reply->reason = error->text;
}

static enum turn proxymap_turn(struct client *client)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str value = STR_EMPTY;
    AUTO_STR struct str output = STR_EMPTY;
    const struct proxymap *proxymap = client->context->state;
    int64_t deadline = moment_after(client->context->config->ipc_timeout);
    struct table_request request;
    struct table_reply reply = { TABLE_STATUS_RETRY, SLICE_LITERAL(""), "" };
    struct error error = ERROR_NONE;
    struct slice frame;

    if (!lane_receive(client->lane, &frame, NULL, deadline, &error)
        || !frame_read(frame, &table_request_frame, arena, &request, &error))
        return TURN_LEAVE;
    look_up(proxymap, &request, &reply, &value, &error);
    frame_write(&output, &table_reply_frame, &reply);
    return lane_send(client->lane, &output, -1, deadline, &error) ? TURN_STAY : TURN_LEAVE;
}

int main(int argc, char **argv)
{
    static const struct service proxymap = {
        .name = "proxymap",
        .pattern = SERVICE_LANES,
        .rights = RIGHT_READ_TABLES | RIGHT_NSS | RIGHT_CONNECT_UNIX,
        .prepare = proxymap_prepare,
        .turn = proxymap_turn,
    };

    return service_main(&proxymap, argc, argv);
}
