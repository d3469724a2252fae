/* proxy: tables: asked of proxymap(8), which may open what this process may not. */
#include "table/type.h"

#include "base/memory.h"
#include "base/scope.h"
#include "ipc/lane.h"
#include "log/log.h"
#include "table/proxy_frames.h"

enum { IDLE_LANES = 8, IDLE_SECONDS = 60, ANSWER_SECONDS = 100 };

static const struct field table_request_fields[] = {
    TEXT_FIELD(table_request, name),
    NUMBER_FIELD(table_request, flags),
    BYTES_FIELD(table_request, key),
    LAST_FIELD,
};

const struct frame_type table_request_frame = {
    "table request", FRAME_TABLE_REQUEST, sizeof(struct table_request), table_request_fields,
};

static const struct field table_reply_fields[] = {
    NUMBER_FIELD(table_reply, status),
    BYTES_FIELD(table_reply, value),
    TEXT_FIELD(table_reply, reason),
    LAST_FIELD,
};

const struct frame_type table_reply_frame = {
    "table answer", FRAME_TABLE_REPLY, sizeof(struct table_reply), table_reply_fields,
};

struct proxy {
    struct lane_pool *lanes;
    char *name;             /* what is asked for: "type:name" */
};

/*
 * A daemon works in the queue directory, and may go into a jail there: then only the
 * relative path stays good.
 */
static void socket_path(const struct table_context *context, struct str *path)
{
    struct stat here, queue;

    if (!context->queue_directory[0] || (stat(".", &here) == 0
        && stat(context->queue_directory, &queue) == 0 && here.st_ino == queue.st_ino
        && here.st_dev == queue.st_dev))
        str_format(path, "private/%s", context->proxymap_service);
    else
        str_format(path, "%s/private/%s", context->queue_directory, context->proxymap_service);
}

static bool proxy_open_any(struct table *table, const struct table_context *context,
                           const char *name, UNUSED struct error *error)
{
    struct proxy *proxy = memory_new(1, sizeof(*proxy));
    AUTO_STR struct str path = STR_EMPTY;

    socket_path(context, &path);
    proxy->name = memory_copy(name);
    proxy->lanes = lane_pool_new(path.data, IDLE_LANES, IDLE_SECONDS);
    table->data = proxy;
    return true;
}

static enum table_result report(const struct proxy *proxy, const struct table_reply *reply,
                                struct str *value, struct error *error)
{
    switch (reply->status) {
    case TABLE_STATUS_FOUND:
        str_add(value, reply->value);
        return TABLE_FOUND;
    case TABLE_STATUS_ABSENT:
        return TABLE_ABSENT;
    case TABLE_STATUS_DENIED:
        error_set(error, "service proxymap is not configured for table \"%s\": "
                  "proxy_read_maps does not name it", proxy->name);
        break;
    default:
        error_set(error, "proxy:%s: %s", proxy->name, reply->reason);
    }
    log_warn("%s", error->text);
    return TABLE_TROUBLE;
}

static enum table_result proxy_get(struct table *table, struct slice key, struct str *value,
                                   struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    const struct proxy *proxy = table->data;
    struct table_request request = { proxy->name, table->flags, key };
    struct table_reply reply;

    if (lane_pool_call(proxy->lanes, &table_request_frame, &request, &table_reply_frame, arena,
                       &reply, moment_after(ANSWER_SECONDS), error))
        return report(proxy, &reply, value, error);
    log_warn("proxy:%s: %s", proxy->name, error->text);
    return TABLE_TROUBLE;
}

static void proxy_close(struct table *table)
{
    struct proxy *proxy = table->data;

    lane_pool_free(proxy->lanes);
    free(proxy->name);
    free(proxy);
}

static bool proxy_open(struct table *table, const struct table_context *context, const char *name,
                       struct error *error);

const struct table_type table_type_proxy = {
    .name = "proxy", .open = proxy_open, .get = proxy_get, .close = proxy_close,
};

/* Behind proxymap is a table of patterns: only whole keys are asked, as they are. */
static const struct table_type proxied_pattern = {
    .name = "proxy", .pattern = true,
    .open = proxy_open_any, .get = proxy_get, .close = proxy_close,
};

static bool proxy_open(struct table *table, const struct table_context *context, const char *name,
                       struct error *error)
{
    struct slice inner = slice_of(name);

    if (slice_starts(inner, "regexp:") || slice_starts(inner, "pcre:")
        || slice_starts(inner, "cidr:"))
        table->type = &proxied_pattern;
    return proxy_open_any(table, context, name, error);
}
