/*
 * MAIL and RCPT commands with the parameters that the server understands (RFC 1870, 6152, 3461,
 * 6531).
 */
#pragma once

#include "session.h"

/* False with the failure when the server cannot take the message at all. */
bool envelope_fits(const struct session *session, const struct delivery_request *request,
                   struct arena *arena, struct failure *failure) MUST_USE;

/* Both append to the stream. */
void envelope_write_mail(struct session *session, const struct agent *agent,
                         const struct delivery_request *request);
void envelope_write_rcpt(struct session *session, const struct agent *agent,
                         const struct recipient *recipient);
