/*
 * pipe(8): delivers to programs.
 *
 * Only its exec half becomes another user; this one serves without root's powers.
 */
#include "pipe_agent.h"

int main(int argc, char **argv)
{
    static const struct service pipe = {
        .name = "pipe",
        .pattern = SERVICE_SINGLE,
        .rights = RIGHT_READ_TABLES | RIGHT_CONNECT_UNIX | RIGHT_MEMORY_FILE,
        .owner = true,
        .prepare = pipe_prepare,
        .turn = pipe_turn,
    };

    return service_main(&pipe, argc, argv);
}
