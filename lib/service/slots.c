#include "service/pool.h"

#include "log/log.h"

#include <sys/epoll.h>
#include <unistd.h>

void pool_wake_main(struct pool *pool)
{
    uint64_t one = 1;
    ssize_t ignored = write(pool->wake, &one, sizeof(one));

    (void)ignored;
}

/*
 * --- Listeners: in the set while a slot is free.  Called with the lock. -----------
 *
 * One arrival wakes one process (EPOLLEXCLUSIVE) and in it one thread (EPOLLET: a level-triggered
 * listener wakes one waiting thread after the other until the first has accepted, 5.7 accepts a
 * message for nothing).  The price: who was woken has to see that nobody else is left standing.
 * Arrivals that come close together are one event, so after an accept the listener is looked at
 * again; and a process that stops listening while clients wait says so to master, which has
 * another one look (CONTROL_LOOK).
 */

static void set_listeners(struct pool *pool, int operation)
{
    for (int i = 0; i < pool->process->options.listener_count; i++) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE,
                                     .data.u64 = (uint64_t)i };

        if (epoll_ctl(pool->epoll, operation, pool->process->listeners[i], &event) < 0)
            log_fatal("watch listener %d: %m", i);
    }
}

void pool_listen_locked(struct pool *pool, bool wanted)
{
    if (pool->listening == wanted)
        return;
    pool->listening = wanted;
    set_listeners(pool, wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL);
    if (!wanted)
        process_hand_on(pool->process);
}

/* Have an event come again if clients wait: adding a listener looks at it. */
void pool_look_again_locked(struct pool *pool)
{
    if (!pool->listening)
        return;
    set_listeners(pool, EPOLL_CTL_DEL);
    set_listeners(pool, EPOLL_CTL_ADD);
}

bool pool_may_listen_locked(const struct pool *pool)
{
    return pool->busy < pool->slot_count && !atomic_load(&pool->process->retiring);
}

/* --- Slots. ------------------------------------------------------------------------ */

struct slot *pool_reserve_slot(struct pool *pool)
{
    struct slot *slot = NULL;

    pthread_mutex_lock(&pool->lock);
    if (pool_may_listen_locked(pool)) {
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

void pool_free_slot(struct pool *pool, struct slot *slot)
{
    pthread_mutex_lock(&pool->lock);
    slot->state = SLOT_FREE;
    pool->busy--;
    pool_listen_locked(pool, pool_may_listen_locked(pool));
    bool last = pool->busy == 0;
    if (last)
        pool->idle_since = moment_now();
    bool ends = last && !pool->listening;
    pthread_mutex_unlock(&pool->lock);

    if (ends)
        pool_wake_main(pool);
    if (atomic_load(&pool->process->retiring))      /* the next generation may use the place */
        control_say(pool->process->control, CONTROL_FULL, SLICE_LITERAL(""));
}

/* max_use counts for each slot. */
static bool is_worn_out(const struct pool *pool)
{
    return atomic_load(&pool->process->page->served) >=
           (unsigned long)pool->process->settings.max_use * pool->slot_count;
}

/* Who has served enough takes nobody any more, and master is not to count on its free slots. */
static void retire_locked(struct pool *pool)
{
    atomic_store(&pool->process->retiring, true);
    atomic_store(&pool->process->page->retiring, 1);
    pool_wake_main(pool);
}

/* The client has arrived: who takes the last slot tells master before it serves. */
void pool_note_arrival(struct pool *pool, size_t listener)
{
    bool full = page_take(pool->process);

    pthread_mutex_lock(&pool->lock);
    if (is_worn_out(pool))
        retire_locked(pool);
    bool listening = pool_may_listen_locked(pool);
    pool_listen_locked(pool, listening);
    if (listening && process_client_waits(pool->process, (int)listener))
        pool_look_again_locked(pool);
    pthread_mutex_unlock(&pool->lock);

    if (full || !listening)
        control_say(pool->process->control, CONTROL_FULL, SLICE_LITERAL(""));
    if (!listening && !pool->sessions)
        pool_wake_main(pool);       /* it watches now whether lanes have to make room */
}

void pool_finish_client(struct pool *pool, struct slot *slot)
{
    struct client *client = &slot->client;

    if (pool->process->service->leave)
        pool->process->service->leave(client);

    /* Nobody may shut the descriptor down once it can be another client's. */
    pthread_mutex_lock(&pool->lock);
    slot->state = SLOT_RUNNING;
    slot->deadline = 0;
    pthread_mutex_unlock(&pool->lock);

    if (client->stream)
        stream_close(client->stream);
    lane_close(client->lane);
    client->stream = NULL;
    client->lane = NULL;
    page_give(pool->process);
    pool_free_slot(pool, slot);
}

int client_descriptor(const struct client *client)
{
    return client->stream ? stream_descriptor(client->stream) : lane_descriptor(client->lane);
}
