/*
 * Asking the flush service for the deferred mail of a site (ETRN, RFC 1985), in the words of
 * queue_flush_protocol as Postfix speaks it: name NUL value NUL, an empty name at the end.
 */
#pragma once

#include "base/slice.h"

/* What the service answers; the numbers are the protocol's. */
enum flush_answer {
    FLUSH_STARTED = 0,
    FLUSH_BAD_SITE = 3,
    FLUSH_NOT_SERVED = 4,
    FLUSH_TROUBLE = -1,     /* it cannot be reached, or did not answer: that has been logged */
};

/* path is the service's socket.  Waits for at most that many seconds. */
enum flush_answer flush_ask_site(const char *path, struct slice site, int timeout_seconds);
