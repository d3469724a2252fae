/*
 * discard: every recipient is delivered to nowhere, with the nexthop as the reason.
 */
#include "agent.h"

static void decide(const struct service_context *context,
                   const struct delivery_request *request, struct arena *arena,
                   struct outcome *outcome)
{
    (void)context;
    outcome->action = OUTCOME_DELIVERED;
    outcome->reason = agent_split_status(arena, request->nexthop, "2.0.0", &outcome->dsn);
}

static enum turn discard_turn(struct client *client)
{
    return agent_turn(client, decide);
}

int main(int argc, char **argv)
{
    static const struct service discard = {
        .name = "discard",
        .pattern = SERVICE_LANES,
        .rights = RIGHT_CONNECT_UNIX,
        .prepare = agent_prepare,
        .turn = discard_turn,
    };

    return service_main(&discard, argc, argv);
}
