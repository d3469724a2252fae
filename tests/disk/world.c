#include "world.h"

#include "base/scope.h"
#include "base/test.h"

#include <stdio.h>

const char *const world_ids[MESSAGES] = { "AAAAA1", "BBBBB2" };
const char *const world_addresses[ADDRESSES] = {
    "one@far.test", "two@far.test", "three@far.test",
};
static const size_t sizes[MESSAGES] = { 9000, 150000 };

struct queue *world_queue(const struct disk *disk, int depth)
{
    struct queue_settings settings = { .hash_queue_names = "deferred hold", .disk = disk,
                                       .hash_queue_depth = depth, .line_length_limit = 2048 };
    struct error error;
    struct queue *queue = queue_open(&settings, &error);

    CHECK(queue);
    return queue;
}

void world_content(struct str *text, int which)
{
    while (text->length < sizes[which])
        str_format(text, "line %zu of message %d, with some more words in it\n", text->length,
                   which);
}

static struct draft *write_draft(struct world *world, int which, struct envelope *envelope)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct draft *draft = draft_new(world->queue, world_ids[which], &world->error);

    envelope_clear(envelope);
    envelope->arrival.tv_sec = 1795328120;
    envelope->sender = "sender@near.test";
    envelope->warn_at = 1795338120;
    for (size_t i = 0; i < COUNT(world_addresses); i++)
        envelope_add_recipient(envelope, world->arena)->address = world_addresses[i];
    world_content(&text, which);
    draft_envelope(draft, envelope);
    draft_content(draft, str_slice(&text));
    return draft;
}

/* To the log; a segment is full with the first message. */
static struct log_writer *open_writer(struct queue *queue)
{
    return log_writer_new(queue, &(struct log_writer_settings){ .segment_bytes = 16 * 1024 });
}

void world_commit_logged(struct world *world)
{
    struct log_writer *writer = open_writer(world->queue);
    struct envelope envelope;
    struct draft *draft = write_draft(world, SMALL, &envelope);

    world->answered[SMALL] = draft_commit_logged(draft, writer, &envelope, &world->log_place,
                                                 &world->error);
    world->refused[SMALL] = !world->answered[SMALL];
    log_writer_free(writer);
}

void world_commit(struct world *world, int which, enum queue_place place)
{
    struct envelope envelope;
    struct draft *draft = write_draft(world, which, &envelope);

    world->answered[which] = draft_commit(draft, place, &envelope, &world->error);
    world->refused[which] = !world->answered[which];
}

void world_open(struct world *world, const struct transition *transition,
                enum disk_semantics semantics)
{
    *world = (struct world){ .simulated = simulated_new(semantics), .arena = arena_new() };

    const struct disk *disk = simulated_disk(world->simulated);

    for (int place = 0; place < QUEUE_PLACE_COUNT; place++)
        CHECK(disk->make_folder(disk, -100, queue_place_name((enum queue_place)place), 0700) == 0);
    CHECK(disk->make_folder(disk, -100, "intake", 0700) == 0);
    world->queue = world_queue(disk, transition->depth_before);
    if (transition->prepared == LOGGED) {
        world_commit_logged(world);
        CHECK(world->answered[SMALL] && world->log_place.segment);
    }
    if (transition->prepared == PREPARED) {
        world_commit(world, SMALL, QUEUE_INCOMING);
        if (transition->start != QUEUE_INCOMING)
            CHECK(queue_move(world->queue, world_ids[SMALL], QUEUE_INCOMING, transition->start,
                             &world->error));
    }
    queue_close(world->queue);
    world->queue = world_queue(disk, transition->depth);
    simulated_settle(world->simulated);
}

void world_close(struct world *world)
{
    queue_close(world->queue);
    arena_free(world->arena);
    simulated_free(world->simulated);
}
