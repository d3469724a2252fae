/*
 * The start of a session: the greeting, EHLO, HELO or LHLO, the extensions.
 */
#pragma once

#include "session.h"

/* False with the failure when the server does not want to talk to us. */
bool handshake(const struct agent *agent, const struct destination *destination,
               struct session *session, const struct delivery_request *request,
               struct arena *arena, struct failure *failure) MUST_USE;
