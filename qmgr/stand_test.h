/*
 * A scheduler without lanes for tests: what it wants to start is kept, and ends when the test says.
 */
#pragma once

#include "destination.h"

#include "base/arena.h"
#include "base/vector.h"
#include "queue/envelope.h"

/* What the scheduler asked for, instead of lanes. */
struct stand {
    struct transport_limits limits;
    struct { struct delivery **items; size_t count, capacity; } started;
    size_t given_up, given_back;
    size_t lanes;               /* how many deliveries may be under way */
    struct arena *arena;        /* of recipients */
    struct { struct mail **items; size_t count, capacity; } mails;
    struct { void **items; size_t count, capacity; } refilled;  /* messages */
    size_t room;                /* of the last refill */
    size_t clogs;
    bool no_retry;              /* the retry service is missing */
    struct scheduler *scheduler;
};

/* Messages, by address. */
extern char first_mail, second_mail, third_mail;

struct stand *stand_new(int concurrency);

/* The oldest delivery that is under way has ended. */
void end_first(struct stand *stand, enum delivery_result result, const char *reason,
               int64_t now);

void stand_free(struct stand *stand);

struct mail *mail_of(struct stand *stand, void *message, int64_t now);

/* "r007": of the batch that was made last. */
struct recipient *make_recipients(struct stand *stand, size_t count);

size_t add_mail_at(struct stand *stand, void *message, const char *transport,
                   const char *nexthop, size_t count, int64_t now);

/* A message with count recipients at one destination. */
size_t add_mail(struct stand *stand, void *message, const char *transport,
                const char *nexthop, size_t count);

/* All that is under way now ends the same way. */
void end_all(struct stand *stand, enum delivery_result result, const char *reason,
             int64_t now);
