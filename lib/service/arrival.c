/*
 * A client that has come to the pool, up to the first thing it says.
 */
#include "service/pool.h"

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
    pool_note_arrival(pool, listener);
    if (pool->sessions) {
        slot->client.stream = stream_new(arrival->fd);
        pool_run_session(pool, slot, true);
    } else {
        slot->client.lane = lane_new(arrival->fd);
        pool_run_lane(pool, slot);
    }
}

void pool_take_arrival(struct pool *pool, size_t listener)
{
    struct arrival arrival;
    struct slot *slot = pool_reserve_slot(pool);

    if (slot && accept_client(pool->process, pool->process->listeners[listener], &arrival) &&
        arrival.fd >= 0)
        serve_arrival(pool, slot, listener, &arrival);
    else if (slot)
        pool_free_slot(pool, slot);      /* nobody came after all */
}
