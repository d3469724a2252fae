/*
 * What a pool thread does with a client: turns of a session, requests of a lane.
 */
#include "service/pool.h"

#include "log/log.h"

#include <sys/epoll.h>
#include <sys/socket.h>

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
        pool_wake_main(pool);
}

/* Only the thread that has the slot counts; the watchdog sees whether one turn goes on and on. */
static void count_turn(struct slot *slot)
{
    atomic_fetch_add_explicit(&slot->turns, 1, memory_order_relaxed);
}

/* The client is this thread's again; says whether it has to go. */
static enum slot_end take_parked(struct pool *pool, struct slot *slot)
{
    pthread_mutex_lock(&pool->lock);
    enum slot_end end = slot->end;
    slot->state = SLOT_RUNNING;
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
    pool_finish_client(pool, slot);
}

/*
 * Most clients go on at once: while other threads wait for the rest, a read that waits a moment for
 * this one costs no call where parking it costs two and a switch of threads.
 */
static bool linger(struct pool *pool, const struct client *client)
{
    pthread_mutex_lock(&pool->lock);
    bool others_wait = pool->waiting > 0 && pool->lingering < LINGER_LIMIT &&
                       !atomic_load(&pool->process->stopping);
    pool->lingering += others_wait;
    pthread_mutex_unlock(&pool->lock);
    if (!others_wait)
        return false;

    bool goes_on = stream_wait(client->stream, LINGER_MILLISECONDS);

    pthread_mutex_lock(&pool->lock);
    pool->lingering--;
    pthread_mutex_unlock(&pool->lock);
    return goes_on;
}

void pool_run_session(struct pool *pool, struct slot *slot, bool fresh)
{
    const struct service *service = pool->process->service;
    struct client *client = &slot->client;
    enum slot_end end = fresh ? END_NOT : take_parked(pool, slot);

    log_number(client->number);
    count_turn(slot);
    if (end != END_NOT) {
        end_session(pool, slot, end);
        return;
    }

    enum turn verdict = fresh && service->greet ? service->greet(client) : service->turn(client);

    while (verdict == TURN_STAY && (stream_has_line(client->stream) || linger(pool, client))) {
        count_turn(slot);
        verdict = service->turn(client);
    }
    if (verdict == TURN_STAY)
        park(pool, slot, fresh ? EPOLL_CTL_ADD : EPOLL_CTL_MOD);
    else
        pool_finish_client(pool, slot);
}

/* --- Lanes: the thread stays with its client. -------------------------------------- */

/*
 * Between requests a lane ends when the process does.  Its peer sees it before it sends.  Who has
 * just connected does not look: what it asks for first is served.
 */
static bool lane_goes_on(struct pool *pool, struct slot *slot, bool fresh)
{
    pthread_mutex_lock(&pool->lock);
    lane_rest(slot->client.lane);
    slot->fresh = fresh;
    slot->rests_since = moment_now();
    bool goes_on = fresh || !atomic_load(&pool->process->retiring) ||
                   lane_is_busy(slot->client.lane);
    slot->state = goes_on ? SLOT_PARKED : SLOT_RUNNING;
    pthread_mutex_unlock(&pool->lock);
    return goes_on;
}

void pool_run_lane(struct pool *pool, struct slot *slot)
{
    const struct service *service = pool->process->service;
    struct client *client = &slot->client;
    enum turn verdict = service->greet ? service->greet(client) : TURN_STAY;

    log_number(client->number);
    for (bool fresh = true; verdict == TURN_STAY && lane_goes_on(pool, slot, fresh);
         fresh = false) {
        count_turn(slot);
        verdict = service->turn(client);
    }
    pool_finish_client(pool, slot);
}
