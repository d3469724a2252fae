/*
 * Who is delivered when: the scheduler of qmgr as a pure state machine.
 *
 * It touches no socket, no disk and no clock: moments (monotonic milliseconds) are
 * arguments, and what is to be done it asks of struct scheduler_actions.  Recipients of a
 * message are grouped into deliveries by (transport, destination); a destination has
 * a window of deliveries at once that grows with success and shrinks with failure, and is
 * dead for a while when it fails too often.  Destinations of a transport, and messages
 * for a destination, take turns, so that a list of 10,000 does not hold up the next mail.
 *
 * A delivery for a dead destination or transport goes to the retry service, which
 * records why.
 */
#pragma once

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scheduler;
struct destination;
struct transport;

/* What SCHEDULER_README calls feedback: limit of a step is 1. */
enum feedback_shape { FEEDBACK_FIXED, FEEDBACK_BY_CONCURRENCY, FEEDBACK_BY_ROOT };

struct feedback {
    enum feedback_shape shape;
    double amount;
};

/* "1", "0.5", "1/concurrency", "2/sqrt_concurrency"; false for anything else. */
bool feedback_parse(const char *text, struct feedback *feedback) MUST_USE;

struct transport_limits {
    int recipients;             /* in one delivery; 0: no limit */
    int concurrency;            /* deliveries at once to a destination; 0: no limit */
    int initial_concurrency;
    double cohort_limit;        /* failed cohorts until a destination is dead; 0: never */
    struct feedback positive, negative;
    int64_t rate_delay;         /* milliseconds between deliveries to a destination */
    int64_t transport_rate_delay;
};

/* Where one recipient goes; the texts live as long as the message. */
struct route {
    const char *transport;
    const char *nexthop;
    const char *destination;    /* the key: nexthop, or the address when recipients is 1 */
    size_t recipient;           /* index into the message's recipients */
};

/* Some recipients of one message, for one agent. */
struct delivery {
    void *message;              /* the owner's */
    struct transport *transport;
    struct destination *destination;
    const char *transport_name;
    const char *nexthop;
    size_t *recipients;         /* indexes */
    size_t count;
    struct delivery *next;
};

enum dispatch_result {
    DISPATCH_STARTED,           /* scheduler_done will be called */
    DISPATCH_BUSY,              /* no lane is free: try the transport again later */
};

struct scheduler_actions {
    /* The limits of a transport, asked once. */
    void (*limits)(void *owner, const char *transport, struct transport_limits *limits);
    enum dispatch_result (*dispatch)(void *owner, struct delivery *delivery);
    /* The retry service cannot be had either: the recipients stay deferred. */
    void (*give_up)(void *owner, struct delivery *delivery);
    /* It was withdrawn: nothing was tried. */
    void (*give_back)(void *owner, struct delivery *delivery);
    void *owner;
};

struct scheduler_settings {
    int64_t transport_retry;    /* transport_retry_time, milliseconds */
    int64_t destination_retry;  /* minimal_backoff_time, milliseconds */
    const char *retry_transport;
};

struct scheduler *scheduler_new(const struct scheduler_settings *settings,
                                const struct scheduler_actions *actions);
void scheduler_free(struct scheduler *scheduler);

/* True when a transport's recipient limit is 1, so that its destinations are recipients. */
bool scheduler_is_per_recipient(struct scheduler *scheduler, const char *transport);

/*
 * Queue the recipients of a message.  Routes are sorted in place.  Returns how many deliveries
 * it makes; scheduler_run starts them.
 */
size_t scheduler_add(struct scheduler *scheduler, void *message, struct route *routes,
                     size_t count, int64_t now);

enum delivery_result {
    RESULT_GOOD,
    RESULT_UNREACHABLE,         /* the destination as a whole failed; reason says why */
    RESULT_AGAIN,               /* nothing was tried: put it back to the front */
    RESULT_BROKEN,              /* the agent is gone: the transport is throttled */
};

/* A dispatched delivery has ended.  reason, "4.4.1 text", is copied.  Frees the delivery but for
 * RESULT_AGAIN. */
void scheduler_done(struct scheduler *scheduler, struct delivery *delivery,
                    enum delivery_result result, const char *reason, int64_t now);

/* No agent can be reached: what waits for the transport is deferred, for a while. */
void scheduler_throttle(struct scheduler *scheduler, struct transport *transport,
                        const char *reason, int64_t now);

/* Start all that may start now. */
void scheduler_run(struct scheduler *scheduler, int64_t now);

/* Nothing more is to be started: what waits goes to give_back. */
void scheduler_withdraw(struct scheduler *scheduler);

/* Forget what is dead, throttled or delayed (postqueue -f). */
void scheduler_revive(struct scheduler *scheduler);

/* The same for one destination (postqueue -i). */
void scheduler_revive_destination(struct scheduler *scheduler, const char *transport,
                                  const char *destination);

/* The moment at which scheduler_run may have something to start; INT64_MAX: at no time. */
int64_t scheduler_next(const struct scheduler *scheduler);

/* Deliveries that wait, for tests and decisions about lanes. */
size_t scheduler_waiting(const struct scheduler *scheduler);
size_t transport_waiting(const struct transport *transport);
const char *transport_name(const struct transport *transport);
void *transport_owner_data(const struct transport *transport);
void transport_set_owner_data(struct transport *transport, void *data);
