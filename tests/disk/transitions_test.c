/*
 * Every transition of a message, crashed before each of its calls and with each
 * selection of what was not flushed; and with each call failing.
 */
#include "world.h"

#include "base/test.h"

#include <errno.h>
#include <stdio.h>

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
    promises_check(world, after, transition->depth,
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

static void count_logged(void *argument, struct message *message)
{
    (void)message;
    ++*(int *)argument;
}

/* What was refused is not there; then the power goes too. */
static void check_after_failure(struct world *world, const struct transition *transition,
                                const char *what)
{
    int counts[MESSAGES] = { 0 };
    const struct disk *disk = simulated_disk(world->simulated);
    struct queue *queue = world_queue(disk, transition->depth);

    promises_count(world, queue, disk, what, counts);
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

static void walk_all(void (*walk)(const struct transition *transition,
                                  enum disk_semantics semantics),
                     enum disk_semantics semantics)
{
    for (const struct transition *each = file_transitions; each->name; each++)
        walk(each, semantics);
    for (const struct transition *each = log_transitions; each->name; each++)
        walk(each, semantics);
}

TEST(no_crash_on_a_journaled_disk_loses_what_was_promised)
{
    walk_all(walk_crashes, DISK_JOURNALED);
}

TEST(no_crash_on_the_worst_disk_loses_what_was_promised)
{
    walk_all(walk_crashes, DISK_PESSIMISTIC);
}

TEST(no_failing_call_on_a_journaled_disk_breaks_a_promise)
{
    walk_all(walk_failures, DISK_JOURNALED);
}

TEST(no_failing_call_on_the_worst_disk_breaks_a_promise)
{
    walk_all(walk_failures, DISK_PESSIMISTIC);
}
