#include "transport.h"

#include "base/memory.h"
#include "base/scope.h"

#include <stdlib.h>

struct transport *transport_new(const char *name)
{
    struct transport *transport = memory_new(1, sizeof(*transport));

    transport->name = memory_copy(name);
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
    free(transport->name);
    free(transport->reason);
    free(transport);
}

struct destination *transport_destination(struct transport *transport, const char *name)
{
    struct destination *destination = hash_get(transport->destinations, slice_of(name));

    if (destination)
        return destination;
    destination = destination_new(transport, name, &transport->limits);
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

void transport_enter(struct destination *destination)
{
    struct transport *transport = destination->transport;

    if (destination->queued)
        return;
    destination->queued = true;
    if (!transport->ring) {
        transport->ring = destination->next = destination->previous = destination;
        return;
    }
    destination->next = transport->ring;
    destination->previous = transport->ring->previous;
    destination->previous->next = destination;
    destination->next->previous = destination;
}

void transport_leave(struct destination *destination)
{
    struct transport *transport = destination->transport;

    if (!destination->queued)
        return;
    destination->queued = false;
    if (transport->ring == destination)
        transport->ring = destination->next == destination ? NULL : destination->next;
    destination->previous->next = destination->next;
    destination->next->previous = destination->previous;
}

/* Remember only what is worth it: a destination without work and without a history goes. */
void transport_drop_idle(struct destination *destination)
{
    struct transport *transport = destination->transport;

    if (destination->waiting > 0 || destination->busy > 0 || destination->dead_until > 0 ||
        destination->delayed_until > 0)
        return;
    transport_leave(destination);
    hash_remove(transport->destinations, slice_of(destination->name));
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
        destination_revive(destination, &transport->limits);
    if (destination->delayed_until > 0)
        transport_set_alarm(transport, destination->delayed_until);
    if (destination->dead_until > 0)
        transport_set_alarm(transport, destination->dead_until);
}

void transport_wake(struct transport *transport, int64_t now)
{
    size_t position = 0, count = 0;
    struct hash_entry *entry;

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

    AUTO_FREE struct destination **all = memory_new(hash_count(transport->destinations) + 1,
                                                    sizeof(*all));

    while ((entry = hash_next(transport->destinations, &position)) != NULL)
        all[count++] = entry->value;
    for (size_t i = 0; i < count; i++) {
        wake_destination(all[i], now);
        transport_drop_idle(all[i]);
    }
}

void transport_revive(struct transport *transport)
{
    size_t position = 0;
    struct hash_entry *entry;

    transport->throttled_until = 0;
    transport->delayed_until = 0;
    transport->full = false;
    while ((entry = hash_next(transport->destinations, &position)) != NULL)
        destination_revive(entry->value, &transport->limits);
}
