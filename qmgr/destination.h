/*
 * A destination: its window of concurrent deliveries, and whether it is dead
 * (SCHEDULER_README: concurrency scheduling).
 */
#pragma once

#include "job.h"

struct destination {
    struct transport *transport;
    char *name;
    struct peer *first, *last;      /* what waits, in the order of the jobs */
    size_t waiting;                 /* deliveries of peers */
    size_t busy;
    int window;                     /* deliveries at once; 0: dead */
    double successes, failures;     /* feedback not yet turned into a step */
    double failed_cohorts;
    int64_t dead_until;             /* 0: alive */
    int64_t delayed_until;          /* rate delay */
    int64_t clog_warned_at;         /* 0: not yet */
    char *reason;                   /* "4.4.1 text" while dead */
    size_t place;                   /* in transport->open; 0: it is not there */
    bool doomed;                    /* in transport->doomed */
};

struct destination *destination_new(struct transport *transport, const char *name);
void destination_free(struct destination *destination);

/* May start one more delivery. */
bool destination_is_open(const struct destination *destination);

void destination_succeeded(struct destination *destination);
/* reason is copied when that was the end: it is dead until the moment then. True if so. */
bool destination_failed(struct destination *destination, const char *reason, int64_t until);
void destination_revive(struct destination *destination);
