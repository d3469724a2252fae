/*
 * bounce, defer and trace: one program, whose service name says which log it keeps.
 */
#include "record_log.h"
#include "send.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "service/service.h"

#include <errno.h>

enum { POOL_LANES = 10, POOL_IDLE_SECONDS = 100, REPLY_SECONDS = 60 };

static const char *log_of(const struct service_context *context)
{
    if (strcmp(context->service_name, context->config->defer_service_name) == 0)
        return "defer";
    if (strcmp(context->service_name, context->config->trace_service_name) == 0)
        return "trace";
    return "bounce";
}

static bool bounce_prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    struct bouncer *bouncer = memory_new(1, sizeof(*bouncer));
    const struct queue_settings settings = {
        .hash_queue_names = config->hash_queue_names,
        .hash_queue_depth = config->hash_queue_depth,
        .long_ids = config->enable_long_queue_ids,
        .line_length_limit = config->line_length_limit,
    };

    context->state = bouncer;
    bouncer->config = config;
    bouncer->log = log_of(context);
    bouncer->cleanup = lane_pool_new(
        service_socket(context, "public", config->cleanup_service_name), POOL_LANES,
        POOL_IDLE_SECONDS);
    bouncer->queue = queue_open(&settings, error);
    if (!bouncer->queue)
        return false;
    if (*config->bounce_template_file)
        service_reads(context, config->bounce_template_file);
    /* The texts live as long as the process. */
    return notice_templates_load(config->bounce_template_file, arena_new(), &bouncer->templates,
                                 error);
}

static bool append(const struct bouncer *bouncer, struct slice frame, struct arena *arena,
                   struct error *error)
{
    struct bounce_append record;

    if (!frame_read(frame, &bounce_append_frame, arena, &record, error))
        return false;
    if (!queue_id_is_valid(slice_of(record.queue_id)))
        return error_set(error, "bad queue id");
    return record_log_append(bouncer->queue, bouncer->log, &record,
                             bouncer->config->backwards_bounce_logfile_compatibility, error);
}

static bool send_notices(const struct bouncer *bouncer, struct slice frame, struct arena *arena,
                         struct error *error)
{
    struct bounce_send send;

    return frame_read(frame, &bounce_send_frame, arena, &send, error) &&
           notifications_send(bouncer, &send, error);
}

static bool obey(const struct bouncer *bouncer, struct slice frame, struct arena *arena,
                 struct error *error)
{
    switch (frame_kind(frame)) {
    case FRAME_BOUNCE_APPEND:
        return append(bouncer, frame, arena, error);
    case FRAME_BOUNCE_SEND:
        return send_notices(bouncer, frame, arena, error);
    default:
        return error_set(error, "unknown request");
    }
}

static bool answer(struct lane *lane, const struct bounce_reply *reply)
{
    AUTO_STR struct str output = STR_EMPTY;
    struct error error = ERROR_NONE;

    frame_write(&output, &bounce_reply_frame, reply);
    return lane_send(lane, &output, -1, moment_after(REPLY_SECONDS), &error);
}

static enum turn bounce_turn(struct client *client)
{
    AUTO_ARENA struct arena *arena = arena_new();
    const struct bouncer *bouncer = client->context->state;
    struct bounce_reply reply = { BOUNCE_OK, "" };
    struct error error = ERROR_NONE;
    struct slice frame;

    if (!lane_receive(client->lane, &frame, NULL, moment_after(bouncer->config->ipc_timeout),
                      &error))
        return TURN_LEAVE;
    if (!obey(bouncer, frame, arena, &error)) {
        log_warn("%s", error.text);
        reply = (struct bounce_reply){ BOUNCE_RETRY, error.text };
    }
    return answer(client->lane, &reply) ? TURN_STAY : TURN_LEAVE;
}

int main(int argc, char **argv)
{
    static const struct service bounce = {
        .name = "bounce",
        .pattern = SERVICE_LANES,
        .rights = RIGHT_WRITE_LOGS | RIGHT_READ_QUEUE | RIGHT_CONNECT_UNIX,
        .prepare = bounce_prepare,
        .turn = bounce_turn,
    };

    return service_main(&bounce, argc, argv);
}
