/*
 * What postsuper does with messages.
 */
#pragma once

#include "queue/queue.h"

enum action { ACTION_REQUEUE, ACTION_DELETE, ACTION_EXPIRE, ACTION_HOLD, ACTION_RELEASE,
              ACTION_COUNT };

/* An option with its argument: what to do, and with which message. */
struct order {
    bool actions[ACTION_COUNT];     /* -f is two of them */
    const char *id;                 /* or "ALL", or "-": ids from standard input */
};

struct superintendent {
    struct queue *queue;
    bool places[QUEUE_PLACE_COUNT]; /* the directories that were named */
    bool named;                     /* some were */
    long counts[ACTION_COUNT];
    struct sweep *sweep;            /* while all messages are deleted */
};

/* Carry an order out; what could not be done is logged. */
void superintendent_obey(struct superintendent *superintendent, const struct order *order);

/* "Deleted: 2 messages": of each action that an order named. */
void superintendent_report(const struct superintendent *superintendent,
                           const bool actions[ACTION_COUNT]);
