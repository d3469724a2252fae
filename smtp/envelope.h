/*
 * MAIL and RCPT commands with the parameters that the server understands (RFC 1870, 6152, 3461,
 * 6531).
 */
#pragma once

#include "session.h"

/* False with the failure when the server cannot take the message at all. */
bool envelope_fits(struct session *session, const struct delivery_request *request,
                   struct arena *arena, struct failure *failure) MUST_USE;

/* RFC 6152 3: the text goes out in other bytes than it has here, since the server takes 7 bits. */
bool envelope_needs_downgrade(const struct session *session, const struct envelope *envelope);

/* Both append to the stream; index is that of the recipient. */
void envelope_write_mail(struct session *session, const struct agent *agent,
                         const struct delivery_request *request, struct arena *arena);
void envelope_write_rcpt(struct session *session, const struct agent *agent,
                         const struct delivery_request *request, size_t index,
                         struct arena *arena);
