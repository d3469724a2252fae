/*
 * One delivery request under way: which recipients are still to be delivered, and
 * what has become of the others.
 */
#pragma once

#include "agent.h"
#include "deliver/request.h"
#include "session.h"

struct delivery {
    const struct agent *agent;
    const struct delivery_request *request;
    int file;                       /* of the queue, borrowed */
    struct arena *arena;
    struct recipient_report_list reports;   /* items in the arena */
    bool *done;                     /* for each recipient: it is in reports */
    const struct failure **own;     /* for each recipient: what the last host said of it; or NULL */
    size_t left;                    /* recipients that are not done */
    struct failure failure;         /* the last; what is left at the end gets it */
    const char *used;               /* key of the pooled connection that was tried; or NULL */
    bool reached;                   /* some host talked to us */
    int64_t started_at, connected_at;       /* microseconds, for delays= */
    bool final;                     /* no host comes after this one: what it says counts */
};

/* Deliver: every recipient of the request is in the reports after this. */
void delivery_run(struct delivery *delivery);

/* The recipient was delivered over the session, which answered with its last reply. */
void delivery_succeed(struct delivery *delivery, size_t index, const struct session *session);

/*
 * The recipient was refused: it is done when the failure is permanent or final, else the next host
 * may try, and the log tells.
 */
void delivery_fail(struct delivery *delivery, size_t index, const struct failure *failure,
                   const struct session *session);

/* As delivery_fail for all that are not done; the log tells once. */
void delivery_fail_all(struct delivery *delivery, const struct failure *failure,
                       const struct session *session);
