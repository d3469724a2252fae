/*
 * cleanup's note to qmgr: a message has come (architecture 5.2).  It carries the envelope
 * while there are at most ARRIVAL_RECIPIENTS, so that fresh mail is not read again.
 * The note is a hint that is never answered; the queue is the truth.
 */
#pragma once

#include "ipc/lane.h"
#include "queue/intake_log.h"

enum { ARRIVAL_RECIPIENTS = 100 };

struct arrival {
    struct envelope envelope;       /* without recipients when there are more */
    int64_t complete;               /* 1: envelope.recipients are all there are */
    int64_t reported;               /* 1: the trace log tells of recipients already */
    struct log_place place;         /* where it lies in the intake log, if it does */
};

extern const struct frame_type arrival_frame;
