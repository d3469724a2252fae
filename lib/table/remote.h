/*
 * The connections of a table to the one server that it asks (socketmap, tcp, memcache).
 *
 * Connections are kept for the next lookup; any number of threads ask at once, each over its
 * own.
 */
#pragma once

#include "base/slice.h"
#include "stream/stream_pool.h"
#include "table/table.h"

struct remote;

/*
 * A server at "inet:host:port", "inet:[address]:port" or "unix:path".  False in Postfix's words;
 * nothing is connected yet.
 */
struct remote *remote_new(const struct table_context *context, struct slice endpoint,
                          struct error *error) MUST_USE;
void remote_free(struct remote *remote);

/* "host:port" or the path, as it stands in log lines. */
const char *remote_name(const struct remote *remote);

/* What is said over a connection that is ready until the deadline; STREAM_OK: all was said. */
typedef enum stream_result remote_talk(void *argument, struct stream *stream);

/*
 * Talk over a connection; once more over a fresh one when the server had closed it.  False with
 * the reason: "Connection refused", "unexpected disconnect", "time limit exceeded", or what talk
 * has put into error.
 */
bool remote_ask(struct remote *remote, remote_talk *talk, void *argument, int64_t deadline,
                struct error *error) MUST_USE;
