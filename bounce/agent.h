/*
 * What the agents without a mailbox share (error, retry, discard): receive a request, have
 * each recipient the same outcome, report.
 */
#pragma once

#include "deliver/outcome.h"
#include "service/service.h"

/* Makes the reporter; for prepare. */
bool agent_prepare(struct service_context *context, struct error *error);

/* One turn: decide fills the outcome that all recipients of the request have. */
enum turn agent_turn(struct client *client,
                     void (*decide)(const struct service_context *context,
                                    const struct delivery_request *request,
                                    struct arena *arena, struct outcome *outcome));

/*
 * "5.1.1 text" taken apart: *dsn is the status, or fallback when there is none or its class
 * is not that of fallback; the text is returned.
 */
const char *agent_split_status(struct arena *arena, const char *text, const char *fallback,
                               const char **dsn);
