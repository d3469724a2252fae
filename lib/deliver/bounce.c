#include "deliver/bounce.h"

#include "base/scope.h"
#include "deliver/envelope_fields.h"

static const struct field bounce_append_fields[] = {
    TEXT_FIELD(bounce_append, queue_id),
    TEXT_FIELD(bounce_append, recipient),
    TEXT_FIELD(bounce_append, original),
    TEXT_FIELD(bounce_append, dsn_original),
    NUMBER_FIELD(bounce_append, notify),
    NUMBER_FIELD(bounce_append, handle),
    TEXT_FIELD(bounce_append, action),
    TEXT_FIELD(bounce_append, dsn),
    TEXT_FIELD(bounce_append, reason),
    TEXT_FIELD(bounce_append, diagnostic_type),
    TEXT_FIELD(bounce_append, diagnostic_text),
    TEXT_FIELD(bounce_append, remote_mta_type),
    TEXT_FIELD(bounce_append, remote_mta),
    LAST_FIELD,
};

FRAME_TYPE(bounce_append, "bounce record", FRAME_BOUNCE_APPEND)

static const struct field bounce_send_fields[] = {
    ENVELOPE_FIELDS(bounce_send),
    NUMBER_FIELD(bounce_send, kind),
    LIST_FIELD(bounce_send, records, bounce_append),
    LAST_FIELD,
};

FRAME_TYPE(bounce_send, "notification request", FRAME_BOUNCE_SEND)

static const struct field bounce_reply_fields[] = {
    NUMBER_FIELD(bounce_reply, status),
    TEXT_FIELD(bounce_reply, text),
    LAST_FIELD,
};

FRAME_TYPE(bounce_reply, "bounce answer", FRAME_BOUNCE_REPLY)

bool bounce_append(struct lane_pool *service, const struct bounce_append *record,
                   int timeout_seconds, struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct bounce_reply reply = { 0, "" };

    if (!lane_pool_call(service, &bounce_append_frame, record, &bounce_reply_frame, arena, &reply,
                        moment_after(timeout_seconds), error))
        return false;
    if (reply.status != BOUNCE_OK)
        return error_set(error, "%s", reply.text);
    return true;
}
