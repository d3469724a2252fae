#include "transport.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"

#include <stdlib.h>

struct transport *transport_new(const char *name, const struct transport_limits *limits)
{
    struct transport *transport = memory_new(1, sizeof(*transport));

    transport->name = memory_copy(name);
    transport->limits = *limits;
    transport->pool = (size_t)limits->memory.recipients;
    transport->extra_pool = (size_t)limits->memory.extra;
    transport->destinations = hash_new();
    return transport;
}

static void free_destination(void *value)
{
    destination_free(value);
}

void transport_free(void *value)
{
    struct transport *transport = value;

    hash_free(transport->destinations, free_destination);
    VECTOR_FREE(&transport->open);
    VECTOR_FREE(&transport->doomed);
    free(transport->name);
    free(transport->reason);
    free(transport);
}

struct destination *transport_destination(struct transport *transport, const char *name)
{
    struct destination *destination = hash_get(transport->destinations, slice_of(name));

    if (destination)
        return destination;
    destination = destination_new(transport, name);
    hash_set(transport->destinations, slice_of(name), destination);
    return destination;
}

const char *transport_name(const struct transport *transport)
{
    return transport->name;
}

size_t transport_waiting(const struct transport *transport)
{
    return transport->waiting;
}

void *transport_owner_data(const struct transport *transport)
{
    return transport->owner_data;
}

void transport_set_owner_data(struct transport *transport, void *data)
{
    transport->owner_data = data;
}

/* --- the heap of open destinations ----------------------------------------------------------- */

/* Jobs by their place in the line; destinations of the same job by turns. */
static bool goes_first(const struct destination *a, const struct destination *b)
{
    if (a->first->job->order != b->first->job->order)
        return a->first->job->order < b->first->job->order;
    return a->first->turn < b->first->turn;
}

static void heap_set(struct transport *transport, size_t place, struct destination *destination)
{
    transport->open.items[place - 1] = destination;
    destination->place = place;
}

static struct destination *heap_at(const struct transport *transport, size_t place)
{
    return transport->open.items[place - 1];
}

static void sift_up(struct transport *transport, struct destination *destination)
{
    size_t place = destination->place;

    while (place > 1 && goes_first(destination, heap_at(transport, place / 2))) {
        heap_set(transport, place, heap_at(transport, place / 2));
        place /= 2;
    }
    heap_set(transport, place, destination);
}

static void sift_down(struct transport *transport, struct destination *destination)
{
    size_t place = destination->place, count = transport->open.count;

    for (size_t child; (child = 2 * place) <= count; place = child) {
        if (child < count &&
            goes_first(heap_at(transport, child + 1), heap_at(transport, child)))
            child++;
        if (!goes_first(heap_at(transport, child), destination))
            break;
        heap_set(transport, place, heap_at(transport, child));
    }
    heap_set(transport, place, destination);
}

void transport_close(struct destination *destination)
{
    struct transport *transport = destination->transport;
    size_t place = destination->place;

    if (place == 0)
        return;
    destination->place = 0;

    struct destination *last = heap_at(transport, transport->open.count--);

    if (last == destination)
        return;
    heap_set(transport, place, last);
    sift_up(transport, last);
    sift_down(transport, last);
}

static void open_destination(struct destination *destination)
{
    struct transport *transport = destination->transport;

    if (destination->place == 0) {
        VECTOR_PUSH(&transport->open, destination);
        destination->place = transport->open.count;
    }
    sift_up(transport, destination);
    sift_down(transport, destination);
}

void transport_place(struct destination *destination)
{
    if (destination->waiting > 0 && destination_is_open(destination))
        open_destination(destination);
    else
        transport_close(destination);
    if (destination->waiting > 0 && destination->dead_until > 0 && !destination->doomed) {
        destination->doomed = true;
        VECTOR_PUSH(&destination->transport->doomed, destination);
    }
}

struct peer *transport_front(const struct transport *transport)
{
    return transport->open.count > 0 ? heap_at(transport, 1)->first : NULL;
}

/* --- what the clock does --------------------------------------------------------------------- */

/* Remember only what is worth it: a destination without work and without a history goes. */
void transport_drop_idle(struct destination *destination)
{
    if (destination->waiting > 0 || destination->busy > 0 || destination->dead_until > 0 ||
        destination->delayed_until > 0 || destination->doomed)
        return;
    transport_close(destination);
    hash_remove(destination->transport->destinations, slice_of(destination->name));
    destination_free(destination);
}

void transport_set_alarm(struct transport *transport, int64_t moment)
{
    if (transport->alarm == 0 || moment < transport->alarm)
        transport->alarm = moment;
}

/* What the clock undoes to one destination; the rest is remembered for the next alarm. */
static void wake_destination(struct destination *destination, int64_t now)
{
    struct transport *transport = destination->transport;

    if (destination->delayed_until > 0 && destination->delayed_until <= now)
        destination->delayed_until = 0;
    if (destination->dead_until > 0 && destination->dead_until <= now)
        destination_revive(destination);
    if (destination->delayed_until > 0)
        transport_set_alarm(transport, destination->delayed_until);
    if (destination->dead_until > 0)
        transport_set_alarm(transport, destination->dead_until);
    transport_place(destination);
    transport_drop_idle(destination);
}

static void for_destinations(struct transport *transport, int64_t now,
                             void (*act)(struct destination *destination, int64_t now))
{
    size_t position = 0, count = 0;
    struct hash_entry *entry;
    /* Destinations may go meanwhile: the table is not walked while it changes. */
    AUTO_FREE struct destination **all = memory_new(hash_count(transport->destinations) + 1,
                                                    sizeof(*all));

    while ((entry = hash_next(transport->destinations, &position)) != NULL)
        all[count++] = entry->value;
    for (size_t i = 0; i < count; i++)
        act(all[i], now);
}

void transport_wake(struct transport *transport, int64_t now)
{
    if (transport->alarm == 0 || transport->alarm > now)
        return;
    transport->alarm = 0;
    transport->full = false;
    if (transport->throttled_until > 0 && transport->throttled_until <= now)
        transport->throttled_until = 0;
    if (transport->delayed_until > 0 && transport->delayed_until <= now)
        transport->delayed_until = 0;
    if (transport->throttled_until > 0)
        transport_set_alarm(transport, transport->throttled_until);
    if (transport->delayed_until > 0)
        transport_set_alarm(transport, transport->delayed_until);
    for_destinations(transport, now, wake_destination);
}

static void revive_destination(struct destination *destination, int64_t now)
{
    (void)now;
    destination_revive(destination);
    transport_place(destination);
}

void transport_revive(struct transport *transport)
{
    transport->throttled_until = 0;
    transport->delayed_until = 0;
    transport->full = false;
    for_destinations(transport, 0, revive_destination);
}
