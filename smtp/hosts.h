/*
 * The hosts of a destination, in the order in which they are to be tried: MX records by
 * preference (RFC 5321 5.1), then addresses.
 */
#pragma once

#include "agent.h"
#include "destination.h"
#include "failure.h"

struct host {
    const char *name;
    struct sockaddr_storage address;    /* with its port */
    socklen_t length;
    unsigned preference;
    int port;
    bool best;                  /* as preferred as the first of its list */
};

struct host_list {
    struct host *items;         /* in the arena */
    size_t count, capacity;
};

/* False with the failure when there is no host to try.  Waits for DNS. */
bool hosts_find(const struct agent *agent, const struct destination *destination,
                struct arena *arena, struct host_list *hosts, struct failure *failure) MUST_USE;
