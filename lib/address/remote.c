#include "address/remote.h"

#include "base/scope.h"

static const struct field rewrite_request_fields[] = {
    NUMBER_FIELD(rewrite_request, context),
    BYTES_FIELD(rewrite_request, address),
    LAST_FIELD,
};

FRAME_TYPE(rewrite_request, "rewrite request", FRAME_REWRITE_REQUEST)

static const struct field rewrite_reply_fields[] = {
    BYTES_FIELD(rewrite_reply, address),
    LAST_FIELD,
};

FRAME_TYPE(rewrite_reply, "rewrite answer", FRAME_REWRITE_REPLY)

static const struct field resolve_request_fields[] = {
    NUMBER_FIELD(resolve_request, purpose),
    BYTES_FIELD(resolve_request, sender),
    BYTES_FIELD(resolve_request, address),
    LAST_FIELD,
};

FRAME_TYPE(resolve_request, "resolve request", FRAME_RESOLVE_REQUEST)

static const struct field resolve_reply_fields[] = {
    NUMBER_FIELD(resolve_reply, trouble),
    NUMBER_FIELD(resolve_reply, class),
    NUMBER_FIELD(resolve_reply, flags),
    BYTES_FIELD(resolve_reply, transport),
    BYTES_FIELD(resolve_reply, nexthop),
    BYTES_FIELD(resolve_reply, recipient),
    TEXT_FIELD(resolve_reply, reason),
    LAST_FIELD,
};

FRAME_TYPE(resolve_reply, "resolve answer", FRAME_RESOLVE_REPLY)

bool remote_rewrite(struct lane_pool *lanes, enum rewrite_context context, struct slice internal,
                    struct str *output, int64_t deadline, struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct rewrite_request request = { context, internal };
    struct rewrite_reply reply;

    if (!lane_pool_call(lanes, &rewrite_request_frame, &request, &rewrite_reply_frame, arena,
                        &reply, deadline, error))
        return false;
    str_add(output, reply.address);
    return true;
}

bool remote_resolve(struct lane_pool *lanes, enum resolve_purpose purpose, struct slice sender,
                    struct slice internal, struct resolution *resolution, int64_t deadline,
                    struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct resolve_request request = { purpose, sender, internal };
    struct resolve_reply reply;

    if (!lane_pool_call(lanes, &resolve_request_frame, &request, &resolve_reply_frame, arena,
                        &reply, deadline, error))
        return false;
    if (reply.trouble)
        return error_set(error, "%s", reply.reason);
    if (reply.class < ADDRESS_LOCAL || reply.class > ADDRESS_DEFAULT)
        return error_set(error, "unknown address class from the rewrite service");
    resolution->class = (enum address_class)reply.class;
    resolution->flags = (unsigned)reply.flags;
    str_set(&resolution->transport, reply.transport);
    str_set(&resolution->nexthop, reply.nexthop);
    str_set(&resolution->recipient, reply.recipient);
    return true;
}
