/*
 * What comes into the active queue: cleanup's notes, and walks over incoming and deferred.
 */
#pragma once

#include "active.h"
#include "ipc/channel.h"

struct intake *intake_new(struct qmgr *qmgr);
void intake_free(struct intake *intake);

/* Walk over both queues, and again each queue_run_delay. */
void intake_start(struct qmgr *qmgr);

/* Look for what came while nobody told us. */
void intake_walk_incoming(struct qmgr *qmgr);

/* Take no more notes: cleanup is to tell the next life of qmgr. */
void intake_close(struct intake *intake);

/* There is room in the active queue again. */
void intake_feed(struct qmgr *qmgr);

/* The intake log is settled: who asked for it is told. */
void intake_settled(struct qmgr *qmgr);

/* A connection of cleanup's, and trigger bytes: D, I, A, F, W. */
void intake_accepted(struct service_context *context, struct events *events, int fd);
void intake_triggered(struct service_context *context, struct events *events,
                      struct slice bytes);
