/*
 * Every transition of a message, crashed before each of its calls and with each
 * selection of what was not flushed; and with each call failing.
 */
#include "base/test.h"

#include "base/scope.h"
#include "queue/inside.h"
#include "queue/intake_log.h"
#include "simulated.h"

#include <errno.h>
#include <stdio.h>

enum { SMALL, LARGE, MESSAGES };

static const char *const ids[MESSAGES] = { "AAAAA1", "BBBBB2" };
static const size_t sizes[MESSAGES] = { 9000, 150000 };
static const char *const addresses[] = { "one@far.test", "two@far.test", "three@far.test" };

/* What the queue has promised so far. */
struct world {
    struct simulated *simulated;
    struct queue *queue;
    struct arena *arena;
    struct error error;
    bool answered[MESSAGES];    /* 250 */
    bool refused[MESSAGES];     /* 451 */
    bool may_be_gone;           /* removal has begun */
    bool mark_begun, marked;    /* the first recipient */
    struct log_place log_place; /* of the small message */
};

struct transition {
    const char *name;
    enum { EMPTY, PREPARED, LOGGED } prepared;  /* the small message is there, at start */
    enum queue_place start;
    int depth_before, depth;    /* of deferred and hold */
    void (*run)(struct world *world);
};

static struct queue *open_queue(const struct disk *disk, int depth)
{
    struct queue_settings settings = { .hash_queue_names = "deferred hold", .disk = disk,
                                       .hash_queue_depth = depth, .line_length_limit = 2048 };
    struct error error;
    struct queue *queue = queue_open(&settings, &error);

    CHECK(queue);
    return queue;
}

static void fill_content(struct str *text, int which)
{
    while (text->length < sizes[which])
        str_format(text, "line %zu of message %d, with some more words in it\n", text->length,
                   which);
}

static struct draft *write_draft(struct world *world, int which, struct envelope *envelope)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct draft *draft = draft_new(world->queue, ids[which], &world->error);

    envelope_clear(envelope);
    envelope->arrival.tv_sec = 1795328120;
    envelope->sender = "sender@near.test";
    envelope->warn_at = 1795338120;
    for (size_t i = 0; i < COUNT(addresses); i++)
        envelope_add_recipient(envelope, world->arena)->address = addresses[i];
    fill_content(&text, which);
    draft_envelope(draft, envelope);
    draft_content(draft, str_slice(&text));
    return draft;
}

/* To the log; a segment is full with the first message. */
static struct log_writer *open_writer(struct queue *queue)
{
    return log_writer_new(queue, &(struct log_writer_settings){ .segment_bytes = 16 * 1024 });
}

static void commit_logged(struct world *world)
{
    struct log_writer *writer = open_writer(world->queue);
    struct envelope envelope;
    struct draft *draft = write_draft(world, SMALL, &envelope);

    world->answered[SMALL] = draft_commit_logged(draft, writer, &envelope, &world->log_place,
                                                 &world->error);
    world->refused[SMALL] = !world->answered[SMALL];
    log_writer_free(writer);
}

static void commit(struct world *world, int which, enum queue_place place)
{
    struct envelope envelope;
    struct draft *draft = write_draft(world, which, &envelope);

    world->answered[which] = draft_commit(draft, place, &envelope, &world->error);
    world->refused[which] = !world->answered[which];
}

/* --- The transitions. ----------------------------------------------------------- */

static void commit_small(struct world *world)
{
    commit(world, SMALL, QUEUE_INCOMING);
}

static void commit_large(struct world *world)
{
    commit(world, LARGE, QUEUE_INCOMING);
}

static void commit_small_to_hold(struct world *world)
{
    commit(world, SMALL, QUEUE_HOLD);
}

static void commit_large_to_hold(struct world *world)
{
    commit(world, LARGE, QUEUE_HOLD);
}

static void commit_both(struct world *world)
{
    commit(world, LARGE, QUEUE_INCOMING);
    commit(world, SMALL, QUEUE_INCOMING);
}

static void move(struct world *world, enum queue_place from, enum queue_place to)
{
    if (!queue_move(world->queue, ids[SMALL], from, to, &world->error))
        CHECK(simulated_has_failed(world->simulated));
}

static void activate(struct world *world)
{
    move(world, QUEUE_INCOMING, QUEUE_ACTIVE);
}

static void defer(struct world *world)
{
    if (!queue_defer(world->queue, ids[SMALL], 2000000000, &world->error))
        CHECK(simulated_has_failed(world->simulated));
}

static void hold(struct world *world)
{
    move(world, QUEUE_DEFERRED, QUEUE_HOLD);
}

static void release(struct world *world)
{
    move(world, QUEUE_HOLD, QUEUE_DEFERRED);
}

static void requeue(struct world *world)
{
    move(world, QUEUE_DEFERRED, QUEUE_MAILDROP);
}

static void find_corrupt(struct world *world)
{
    move(world, QUEUE_ACTIVE, QUEUE_CORRUPT);
}

static void remove_message(struct world *world)
{
    world->may_be_gone = true;
    if (!queue_remove(world->queue, QUEUE_ACTIVE, ids[SMALL], &world->error))
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

    if (message_open(world->queue, QUEUE_ACTIVE, ids[SMALL], &message, &world->error)
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

static bool mark_first(struct world *world, struct message *message,
                       const struct envelope *envelope)
{
    world->mark_begun = true;
    world->marked = message_mark_done(message, &envelope->recipients.items[0].handle, 1,
                                      &world->error);
    return world->marked;
}

static void mark_done(struct world *world)
{
    with_message(world, mark_first);
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
    mark_done(world);
    defer(world);
}

/* --- The same for a message of the log. ---------------------------------------------- */

static void with_logged(struct world *world, void (*step)(struct world *world,
                                                          struct message *message))
{
    struct log_reader *reader = log_reader_new(world->queue);
    struct message *message;

    if (message_open_logged(reader, &world->log_place, ids[SMALL], &message, &world->error)
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
        || !mark_first(world, message, &envelope)) {
        CHECK(simulated_has_failed(world->simulated));
        return;
    }
    defer(world);
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
        && mark_first(world, message, &envelope))
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
    activate(world);
    mark_done(world);
    if (world->marked)
        remove_message(world);
}

static const struct transition transitions[] = {
    { "commit of a small message", EMPTY, 0, 1, 1, commit_small },
    { "commit of a large message", EMPTY, 0, 1, 1, commit_large },
    { "commit to hold", EMPTY, 0, 1, 1, commit_small_to_hold },
    { "commit of a large message to hold", EMPTY, 0, 2, 2, commit_large_to_hold },
    { "commit of two messages", EMPTY, 0, 1, 1, commit_both },
    { "incoming to active", PREPARED, QUEUE_INCOMING, 1, 1, activate },
    { "active to deferred", PREPARED, QUEUE_ACTIVE, 2, 2, defer },
    { "mark done", PREPARED, QUEUE_ACTIVE, 1, 1, mark_done },
    { "mark done, then defer", PREPARED, QUEUE_ACTIVE, 1, 1, mark_then_defer },
    { "mark warned", PREPARED, QUEUE_ACTIVE, 1, 1, mark_warned },
    { "remove", PREPARED, QUEUE_ACTIVE, 1, 1, remove_message },
    { "active to corrupt", PREPARED, QUEUE_ACTIVE, 1, 1, find_corrupt },
    { "hold", PREPARED, QUEUE_DEFERRED, 1, 1, hold },
    { "release", PREPARED, QUEUE_HOLD, 1, 1, release },
    { "requeue", PREPARED, QUEUE_DEFERRED, 1, 1, requeue },
    { "recover", PREPARED, QUEUE_ACTIVE, 1, 1, recover },
    { "settle", PREPARED, QUEUE_DEFERRED, 0, 2, settle },
    { "commit to the log", EMPTY, 0, 1, 1, commit_logged },
    { "settle one of the log", LOGGED, 0, 1, 1, settle_one },
    { "mark and defer one of the log", LOGGED, 0, 1, 1, mark_and_defer_logged },
    { "remove one of the log", LOGGED, 0, 1, 1, remove_logged },
    { "mark and remove one of the log", LOGGED, 0, 1, 1, mark_and_remove_logged },
    { "settle the log", LOGGED, 0, 1, 1, settle_log },
    { "settle the log, mark, remove", LOGGED, 0, 1, 1, settle_log_mark_and_remove },
};

/* --- Looking at what is there afterwards. ------------------------------------------ */

static bool content_is_whole(const struct disk *disk, struct message *message,
                             const struct envelope *envelope, int which)
{
    AUTO_STR struct str found = STR_EMPTY, wanted = STR_EMPTY;
    struct content *content = content_open(disk, message_descriptor(message),
                                           envelope->content_offset, envelope->content_length);
    enum content_piece piece;
    struct slice bytes;
    struct error error;

    while ((piece = content_next(content, &bytes, &error)) < CONTENT_END) {
        str_add(&found, bytes);
        if (piece == CONTENT_LINE)
            str_byte(&found, '\n');
    }
    content_free(content);
    fill_content(&wanted, which);
    return piece == CONTENT_END && slice_equal(str_slice(&found), str_slice(&wanted));
}

/* Recipients may be forgotten only when they were marked, and must be when that was promised. */
static bool recipients_are_right(const struct world *world, const struct envelope *envelope)
{
    size_t skipped = COUNT(addresses) - envelope->recipients.count;

    if (skipped > (world->mark_begun ? 1 : 0) || (world->marked && skipped == 0))
        return false;
    for (size_t i = 0; i < envelope->recipients.count; i++)
        if (strcmp(envelope->recipients.items[i].address, addresses[i + skipped]) != 0)
            return false;
    return true;
}

/* 1: a whole message; 0: nobody takes it for one. Fails the test for a half one. */
static int count_message(const struct world *world, struct queue *queue, const struct disk *disk,
                         enum queue_place place, const char *id, const char *what)
{
    AUTO_ARENA struct arena *arena = arena_new();
    int which = strcmp(id, ids[SMALL]) == 0 ? SMALL : LARGE;
    struct message *message;
    struct envelope envelope;
    struct error error;
    bool more;

    if (message_open(queue, place, id, &message, &error) != MESSAGE_READY)
        return 0;

    bool readable = message_envelope(message, arena, &envelope, 0, &more, &error);

    if (readable && (!content_is_whole(disk, message, &envelope, which)
                     || (which == SMALL && !recipients_are_right(world, &envelope))))
        fail_msg("%s: %s/%s is not what was committed", what, queue_place_name(place), id);
    message_close(message);
    return readable ? 1 : 0;
}

static void count_messages(const struct world *world, struct queue *queue,
                           const struct disk *disk, const char *what, int counts[MESSAGES])
{
    for (int place = 0; place < QUEUE_PLACE_COUNT; place++) {
        struct queue_scan *scan = queue_scan_new(queue, (enum queue_place)place);

        for (const char *id; (id = queue_scan_next(scan));)
            counts[strcmp(id, ids[SMALL]) == 0 ? SMALL : LARGE] +=
                count_message(world, queue, disk, (enum queue_place)place, id, what);
        queue_scan_free(scan);
    }
}

static void count_logged(void *argument, struct message *message)
{
    (void)message;
    ++*(int *)argument;
}

/* The next life starts on this disk: is everything there that was promised? */
static void check_promises(const struct world *world, struct simulated *after, int depth,
                           bool may_be_double, const char *what)
{
    const struct disk *disk = simulated_disk(after);
    struct queue *queue = open_queue(disk, depth);
    struct error error;
    int counts[MESSAGES] = { 0 };

    if (!queue_settle_log(queue, &error) || !queue_recover(queue, &error))
        fail_msg("%s: recovery failed: %s", what, error.text);
    count_messages(world, queue, disk, what, counts);
    for (int i = 0; i < MESSAGES; i++) {
        if (world->answered[i] && counts[i] == 0 && !(i == SMALL && world->may_be_gone))
            fail_msg("%s: a message that was answered 250 is lost", what);
        if (counts[i] > 1 && !may_be_double)
            fail_msg("%s: a message is there twice", what);
    }
    queue_close(queue);
}

/* --- Making worlds and crashing them. ---------------------------------------------- */

static void world_open(struct world *world, const struct transition *transition,
                       enum disk_semantics semantics)
{
    *world = (struct world){ .simulated = simulated_new(semantics), .arena = arena_new() };

    const struct disk *disk = simulated_disk(world->simulated);

    for (int place = 0; place < QUEUE_PLACE_COUNT; place++)
        CHECK(disk->make_folder(disk, -100, queue_place_name((enum queue_place)place), 0700) == 0);
    CHECK(disk->make_folder(disk, -100, "intake", 0700) == 0);
    world->queue = open_queue(disk, transition->depth_before);
    if (transition->prepared == LOGGED) {
        commit_logged(world);
        CHECK(world->answered[SMALL] && world->log_place.segment);
    }
    if (transition->prepared == PREPARED) {
        commit(world, SMALL, QUEUE_INCOMING);
        if (transition->start != QUEUE_INCOMING)
            CHECK(queue_move(world->queue, ids[SMALL], QUEUE_INCOMING, transition->start,
                             &world->error));
    }
    queue_close(world->queue);
    world->queue = open_queue(disk, transition->depth);
    simulated_settle(world->simulated);
}

static void world_close(struct world *world)
{
    queue_close(world->queue);
    arena_free(world->arena);
    simulated_free(world->simulated);
}

/* Which effects survive. */
struct selection {
    enum { KEEP_NONE, KEEP_ALL, KEEP_ONE, KEEP_BUT_ONE, KEEP_UNTIL, KEEP_SOME } kind;
    int which;
    uint64_t random;
};

static bool keep(void *argument, int effect)
{
    struct selection *selection = argument;

    switch (selection->kind) {
    case KEEP_NONE:
        return false;
    case KEEP_ALL:
        return true;
    case KEEP_ONE:
        return effect == selection->which;
    case KEEP_BUT_ONE:
        return effect != selection->which;
    case KEEP_UNTIL:
        return effect < selection->which;
    case KEEP_SOME:
        selection->random = selection->random * 6364136223846793005u + 1442695040888963407u;
        return selection->random >> 63;
    }
    return false;
}

static void crash_with(const struct world *world, const struct transition *transition,
                       struct selection selection, const char *what)
{
    struct simulated *after = simulated_after_crash(world->simulated, keep, &selection);
    char text[400];

    snprintf(text, sizeof(text), "%s, selection %d/%d", what, (int)selection.kind,
             selection.which);
    check_promises(world, after, transition->depth,
                   !simulated_disk(after)->is_journaled(simulated_disk(after), 0), text);
    simulated_free(after);
}

/* All selections worth trying of what was not durable. */
static void crash_in_every_way(const struct world *world, const struct transition *transition,
                               const char *what)
{
    enum { RANDOM_ONES = 24 };
    int pending = 2 * simulated_pending(world->simulated);

    crash_with(world, transition, (struct selection){ KEEP_NONE, 0, 0 }, what);
    crash_with(world, transition, (struct selection){ KEEP_ALL, 0, 0 }, what);
    for (int i = 0; i < pending; i++) {
        crash_with(world, transition, (struct selection){ KEEP_ONE, i, 0 }, what);
        crash_with(world, transition, (struct selection){ KEEP_BUT_ONE, i, 0 }, what);
        crash_with(world, transition, (struct selection){ KEEP_UNTIL, i, 0 }, what);
    }
    for (int i = 0; pending > 0 && i < RANDOM_ONES; i++)
        crash_with(world, transition, (struct selection){ KEEP_SOME, i, (uint64_t)i + 1 }, what);
}

/* How many calls the transition makes when nothing goes wrong. */
static int count_calls(const struct transition *transition, enum disk_semantics semantics)
{
    struct world world;

    world_open(&world, transition, semantics);
    transition->run(&world);

    int calls = simulated_calls(world.simulated);

    world_close(&world);
    CHECK(calls > 0);
    return calls;
}

static void walk_crashes(const struct transition *transition, enum disk_semantics semantics)
{
    int calls = count_calls(transition, semantics);

    for (int at = 1; at <= calls + 1; at++) {
        struct world world;
        char what[300];

        world_open(&world, transition, semantics);
        simulated_crash_at(world.simulated, at);
        transition->run(&world);
        snprintf(what, sizeof(what), "%s, crash at %s", transition->name,
                 simulated_failed_call(world.simulated));
        crash_in_every_way(&world, transition, what);
        world_close(&world);
    }
}

/* What was refused is not there; then the power goes too. */
static void check_after_failure(struct world *world, const struct transition *transition,
                                const char *what)
{
    int counts[MESSAGES] = { 0 };
    const struct disk *disk = simulated_disk(world->simulated);
    struct queue *queue = open_queue(disk, transition->depth);

    count_messages(world, queue, disk, what, counts);
    queue_walk_log(queue, count_logged, &counts[SMALL]);
    queue_close(queue);
    for (int i = 0; i < MESSAGES; i++)
        if (world->refused[i] && counts[i] > 0)
            fail_msg("%s: a message that was answered 451 is there", what);
    crash_in_every_way(world, transition, what);
}

static void walk_failures(const struct transition *transition, enum disk_semantics semantics)
{
    static const int codes[] = { EIO, ENOSPC, EDQUOT, EMFILE, EROFS };
    int calls = count_calls(transition, semantics);

    for (int at = 1; at <= calls; at++) {
        struct world world;
        char what[300];

        world_open(&world, transition, semantics);
        simulated_fail_at(world.simulated, at, codes[at % (int)COUNT(codes)]);
        transition->run(&world);
        CHECK(simulated_has_failed(world.simulated));
        snprintf(what, sizeof(what), "%s, failure of %s", transition->name,
                 simulated_failed_call(world.simulated));
        check_after_failure(&world, transition, what);
        world_close(&world);
    }
}

TEST(no_crash_on_a_journaled_disk_loses_what_was_promised)
{
    for (size_t i = 0; i < COUNT(transitions); i++)
        walk_crashes(&transitions[i], DISK_JOURNALED);
}

TEST(no_crash_on_the_worst_disk_loses_what_was_promised)
{
    for (size_t i = 0; i < COUNT(transitions); i++)
        walk_crashes(&transitions[i], DISK_PESSIMISTIC);
}

TEST(no_failing_call_on_a_journaled_disk_breaks_a_promise)
{
    for (size_t i = 0; i < COUNT(transitions); i++)
        walk_failures(&transitions[i], DISK_JOURNALED);
}

TEST(no_failing_call_on_the_worst_disk_breaks_a_promise)
{
    for (size_t i = 0; i < COUNT(transitions); i++)
        walk_failures(&transitions[i], DISK_PESSIMISTIC);
}
