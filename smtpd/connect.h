/*
 * Connections of smtpd to servers that main.cf names: unix:path, inet:host:port.
 */
#pragma once

#include "base/error.h"
#include "dns/dns.h"
#include "stream/stream.h"

/*
 * What stands before the first ':' says the kind; a bare path or host:port is told by its form.
 * False for what is neither.  *name is how the server is called in log lines.
 */
bool destination_parse(struct slice text, bool *is_unix, struct slice *name);

/* Connect within the time; the host is looked up in the hosts file and in DNS. */
struct stream *connect_to_server(struct dns *dns, bool is_unix, const char *name,
                                 int timeout_seconds, struct error *error) MUST_USE;
