/*
 * The host's own addresses: inet_interfaces and proxy_interfaces of main.cf.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

#include <sys/socket.h>

struct config;
struct interfaces;
struct network_address;

/*
 * Read inet_interfaces (all, loopback-only, names and addresses), proxy_interfaces and
 * inet_protocols.  The addresses of the host are those of now.  Waits for names in /etc/hosts or
 * DNS only when the parameters hold names.
 */
struct interfaces *interfaces_open(const struct config *config, struct error *error) MUST_USE;
void interfaces_close(struct interfaces *interfaces);

/* The address, in text form or as a socket address, is one of inet_interfaces. */
bool interfaces_have(const struct interfaces *interfaces, const struct sockaddr *address);
bool interfaces_have_text(const struct interfaces *interfaces, struct slice address);

/* The only address of a family in inet_interfaces; false when there is none or more than one. */
bool interfaces_only(const struct interfaces *interfaces, int family,
                     struct network_address *address);

/* The address is one of proxy_interfaces. */
bool interfaces_have_proxy_text(const struct interfaces *interfaces, struct slice address);
