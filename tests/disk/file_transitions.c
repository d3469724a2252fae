#include "world.h"

#include "base/test.h"

static void commit_small(struct world *world)
{
    world_commit(world, SMALL, QUEUE_INCOMING);
}

static void commit_large(struct world *world)
{
    world_commit(world, LARGE, QUEUE_INCOMING);
}

static void commit_small_to_hold(struct world *world)
{
    world_commit(world, SMALL, QUEUE_HOLD);
}

static void commit_large_to_hold(struct world *world)
{
    world_commit(world, LARGE, QUEUE_HOLD);
}

static void commit_both(struct world *world)
{
    world_commit(world, LARGE, QUEUE_INCOMING);
    world_commit(world, SMALL, QUEUE_INCOMING);
}

void world_move(struct world *world, enum queue_place from, enum queue_place to)
{
    if (!queue_move(world->queue, world_ids[SMALL], from, to, &world->error))
        CHECK(simulated_has_failed(world->simulated));
}

void world_activate(struct world *world)
{
    world_move(world, QUEUE_INCOMING, QUEUE_ACTIVE);
}

void world_defer(struct world *world)
{
    if (!queue_defer(world->queue, world_ids[SMALL], 2000000000, &world->error))
        CHECK(simulated_has_failed(world->simulated));
}

static void hold(struct world *world)
{
    world_move(world, QUEUE_DEFERRED, QUEUE_HOLD);
}

static void release(struct world *world)
{
    world_move(world, QUEUE_HOLD, QUEUE_DEFERRED);
}

static void requeue(struct world *world)
{
    world_move(world, QUEUE_DEFERRED, QUEUE_MAILDROP);
}

static void find_corrupt(struct world *world)
{
    world_move(world, QUEUE_ACTIVE, QUEUE_CORRUPT);
}

void world_remove(struct world *world)
{
    world->may_be_gone = true;
    if (!queue_remove(world->queue, QUEUE_ACTIVE, world_ids[SMALL], &world->error))
        CHECK(simulated_has_failed(world->simulated));
}

static void recover(struct world *world)
{
    (void)!queue_recover(world->queue, &world->error);
}

static void settle(struct world *world)
{
    (void)!queue_settle(world->queue, &world->error);
}

/* With the envelope of a message in active, if the disk lets us have it. */
static void with_message(struct world *world,
                         bool (*step)(struct world *world, struct message *message,
                         const struct envelope *envelope))
{
    struct envelope envelope;
    struct message *message;
    bool more;

    if (message_open(world->queue, QUEUE_ACTIVE, world_ids[SMALL], &message, &world->error)
        != MESSAGE_READY) {
        CHECK(simulated_has_failed(world->simulated));
        return;
    }
    if (message_envelope(message, world->arena, &envelope, 0, &more, &world->error))
        (void)step(world, message, &envelope);
    else
        CHECK(simulated_has_failed(world->simulated));
    message_close(message);
}

bool world_mark_first(struct world *world, struct message *message,
                      const struct envelope *envelope)
{
    world->mark_begun = true;
    world->marked = message_mark_done(message, &envelope->recipients.items[0].handle, 1,
                                      &world->error);
    return world->marked;
}

void world_mark_done(struct world *world)
{
    with_message(world, world_mark_first);
}

static bool mark_warned_of(struct world *world, struct message *message,
                           const struct envelope *envelope)
{
    CHECK_NUMBER(envelope->warn_at, 1795338120);
    return message_mark_warned(message, &world->error);
}

static void mark_warned(struct world *world)
{
    with_message(world, mark_warned_of);
}

static void mark_then_defer(struct world *world)
{
    world_mark_done(world);
    world_defer(world);
}

const struct transition file_transitions[] = {
    { "commit of a small message", EMPTY, 0, 1, 1, commit_small },
    { "commit of a large message", EMPTY, 0, 1, 1, commit_large },
    { "commit to hold", EMPTY, 0, 1, 1, commit_small_to_hold },
    { "commit of a large message to hold", EMPTY, 0, 2, 2, commit_large_to_hold },
    { "commit of two messages", EMPTY, 0, 1, 1, commit_both },
    { "incoming to active", PREPARED, QUEUE_INCOMING, 1, 1, world_activate },
    { "active to deferred", PREPARED, QUEUE_ACTIVE, 2, 2, world_defer },
    { "mark done", PREPARED, QUEUE_ACTIVE, 1, 1, world_mark_done },
    { "mark done, then defer", PREPARED, QUEUE_ACTIVE, 1, 1, mark_then_defer },
    { "mark warned", PREPARED, QUEUE_ACTIVE, 1, 1, mark_warned },
    { "remove", PREPARED, QUEUE_ACTIVE, 1, 1, world_remove },
    { "active to corrupt", PREPARED, QUEUE_ACTIVE, 1, 1, find_corrupt },
    { "hold", PREPARED, QUEUE_DEFERRED, 1, 1, hold },
    { "release", PREPARED, QUEUE_HOLD, 1, 1, release },
    { "requeue", PREPARED, QUEUE_DEFERRED, 1, 1, requeue },
    { "recover", PREPARED, QUEUE_ACTIVE, 1, 1, recover },
    { "settle", PREPARED, QUEUE_DEFERRED, 0, 2, settle },
    { NULL, EMPTY, 0, 0, 0, NULL },
};
