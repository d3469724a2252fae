/*
 * A connected socket to a host or to a Unix socket.
 */
#pragma once

#include "agent.h"
#include "destination.h"
#include "hosts.h"

/* The code of an error that is none of the host: what main.cf says cannot be done. */
enum { CONNECT_MISCONFIGURED = -1 };

/* -1 with errno in error->code; waits for smtp_connect_timeout at most. */
int connect_host(const struct agent *agent, const struct host *host, struct error *error);
int connect_path(const char *path, struct error *error);
