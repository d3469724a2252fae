/*
 * What the bounce service wrote about a message (its bounce, defer and trace log) goes with it.
 */
#pragma once

#include "queue/queue.h"

/* Remove the logs of a message; what could not be removed is warned of. */
void logs_remove(struct queue *queue, const char *id);

/*
 * The logs of many messages.  Most have none, so the folders are read instead of three names
 * being tried for each message: before, and again at the end for what was written meanwhile.
 */
struct sweep;

struct sweep *sweep_begin(struct queue *queue) MUST_USE;

/* Before a message is removed: its logs, so that a crash does not leave them behind. */
void sweep_logs(struct sweep *sweep, const char *id);

/* It is gone. */
void sweep_gone(struct sweep *sweep, const char *id);

/* Remove what has been written about those that are gone, and end. */
void sweep_end(struct sweep *sweep);
