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

/*
 * True when data cannot be seen: the file would have to grow, and data that came earlier was
 * lost; or the file was truncated before, that was lost, and the data went to other blocks.
 */
static bool is_out_of_sight(const struct simulated *simulated, const struct nodes *after,
                            size_t effect, const bool *kept)
{
    const struct effect *this = &simulated->pending.items[effect];
    bool grows = this->offset >= (off_t)after->items[this->node].data.length;

    for (size_t i = 0; i < effect; i++) {
        const struct effect *earlier = &simulated->pending.items[i];

        if (earlier->node == this->node && !kept[i]
            && (earlier->kind == EFFECT_SIZE || (earlier->kind == EFFECT_DATA && grows)))
            return true;
    }
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
            add = drop = add && !is_out_of_sight(simulated, &after->kept, i, kept);
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
