/*
 * A connected socket to a host or to a Unix socket.
 */
#pragma once

#include "agent.h"
#include "destination.h"
#include "hosts.h"

/* -1 with errno in error->code; waits for smtp_connect_timeout at most. */
int connect_host(const struct agent *agent, const struct host *host, struct error *error);
int connect_path(const char *path, struct error *error);
