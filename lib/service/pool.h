/*
 * The inside of the pool, from the ground up: slots and listeners (slots.c), turns
 * (turn.c), arrivals (arrival.c), threads (pool.c); and the watchdog (stuck.c).
 */
#pragma once

#include "service/process.h"

#include <pthread.h>

enum {
    STACK_BYTES = 256 * 1024,
    THREAD_IDLE_MILLISECONDS = 10 * 1000,
    LONGEST_SLEEP_MILLISECONDS = 3600 * 1000,
    LINGER_MILLISECONDS = 5,
    CROWDED_MILLISECONDS = 200,     /* who waits so long for a place gets that of an idle lane */
    LINGER_LIMIT = 4,               /* threads that do so at once */
    NUMBER_SHIFT = 22,              /* no process id has more bits */
    END_OF_THREADS = LISTENER_LIMIT,        /* an event: no listener and no slot */
};

enum slot_state { SLOT_FREE, SLOT_RUNNING, SLOT_PARKED };
enum slot_end { END_NOT, END_EXPIRED, END_CLOSING };

struct slot {
    enum slot_state state;          /* under the pool's lock, as are deadline and end */
    enum slot_end end;
    int64_t deadline;
    bool fresh;                     /* a lane whose first request has not come */
    int64_t rests_since;            /* a lane, parked */
    _Atomic unsigned turns;         /* counts them, for the watchdog */
    unsigned seen_turns;            /* the main thread's: what it saw, and since when */
    int64_t seen_at;
    bool overdue;
    struct client client;
};

struct pool {
    struct process *process;
    bool sessions;
    unsigned long process_id;
    int epoll;
    int wake;                       /* eventfd: the main thread should look again */
    int quit;                       /* eventfd: the threads should end */
    pthread_mutex_t lock;
    pthread_cond_t no_threads;
    struct slot *slots;
    size_t slot_count, busy;
    size_t threads, waiting, lingering;
    bool listening;
    int64_t sleeps_until;           /* the main thread; INT64_MAX: for ever */
    int64_t watch_at;               /* the watchdog looks again */
    int64_t crowded_since;          /* the main thread: a client without a place; 0: none */
    int64_t idle_since;             /* when the last client left */
};

/* --- slots.c; with "locked" in the name: called with the lock. */

void pool_wake_main(struct pool *pool);
bool pool_may_listen_locked(const struct pool *pool);
void pool_listen_locked(struct pool *pool, bool wanted);
void pool_look_again_locked(struct pool *pool);

/* A free slot, or NULL; given back with its client, or at once when nobody came after all. */
struct slot *pool_reserve_slot(struct pool *pool);
void pool_free_slot(struct pool *pool, struct slot *slot);

/* The client has arrived: who takes the last slot tells master before it serves. */
void pool_note_arrival(struct pool *pool, size_t listener);

/* The client is gone: its session, its connection and its slot are given back. */
void pool_finish_client(struct pool *pool, struct slot *slot);

int client_descriptor(const struct client *client);

/* --- stuck.c, for the main thread */

/* Look whether a turn has taken too long, when it is time to; may end the process. */
void pool_watch(struct pool *pool);
int64_t pool_watch_span(const struct pool *pool);
int64_t pool_watch_pause(const struct pool *pool);

/* --- turn.c */

/* A session has come, or has said something, or has to go. */
void pool_run_session(struct pool *pool, struct slot *slot, bool fresh);

/* A lane, from its first request to its end. */
void pool_run_lane(struct pool *pool, struct slot *slot);

/* --- arrival.c */

/* Take a client off a listener whose event came, and serve it. */
void pool_take_arrival(struct pool *pool, size_t listener);
