/*
 * virtual(8): delivers to mailboxes whose owners stand in tables.
 */
#include "virtual_agent.h"

int main(int argc, char **argv)
{
    static const struct service virtual = {
        .name = "virtual",
        .pattern = SERVICE_SINGLE,
        .rights = RIGHT_READ_TABLES | RIGHT_CONNECT_UNIX | RIGHT_BECOME_USERS
                  | RIGHT_WRITE_MAILBOXES,
        .prepare = virtual_prepare,
        .turn = virtual_turn,
    };

    return service_main(&virtual, argc, argv);
}
