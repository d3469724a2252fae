/*
 * The header by which a proxy in front of us says whose connection it passes on
 * (haproxy's PROXY protocol, versions 1 and 2; smtpd_upstream_proxy_protocol).
 */
#pragma once

#include "stream/stream.h"

#include <sys/socket.h>

struct upstream_addresses {
    bool known;         /* else the connection is the proxy's own */
    struct sockaddr_storage client, server;
};

/*
 * Read the header off the stream, which has a deadline.  False, with a warning in the log, when
 * there is no good one.
 */
bool upstream_read(struct stream *stream, struct upstream_addresses *addresses);

/* Public for tests.  NULL when the header is good, else what is wrong with it. */
const char *upstream_parse(struct slice header, struct upstream_addresses *addresses);
