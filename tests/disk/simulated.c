#include "simulated_inside.h"

static struct simulated *new_empty(enum disk_semantics semantics)
{
    struct simulated *simulated = memory_new(1, sizeof(*simulated));

    simulated->semantics = semantics;
    simulated->disk = simulated_calls_of_disk;
    simulated->disk.state = simulated;
    return simulated;
}

struct simulated *simulated_new(enum disk_semantics semantics)
{
    struct simulated *simulated = new_empty(semantics);

    (void)node_add(&simulated->now, S_IFDIR | 0755);
    (void)node_add(&simulated->kept, S_IFDIR | 0755);
    return simulated;
}

void simulated_free(struct simulated *simulated)
{
    if (!simulated)
        return;
    effects_take(simulated, 0, false, effect_is_any);
    VECTOR_FREE(&simulated->pending);
    VECTOR_FREE(&simulated->opened);
    nodes_free(&simulated->now);
    nodes_free(&simulated->kept);
    free(simulated);
}

const struct disk *simulated_disk(struct simulated *simulated)
{
    return &simulated->disk;
}

int simulated_calls(const struct simulated *simulated)
{
    return simulated->calls;
}

void simulated_crash_at(struct simulated *simulated, int number)
{
    simulated->crash_at = number;
}

void simulated_fail_at(struct simulated *simulated, int number, int code)
{
    simulated->fail_at = number;
    simulated->fail_code = code;
}

bool simulated_has_failed(const struct simulated *simulated)
{
    return simulated->failed;
}

const char *simulated_failed_call(const struct simulated *simulated)
{
    return simulated->failed_call;
}

int simulated_pending(const struct simulated *simulated)
{
    return (int)simulated->pending.count;
}

/* True when the file would have to grow, and data that came earlier was lost. */
static bool follows_a_gap(const struct simulated *simulated, size_t effect, const bool *kept)
{
    const struct effect *this = &simulated->pending.items[effect];

    if (this->offset < (off_t)simulated->kept.items[this->node].data.length)
        return false;
    for (size_t i = 0; i < effect; i++)
        if (simulated->pending.items[i].kind == EFFECT_DATA
            && simulated->pending.items[i].node == simulated->pending.items[effect].node
            && !kept[i])
            return true;
    return false;
}

struct simulated *simulated_after_crash(const struct simulated *simulated,
                                        bool (*keep)(void *argument, int effect),
                                        void *argument)
{
    struct simulated *after = new_empty(simulated->semantics);
    bool *kept = memory_new(simulated->pending.count + 1, sizeof(*kept));
    bool journal_goes_on = true, journaled = simulated->semantics == DISK_JOURNALED;

    nodes_copy(&after->kept, &simulated->kept);
    for (size_t i = 0; i < simulated->pending.count; i++) {
        const struct effect *effect = &simulated->pending.items[i];
        bool add = keep(argument, (int)i), drop = add;

        if (journaled && effect->kind == EFFECT_DATA)
            add = drop = add && !follows_a_gap(simulated, i, kept);
        else if (journaled)
            add = drop = journal_goes_on = journal_goes_on && add;
        else if (effect->kind == EFFECT_NAMES)
            drop = keep(argument, (int)(i + simulated->pending.count));
        kept[i] = add;
        if (add || drop)
            effect_apply(&after->kept, effect, add, drop);
    }
    free(kept);
    nodes_copy(&after->now, &after->kept);
    return after;
}

void simulated_settle(struct simulated *simulated)
{
    effects_take(simulated, 0, true, effect_is_any);
    simulated->calls = 0;
}
