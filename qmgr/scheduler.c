#include "transport.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/scope.h"

#include <stdlib.h>

struct scheduler {
    struct scheduler_settings settings;
    struct scheduler_actions actions;
    struct hash *transports;
    size_t waiting;
};

struct scheduler *scheduler_new(const struct scheduler_settings *settings,
                                const struct scheduler_actions *actions)
{
    struct scheduler *scheduler = memory_new(1, sizeof(*scheduler));

    scheduler->settings = *settings;
    scheduler->actions = *actions;
    scheduler->transports = hash_new();
    return scheduler;
}

void scheduler_free(struct scheduler *scheduler)
{
    if (!scheduler)
        return;
    hash_free(scheduler->transports, transport_free);
    free(scheduler);
}

/* --- finding ----------------------------------------------------------------------- */

static struct transport *find_transport(struct scheduler *scheduler, const char *name)
{
    struct transport *transport = hash_get(scheduler->transports, slice_of(name));

    if (transport)
        return transport;
    transport = transport_new(name);
    scheduler->actions.limits(scheduler->actions.owner, name, &transport->limits);
    hash_set(scheduler->transports, slice_of(name), transport);
    return transport;
}

bool scheduler_is_per_recipient(struct scheduler *scheduler, const char *transport)
{
    return find_transport(scheduler, transport)->limits.recipients == 1;
}

size_t scheduler_waiting(const struct scheduler *scheduler)
{
    return scheduler->waiting;
}

static void count_waiting(struct scheduler *scheduler, struct transport *transport, bool more)
{
    if (more) {
        transport->waiting++;
        scheduler->waiting++;
    } else {
        transport->waiting--;
        scheduler->waiting--;
    }
}

/* --- grouping ------------------------------------------------------------------------ */

static int compare_routes(const void *left, const void *right)
{
    const struct route *a = left, *b = right;
    int order = strcmp(a->transport, b->transport);

    if (order == 0)
        order = strcmp(a->destination, b->destination);
    if (order == 0)
        order = strcmp(a->nexthop, b->nexthop);
    if (order == 0)
        order = a->recipient < b->recipient ? -1 : a->recipient > b->recipient;
    return order;
}

static bool same_route(const struct route *a, const struct route *b)
{
    return strcmp(a->transport, b->transport) == 0 &&
           strcmp(a->destination, b->destination) == 0 && strcmp(a->nexthop, b->nexthop) == 0;
}

static struct delivery *delivery_new(void *message, struct transport *transport,
                                     const struct route *routes, size_t count)
{
    struct delivery *delivery = memory_new(1, sizeof(*delivery));

    delivery->message = message;
    delivery->transport = transport;
    delivery->transport_name = transport->name;
    delivery->nexthop = routes[0].nexthop;
    delivery->recipients = memory_new(count, sizeof(*delivery->recipients));
    delivery->count = count;
    for (size_t i = 0; i < count; i++)
        delivery->recipients[i] = routes[i].recipient;
    return delivery;
}

static void delivery_free(struct delivery *delivery)
{
    free(delivery->recipients);
    free(delivery);
}

static void enqueue(struct scheduler *scheduler, struct destination *destination,
                    struct delivery *delivery)
{
    delivery->destination = destination;
    destination_push(destination, delivery);
    transport_enter(destination);
    count_waiting(scheduler, destination->transport, true);
}

size_t scheduler_add(struct scheduler *scheduler, void *message, struct route *routes,
                     size_t count, int64_t now)
{
    size_t deliveries = 0;

    (void)now;
    qsort(routes, count, sizeof(*routes), compare_routes);
    for (size_t start = 0, end; start < count; start = end) {
        struct transport *transport = find_transport(scheduler, routes[start].transport);
        size_t limit = transport->limits.recipients > 0 ? (size_t)transport->limits.recipients
                                                        : count;

        end = start + 1;
        while (end < count && end - start < limit && same_route(&routes[start], &routes[end]))
            end++;
        enqueue(scheduler, transport_destination(transport, routes[start].destination),
                delivery_new(message, transport, &routes[start], end - start));
        deliveries++;
    }
    return deliveries;
}

/* --- the way out for what cannot be tried ------------------------------------------------- */

static bool is_retry(const struct scheduler *scheduler, const struct transport *transport)
{
    return strcmp(transport->name, scheduler->settings.retry_transport) == 0;
}

/* Let the retry service record why; destinations of retry are reasons. */
static void send_to_retry(struct scheduler *scheduler, struct delivery *delivery,
                          const char *reason)
{
    if (is_retry(scheduler, delivery->transport)) {
        scheduler->actions.give_up(scheduler->actions.owner, delivery);
        delivery_free(delivery);
        return;
    }

    struct transport *retry = find_transport(scheduler, scheduler->settings.retry_transport);
    struct destination *destination = transport_destination(retry, reason);

    delivery->transport = retry;
    delivery->transport_name = retry->name;
    delivery->nexthop = destination->name;
    enqueue(scheduler, destination, delivery);
}

static void empty_destination(struct scheduler *scheduler, struct destination *destination,
                              const char *reason)
{
    struct delivery *delivery;

    while ((delivery = destination_pop(destination)) != NULL) {
        count_waiting(scheduler, destination->transport, false);
        send_to_retry(scheduler, delivery, reason);
    }
    transport_leave(destination);
}

/* "4.4.1 text" becomes "4.4.1 delivery temporarily suspended: text". */
static void suspended_text(struct str *output, const char *reason)
{
    struct slice text = slice_of(reason);
    struct slice dsn = slice_take_word(&text);

    str_format(output, "%.*s delivery temporarily suspended: %.*s", SLICE_ARGS(dsn),
               SLICE_ARGS(slice_trim_start(text)));
}

/* --- running ------------------------------------------------------------------------- */

/* One delivery of this destination; false when the transport can take no more. */
static bool start_one(struct scheduler *scheduler, struct destination *destination, int64_t now)
{
    struct transport *transport = destination->transport;
    struct delivery *delivery = destination_pop(destination);

    destination->busy++;
    if (scheduler->actions.dispatch(scheduler->actions.owner, delivery) == DISPATCH_STARTED) {
        count_waiting(scheduler, transport, false);
        return true;
    }
    destination->busy--;
    destination_push_back(destination, delivery);
    transport_set_alarm(transport, now + FULL_MILLISECONDS);
    return false;
}

static bool drain_dead(struct scheduler *scheduler, struct destination *destination)
{
    AUTO_STR struct str text = STR_EMPTY;

    if (destination->dead_until == 0)
        return false;
    suspended_text(&text, destination->reason);
    empty_destination(scheduler, destination, text.data);
    return true;
}

/* Destinations take turns until each is closed or no lane is left. */
static void run_transport(struct scheduler *scheduler, struct transport *transport, int64_t now)
{
    struct destination *unlucky = NULL;     /* where a whole round without a start began */

    while (transport->ring && !transport->full && transport->throttled_until == 0 &&
           transport->delayed_until <= now) {
        struct destination *destination = transport->ring;

        if (destination == unlucky)
            return;
        if (destination->waiting == 0) {
            transport_leave(destination);
            unlucky = NULL;
            continue;
        }
        if (drain_dead(scheduler, destination)) {
            unlucky = NULL;
            continue;
        }
        if (!destination_is_open(destination, &transport->limits, now)) {
            unlucky = unlucky ? unlucky : destination;
            transport->ring = destination->next;
            continue;
        }
        transport->full = !start_one(scheduler, destination, now);
        unlucky = NULL;
        if (transport->ring)
            transport->ring = transport->ring->next;
    }
}

static void drain_throttled(struct scheduler *scheduler, struct transport *transport)
{
    while (transport->ring && transport->throttled_until > 0)
        empty_destination(scheduler, transport->ring, transport->reason);
}

static void run_all(struct scheduler *scheduler, int64_t now, bool retry)
{
    size_t position = 0;
    struct hash_entry *entry;
    /* Dispatching may make transports known: the table is not walked while it changes. */
    size_t count = 0;
    AUTO_FREE struct transport **transports = memory_new(
        hash_count(scheduler->transports) + 1, sizeof(*transports));

    while ((entry = hash_next(scheduler->transports, &position)) != NULL)
        transports[count++] = entry->value;
    for (size_t i = 0; i < count; i++) {
        if (is_retry(scheduler, transports[i]) != retry)
            continue;
        transport_wake(transports[i], now);
        drain_throttled(scheduler, transports[i]);
        run_transport(scheduler, transports[i], now);
        drain_throttled(scheduler, transports[i]);
    }
}

void scheduler_run(struct scheduler *scheduler, int64_t now)
{
    /* What the others cannot deliver goes to retry, so that comes last. */
    run_all(scheduler, now, false);
    run_all(scheduler, now, true);
}

static void withdraw_destination(struct scheduler *scheduler, struct destination *destination)
{
    struct delivery *delivery;

    while ((delivery = destination_pop(destination)) != NULL) {
        count_waiting(scheduler, destination->transport, false);
        scheduler->actions.give_back(scheduler->actions.owner, delivery);
        delivery_free(delivery);
    }
    transport_leave(destination);
}

void scheduler_withdraw(struct scheduler *scheduler)
{
    size_t position = 0;
    struct hash_entry *entry;

    while ((entry = hash_next(scheduler->transports, &position)) != NULL) {
        const struct transport *transport = entry->value;

        while (transport->ring)
            withdraw_destination(scheduler, transport->ring);
    }
}

/* --- results --------------------------------------------------------------------------- */

static void note_failure(struct scheduler *scheduler, struct delivery *delivery,
                         const char *reason, int64_t now)
{
    struct destination *destination = delivery->destination;

    if (destination_failed(destination, &destination->transport->limits, reason,
                           now + scheduler->settings.destination_retry))
        transport_set_alarm(destination->transport, destination->dead_until);
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

void scheduler_done(struct scheduler *scheduler, struct delivery *delivery,
                    enum delivery_result result, const char *reason, int64_t now)
{
    struct destination *destination = delivery->destination;
    struct transport *transport = destination->transport;

    destination->busy--;
    transport->full = false;
    if (result == RESULT_AGAIN) {
        destination_push_back(destination, delivery);
        transport_enter(destination);
        count_waiting(scheduler, transport, true);
        return;
    }
    if (result == RESULT_BROKEN)
        scheduler_throttle(scheduler, transport, reason, now);
    else if (result == RESULT_UNREACHABLE)
        note_failure(scheduler, delivery, reason, now);
    else
        destination_succeeded(destination, &transport->limits);
    apply_rate_delay(destination, now);
    delivery_free(delivery);
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
    struct transport *transport = find_transport(scheduler, transport_text);
    struct destination *destination = hash_get(transport->destinations,
                                               slice_of(destination_text));

    transport->throttled_until = 0;
    transport->full = false;
    if (destination)
        destination_revive(destination, &transport->limits);
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
