/*
 * Workarounds for a firewall that rewrites SMTP (smtp_pix_workarounds in postconf(5)): its
 * greeting is made of asterisks.
 */
#pragma once

#include "session.h"

enum { PIX_DISABLE_ESMTP = 1, PIX_DELAY_DOTCRLF = 2 };

/* After the greeting was read: sets session->workarounds, and the log tells. */
void pix_look(const struct agent *agent, struct session *session,
              const struct delivery_request *request, struct arena *arena);
