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
#include "service/process.h"

#include "base/memory.h"
#include "log/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    STACK_BYTES = 256 * 1024,
    THREAD_IDLE_MILLISECONDS = 10 * 1000,
    LONGEST_SLEEP_MILLISECONDS = 3600 * 1000,
    LINGER_MILLISECONDS = 5,
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
    int64_t turn_began;
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
    int64_t idle_since;             /* when the last client left */
};

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

static void wake_main(struct pool *pool)
{
    uint64_t one = 1;
    ssize_t ignored = write(pool->wake, &one, sizeof(one));

    (void)ignored;
}

/*
 * --- Listeners: in the set while a slot is free.  Called with the lock. -----------
 *
 * EPOLLONESHOT, since an exclusive level-triggered listener wakes one waiting thread after the
 * other until the first has accepted: measured, 5.7 accepts and as many waits a message for nothing.
 */

static void set_listener(struct pool *pool, size_t index, int operation)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.u64 = index };

    if (epoll_ctl(pool->epoll, operation, pool->process->listeners[index], &event) < 0)
        log_fatal("watch listener %zu: %m", index);
}

static void listen_again(struct pool *pool, bool wanted)
{
    if (pool->listening == wanted)
        return;
    pool->listening = wanted;
    for (int i = 0; i < pool->process->options.listener_count; i++)
        set_listener(pool, (size_t)i, wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL);
}

/* The event of a listener was taken: have the next one come, while there are free slots. */
static void rearm_listener(struct pool *pool, size_t index)
{
    if (pool->listening)
        set_listener(pool, index, EPOLL_CTL_MOD);
}

static bool may_listen(const struct pool *pool)
{
    const struct process *process = pool->process;
    unsigned long limit = (unsigned long)process->settings.max_use * pool->slot_count;

    return pool->busy < pool->slot_count && !atomic_load(&process->retiring) &&
           atomic_load(&process->page->served) < limit;
}

/* --- Slots. ------------------------------------------------------------------------ */

static struct slot *reserve_slot(struct pool *pool)
{
    struct slot *slot = NULL;

    pthread_mutex_lock(&pool->lock);
    if (may_listen(pool)) {
        slot = pool->slots;
        while (slot->state != SLOT_FREE)
            slot++;
        slot->state = SLOT_RUNNING;
        slot->end = END_NOT;
        pool->busy++;
    }
    pthread_mutex_unlock(&pool->lock);
    return slot;
}

static void free_slot(struct pool *pool, struct slot *slot)
{
    pthread_mutex_lock(&pool->lock);
    slot->state = SLOT_FREE;
    pool->busy--;
    listen_again(pool, may_listen(pool));
    bool last = pool->busy == 0;
    if (last)
        pool->idle_since = moment_now();
    bool ends = last && !pool->listening;
    pthread_mutex_unlock(&pool->lock);

    if (ends)
        wake_main(pool);
    if (atomic_load(&pool->process->retiring))      /* the next generation may use the place */
        control_say(pool->process->control, CONTROL_FULL, SLICE_LITERAL(""));
}

/* The client has arrived: who takes the last slot tells master before it serves. */
static void note_arrival(struct pool *pool, size_t listener)
{
    bool full = page_take(pool->process);

    pthread_mutex_lock(&pool->lock);
    bool listening = may_listen(pool);
    listen_again(pool, listening);
    rearm_listener(pool, listener);
    pthread_mutex_unlock(&pool->lock);

    if (full || !listening)
        control_say(pool->process->control, CONTROL_FULL, SLICE_LITERAL(""));
}

static void finish_client(struct pool *pool, struct slot *slot)
{
    struct client *client = &slot->client;

    if (pool->process->service->leave)
        pool->process->service->leave(client);

    /* Nobody may shut the descriptor down once it can be another client's. */
    pthread_mutex_lock(&pool->lock);
    slot->state = SLOT_RUNNING;
    slot->deadline = 0;
    slot->turn_began = 0;
    pthread_mutex_unlock(&pool->lock);

    if (client->stream)
        stream_close(client->stream);
    lane_close(client->lane);
    client->stream = NULL;
    client->lane = NULL;
    page_give(pool->process);
    free_slot(pool, slot);
}

static int client_descriptor(const struct client *client)
{
    return client->stream ? stream_descriptor(client->stream) : lane_descriptor(client->lane);
}

/* --- Parking: sessions between turns. --------------------------------------------- */

static void park(struct pool *pool, struct slot *slot, int operation)
{
    struct client *client = &slot->client;
    struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
                                 .data.ptr = slot };
    int fd = client_descriptor(client);

    stream_rest(client->stream);
    pthread_mutex_lock(&pool->lock);
    slot->state = SLOT_PARKED;
    slot->deadline = client->deadline;
    slot->turn_began = 0;
    if (atomic_load(&pool->process->stopping)) {
        slot->end = END_CLOSING;
        shutdown(fd, SHUT_RD);
    }
    bool sooner = slot->deadline > 0 && slot->deadline < pool->sleeps_until;
    if (sooner)
        pool->sleeps_until = slot->deadline;
    if (epoll_ctl(pool->epoll, operation, fd, &event) < 0)
        log_panic("park a client: %m");
    pthread_mutex_unlock(&pool->lock);

    if (sooner)
        wake_main(pool);
}

/* The client is this thread's again; says whether it has to go. */
static enum slot_end take_parked(struct pool *pool, struct slot *slot)
{
    pthread_mutex_lock(&pool->lock);
    enum slot_end end = slot->end;
    slot->state = SLOT_RUNNING;
    slot->turn_began = moment_now();
    pthread_mutex_unlock(&pool->lock);
    return end;
}

static void end_session(struct pool *pool, struct slot *slot, enum slot_end end)
{
    const struct service *service = pool->process->service;

    if (end == END_EXPIRED && service->expired)
        service->expired(&slot->client);
    else if (end == END_CLOSING && service->closing)
        service->closing(&slot->client);
    finish_client(pool, slot);
}

/*
 * Most clients go on at once: while other threads wait for the rest, a short wait for this one
 * costs one call where parking it costs two and a switch of threads.
 */
static bool linger(struct pool *pool, const struct client *client)
{
    struct pollfd watch = { stream_descriptor(client->stream), POLLIN, 0 };

    pthread_mutex_lock(&pool->lock);
    bool others_wait = pool->waiting > 0 && pool->lingering < LINGER_LIMIT &&
                       !atomic_load(&pool->process->stopping);
    pool->lingering += others_wait;
    pthread_mutex_unlock(&pool->lock);
    if (!others_wait)
        return false;

    bool goes_on = poll(&watch, 1, LINGER_MILLISECONDS) > 0;

    pthread_mutex_lock(&pool->lock);
    pool->lingering--;
    pthread_mutex_unlock(&pool->lock);
    return goes_on;
}

static void run_session(struct pool *pool, struct slot *slot, bool fresh)
{
    const struct service *service = pool->process->service;
    struct client *client = &slot->client;
    enum slot_end end = fresh ? END_NOT : take_parked(pool, slot);

    log_number(client->number);
    if (end != END_NOT) {
        end_session(pool, slot, end);
        return;
    }

    enum turn verdict = fresh && service->greet ? service->greet(client) : service->turn(client);

    while (verdict == TURN_STAY && (stream_has_line(client->stream) || linger(pool, client)))
        verdict = service->turn(client);
    if (verdict == TURN_STAY)
        park(pool, slot, fresh ? EPOLL_CTL_ADD : EPOLL_CTL_MOD);
    else
        finish_client(pool, slot);
}

/* --- Lanes: the thread stays with its client. -------------------------------------- */

/* Between requests a lane ends when the process does.  Its peer sees it before it sends. */
static bool lane_goes_on(struct pool *pool, struct slot *slot)
{
    pthread_mutex_lock(&pool->lock);
    lane_rest(slot->client.lane);
    bool goes_on = !atomic_load(&pool->process->retiring) || lane_is_busy(slot->client.lane);
    slot->state = goes_on ? SLOT_PARKED : SLOT_RUNNING;
    pthread_mutex_unlock(&pool->lock);
    return goes_on;
}

static void run_lane(struct pool *pool, struct slot *slot)
{
    const struct service *service = pool->process->service;
    struct client *client = &slot->client;
    enum turn verdict = service->greet ? service->greet(client) : TURN_STAY;

    log_number(client->number);
    while (verdict == TURN_STAY && lane_goes_on(pool, slot))
        verdict = service->turn(client);
    finish_client(pool, slot);
}

/* --- Arrivals. ----------------------------------------------------------------------- */

/* Unique on the host while it lives, and the process id itself when there is one client. */
static unsigned long slot_number(const struct pool *pool, const struct slot *slot)
{
    return ((unsigned long)(slot - pool->slots) << NUMBER_SHIFT) + pool->process_id;
}

static void serve_arrival(struct pool *pool, struct slot *slot, size_t listener,
                          const struct arrival *arrival)
{
    slot->client = (struct client){
        .context = &pool->process->context,
        .peer = arrival->peer,
        .local = arrival->local,
        .number = slot_number(pool, slot),
    };
    note_arrival(pool, listener);
    if (pool->sessions) {
        slot->client.stream = stream_new(arrival->fd);
        run_session(pool, slot, true);
    } else {
        slot->client.lane = lane_new(arrival->fd);
        run_lane(pool, slot);
    }
}

/* Nobody came after all, or another process was quicker. */
static void miss_arrival(struct pool *pool, struct slot *slot, size_t listener)
{
    if (slot)
        free_slot(pool, slot);
    pthread_mutex_lock(&pool->lock);
    rearm_listener(pool, listener);
    pthread_mutex_unlock(&pool->lock);
}

static void take_arrival(struct pool *pool, size_t listener)
{
    struct arrival arrival;
    struct slot *slot = reserve_slot(pool);

    if (slot && accept_client(pool->process, pool->process->listeners[listener], &arrival) &&
        arrival.fd >= 0)
        serve_arrival(pool, slot, listener, &arrival);
    else
        miss_arrival(pool, slot, listener);
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
        take_arrival(pool, event->data.u64);
    else
        run_session(pool, event->data.ptr, false);
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

/* Send away whose time is up; at the end of the process, everybody. */
static void look_at_slots(struct pool *pool)
{
    bool stopping = atomic_load(&pool->process->stopping);
    bool retiring = atomic_load(&pool->process->retiring);
    int64_t now = moment_now();
    int64_t next = INT64_MAX;

    pthread_mutex_lock(&pool->lock);
    listen_again(pool, may_listen(pool));
    if (retiring)
        process_close_listeners(pool->process);
    for (size_t i = 0; i < pool->slot_count; i++) {
        struct slot *slot = &pool->slots[i];

        if (slot->state != SLOT_PARKED || slot->end != END_NOT)
            continue;
        if (stopping || (retiring && !pool->sessions))
            end_parked(pool, slot, END_CLOSING);
        else if (slot->deadline > 0 && slot->deadline <= now)
            end_parked(pool, slot, END_EXPIRED);
        else if (slot->deadline > 0 && slot->deadline < next)
            next = slot->deadline;
    }
    pool->sleeps_until = next;
    pthread_mutex_unlock(&pool->lock);
}

/* When the process has been idle for long enough to end: a moment in the future while it is busy. */
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
    pthread_mutex_unlock(&pool->lock);

    int64_t left = moment_left(until) + 1;

    return left < LONGEST_SLEEP_MILLISECONDS ? (int)left : LONGEST_SLEEP_MILLISECONDS;
}

static void sleep_and_hear(struct pool *pool, int wait)
{
    struct process *process = pool->process;
    struct pollfd watch[] = {
        { pool->wake, POLLIN, 0 },
        { process->control, POLLIN, 0 },
        { process->signals, POLLIN, 0 },
    };
    uint64_t count;

    if (poll(watch, COUNT(watch), wait) <= 0)
        return;
    if (watch[0].revents && read(pool->wake, &count, sizeof(count)) < 0)
        log_panic("read the wake-up counter: %m");
    if (watch[1].revents)
        process_hear(process, NULL);
    if (watch[2].revents)
        process_signalled(process);
}

static bool is_worn_out(const struct pool *pool)
{
    return atomic_load(&pool->process->page->served) >=
           (unsigned long)pool->process->settings.max_use * pool->slot_count;
}

static void run_main(struct pool *pool)
{
    const struct process *process = pool->process;

    for (;;) {
        look_at_slots(pool);
        if (is_idle(pool) && (atomic_load(&process->retiring) || is_worn_out(pool) ||
                              moment_left(idle_end(pool)) == 0))
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
        listen_again(pool, false);
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
    listen_again(pool, true);
    pthread_mutex_unlock(&pool->lock);
    start_thread(pool);
    do {
        run_main(pool);
    } while (!end_pool(pool));
    pool_free(pool);
}
