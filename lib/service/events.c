#include "service/events.h"

#include "base/memory.h"
#include "base/moment.h"
#include "base/vector.h"
#include "log/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct watch {
    int fd;
    bool gone;              /* forgotten; freed when the events in hand are done */
    unsigned mask;
    void (*ready)(void *argument, int fd, unsigned mask);
    void *argument;
    struct watch *next_gone;
};

struct event_timer {
    int64_t moment;
    uint64_t number;        /* timers of the same moment keep their order */
    size_t place;           /* in the heap */
    void (*due)(void *argument);
    void *argument;
};

struct post {
    void (*call)(void *argument);
    void *argument;
    struct post *next;
};

struct events {
    int epoll;
    int wake;               /* eventfd: posts are there */
    bool stopped;
    struct { struct watch **items; size_t count, capacity; } watches;   /* by descriptor */
    struct watch *gone;
    struct { struct event_timer **items; size_t count, capacity; } heap;
    uint64_t timer_number;
    pthread_mutex_t lock;
    struct post *first_post, **last_post;
    bool sleeping;          /* under the lock: a post has to wake the loop */
    bool busy;
};

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

/* Edge-triggered, so its counter need not be read. */
static void watch_wake(struct events *events)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = NULL };

    if (epoll_ctl(events->epoll, EPOLL_CTL_ADD, events->wake, &event) < 0)
        log_fatal("epoll: %m");
}

struct events *events_new(void)
{
    struct events *events = memory_new(1, sizeof(*events));

    events->epoll = epoll_create1(EPOLL_CLOEXEC);
    events->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (events->epoll < 0 || events->wake < 0)
        log_fatal("epoll: %m");
    events->last_post = &events->first_post;
    pthread_mutex_init(&events->lock, NULL);
    watch_wake(events);
    return events;
}

static void free_gone(struct events *events)
{
    while (events->gone) {
        struct watch *watch = events->gone;

        events->gone = watch->next_gone;
        free(watch);
    }
}

void events_free(struct events *events)
{
    if (!events)
        return;
    for (size_t i = 0; i < events->watches.count; i++)
        free(events->watches.items[i]);
    VECTOR_FREE(&events->watches);
    free_gone(events);
    for (size_t i = 0; i < events->heap.count; i++)
        free(events->heap.items[i]);
    VECTOR_FREE(&events->heap);
    while (events->first_post) {
        struct post *post = events->first_post;

        events->first_post = post->next;
        free(post);
    }
    pthread_mutex_destroy(&events->lock);
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
    return (mask & EVENT_READ ? EPOLLIN : 0u) | (mask & EVENT_WRITE ? EPOLLOUT : 0u);
}

void events_watch(struct events *events, int fd, unsigned mask,
                  void (*ready)(void *argument, int fd, unsigned mask), void *argument)
{
    struct watch *watch = find_watch(events, fd);
    bool is_new = watch == NULL;

    if (is_new) {
        watch = memory_new(1, sizeof(*watch));
        watch->fd = fd;
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

    struct epoll_event event = { .events = epoll_mask(mask), .data.ptr = watch };

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
    watch->gone = true;
    watch->next_gone = events->gone;
    events->gone = watch;
}

/* --- Timers: a heap, the next one at its top. ------------------------------------- */

static bool is_earlier(const struct event_timer *a, const struct event_timer *b)
{
    return a->moment != b->moment ? a->moment < b->moment : a->number < b->number;
}

static void put(struct events *events, size_t place, struct event_timer *timer)
{
    events->heap.items[place] = timer;
    timer->place = place;
}

static void move_up(struct events *events, size_t place)
{
    struct event_timer *timer = events->heap.items[place];

    while (place > 0 && is_earlier(timer, events->heap.items[(place - 1) / 2])) {
        put(events, place, events->heap.items[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(events, place, timer);
}

static void move_down(struct events *events, size_t place)
{
    struct event_timer *timer = events->heap.items[place];
    struct event_timer **items = events->heap.items;

    for (;;) {
        size_t child = 2 * place + 1;

        if (child + 1 < events->heap.count && is_earlier(items[child + 1], items[child]))
            child++;
        if (child >= events->heap.count || !is_earlier(items[child], timer))
            break;
        put(events, place, items[child]);
        place = child;
    }
    put(events, place, timer);
}

struct event_timer *events_at(struct events *events, int64_t moment, void (*due)(void *argument),
                              void *argument)
{
    struct event_timer *timer = memory_new(1, sizeof(*timer));

    *timer = (struct event_timer){ moment, events->timer_number++, 0, due, argument };
    VECTOR_PUSH(&events->heap, timer);
    move_up(events, events->heap.count - 1);
    return timer;
}

static void take_out(struct events *events, size_t place)
{
    struct event_timer *last = events->heap.items[--events->heap.count];

    if (place == events->heap.count)
        return;
    put(events, place, last);
    move_up(events, place);
    move_down(events, last->place);
}

void events_cancel(struct events *events, struct event_timer *timer)
{
    if (!timer)
        return;
    take_out(events, timer->place);
    free(timer);
}

static void run_timers(struct events *events)
{
    int64_t now = events->heap.count > 0 ? moment_now() : 0;

    while (!events->stopped && events->heap.count > 0 && events->heap.items[0]->moment <= now) {
        struct event_timer *timer = events->heap.items[0];

        take_out(events, 0);
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

    if (wake) {
        uint64_t one = 1;
        ssize_t ignored = write(events->wake, &one, sizeof(one));

        (void)ignored;
    }
}

enum { POST_ROUNDS = 16, LONGEST_WAIT_MILLISECONDS = 3600 * 1000 };

static int time_to_timer(const struct events *events)
{
    if (events->heap.count == 0)
        return -1;

    int64_t left = moment_left(events->heap.items[0]->moment);

    return left < LONGEST_WAIT_MILLISECONDS ? (int)left : LONGEST_WAIT_MILLISECONDS;
}

/* Posts that bring posts must not keep the descriptors waiting for ever. */
static int wait_milliseconds(struct events *events)
{
    for (int i = 0; i < POST_ROUNDS && !events->stopped; i++)
        if (!run_posts(events))
            return time_to_timer(events);
    return 0;
}

static void run_ready(const struct epoll_event *event)
{
    struct watch *watch = event->data.ptr;

    if (!watch)
        return;         /* a post: run before the loop sleeps again */

    unsigned mask = (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? EVENT_READ : 0u) |
                    (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR) ? EVENT_WRITE : 0u);

    if (!watch->gone && mask & watch->mask)
        watch->ready(watch->argument, watch->fd, mask & watch->mask);
}

void events_run(struct events *events)
{
    enum { BATCH = 64 };
    struct epoll_event ready[BATCH];

    while (!events->stopped) {
        int count = epoll_wait(events->epoll, ready, BATCH, wait_milliseconds(events));

        if (count < 0 && errno != EINTR)
            log_fatal("epoll_wait: %m");
        for (int i = 0; i < count && !events->stopped; i++)
            run_ready(&ready[i]);
        free_gone(events);
        if (!events->stopped)
            run_timers(events);
    }
    events->stopped = false;    /* it may be run again, to finish things (a program's stop) */
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
