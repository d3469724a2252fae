/*
 * The event loop of the services that are one state machine: descriptors, timers, posts
 * from other threads.  Over epoll; timers in monotonic milliseconds.
 */
#pragma once

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct events;
struct event_timer;

struct events *events_new(void) MUST_USE;
void events_free(struct events *events);

enum {
    EVENT_READ = 1, EVENT_WRITE = 2,
    /* Asked for: called once for what has come since (epoll's edge), which ready then takes. */
    EVENT_EDGE = 4,
    /* Told: the other side has closed; what it left and the end can be read. */
    EVENT_GONE = 8,
};

/*
 * Call ready(argument, fd, mask) whenever fd can be read (written) or has failed;
 * replaces an earlier watch of the same fd.  In a shared loop another thread may see the event
 * too, so ready must not count on bytes being there.
 */
void events_watch(struct events *events, int fd, unsigned mask,
                  void (*ready)(void *argument, int fd, unsigned mask), void *argument);

/* Stop watching; the descriptor stays open. Allowed within ready. */
void events_forget(struct events *events, int fd);

/*
 * Call due(argument) once, at the moment (base/moment.h).  The timer is gone after that or
 * after events_cancel; NULL may be cancelled.
 */
struct event_timer *events_at(struct events *events, int64_t moment, void (*due)(void *argument),
                              void *argument);
void events_cancel(struct events *events, struct event_timer *timer);

/*
 * From any thread: have call(argument) run in the loop's thread, in the order of posting.
 * Posts that pile up cost one wake-up.
 */
void events_post(struct events *events, void (*call)(void *argument), void *argument);

/*
 * Let more threads run the loop, by turns: one of them runs handlers, the others wait for events
 * or are out on a task.  So blocking work needs no hand-over: the thread whose handler asked
 * for it does it, and whoever the next event wakes goes on with the loop.
 */
void events_share(struct events *events, size_t helpers);

/*
 * Run work(argument) after the handler, outside the turn (so that it may wait), and then
 * then(argument) in the turn.  As many are out at once as there are helpers; without any the loop
 * waits meanwhile.
 */
void events_work(struct events *events, void (*work)(void *argument),
                 void (*then)(void *argument), void *argument);

/* Run until events_stop; may be run again. */
void events_run(struct events *events);

/*
 * Call begin(argument) before what is ready is seen to, and end(argument) before the loop sleeps:
 * for a watchdog.
 */
void events_guard(struct events *events, void (*begin)(void *argument),
                  void (*end)(void *argument), void *argument);
void events_stop(struct events *events);

/* The process may exit when idle (max_idle): false while there is work in memory. */
void events_set_busy(struct events *events, bool busy);
bool events_is_busy(const struct events *events);
