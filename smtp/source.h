/*
 * The address that connections to servers come from (smtp_bind_address and inet_interfaces in
 * postconf(5)).
 */
#pragma once

#include "address/interfaces.h"
#include "base/error.h"

#include <netinet/in.h>

struct source {
    struct sockaddr_storage address;
    socklen_t length;               /* 0: the kernel chooses */
    char text[INET6_ADDRSTRLEN];
};

/*
 * The address that is given in text form, with or without brackets; when that is empty the only
 * one of inet_interfaces for the family, unless it is a loopback address.  False, in words that
 * name the parameter, when the text is no address.
 */
bool source_open(struct source *source, int family, const char *parameter, const char *given,
                 const struct interfaces *interfaces, struct error *error) MUST_USE;

/* False, and the log tells, when the socket cannot have the address. */
bool source_bind(const struct source *source, int fd) MUST_USE;
