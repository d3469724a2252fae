#include "service/events.h"

#include "service/timer_heap.h"

#include "base/memory.h"
#include "base/moment.h"
#include "base/vector.h"
#include "log/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct watch {
    int fd;
    uint32_t number;        /* tells it from an earlier watch of the same descriptor */
    unsigned mask;
    void (*ready)(void *argument, int fd, unsigned mask);
    void *argument;
};

struct post {
    void (*call)(void *argument);
    void *argument;
    struct post *next;
};

struct task {
    void (*work)(void *argument);
    void (*then)(void *argument);
    void *argument;
    struct task *next;
};

struct events {
    int epoll;
    int wake;               /* eventfd: posts or tasks are there */
    int timer;              /* timerfd, of a shared loop; -1: epoll_wait has the time-out */
    int64_t timer_moment;   /* what the timerfd is set to; INT64_MAX: nothing */
    pthread_mutex_t turn;   /* held while handlers run; all up to the lock belongs to it */
    bool stopped;
    struct { struct watch **items; size_t count, capacity; } watches;   /* by descriptor */
    uint32_t watch_number;
    struct timer_heap timers;
    uint64_t timer_number;
    struct task *first_task, **last_task;
    size_t working;         /* threads that are out on a task */
    size_t waiting;         /* threads in epoll_wait */
    size_t helpers;         /* threads beside the one of events_run */
    bool busy;
    struct { void (*begin)(void *argument), (*end)(void *argument); void *argument; } guard;
    pthread_mutex_t lock;
    struct post *first_post, **last_post;
    bool sleeping;          /* under the lock: a post has to wake the loop */
};

enum { HELPER_LIMIT = 8, STACK_BYTES = 256 * 1024 };

/* The posts that are there; with none the loop is about to sleep, and the next one wakes it. */
static struct post *take_posts(struct events *events, bool may_sleep)
{
    pthread_mutex_lock(&events->lock);
    struct post *post = events->first_post;
    events->first_post = NULL;
    events->last_post = &events->first_post;
    events->sleeping = may_sleep && post == NULL;
    pthread_mutex_unlock(&events->lock);
    return post;
}

/* False: there were none, and the loop may sleep. */
static bool run_posts(struct events *events)
{
    struct post *post = take_posts(events, true);
    bool ran = post != NULL;

    while (post) {
        struct post *next = post->next;

        post->call(post->argument);
        free(post);
        post = next;
    }
    return ran;
}

enum { WAKE_EVENT = -1 };   /* no watch: a thread has to look */

/* Edge-triggered, so its counter need not be read, and one thread wakes up for it. */
static void watch_counter(struct events *events, int fd)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = WAKE_EVENT };

    if (epoll_ctl(events->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        log_fatal("epoll: %m");
}

static void wake_one(struct events *events)
{
    uint64_t one = 1;
    ssize_t ignored = write(events->wake, &one, sizeof(one));

    (void)ignored;
}

struct events *events_new(void)
{
    struct events *events = memory_new(1, sizeof(*events));

    events->epoll = epoll_create1(EPOLL_CLOEXEC);
    events->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (events->epoll < 0 || events->wake < 0)
        log_fatal("epoll: %m");
    events->timer = -1;
    events->timer_moment = INT64_MAX;
    events->last_post = &events->first_post;
    events->last_task = &events->first_task;
    pthread_mutex_init(&events->lock, NULL);
    pthread_mutex_init(&events->turn, NULL);
    watch_counter(events, events->wake);
    return events;
}

void events_free(struct events *events)
{
    if (!events)
        return;
    for (size_t i = 0; i < events->watches.count; i++)
        free(events->watches.items[i]);
    VECTOR_FREE(&events->watches);
    for (size_t i = 0; i < events->timers.count; i++)
        free(events->timers.items[i]);
    VECTOR_FREE(&events->timers);
    while (events->first_post) {
        struct post *post = events->first_post;

        events->first_post = post->next;
        free(post);
    }
    while (events->first_task) {
        struct task *task = events->first_task;

        events->first_task = task->next;
        free(task);
    }
    pthread_mutex_destroy(&events->lock);
    pthread_mutex_destroy(&events->turn);
    if (events->timer >= 0)
        close(events->timer);
    close(events->wake);
    close(events->epoll);
    free(events);
}

static struct watch *find_watch(const struct events *events, int fd)
{
    return (size_t)fd < events->watches.count ? events->watches.items[fd] : NULL;
}

static uint32_t epoll_mask(unsigned mask)
{
    return (mask & EVENT_READ ? EPOLLIN | EPOLLRDHUP : 0u) |
           (mask & EVENT_WRITE ? EPOLLOUT : 0u) | (mask & EVENT_EDGE ? EPOLLET : 0u);
}

static uint64_t event_key(const struct watch *watch)
{
    return (uint64_t)watch->number << 32 | (uint32_t)watch->fd;
}

void events_watch(struct events *events, int fd, unsigned mask,
                  void (*ready)(void *argument, int fd, unsigned mask), void *argument)
{
    struct watch *watch = find_watch(events, fd);
    bool is_new = watch == NULL;

    if (is_new) {
        watch = memory_new(1, sizeof(*watch));
        watch->fd = fd;
        watch->number = events->watch_number++ & INT32_MAX;     /* no key is WAKE_EVENT */
        while (events->watches.count <= (size_t)fd)
            VECTOR_PUSH(&events->watches, NULL);
        events->watches.items[fd] = watch;
    }

    bool same = !is_new && watch->mask == mask;

    watch->mask = mask;
    watch->ready = ready;
    watch->argument = argument;
    if (same)
        return;

    struct epoll_event event = { .events = epoll_mask(mask), .data.u64 = event_key(watch) };

    if (epoll_ctl(events->epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0)
        log_panic("events: watch descriptor %d: %m", fd);
}

void events_forget(struct events *events, int fd)
{
    struct watch *watch = find_watch(events, fd);

    if (!watch)
        return;
    epoll_ctl(events->epoll, EPOLL_CTL_DEL, fd, NULL);
    events->watches.items[fd] = NULL;
    free(watch);
}

/* --- Timers. --------------------------------------------------------------------------- */

struct event_timer *events_at(struct events *events, int64_t moment, void (*due)(void *argument),
                              void *argument)
{
    struct event_timer *timer = memory_new(1, sizeof(*timer));

    *timer = (struct event_timer){ moment, events->timer_number++, 0, due, argument };
    timer_heap_add(&events->timers, timer);
    return timer;
}

void events_cancel(struct events *events, struct event_timer *timer)
{
    if (!timer)
        return;
    timer_heap_remove(&events->timers, timer);
    free(timer);
}

static void run_timers(struct events *events)
{
    int64_t now = events->timers.count > 0 ? moment_now() : 0;

    while (!events->stopped && events->timers.count > 0 && events->timers.items[0]->moment <= now) {
        struct event_timer *timer = events->timers.items[0];

        timer_heap_remove(&events->timers, timer);
        timer->due(timer->argument);
        free(timer);
    }
}

/* --- The loop. ---------------------------------------------------------------------- */

void events_post(struct events *events, void (*call)(void *argument), void *argument)
{
    struct post *post = memory_new(1, sizeof(*post));

    *post = (struct post){ call, argument, NULL };
    pthread_mutex_lock(&events->lock);
    bool wake = events->sleeping;
    events->sleeping = false;
    *events->last_post = post;
    events->last_post = &post->next;
    pthread_mutex_unlock(&events->lock);

    if (wake)
        wake_one(events);
}

void events_work(struct events *events, void (*work)(void *argument),
                 void (*then)(void *argument), void *argument)
{
    struct task *task = memory_new(1, sizeof(*task));

    *task = (struct task){ work, then, argument, NULL };
    *events->last_task = task;
    events->last_task = &task->next;
}

/* One thread always stays to run the loop; a loop without helpers does its tasks itself. */
static bool may_work(const struct events *events)
{
    return events->first_task && (events->helpers == 0 || events->working < events->helpers);
}

static void take_turn(struct events *events)
{
    pthread_mutex_lock(&events->turn);
    if (events->guard.begin)
        events->guard.begin(events->guard.argument);
}

static void leave_turn(struct events *events)
{
    if (events->guard.end)
        events->guard.end(events->guard.argument);
    pthread_mutex_unlock(&events->turn);
}

/* A shared loop: the thread that knows of an earlier timer may be out when it is due. */
static void set_timer(struct events *events)
{
    int64_t moment = events->timers.count > 0 ? events->timers.items[0]->moment : INT64_MAX;
    struct itimerspec due = { { 0, 0 }, { 0, 0 } };

    if (moment == events->timer_moment)
        return;
    events->timer_moment = moment;
    if (moment < INT64_MAX) {
        int64_t left = moment_left(moment);

        due.it_value.tv_sec = left / 1000;
        due.it_value.tv_nsec = left % 1000 * 1000000 + 1;   /* 0 would switch it off */
    }
    if (timerfd_settime(events->timer, 0, &due, NULL) < 0)
        log_fatal("timerfd: %m");
}

/* In the turn; out of it while the task runs. */
static bool run_task(struct events *events)
{
    if (!may_work(events))
        return false;

    struct task *task = events->first_task;

    events->first_task = task->next;
    if (!events->first_task)
        events->last_task = &events->first_task;
    events->working++;
    if (may_work(events) && events->waiting > 0)
        wake_one(events);
    if (events->timer >= 0)     /* nobody else may look at the timers before this thread is back */
        set_timer(events);
    leave_turn(events);
    task->work(task->argument);
    take_turn(events);
    events->working--;
    task->then(task->argument);
    free(task);
    return true;
}

enum { TASK_ROUNDS = 16, LONGEST_WAIT_MILLISECONDS = 3600 * 1000 };

static int time_to_timer(const struct events *events)
{
    if (events->timers.count == 0)
        return -1;

    int64_t left = moment_left(events->timers.items[0]->moment);

    return left < LONGEST_WAIT_MILLISECONDS ? (int)left : LONGEST_WAIT_MILLISECONDS;
}

/*
 * Tasks that bring tasks must not keep the descriptors waiting for ever.  Posts come first: when
 * none is left the next one wakes a thread that sleeps, while this one is out on a task.
 */
static int wait_milliseconds(struct events *events)
{
    for (int i = 0; i < TASK_ROUNDS && !events->stopped; i++)
        if (!run_posts(events) && !run_task(events)) {
            if (events->timer < 0)
                return time_to_timer(events);
            set_timer(events);
            return -1;
        }
    return 0;
}

static unsigned ready_mask(uint32_t ready)
{
    return (ready & (EPOLLIN | EPOLLHUP | EPOLLRDHUP | EPOLLERR) ? EVENT_READ : 0u) |
           (ready & (EPOLLOUT | EPOLLHUP | EPOLLERR) ? EVENT_WRITE : 0u);
}

/* Another thread may have forgotten the watch since epoll named it. */
static void run_ready(struct events *events, const struct epoll_event *event)
{
    if (event->data.u64 == (uint64_t)WAKE_EVENT)
        return;         /* posts, tasks and timers are looked at in any case */

    struct watch *watch = find_watch(events, (int)(uint32_t)event->data.u64);

    if (!watch || event_key(watch) != event->data.u64)
        return;

    unsigned mask = ready_mask(event->events) & watch->mask;
    unsigned gone = event->events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR) ? EVENT_GONE : 0u;

    if (mask)
        watch->ready(watch->argument, watch->fd, mask | gone);
}

static void run_loop(struct events *events)
{
    enum { BATCH = 64 };
    struct epoll_event ready[BATCH];

    take_turn(events);
    while (!events->stopped) {
        int milliseconds = wait_milliseconds(events);

        events->waiting++;
        leave_turn(events);

        int count = epoll_wait(events->epoll, ready, BATCH, milliseconds);

        if (count < 0 && errno != EINTR)
            log_fatal("epoll_wait: %m");
        take_turn(events);
        events->waiting--;
        for (int i = 0; i < count; i++)     /* all: an edge would not come again */
            run_ready(events, &ready[i]);
        if (!events->stopped)
            run_timers(events);
    }
    if (events->waiting > 0)
        wake_one(events);   /* to end as well; it wakes the next */
    leave_turn(events);
}

static void *help(void *argument)
{
    log_number((unsigned long)getpid());    /* asked once, not for each line */
    run_loop(argument);
    return NULL;
}

static void start_helpers(struct events *events, pthread_t *threads)
{
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (size_t i = 0; i < events->helpers; i++)
        if (pthread_create(&threads[i], &attributes, help, events) != 0)
            log_fatal("create a thread: %m");
    pthread_attr_destroy(&attributes);
}

void events_share(struct events *events, size_t helpers)
{
    if (helpers > HELPER_LIMIT)
        log_panic("events: %zu helpers", helpers);
    events->helpers = helpers;
    events->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (events->timer < 0)
        log_fatal("timerfd: %m");
    watch_counter(events, events->timer);
}

void events_run(struct events *events)
{
    pthread_t threads[HELPER_LIMIT] = { 0 };

    start_helpers(events, threads);
    run_loop(events);
    for (size_t i = 0; i < events->helpers; i++)
        pthread_join(threads[i], NULL);
    events->stopped = false;    /* it may be run again, to finish things (a program's stop) */
}

void events_guard(struct events *events, void (*begin)(void *argument),
                  void (*end)(void *argument), void *argument)
{
    events->guard.begin = begin;
    events->guard.end = end;
    events->guard.argument = argument;
}

void events_stop(struct events *events)
{
    events->stopped = true;
}

void events_set_busy(struct events *events, bool busy)
{
    events->busy = busy;
}

bool events_is_busy(const struct events *events)
{
    return events->busy;
}
