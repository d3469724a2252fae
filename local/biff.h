/*
 * Telling a user who is logged in that mail has come (biff(1), comsat(8)).
 */
#pragma once

#include <stdint.h>

/*
 * Send "user@offset" to port 512 of this host; offset is where the message begins in the mailbox.
 * Nobody may listen there: nothing is said about it.
 */
void biff_tell(const char *user, int64_t offset);
