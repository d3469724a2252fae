#include "anvil_counts.h"

#include "base/hash.h"
#include "base/memory.h"
#include "log/log.h"

#include <stdlib.h>

/* A client: its rates are those of the time unit that began at start. */
struct visitor {
    int64_t connections;
    int64_t rates[ANVIL_EVENT_COUNT];
    time_t start;
};

struct highest {
    int64_t value;
    char *ident;
    time_t when;
};

/* In the order in which they are logged; the slot of disconnects holds the connections. */
static const struct {
    enum anvil_event event;
    const char *title;
    bool is_rate;
} figures[] = {
    { ANVIL_CONNECT, "connection", true },
    { ANVIL_DISCONNECT, "connection", false },
    { ANVIL_MESSAGE, "message", true },
    { ANVIL_RECIPIENT, "recipient", true },
    { ANVIL_NEW_TLS, "newtls", true },
    { ANVIL_AUTH, "auth", true },
};

struct anvil_counts {
    int time_unit;
    struct hash *visitors;
    struct highest highest[ANVIL_EVENT_COUNT];
    size_t size;                /* the most clients since the last time */
    time_t size_when;
};

struct anvil_counts *anvil_counts_new(int time_unit_seconds)
{
    struct anvil_counts *counts = memory_new(1, sizeof(*counts));

    counts->time_unit = time_unit_seconds;
    counts->visitors = hash_new();
    return counts;
}

void anvil_counts_free(struct anvil_counts *counts)
{
    if (!counts)
        return;
    hash_free(counts->visitors, free);
    for (size_t i = 0; i < ANVIL_EVENT_COUNT; i++)
        free(counts->highest[i].ident);
    free(counts);
}

static void note_size(struct anvil_counts *counts, time_t now)
{
    if (hash_count(counts->visitors) <= counts->size)
        return;
    counts->size = hash_count(counts->visitors);
    counts->size_when = now;
}

static struct visitor *find_visitor(struct anvil_counts *counts, struct slice ident, time_t now)
{
    struct visitor *visitor = hash_get(counts->visitors, ident);

    if (!visitor) {
        visitor = memory_new(1, sizeof(*visitor));
        visitor->start = now;
        (void)hash_set(counts->visitors, ident, visitor);
        note_size(counts, now);
    }
    if (now - visitor->start > counts->time_unit) {
        memset(visitor->rates, 0, sizeof(visitor->rates));
        visitor->start = now;
    }
    return visitor;
}

static void note_highest(struct anvil_counts *counts, enum anvil_event figure, int64_t value,
                         struct slice ident, time_t now)
{
    struct highest *highest = &counts->highest[figure];

    if (value <= highest->value)
        return;
    if (!highest->ident || !slice_is(ident, highest->ident)) {
        free(highest->ident);
        highest->ident = memory_text(ident.data, ident.length);
    }
    highest->value = value;
    highest->when = now;
}

static void disconnect(struct anvil_counts *counts, struct slice ident)
{
    struct visitor *visitor = hash_get(counts->visitors, ident);

    if (visitor && visitor->connections > 0)
        visitor->connections--;
}

void anvil_count(struct anvil_counts *counts, struct slice ident, enum anvil_event event,
                 bool look, time_t now, struct anvil_reply *reply)
{
    if (event == ANVIL_DISCONNECT) {
        disconnect(counts, ident);
        return;
    }

    struct visitor *visitor = find_visitor(counts, ident, now);

    if (!look) {
        visitor->rates[event]++;
        visitor->connections += event == ANVIL_CONNECT;
        note_highest(counts, event, visitor->rates[event], ident, now);
        note_highest(counts, ANVIL_DISCONNECT, visitor->connections, ident, now);
    }
    reply->count = visitor->connections;
    reply->rate = visitor->rates[event];
}

static bool has_expired(const struct anvil_counts *counts, const struct visitor *visitor,
                        time_t now)
{
    return visitor->connections == 0 && now - visitor->start > counts->time_unit;
}

/* A table may not change during a walk: those who stay move to a new one. */
void anvil_counts_expire(struct anvil_counts *counts, time_t now)
{
    struct hash *kept = hash_new();
    struct hash_entry *entry;
    size_t position = 0;

    while ((entry = hash_next(counts->visitors, &position)) != NULL)
        if (has_expired(counts, entry->value, now))
            free(entry->value);
        else
            (void)hash_set(kept, slice_bytes(entry->key, entry->key_length), entry->value);
    hash_free(counts->visitors, NULL);
    counts->visitors = kept;
}

size_t anvil_counts_size(const struct anvil_counts *counts)
{
    return hash_count(counts->visitors);
}

static void format_time(time_t when, char *text, size_t size)
{
    struct tm local;

    localtime_r(&when, &local);
    (void)strftime(text, size, "%b %e %H:%M:%S", &local);
}

void anvil_counts_log(struct anvil_counts *counts)
{
    char when[32];

    for (size_t i = 0; i < COUNT(figures); i++) {
        struct highest *highest = &counts->highest[figures[i].event];

        if (highest->value == 0)
            continue;
        format_time(highest->when, when, sizeof(when));
        if (figures[i].is_rate)
            log_info("statistics: max %s rate %lld/%ds for (%s) at %s", figures[i].title,
                     (long long)highest->value, counts->time_unit, highest->ident, when);
        else
            log_info("statistics: max %s count %lld for (%s) at %s", figures[i].title,
                     (long long)highest->value, highest->ident, when);
        highest->value = 0;
    }
    if (counts->size == 0)
        return;
    format_time(counts->size_when, when, sizeof(when));
    log_info("statistics: max cache size %zu at %s", counts->size, when);
    counts->size = 0;
}
