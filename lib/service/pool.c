/*
 * Turns and lanes: pool threads around one epoll set.
 *
 * The set holds the listeners and, in the sessions pattern, the parked clients
 * (EPOLLONESHOT: one thread at a time has a client).  A thread that takes an event and
 * leaves nobody waiting starts another one, up to a thread for each slot and one that
 * waits; a thread that has waited in vain for long ends.
 *
 * A parked client is sent away (time is up, the process ends) by shutting its reading side
 * down: the thread that epoll then wakes sees why and says so.  Only the thread that has
 * a client touches it.
 */
#include "service/pool.h"

#include "base/memory.h"
#include "log/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void *work(void *argument);

static void start_thread(struct pool *pool)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, work, pool) != 0) {
        log_warn("no thread for the next client: %m");
        pthread_mutex_lock(&pool->lock);
        pool->threads--;
        pool->waiting--;
        pthread_mutex_unlock(&pool->lock);
    }
    pthread_attr_destroy(&attributes);
}

/* --- Threads. ------------------------------------------------------------------------ */

/* Somebody has to wait for the next event while this thread is away. */
static void leave_waiting(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool alone = --pool->waiting == 0 && pool->threads <= pool->slot_count;
    if (alone) {
        pool->threads++;
        pool->waiting++;
    }
    pthread_mutex_unlock(&pool->lock);

    if (alone)
        start_thread(pool);
}

/* False: there are others that wait, this thread may end; all do when the pool ends. */
static bool goes_on_waiting(struct pool *pool, bool end)
{
    pthread_mutex_lock(&pool->lock);
    bool needed = pool->waiting == 1 && !end;
    if (!needed) {
        pool->waiting--;
        pool->threads--;
        if (pool->threads == 0)
            pthread_cond_signal(&pool->no_threads);
    }
    pthread_mutex_unlock(&pool->lock);
    return needed;
}

static void start_waiting(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->waiting++;
    pthread_mutex_unlock(&pool->lock);
}

static void run_event(struct pool *pool, const struct epoll_event *event)
{
    if (event->data.u64 < LISTENER_LIMIT)
        pool_take_arrival(pool, event->data.u64);
    else
        pool_run_session(pool, event->data.ptr, false);
    log_number(0);
}

static void *work(void *argument)
{
    struct pool *pool = argument;

    for (;;) {
        struct epoll_event event;
        int count = epoll_wait(pool->epoll, &event, 1, THREAD_IDLE_MILLISECONDS);

        if (count < 0 && errno != EINTR)
            log_panic("epoll_wait: %m");
        bool end = count > 0 && event.data.u64 == END_OF_THREADS;

        if ((count == 0 || end) && !goes_on_waiting(pool, end))
            return NULL;
        if (count <= 0)
            continue;
        leave_waiting(pool);
        run_event(pool, &event);
        start_waiting(pool);
    }
}

/* --- The main thread: time, signals, master. ----------------------------------------- */

static void end_parked(struct pool *pool, struct slot *slot, enum slot_end end)
{
    if (!pool->sessions && lane_is_busy(slot->client.lane))
        return;     /* its thread sees to it once it has answered */
    slot->end = end;
    slot->deadline = 0;
    shutdown(client_descriptor(&slot->client), SHUT_RD);
}

/* All places are taken by lanes: one that only rests may have to make room. */
static bool may_be_crowded(const struct pool *pool)
{
    return !pool->sessions && !pool->listening && !atomic_load(&pool->process->retiring);
}

static bool somebody_waits(const struct pool *pool)
{
    for (int i = 0; i < pool->process->options.listener_count; i++)
        if (process_client_waits(pool->process, i))
            return true;
    return false;
}

static struct slot *longest_resting(struct pool *pool)
{
    struct slot *found = NULL;

    for (size_t i = 0; i < pool->slot_count; i++) {
        struct slot *slot = &pool->slots[i];

        if (slot->state == SLOT_PARKED && slot->end == END_NOT && !slot->fresh
            && !lane_is_busy(slot->client.lane)
            && (!found || slot->rests_since < found->rests_since))
            found = slot;
    }
    return found;
}

/*
 * A lane without work gives its place up when another client waits for one: programs keep theirs
 * for long, and with a low process limit all places may be kept by those who need none now.
 */
static void make_room_locked(struct pool *pool, int64_t now)
{
    if (!may_be_crowded(pool) || !somebody_waits(pool)) {
        pool->crowded_since = 0;
        return;
    }
    if (pool->crowded_since == 0)
        pool->crowded_since = now;
    if (now - pool->crowded_since < CROWDED_MILLISECONDS)
        return;

    struct slot *slot = longest_resting(pool);

    if (slot)
        end_parked(pool, slot, END_CLOSING);
    pool->crowded_since = now;
}

/* Send away whose time is up; at the end of the process, everybody. */
static void look_at_slots(struct pool *pool)
{
    bool stopping = atomic_load(&pool->process->stopping);
    bool retiring = atomic_load(&pool->process->retiring);
    int64_t now = moment_now();
    int64_t next = INT64_MAX;

    pthread_mutex_lock(&pool->lock);
    pool_listen_locked(pool, pool_may_listen_locked(pool));
    if (pool->process->look_again)
        pool_look_again_locked(pool);
    pool->process->look_again = false;
    make_room_locked(pool, now);
    if (retiring)
        process_close_listeners(pool->process);
    for (size_t i = 0; i < pool->slot_count; i++) {
        struct slot *slot = &pool->slots[i];

        if (slot->state != SLOT_PARKED || slot->end != END_NOT)
            continue;
        if (stopping || (retiring && !pool->sessions && !slot->fresh))
            end_parked(pool, slot, END_CLOSING);
        else if (slot->deadline > 0 && slot->deadline <= now)
            end_parked(pool, slot, END_EXPIRED);
        else if (slot->deadline > 0 && slot->deadline < next)
            next = slot->deadline;
    }
    pool->sleeps_until = next;
    pthread_mutex_unlock(&pool->lock);
}

/* When the process will have been idle for long enough to end; later, while it is busy. */
static int64_t idle_end(struct pool *pool)
{
    int64_t span = (int64_t)pool->process->settings.max_idle_seconds * 1000;

    pthread_mutex_lock(&pool->lock);
    int64_t since = pool->busy == 0 ? pool->idle_since : moment_now();
    pthread_mutex_unlock(&pool->lock);
    return since + span;
}

static bool is_idle(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool idle = pool->busy == 0;
    pthread_mutex_unlock(&pool->lock);
    return idle;
}

/* Milliseconds that the main thread may sleep. */
static int time_to_sleep(struct pool *pool)
{
    int64_t end = idle_end(pool);

    pthread_mutex_lock(&pool->lock);
    int64_t until = pool->sleeps_until < end ? pool->sleeps_until : end;
    if (pool->busy > 0 && pool->watch_at < until)
        until = pool->watch_at;
    if (pool->crowded_since > 0 && pool->crowded_since + CROWDED_MILLISECONDS < until)
        until = pool->crowded_since + CROWDED_MILLISECONDS;
    pthread_mutex_unlock(&pool->lock);

    int64_t left = moment_left(until) + 1;

    return left < LONGEST_SLEEP_MILLISECONDS ? (int)left : LONGEST_SLEEP_MILLISECONDS;
}

static void sleep_and_hear(struct pool *pool, int wait)
{
    struct process *process = pool->process;
    struct pollfd watch[3 + LISTENER_LIMIT] = {
        { pool->wake, POLLIN, 0 },
        { process->control, POLLIN, 0 },
        { process->signals, POLLIN, 0 },
    };
    nfds_t watched = 3;
    uint64_t count;

    pthread_mutex_lock(&pool->lock);
    if (may_be_crowded(pool) && pool->crowded_since == 0)
        for (int i = 0; i < process->options.listener_count; i++)
            watch[watched++] = (struct pollfd){ process->listeners[i], POLLIN, 0 };
    pthread_mutex_unlock(&pool->lock);

    if (poll(watch, watched, wait) <= 0)
        return;
    if (watch[0].revents && read(pool->wake, &count, sizeof(count)) < 0)
        log_panic("read the wake-up counter: %m");
    if (watch[1].revents)
        process_hear(process, NULL);
    if (watch[2].revents)
        process_signalled(process);
}

static void run_main(struct pool *pool)
{
    const struct process *process = pool->process;

    for (;;) {
        look_at_slots(pool);
        pool_watch(pool);
        if (is_idle(pool) && (atomic_load(&process->retiring) || moment_left(idle_end(pool)) == 0))
            return;
        sleep_and_hear(pool, time_to_sleep(pool));
    }
}

/* Between the last look and here a thread may have accepted a client: it is served. */
static bool end_pool(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool idle = pool->busy == 0;
    if (idle) {
        atomic_store(&pool->process->retiring, true);
        pool_listen_locked(pool, false);
    }
    pthread_mutex_unlock(&pool->lock);
    return idle;
}

static struct pool *pool_new(struct process *process)
{
    struct pool *pool = memory_new(1, sizeof(*pool));

    pool->process = process;
    pool->sessions = process->service->pattern == SERVICE_SESSIONS;
    pool->process_id = (unsigned long)getpid();
    pool->epoll = epoll_create1(EPOLL_CLOEXEC);
    pool->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pool->quit = eventfd(1, EFD_CLOEXEC);
    if (pool->epoll < 0 || pool->wake < 0 || pool->quit < 0)
        log_fatal("epoll: %m");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->no_threads, NULL);
    pool->slot_count = (size_t)process->options.slots;
    pool->slots = memory_new(pool->slot_count, sizeof(*pool->slots));
    pool->sleeps_until = INT64_MAX;
    pool->idle_since = moment_now();
    pool->watch_at = moment_now() + pool_watch_pause(pool);
    pool->threads = pool->waiting = 1;
    return pool;
}

/* All slots are free: the threads wait, and end when they see the event that stays. */
static void pool_free(struct pool *pool)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = END_OF_THREADS };

    epoll_ctl(pool->epoll, EPOLL_CTL_ADD, pool->quit, &event);
    pthread_mutex_lock(&pool->lock);
    while (pool->threads > 0)
        pthread_cond_wait(&pool->no_threads, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&pool->no_threads);
    pthread_mutex_destroy(&pool->lock);
    close(pool->epoll);
    close(pool->wake);
    close(pool->quit);
    free(pool->slots);
    free(pool);
}

void serve_pool(struct process *process)
{
    struct pool *pool = pool_new(process);

    pthread_mutex_lock(&pool->lock);
    pool_listen_locked(pool, true);
    pthread_mutex_unlock(&pool->lock);
    start_thread(pool);
    do {
        run_main(pool);
    } while (!end_pool(pool));
    pool_free(pool);
}
