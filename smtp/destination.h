/*
 * A next hop as qmgr names it, taken apart: domain, host, [host], host:port, [host]:port,
 * inet:host:port, unix:path (transport(5), lmtp(8)).
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

struct destination {
    const char *text;           /* as it was given */
    const char *host;           /* or the path of a socket; without brackets and IPv6: */
    int port;
    const char *service;        /* the port as it was given by name; "" without */
    bool unix_socket;
    bool exact;                 /* in brackets: no MX lookup */
    bool default_port;          /* a mail loop is possible (25, 24) */
};

/*
 * False for a text that names no destination.  inet:host, LMTP names and IP addresses
 * without brackets are exact too.
 */
bool destination_parse(struct destination *destination, const char *text,
                       const char *default_port, bool lmtp, struct arena *arena,
                       struct error *error) MUST_USE;
