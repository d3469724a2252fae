/*
 * The beginning of a session: the connection is made, and hands are shaken.
 */
#pragma once

#include "session.h"

/*
 * Connect and shake hands.  host is NULL for a Unix socket.  NULL with the failure, which has been
 * logged when it is about connecting.
 */
struct session *session_open(const struct agent *agent, const struct destination *destination,
                             const struct host *host, const struct delivery_request *request,
                             struct arena *arena, struct failure *failure) MUST_USE;
