/*
 * The watchdog of a pool: a turn that does not end within daemon_timeout must not keep its
 * process for ever, and must not cost the other clients their sessions.
 *
 * The main thread looks at the slots a few times in that span; a turn costs one store in memory.
 * Whose turn is overdue loses its connection, which ends what waits for the client; the process
 * takes no new clients, so master starts another one; and when nothing but overdue turns is
 * left, the process ends.
 */
#include "service/pool.h"

#include "log/log.h"

#include <sys/socket.h>
#include <sys/time.h>

enum { LOOKS_PER_SPAN = 3, LAST_WORDS_SECONDS = 10 };

int64_t pool_watch_span(const struct pool *pool)
{
    return (int64_t)pool->process->settings.watchdog_seconds * 1000;
}

int64_t pool_watch_pause(const struct pool *pool)
{
    int64_t pause = pool_watch_span(pool) / LOOKS_PER_SPAN;

    return pause > 1000 ? pause : 1000;
}

/* A lane that waits for a request is parked without a change of its state. */
static bool is_at_work(const struct pool *pool, const struct slot *slot)
{
    if (slot->state == SLOT_FREE)
        return false;
    return slot->state == SLOT_RUNNING ||
           (!pool->sessions && lane_is_busy(slot->client.lane));
}

/* Since when the turn has been under way, as far as looks have seen it; 0: nothing is. */
static int64_t working_since(const struct pool *pool, struct slot *slot, int64_t now)
{
    unsigned turns = atomic_load_explicit(&slot->turns, memory_order_relaxed);

    if (!is_at_work(pool, slot)) {
        slot->seen_at = 0;
    } else if (slot->seen_at == 0 || slot->seen_turns != turns) {
        slot->seen_turns = turns;
        slot->seen_at = now;
    }
    return slot->seen_at;
}

/* Its thread may be at any place, so of the client only the socket is touched. */
static void give_up_locked(const struct pool *pool, struct slot *slot)
{
    slot->overdue = true;
    log_warn("watchdog timeout: what client %lu asked for has not ended: its connection is closed, "
             "and this process ends when its other clients have gone", slot->client.number);
    if (slot->client.stream || slot->client.lane)
        shutdown(client_descriptor(&slot->client), SHUT_RDWR);
    atomic_store(&pool->process->retiring, true);
    atomic_store(&pool->process->page->retiring, 1);
    control_say(pool->process->control, CONTROL_FULL, SLICE_LITERAL(""));
}

/* Called with the lock. */
static size_t count_hopeless(struct pool *pool)
{
    int64_t now = moment_now(), span = pool_watch_span(pool);
    size_t hopeless = 0;

    for (size_t i = 0; i < pool->slot_count; i++) {
        struct slot *slot = &pool->slots[i];
        int64_t since = working_since(pool, slot, now);

        if (since == 0 || now - since < span)
            slot->overdue = false;
        else if (!slot->overdue)
            give_up_locked(pool, slot);
        else if (now - since >= span + 1000)    /* the end of its connection did not help */
            hopeless++;
    }
    return hopeless;
}

void pool_watch(struct pool *pool)
{
    const struct itimerval last_words = { .it_value.tv_sec = LAST_WORDS_SECONDS };

    if (moment_left(pool->watch_at) > 0)
        return;
    pthread_mutex_lock(&pool->lock);
    size_t hopeless = count_hopeless(pool);
    bool ends = hopeless > 0 && hopeless == pool->busy;
    pool->watch_at = moment_now() + pool_watch_pause(pool);
    pthread_mutex_unlock(&pool->lock);

    if (!ends)
        return;
    setitimer(ITIMER_REAL, &last_words, NULL);      /* the log may be what the others hang in */
    log_fatal("watchdog timeout");
}
