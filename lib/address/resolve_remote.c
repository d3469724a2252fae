#include "address/resolve_remote.h"

#include "base/memory.h"
#include "base/scope.h"
#include "ipc/lane.h"
#include "table/recent.h"

/* The clients of a process are many threads, each of which asks for a short moment. */
enum { IDLE_LANES = 8, IDLE_SECONDS = 60 };

static const struct field resolve_request_fields[] = {
    NUMBER_FIELD(resolve_request, purpose),
    BYTES_FIELD(resolve_request, sender),
    BYTES_FIELD(resolve_request, address),
    LAST_FIELD,
};

FRAME_TYPE(resolve_request, "resolve request", FRAME_RESOLVE_REQUEST)

static const struct field class_request_fields[] = {
    BYTES_FIELD(class_request, domain),
    LAST_FIELD,
};

FRAME_TYPE(class_request, "class request", FRAME_CLASS_REQUEST)

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

struct resolver_remote {
    struct lane_pool *lanes;
    struct recent *answers;     /* by request: smtpd asks for a recipient in several checks */
    char *service;
    enum resolve_purpose purpose;
    int timeout_seconds;
};

struct resolver_remote *resolver_remote_new(const char *path, const char *service,
                                            enum resolve_purpose purpose, int timeout_seconds)
{
    struct resolver_remote *remote = memory_new(1, sizeof(*remote));

    remote->lanes = lane_pool_new(path, IDLE_LANES, IDLE_SECONDS);
    remote->answers = recent_new();
    remote->service = memory_copy(service);
    remote->purpose = purpose;
    remote->timeout_seconds = timeout_seconds;
    return remote;
}

void resolver_remote_free(struct resolver_remote *remote)
{
    if (!remote)
        return;
    lane_pool_free(remote->lanes);
    recent_free(remote->answers);
    free(remote->service);
    free(remote);
}

static bool is_class(int64_t class)
{
    return class >= ADDRESS_LOCAL && class <= ADDRESS_DEFAULT;
}

static struct slice kept_in(struct arena *arena, struct slice text)
{
    return (struct slice){ arena_text(arena, text), text.length };
}

/* The answer of the last second, or that of the service.  What is not known is not kept. */
static bool ask(struct resolver_remote *remote, const struct frame_type *type,
                const void *request, struct arena *arena, struct resolve_reply *reply,
                struct error *error)
{
    AUTO_STR struct str key = STR_EMPTY, answer = STR_EMPTY;
    size_t header = sizeof(uint32_t);       /* the length of a frame */
    bool found;

    frame_write(&key, type, request);
    if (recent_get(remote->answers, str_slice(&key), &found, &answer))
        return frame_read(kept_in(arena, slice_from(str_slice(&answer), header)),
                          &resolve_reply_frame, arena, reply, error);
    if (!lane_pool_call(remote->lanes, type, request, &resolve_reply_frame, arena, reply,
                        moment_after(remote->timeout_seconds), error))
        return error_prefix(error, "problem talking to service %s", remote->service);
    if (reply->trouble)
        return error_set(error, "%s", reply->reason);
    if (!is_class(reply->class))
        return error_set(error, "unknown address class from service %s", remote->service);
    frame_write(&answer, &resolve_reply_frame, reply);
    recent_set(remote->answers, str_slice(&key), true, str_slice(&answer));
    return true;
}

bool resolver_remote_resolve(struct resolver_remote *remote, struct slice sender,
                             struct slice internal, struct resolution *resolution,
                             struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    const struct resolve_request request = { remote->purpose, sender, internal };
    struct resolve_reply reply = { .reason = "" };
    bool good = ask(remote, &resolve_request_frame, &request, arena, &reply, error);

    str_set(&resolution->recipient, reply.recipient);
    if (!good)
        return false;
    resolution->class = (enum address_class)reply.class;
    resolution->flags = (unsigned)reply.flags;
    str_set(&resolution->transport, reply.transport);
    str_set(&resolution->nexthop, reply.nexthop);
    return true;
}

bool resolver_remote_class(struct resolver_remote *remote, struct slice domain,
                           enum address_class *class, struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    const struct class_request request = { domain };
    struct resolve_reply reply;

    if (!ask(remote, &class_request_frame, &request, arena, &reply, error))
        return false;
    *class = (enum address_class)reply.class;
    return true;
}
