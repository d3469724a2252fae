/*
 * A message from standard input, as the records that postdrop takes.
 */
#pragma once

#include "base/str.h"
#include "config/config.h"
#include "options.h"

/*
 * Read the message and append its records.  Returns NULL, or what is wrong: without recipients
 * nothing may be handed over.  sender gets the address in the envelope.
 */
const char *submit_read(const struct sendmail_options *options, const struct config *config,
                        struct str *records, struct str *sender) MUST_USE;
