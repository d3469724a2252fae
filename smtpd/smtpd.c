/*
 * smtpd: the SMTP server.
 */
#include "alone.h"
#include "client.h"
#include "prepare.h"

#include <string.h>

int main(int argc, char **argv)
{
    static const struct service smtpd = {
        .name = "smtpd",
        .pattern = SERVICE_SESSIONS,
        .rights = RIGHT_READ_TABLES | RIGHT_CONNECT_UNIX | RIGHT_RESOLVE,
        .prepare = smtpd_prepare,   /* open tables: still outside the jail */
        .adjust_rights = smtpd_rights,  /* policy servers may be elsewhere */
        .greet = client_greet,      /* a client has come: its session, as a value */
        .turn = client_turn,        /* it has said something: answer; leave when it does */
        .expired = client_expired,
        .closing = client_closing,
        .leave = client_leave,
    };

    if (argc == 2 && strcmp(argv[1], "-S") == 0)
        return alone_main();
    return service_main(&smtpd, argc, argv);
}
