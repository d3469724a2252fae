/*
 * local(8): delivers to mailboxes, files and commands of this host.
 */
#include "agent.h"

int main(int argc, char **argv)
{
    static const struct service local = {
        .name = "local",
        .pattern = SERVICE_SINGLE,
        .rights = RIGHT_READ_TABLES | RIGHT_CONNECT_UNIX | RIGHT_NSS | RIGHT_BECOME_USERS
                  | RIGHT_WRITE_MAILBOXES | RIGHT_MEMORY_FILE,
        .prepare = agent_prepare,
        .turn = agent_turn,
    };

    return service_main(&local, argc, argv);
}
