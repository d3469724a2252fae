/*
 * The single-threaded services: their event loop, with what every process hears.
 *
 * Trigger bytes and frames come to the same sockets: a frame's first byte is 0, which no
 * trigger byte is.
 */
#include "service/process.h"

#include "base/memory.h"
#include "log/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TRIGGER_BYTES = 4096,
    SILENCE_SECONDS = 100,      /* how long a connection may say nothing at all */
    LAST_WORK_SECONDS = 60,     /* for what is in memory when the process retires */
};

struct loop {
    struct process *process;
    struct events *events;
    int64_t active_at;          /* the last time somebody wanted something */
    bool closed;                /* takes nothing new */
    bool finishing;             /* the program's stop runs it */
    int64_t must_end_at;
};

/* A connection whose first byte has not come. */
struct stranger {
    struct loop *loop;
    int fd;
    struct event_timer *timer;
};

static void forget_stranger(struct stranger *stranger)
{
    events_forget(stranger->loop->events, stranger->fd);
    events_cancel(stranger->loop->events, stranger->timer);
    free(stranger);
}

static void stranger_is_late(void *argument)
{
    struct stranger *stranger = argument;
    int fd = stranger->fd;

    stranger->timer = NULL;
    forget_stranger(stranger);
    close(fd);
}

static void note_arrival(struct loop *loop)
{
    loop->active_at = moment_now();
    atomic_fetch_add_explicit(&loop->process->page->served, 1, memory_order_relaxed);
}

static void trigger(struct loop *loop, struct slice bytes)
{
    const struct service *service = loop->process->service;

    loop->active_at = moment_now();
    if (service->triggered && bytes.length > 0)
        service->triggered(&loop->process->context, loop->events, bytes);
}

static void stranger_speaks(void *argument, int fd, UNUSED unsigned mask)
{
    struct stranger *stranger = argument;
    struct loop *loop = stranger->loop;
    char bytes[TRIGGER_BYTES];
    ssize_t got = recv(fd, bytes, 1, MSG_PEEK | MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    forget_stranger(stranger);
    if (got == 1 && bytes[0] == '\0' && loop->process->service->accepted) {
        loop->process->service->accepted(&loop->process->context, loop->events, fd);
        return;
    }
    got = got == 1 ? recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) : 0;
    close(fd);
    if (got > 0)
        trigger(loop, slice_bytes(bytes, (size_t)got));
}

static void take_connection(struct loop *loop, int fd)
{
    const struct service *service = loop->process->service;

    note_arrival(loop);
    if (service->accepted && !service->triggered) {
        service->accepted(&loop->process->context, loop->events, fd);
        return;
    }

    struct stranger *stranger = memory_new(1, sizeof(*stranger));

    *stranger = (struct stranger){ loop, fd, NULL };
    stranger->timer = events_at(loop->events, moment_after(SILENCE_SECONDS), stranger_is_late,
                                stranger);
    events_watch(loop->events, fd, EVENT_READ, stranger_speaks, stranger);
}

static void read_fifo(struct loop *loop, int fd)
{
    char bytes[TRIGGER_BYTES];
    ssize_t got = read(fd, bytes, sizeof(bytes));

    if (got > 0)
        trigger(loop, slice_bytes(bytes, (size_t)got));
}

static void listener_ready(void *argument, int fd, UNUSED unsigned mask)
{
    struct loop *loop = argument;
    struct process *process = loop->process;
    struct arrival arrival;

    if (process->options.type == LISTENER_DGRAM) {
        note_arrival(loop);
        if (process->service->datagrams)
            process->service->datagrams(&process->context, fd);
    } else if (process->options.type == LISTENER_FIFO) {
        note_arrival(loop);
        read_fifo(loop, fd);
    } else if (accept_client(process, fd, &arrival) && arrival.fd >= 0) {
        take_connection(loop, arrival.fd);
    }
}

static void close_loop(struct loop *loop)
{
    struct process *process = loop->process;

    if (loop->closed)
        return;
    loop->closed = true;
    loop->must_end_at = moment_after(LAST_WORK_SECONDS);
    atomic_store(&process->page->retiring, 1);
    for (int i = 0; i < process->options.listener_count; i++) {
        events_forget(loop->events, process->listeners[i]);
        if (process->service->datagrams)    /* what came before the end was for us */
            process->service->datagrams(&process->context, process->listeners[i]);
    }
    process_close_listeners(process);
}

/* A program with a stop of its own finishes there; the others go on until they are done. */
static void look(struct loop *loop)
{
    struct process *process = loop->process;

    if (atomic_load(&process->retiring))
        close_loop(loop);
    if (loop->finishing) {
        if (atomic_load(&process->stopping))
            events_stop(loop->events);
        return;
    }
    if (loop->closed && (process->service->stop || !events_is_busy(loop->events) ||
                         moment_left(loop->must_end_at) == 0))
        events_stop(loop->events);
}

static void heard(void *argument, int fd, UNUSED unsigned mask)
{
    struct loop *loop = argument;
    int wakeups = 0;

    process_hear(loop->process, &wakeups);
    if (loop->process->control < 0)
        events_forget(loop->events, fd);
    for (; wakeups > 0; wakeups--)
        trigger(loop, SLICE_LITERAL("W"));
    look(loop);
}

static void signalled(void *argument, UNUSED int fd, UNUSED unsigned mask)
{
    struct loop *loop = argument;

    process_signalled(loop->process);
    look(loop);
}

/* Once in a while: has it been idle for long, or is it done at last? */
static void look_again(void *argument)
{
    struct loop *loop = argument;
    int64_t idle_end = loop->active_at + (int64_t)loop->process->settings.max_idle_seconds * 1000;

    if (loop->finishing)
        return;
    if (events_is_busy(loop->events))
        loop->active_at = moment_now();
    else if (moment_left(idle_end) == 0)
        close_loop(loop);
    look(loop);

    int64_t next = loop->closed ? moment_now() + 50 : idle_end;

    if (next <= moment_now())
        next = moment_after(loop->process->settings.max_idle_seconds);
    events_at(loop->events, next, look_again, loop);
}

static void watch_all(struct loop *loop)
{
    struct process *process = loop->process;

    if (process->control >= 0)
        events_watch(loop->events, process->control, EVENT_READ, heard, loop);
    events_watch(loop->events, process->signals, EVENT_READ, signalled, loop);
    for (int i = 0; i < process->options.listener_count; i++)
        events_watch(loop->events, process->listeners[i], EVENT_READ, listener_ready, loop);
    events_at(loop->events, moment_after(process->settings.max_idle_seconds), look_again, loop);
}

/* There may be only one of this service: the last generation has to end first. */
static bool wait_for_go(struct process *process)
{
    struct pollfd watch[] = { { process->control, POLLIN, 0 }, { process->signals, POLLIN, 0 } };

    if (process->control < 0)
        return true;
    control_say(process->control, CONTROL_PREPARED, SLICE_LITERAL(""));
    for (;;) {
        char bytes[CONTROL_LIMIT];

        if (poll(watch, COUNT(watch), -1) < 0 && errno != EINTR)
            log_fatal("poll: %m");
        if (watch[1].revents)
            return false;

        ssize_t got = watch[0].revents ? recv(process->control, bytes, sizeof(bytes), 0) : -1;

        if (got == 0 || (got > 0 && bytes[0] == CONTROL_RETIRE))
            return false;
        if (got > 0 && bytes[0] == CONTROL_GO)
            return true;
    }
}

static void begin_work(void *argument)
{
    watchdog_begin(argument);
}

static void end_work(void *argument)
{
    watchdog_end(argument);
}

void serve_events(struct process *process)
{
    struct loop loop = { .process = process, .active_at = moment_now() };
    struct error error;

    if (!process->service->overlaps && !wait_for_go(process))
        return;
    loop.events = events_new();
    if (process->service->start &&
        !process->service->start(&process->context, loop.events, &error))
        log_fatal("%s", error.text);
    watch_all(&loop);
    events_guard(loop.events, begin_work, end_work, process);
    control_say(process->control, CONTROL_READY, SLICE_LITERAL(""));
    events_run(loop.events);
    loop.finishing = true;
    if (process->service->stop)
        process->service->stop(&process->context, loop.events);
}
