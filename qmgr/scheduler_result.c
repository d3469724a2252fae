#include "scheduler_inside.h"

#include "base/memory.h"

#include <stdlib.h>

/* --- results --------------------------------------------------------------------------- */

static size_t count_dead(const struct scheduler *scheduler)
{
    size_t position = 0, dead = 0;
    struct hash_entry *entry;

    while ((entry = hash_next(scheduler->transports, &position)) != NULL)
        dead += ((const struct transport *)entry->value)->dead;
    return dead;
}

static void note_failure(struct scheduler *scheduler, struct destination *destination,
                         const char *reason, int64_t now)
{
    struct transport *transport = destination->transport;
    int64_t until = now + scheduler->settings.destination_retry;

    /* With too many to remember it is tried again as if nothing had been. */
    if (destination->dead_until == 0 && count_dead(scheduler) >= scheduler->settings.dead_limit)
        return;
    if (destination_failed(destination, reason, until))
        transport_set_alarm(transport, until);
}

static void apply_rate_delay(struct destination *destination, int64_t now)
{
    struct transport *transport = destination->transport;

    if (transport->limits.rate_delay > 0)
        transport_set_alarm(transport,
                            destination->delayed_until = now + transport->limits.rate_delay);
    if (transport->limits.transport_rate_delay > 0)
        transport_set_alarm(transport,
                  transport->delayed_until = now + transport->limits.transport_rate_delay);
}

static void note_result(struct scheduler *scheduler, struct destination *destination,
                        enum delivery_result result, const char *reason, int64_t now)
{
    if (result == RESULT_BROKEN)
        scheduler_throttle(scheduler, destination->transport, reason, now);
    else if (result == RESULT_UNREACHABLE)
        note_failure(scheduler, destination, reason, now);
    else
        destination_succeeded(destination);
    apply_rate_delay(destination, now);
}

void scheduler_done(struct scheduler *scheduler, struct delivery *delivery,
                    enum delivery_result result, const char *reason, int64_t now)
{
    struct destination *destination = delivery->destination;
    struct job *job = delivery->job;

    if (result == RESULT_AGAIN) {
        destination->busy--;
        destination->transport->busy--;
        destination->transport->full = false;
        job->selected--;
        job_push_back(job, delivery);
        return;
    }
    /* Feedback counts the delivery that has ended among those under way. */
    note_result(scheduler, destination, result, reason, now);
    destination->busy--;
    destination->transport->busy--;
    destination->transport->full = false;
    pool_count(job, 0, delivery->count);
    scheduler_drop_ended(job);
    delivery_free(delivery);
    transport_place(destination);
    transport_drop_idle(destination);
}

void scheduler_throttle(struct scheduler *scheduler, struct transport *transport,
                        const char *reason, int64_t now)
{
    char *copy = memory_copy(reason);

    free(transport->reason);
    transport->reason = copy;
    transport->throttled_until = now + scheduler->settings.transport_retry;
    transport_set_alarm(transport, transport->throttled_until);
}

void scheduler_revive(struct scheduler *scheduler)
{
    size_t position = 0;
    struct hash_entry *entry;

    while ((entry = hash_next(scheduler->transports, &position)) != NULL)
        transport_revive(entry->value);
}

void scheduler_revive_destination(struct scheduler *scheduler, const char *transport_text,
                                  const char *destination_text)
{
    struct transport *transport = scheduler_transport(scheduler, transport_text);
    struct destination *destination = hash_get(transport->destinations,
                                               slice_of(destination_text));

    transport->throttled_until = 0;
    transport->full = false;
    if (!destination)
        return;
    destination_revive(destination);
    transport_place(destination);
}

int64_t scheduler_next(const struct scheduler *scheduler)
{
    int64_t next = INT64_MAX;
    size_t position = 0;
    struct hash_entry *entry;

    while ((entry = hash_next(scheduler->transports, &position)) != NULL) {
        const struct transport *transport = entry->value;

        if (transport->alarm > 0 && transport->alarm < next)
            next = transport->alarm;
    }
    return next;
}
