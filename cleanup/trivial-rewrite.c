/*
 * trivial-rewrite(8): resolving behind a socket, for those who may not ask the servers that its
 * tables ask.
 */
#include "address/lookup.h"
#include "address/resolve_remote.h"
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "service/needs.h"

struct rewriter {
    struct lookup *lookup;
    struct resolver *resolvers[RESOLVE_PROBE + 1];
};

static bool rewriter_prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    const struct table_context *tables = service_tables(context);
    struct rewriter *rewriter = memory_new(1, sizeof(*rewriter));

    context->state = rewriter;
    rewriter->lookup = lookup_open(config, tables, error);
    for (int purpose = RESOLVE_MAIL; rewriter->lookup && purpose <= RESOLVE_PROBE; purpose++) {
        rewriter->resolvers[purpose] = resolver_open_here(config, tables, rewriter->lookup,
                                                          (enum resolve_purpose)purpose, error);
        if (!rewriter->resolvers[purpose])
            return false;
    }
    return rewriter->lookup != NULL;
}

static void write_trouble(struct str *output, struct slice recipient, const struct error *error)
{
    frame_write(output, &resolve_reply_frame,
                &(struct resolve_reply){ .trouble = 1, .recipient = recipient,
                                         .reason = error->text });
}

static bool answer_resolve(const struct rewriter *rewriter, struct slice frame,
                           struct arena *arena, struct str *output, struct error *error)
{
    struct resolution resolution = RESOLUTION_EMPTY;
    struct resolve_request request;

    if (!frame_read(frame, &resolve_request_frame, arena, &request, error))
        return false;
    if (request.purpose < RESOLVE_MAIL || request.purpose > RESOLVE_PROBE)
        return error_set(error, "unknown resolve purpose");
    if (resolver_resolve(rewriter->resolvers[request.purpose], request.sender, request.address,
                         &resolution, error))
        frame_write(output, &resolve_reply_frame, &(struct resolve_reply){
            .class = resolution.class,
            .flags = resolution.flags,
            .transport = str_slice(&resolution.transport),
            .nexthop = str_slice(&resolution.nexthop),
            .recipient = str_slice(&resolution.recipient),
            .reason = "",
        });
    else
        write_trouble(output, str_slice(&resolution.recipient), error);
    resolution_free(&resolution);
    return true;
}

static bool answer_class(const struct rewriter *rewriter, struct slice frame,
                         struct arena *arena, struct str *output, struct error *error)
{
    enum address_class class;
    struct class_request request;

    if (!frame_read(frame, &class_request_frame, arena, &request, error))
        return false;
    if (resolver_domain_class(rewriter->resolvers[RESOLVE_MAIL], request.domain, &class, error))
        frame_write(output, &resolve_reply_frame,
                    &(struct resolve_reply){ .class = class, .reason = "" });
    else
        write_trouble(output, SLICE_LITERAL(""), error);
    return true;
}

static enum turn rewriter_turn(struct client *client)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str output = STR_EMPTY;
    const struct rewriter *rewriter = client->context->state;
    int64_t deadline = moment_after(client->context->config->ipc_timeout);
    struct error error = ERROR_NONE;
    struct slice frame;

    if (!lane_receive(client->lane, &frame, NULL, deadline, &error))
        return TURN_LEAVE;

    bool good = frame_kind(frame) == FRAME_CLASS_REQUEST
        ? answer_class(rewriter, frame, arena, &output, &error)
        : answer_resolve(rewriter, frame, arena, &output, &error);

    if (!good) {
        log_warn("%s", error.text);
        return TURN_LEAVE;
    }
    return lane_send(client->lane, &output, -1, deadline, &error) ? TURN_STAY : TURN_LEAVE;
}

int main(int argc, char **argv)
{
    static const struct service rewriter = {
        .name = "trivial-rewrite",
        .pattern = SERVICE_LANES,
        .rights = RIGHT_READ_TABLES | RIGHT_CONNECT_UNIX,
        .prepare = rewriter_prepare,
        .turn = rewriter_turn,
    };

    return service_main(&rewriter, argc, argv);
}
