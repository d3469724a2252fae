/*
 * Who is delivered when: the scheduler of qmgr as a pure state machine.
 *
 * It touches no socket, no disk and no clock: moments (monotonic milliseconds) are
 * arguments, and what is to be done it asks of struct scheduler_actions.  Recipients of a
 * message are grouped into deliveries by (transport, destination); a destination has
 * a window of deliveries at once that grows with success and shrinks with failure, and is
 * dead for a while when it fails too often.  The messages of a transport go in the order in
 * which they came, but that one with few recipients may overtake one with many (job.h).
 *
 * A delivery for a dead destination or transport goes to the retry service, which
 * records why.
 */
#pragma once

#include "feedback.h"

#include <stddef.h>
#include <stdint.h>

struct scheduler;
struct destination;
struct transport;
struct job;
struct recipient;

/* A message as the scheduler knows it. */
struct mail;

/* By how much messages may be overtaken: man 5 postconf, transport_delivery_slot_cost ... */
struct slot_rules {
    int cost;                   /* deliveries that earn a slot; 0: no overtaking */
    int loan;                   /* slots in advance */
    int discount;               /* percentage of the slots needed, in advance */
    int minimum;                /* who never earns more slots is not overtaken */
};

/* How many recipients are held in memory. */
struct memory_rules {
    int recipients;             /* transport_recipient_limit */
    int extra;                  /* for mail that overtakes: transport_extra_recipient_limit */
    int refill_least;           /* read when there is room for so many, */
    int64_t refill_delay;       /* or for any, and so many milliseconds have passed */
};

struct transport_limits {
    int recipients;             /* in one delivery; 0: no limit */
    int concurrency;            /* deliveries at once to a destination; 0: no limit */
    int initial_concurrency;
    double cohort_limit;        /* failed cohorts until a destination is dead; 0: never */
    struct feedback positive, negative;
    int64_t rate_delay;         /* milliseconds between deliveries to a destination */
    int64_t transport_rate_delay;
    struct slot_rules slots;
    struct memory_rules memory;
    bool debug;                 /* log what feedback does */
};

/* Where one recipient goes; the texts live as long as the batch of recipients. */
struct route {
    const char *transport;
    const char *nexthop;
    const char *destination;    /* the key: nexthop, or the address when recipients is 1 */
    struct recipient *recipient;
    bool alone;                 /* in a delivery of its own (VERP) */
};

/* Some recipients of one message, for one agent. */
struct delivery {
    void *message;              /* the owner's */
    void *batch;                /* the owner's: what was given to scheduler_add */
    struct transport *transport;
    struct destination *destination;
    struct job *job;
    const char *transport_name;
    const char *nexthop;
    struct recipient **recipients;
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
    /* One destination has more than clog_load deliveries; told no more often than clog_pause. */
    void (*clogged)(void *owner, const struct delivery *delivery);
    /* There is room for that many more recipients of the message: scheduler_add follows. */
    void (*refill)(void *owner, void *message, size_t room);
    void *owner;
};

struct scheduler_settings {
    int64_t transport_retry;    /* transport_retry_time, milliseconds */
    int64_t destination_retry;  /* minimal_backoff_time, milliseconds */
    const char *retry_transport;
    size_t least_recipients;    /* of a message in memory: qmgr_message_recipient_minimum */
    size_t dead_limit;          /* dead destinations that are remembered */
    size_t clog_load;
    int64_t clog_pause;         /* milliseconds; 0: never told */
};

struct scheduler *scheduler_new(const struct scheduler_settings *settings,
                                const struct scheduler_actions *actions);
void scheduler_free(struct scheduler *scheduler);

/* True when a transport's recipient limit is 1, so that its destinations are recipients. */
bool scheduler_is_per_recipient(struct scheduler *scheduler, const char *transport);

/* A message enters, later than those before it. */
struct mail *scheduler_enter(struct scheduler *scheduler, void *message, int64_t now);

/* It leaves: none of its deliveries is under way or waits.  NULL is fine. */
void scheduler_leave(struct scheduler *scheduler, struct mail *mail);

/*
 * Queue recipients of a message.  Routes are sorted in place; unread is how many recipients
 * are not read yet, at most.  Returns how many deliveries it makes; scheduler_run starts them.
 */
size_t scheduler_add(struct scheduler *scheduler, struct mail *mail, void *batch,
                     struct route *routes, size_t count, int64_t now);
void scheduler_set_unread(struct scheduler *scheduler, struct mail *mail, size_t unread,
                          int64_t now);

/* How many more recipients of the message may be read, at least the minimum. */
size_t scheduler_room(const struct scheduler *scheduler, const struct mail *mail);

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
const char *destination_name(const struct destination *destination);
/* Deliveries of a destination that wait or are under way. */
size_t destination_load(const struct destination *destination);
/* No more deliveries at once are allowed: it is at its concurrency limit, which is returned. */
bool destination_is_at_limit(const struct destination *destination, int *limit);
void *transport_owner_data(const struct transport *transport);
void transport_set_owner_data(struct transport *transport, void *data);
