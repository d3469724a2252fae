/*
 * Asking qmgr and flush for delivery attempts.  Each ends the process when it cannot be had.
 */
#pragma once

#include "config/config.h"

void flush_all(const struct config *config);
void flush_message(const struct config *config, const char *id);
void flush_site(const struct config *config, const char *site);

/* Connect to a socket of the mail system below the queue directory; -1 and errno. */
int connect_service(const char *class, const char *service);
