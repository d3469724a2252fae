/*
 * trivial-rewrite(8): lib/address behind a socket, for those who may not open its tables.
 */
#include "address/lookup.h"
#include "address/remote.h"
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "service/needs.h"

struct rewriter {
    struct rewrite_settings settings;
    struct lookup *lookup;
    struct resolver *resolvers[RESOLVE_PROBE + 1];
};

static bool rewriter_prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    const struct table_context *tables = service_tables(context);
    struct rewriter *rewriter = memory_new(1, sizeof(*rewriter));

    context->state = rewriter;
    rewriter->settings = rewrite_settings_of(config);
    rewrite_tell_completion(&rewriter->settings, config);
    rewriter->lookup = lookup_open(config, tables, error);
    for (int purpose = RESOLVE_MAIL; rewriter->lookup && purpose <= RESOLVE_PROBE; purpose++) {
        rewriter->resolvers[purpose] = resolver_open(config, tables, rewriter->lookup,
                                                     (enum resolve_purpose)purpose, error);
        if (!rewriter->resolvers[purpose])
            return false;
    }
    return rewriter->lookup != NULL;
}

static bool answer_rewrite(const struct rewriter *rewriter, struct slice frame,
                           struct arena *arena, struct str *output, struct error *error)
{
    AUTO_STR struct str address = STR_EMPTY;
    struct rewrite_request request;

    if (!frame_read(frame, &rewrite_request_frame, arena, &request, error))
        return false;
    if (request.context < REWRITE_LOCAL || request.context > REWRITE_NONE)
        return error_set(error, "unknown rewrite context");
    rewrite_address(&rewriter->settings, (enum rewrite_context)request.context, request.address,
                    &address);
    frame_write(output, &rewrite_reply_frame, &(struct rewrite_reply){ str_slice(&address) });
    return true;
}

static bool answer_resolve(const struct rewriter *rewriter, struct slice frame,
                           struct arena *arena, struct str *output, struct error *error)
{
    struct resolution resolution = RESOLUTION_EMPTY;
    struct resolve_reply reply = { .reason = "" };
    struct resolve_request request;

    if (!frame_read(frame, &resolve_request_frame, arena, &request, error))
        return false;
    if (request.purpose < RESOLVE_MAIL || request.purpose > RESOLVE_PROBE)
        return error_set(error, "unknown resolve purpose");
    if (resolver_resolve(rewriter->resolvers[request.purpose], request.sender, request.address,
                         &resolution, error)) {
        reply.class = resolution.class;
        reply.flags = resolution.flags;
        reply.transport = str_slice(&resolution.transport);
        reply.nexthop = str_slice(&resolution.nexthop);
        reply.recipient = str_slice(&resolution.recipient);
    } else {
        reply.trouble = 1;
        reply.reason = error->text;
    }
    frame_write(output, &resolve_reply_frame, &reply);
    resolution_free(&resolution);
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

    bool good = frame_kind(frame) == FRAME_REWRITE_REQUEST
        ? answer_rewrite(rewriter, frame, arena, &output, &error)
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
