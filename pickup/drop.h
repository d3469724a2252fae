/*
 * A message that a local user hands in: its records, checked, as a file in maildrop.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "config/config.h"

/* What records and envelope may take beside the content that message_size_limit counts. */
enum { DROP_OVERHEAD = 1024 * 1024 };

enum drop_result {
    DROP_GOOD,
    DROP_UNFINISHED,        /* the records end before the message does: the caller gave up */
    DROP_NO_ENVELOPE,       /* no sender or no recipient */
    DROP_NOT_ALLOWED,       /* this login may not use that sender; error is for its eyes */
    DROP_NO_LOOKUP,         /* that could not be found out */
    DROP_BAD,               /* these are not the records of a local message; error says why */
    DROP_TROUBLE,           /* the queue's; error says what */
};

/*
 * Check the records and commit them to maildrop, below the current directory, under the queue
 * id.  Attributes that a local message may not have are left out with a warning.  But for
 * DROP_GOOD nothing is left there.  Waits for the disk.
 */
enum drop_result drop_message(const struct config *config, struct slice records, const char *id,
                              struct error *error) MUST_USE;
