/*
 * A destination: its window of concurrent deliveries, and whether it is dead
 * (SCHEDULER_README: concurrency scheduling).
 */
#pragma once

#include "scheduler.h"

/* The deliveries of one message for one destination. */
struct job {
    void *message;
    struct delivery *first, **last;
    struct job *next;
};

struct destination {
    struct transport *transport;
    char *name;
    struct job *first, *last;       /* messages take turns */
    size_t waiting;                 /* deliveries in jobs */
    size_t busy;
    double window;                  /* whole numbers, but for tests of feedback */
    double successes, failures;     /* feedback not yet turned into a step */
    double failed_cohorts;
    int64_t dead_until;             /* 0: alive */
    int64_t delayed_until;          /* rate delay */
    char *reason;                   /* "4.4.1 text" while dead */
    struct destination *next, *previous;    /* ring of the transport, while it has work */
    bool queued;
};

struct destination *destination_new(struct transport *transport, const char *name,
                                    const struct transport_limits *limits);
void destination_free(struct destination *destination);

/* Behind what waits already. */
void destination_push(struct destination *destination, struct delivery *delivery);
/* Before everything else: it was taken and nothing came of it. */
void destination_push_back(struct destination *destination, struct delivery *delivery);
/* The next one: messages take turns. NULL when nothing waits. */
struct delivery *destination_pop(struct destination *destination);

/* May start one more delivery at this moment. */
bool destination_is_open(const struct destination *destination,
                         const struct transport_limits *limits, int64_t now);

void destination_succeeded(struct destination *destination,
                           const struct transport_limits *limits);
/* reason is copied when that was the end: it is dead until the moment then. True if so. */
bool destination_failed(struct destination *destination, const struct transport_limits *limits,
                        const char *reason, int64_t until);
void destination_kill(struct destination *destination, const char *reason, int64_t until);
void destination_revive(struct destination *destination, const struct transport_limits *limits);
