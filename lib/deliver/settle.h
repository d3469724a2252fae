/*
 * Having the intake log settled before a tool looks at queue files (queue/intake_log.h).
 */
#pragma once

#include "ipc/frame.h"
#include "queue/queue.h"

struct settle {
    int64_t unused;     /* a frame has fields */
};

struct settled {
    int64_t done;
};

extern const struct frame_type settle_frame, settled_frame;

/*
 * Ask the queue manager behind the socket; while there is none it is done here, by the owner of
 * the queue.  The queue directory is the current one.  Waits for at most a few seconds.  A
 * failure leaves messages where they are.
 */
bool settle_intake(struct queue *queue, const char *qmgr_socket, struct error *error) MUST_USE;
