/*
 * Who is told what: the sender, the postmaster, or nobody (bounce(8)).
 */
#pragma once

#include "notice.h"
#include "queue/queue.h"

struct bouncer {
    const struct config *config;
    struct queue *queue;
    struct lane_pool *cleanup;
    struct notice_templates templates;
    const char *log;            /* "bounce", "defer" or "trace": which service this is */
};

/* Answer a request of qmgr's.  False: trouble, the message is to be tried again. */
bool notifications_send(const struct bouncer *bouncer, struct bounce_send *send,
                        struct error *error) MUST_USE;
