/*
 * The log of sendmail(1): standard error until there is something to tell the administrator
 * too, since most calls have nothing to say.
 */
#pragma once

#include "config/config.h"

/* Open the log, to syslog as well with everywhere; config may be NULL while it is not read. */
void journal_open(const struct config *config, bool everywhere);
