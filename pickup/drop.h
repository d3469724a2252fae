/*
 * A message that a local user hands in: its records, checked, as a file in maildrop.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "config/config.h"

/* What records and envelope may take beside the content that message_size_limit counts. */
enum { DROP_OVERHEAD = 1024 * 1024 };

/*
 * Check the records and commit them to maildrop, below the current directory.  The new queue id
 * replaces what is in id.  After false nothing is left there.  Waits for the disk.
 */
bool drop_message(const struct config *config, struct slice records, struct str *id,
                  struct error *error) MUST_USE;
