/*
 * error and retry: every recipient fails, or is put off, with the nexthop as the reason.
 */
#include "agent.h"

static void decide(const struct service_context *context,
                   const struct delivery_request *request, struct arena *arena,
                   struct outcome *outcome)
{
    bool retries = strcmp(context->service_name, "retry") == 0;

    outcome->action = retries ? OUTCOME_DELAYED : OUTCOME_FAILED;
    outcome->reason = agent_split_status(arena, request->nexthop, retries ? "4.0.0" : "5.0.0",
                                         &outcome->dsn);
}

static enum turn error_turn(struct client *client)
{
    return agent_turn(client, decide);
}

int main(int argc, char **argv)
{
    static const struct service error = {
        .name = "error",
        .pattern = SERVICE_LANES,
        .rights = RIGHT_CONNECT_UNIX,
        .prepare = agent_prepare,
        .turn = error_turn,
    };

    return service_main(&error, argc, argv);
}
