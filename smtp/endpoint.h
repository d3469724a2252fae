/*
 * What smtp-source and smtp-sink share of their arguments.  All of it ends the program with a
 * message when an argument makes no sense.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

/* Where to connect to or to listen: "[inet:][host][:port]", "unix:path". */
struct endpoint {
    struct sockaddr_storage address;
    socklen_t length;
};

/* Without a host it is any interface when passive, else this host; without a port, default_port. */
struct endpoint endpoint_find(const char *text, int family, bool passive,
                              const char *default_port);

/* A decimal number, not below the lowest. */
int argument_number(const char *text, int lowest);
