/*
 * A transport: its destinations, which of them have work, and what the clock will undo.
 */
#pragma once

#include "destination.h"

#include "base/hash.h"

/* How long a transport without a free lane is left alone, when none becomes free meanwhile. */
enum { FULL_MILLISECONDS = 1000 };

struct transport {
    char *name;
    struct transport_limits limits;
    struct hash *destinations;
    struct destination *ring;       /* those with work; the one whose turn it is */
    size_t waiting;
    int64_t throttled_until;        /* 0: not */
    int64_t delayed_until;          /* transport rate delay */
    int64_t alarm;                  /* when wake_up has something to do; 0: nothing */
    char *reason;                   /* while throttled */
    bool full;                      /* no lane was free: not before a delivery ends */
    void *owner_data;
};

struct transport *transport_new(const char *name);
void transport_free(void *transport);

struct destination *transport_destination(struct transport *transport, const char *name);

/* The ring of destinations that have work. */
void transport_enter(struct destination *destination);
void transport_leave(struct destination *destination);

/* Remember only what is worth it: a destination without work and without a history is freed. */
void transport_drop_idle(struct destination *destination);

/* Have transport_wake look at this moment, or before. */
void transport_set_alarm(struct transport *transport, int64_t moment);

/* What the clock undoes: dead, throttled, delayed. */
void transport_wake(struct transport *transport, int64_t now);

/* All of it at once. */
void transport_revive(struct transport *transport);
