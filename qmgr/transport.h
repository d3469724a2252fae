/*
 * A transport: its destinations, the line of its jobs, and what the clock will undo.
 */
#pragma once

#include "destination.h"

#include "base/hash.h"

/* How long a transport without a free lane is left alone, when none becomes free meanwhile. */
enum { FULL_MILLISECONDS = 1000 };

struct destination_list {
    struct destination **items;
    size_t count, capacity;
};

struct transport {
    char *name;
    struct transport_limits limits;
    struct hash *destinations;
    /* A heap of those where something may start: on top the one whose job is first in line. */
    struct destination_list open;
    struct destination_list doomed;     /* dead, with deliveries that wait */
    struct job *first, *last;           /* the line */
    int64_t last_order;                 /* of jobs that came at the end */
    uint64_t turns;
    struct job *candidate;              /* who would overtake at best */
    const struct job *candidate_for;    /* whom it would overtake; NULL: not looked for */
    int64_t candidate_at;               /* when it was looked for */
    size_t waiting, busy;
    size_t dead;                        /* destinations */
    int64_t throttled_until;        /* 0: not */
    int64_t delayed_until;          /* transport rate delay */
    int64_t alarm;                  /* when transport_wake has something to do; 0: nothing */
    char *reason;                   /* while throttled */
    bool full;                      /* no lane was free: not before a delivery ends */
    void *owner_data;

    /* pool.h */
    size_t pool, extra_pool;            /* recipients that nobody may have in memory yet */
    struct job *first_unread, *last_unread;     /* by the time at which their messages came */
};

struct transport *transport_new(const char *name, const struct transport_limits *limits);
void transport_free(void *transport);

struct destination *transport_destination(struct transport *transport, const char *name);

/* Something of the destination has changed: put it where it now belongs. */
void transport_place(struct destination *destination);

/* It is to have no place until transport_place: the order of its jobs is about to change. */
void transport_close(struct destination *destination);

/* Where the next delivery goes, a peer of the job that is first in line; NULL: nowhere. */
struct peer *transport_front(const struct transport *transport);

/* Remember only what is worth it: a destination without work and without a history is freed. */
void transport_drop_idle(struct destination *destination);

/* Have transport_wake look at this moment, or before. */
void transport_set_alarm(struct transport *transport, int64_t moment);

/* What the clock undoes: dead, throttled, delayed. */
void transport_wake(struct transport *transport, int64_t now);

/* All of it at once. */
void transport_revive(struct transport *transport);
