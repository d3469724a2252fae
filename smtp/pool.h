/*
 * Connections whose message is done and that wait for the next one, for
 * smtp_connection_cache_time_limit at most (architecture 5.2).
 *
 * Shared by all lanes of the process.  This is the one lock of the client: it guards a list,
 * and nothing is called under it.
 */
#pragma once

#include "session.h"

struct pool;

struct pool *pool_new(const struct agent *agent);

/* A session by its next hop, or by the key of a host; NULL without.  Caller owns. */
struct session *pool_take(struct pool *pool, const char *nexthop, const char *host_key);

/* The pool owns it and closes it when its time is up. */
void pool_give(struct pool *pool, struct session *session);
