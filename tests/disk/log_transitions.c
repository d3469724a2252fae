#include "world.h"

#include "base/test.h"

static void with_logged(struct world *world, void (*step)(struct world *world,
                                                          struct message *message))
{
    struct log_reader *reader = log_reader_new(world->queue);
    struct message *message;

    if (message_open_logged(reader, &world->log_place, world_ids[SMALL], &message, &world->error)
        == MESSAGE_READY) {
        step(world, message);
        message_close(message);
    } else {
        CHECK(simulated_has_failed(world->simulated));
    }
    log_reader_free(reader);
}

static void settle_it(struct world *world, struct message *message)
{
    if (!message_settle(message, &world->error))
        CHECK(simulated_has_failed(world->simulated));
}

static void settle_one(struct world *world)
{
    with_logged(world, settle_it);
}

static void mark_and_defer_it(struct world *world, struct message *message)
{
    struct envelope envelope;
    bool more;

    if (!message_envelope(message, world->arena, &envelope, 0, &more, &world->error)
        || !world_mark_first(world, message, &envelope)) {
        CHECK(simulated_has_failed(world->simulated));
        return;
    }
    world_defer(world);
}

static void mark_and_defer_logged(struct world *world)
{
    with_logged(world, mark_and_defer_it);
}

static void remove_it(struct world *world, struct message *message)
{
    world->may_be_gone = true;
    if (!message_remove(message, &world->error))
        CHECK(simulated_has_failed(world->simulated));
}

static void remove_logged(struct world *world)
{
    with_logged(world, remove_it);
}

static void settle_and_remove_it(struct world *world, struct message *message)
{
    struct envelope envelope;
    bool more;

    if (message_envelope(message, world->arena, &envelope, 0, &more, &world->error)
        && world_mark_first(world, message, &envelope))
        remove_it(world, message);
}

/* A mark, then gone: the entry may not bring the message back without its mark. */
static void mark_and_remove_logged(struct world *world)
{
    with_logged(world, settle_and_remove_it);
}

static void settle_log(struct world *world)
{
    if (!queue_settle_log(world->queue, &world->error))
        CHECK(simulated_has_failed(world->simulated));
}

static void settle_log_mark_and_remove(struct world *world)
{
    settle_log(world);
    if (simulated_has_failed(world->simulated))
        return;
    world_activate(world);
    world_mark_done(world);
    if (world->marked)
        world_remove(world);
}

const struct transition log_transitions[] = {
    { "commit to the log", EMPTY, 0, 1, 1, world_commit_logged },
    { "settle one of the log", LOGGED, 0, 1, 1, settle_one },
    { "mark and defer one of the log", LOGGED, 0, 1, 1, mark_and_defer_logged },
    { "remove one of the log", LOGGED, 0, 1, 1, remove_logged },
    { "mark and remove one of the log", LOGGED, 0, 1, 1, mark_and_remove_logged },
    { "settle the log", LOGGED, 0, 1, 1, settle_log },
    { "settle the log, mark, remove", LOGGED, 0, 1, 1, settle_log_mark_and_remove },
    { NULL, EMPTY, 0, 0, 0, NULL },
};
