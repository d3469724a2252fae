#include "scheduler_inside.h"

#include "base/memory.h"
#include "base/scope.h"

/* --- the way out for what cannot be tried ------------------------------------------------- */

static bool is_retry(const struct scheduler *scheduler, const struct transport *transport)
{
    return strcmp(transport->name, scheduler->settings.retry_transport) == 0;
}

/* The first delivery of a peer leaves its job without having been started. */
static struct delivery *take_out(struct peer *peer)
{
    struct job *job = peer->job;
    struct delivery *delivery = peer_pop(peer);

    delivery->job = NULL;
    pool_count(job, 0, delivery->count);
    return delivery;
}

/* Let the retry service record why; destinations of retry are reasons. */
static void send_to_retry(struct scheduler *scheduler, struct peer *peer, const char *reason)
{
    struct job *job = peer->job;
    struct mail *mail = job->mail;
    struct delivery *delivery = take_out(peer);

    if (is_retry(scheduler, delivery->transport)) {
        scheduler_drop_ended(job);
        scheduler->actions.give_up(scheduler->actions.owner, delivery);
        delivery_free(delivery);
        return;
    }

    struct transport *retry = scheduler_transport(scheduler, scheduler->settings.retry_transport);
    struct destination *destination = transport_destination(retry, reason);

    delivery->transport = retry;
    delivery->destination = destination;
    delivery->transport_name = retry->name;
    delivery->nexthop = destination->name;
    scheduler_enqueue(mail, delivery);
    scheduler_drop_ended(job);
}

/* "4.4.1 text" becomes "4.4.1 delivery temporarily suspended: text". */
static void suspended_text(struct str *output, const char *reason)
{
    struct slice text = slice_of(reason);
    struct slice dsn = slice_take_word(&text);

    str_format(output, "%.*s delivery temporarily suspended: %.*s", SLICE_ARGS(dsn),
               SLICE_ARGS(slice_trim_start(text)));
}

static void drain_doomed(struct scheduler *scheduler, struct transport *transport)
{
    while (transport->doomed.count > 0) {
        struct destination *destination =
            transport->doomed.items[--transport->doomed.count];
        AUTO_STR struct str text = STR_EMPTY;

        destination->doomed = false;
        if (destination->dead_until == 0)
            continue;
        suspended_text(&text, destination->reason);
        while (destination->first)
            send_to_retry(scheduler, destination->first, text.data);
    }
}

static void drain_throttled(struct scheduler *scheduler, struct transport *transport)
{
    struct job *next;

    if (transport->throttled_until == 0 || transport->waiting == 0)
        return;
    for (struct job *job = transport->first; job; job = next) {
        next = job->next;
        for (size_t waiting = job->waiting; waiting > 0; waiting--)
            send_to_retry(scheduler, job->peers, transport->reason);
    }
}

/* --- running ------------------------------------------------------------------------- */

/* More of the message in front is read when there is room. */
static void refill(struct scheduler *scheduler, const struct job *job, int64_t now)
{
    struct mail *mail = job->mail;
    const struct memory_rules *rules = &job->transport->limits.memory;
    size_t room;

    if (mail->unread == 0 || mail->reading)
        return;
    room = pool_room(mail, scheduler->settings.least_recipients);
    if (room == 0)
        return;
    if (room < (size_t)rules->refill_least && now < mail->refilled_at + rules->refill_delay) {
        transport_set_alarm(job->transport, mail->refilled_at + rules->refill_delay);
        return;
    }
    mail->reading = true;
    scheduler->actions.refill(scheduler->actions.owner, mail->message, room);
}

static bool may_start(const struct transport *transport)
{
    return !transport->full && transport->throttled_until == 0 &&
           transport->delayed_until == 0 &&
           (transport->limits.transport_rate_delay == 0 || transport->busy == 0);
}

/* False when no lane was free. */
static bool start_one(struct scheduler *scheduler, struct peer *peer, int64_t now)
{
    struct job *job = peer->job;
    struct destination *destination = peer->destination;
    struct transport *transport = destination->transport;
    struct delivery *delivery = peer_pop(peer);

    job->selected++;
    destination->busy++;
    transport->busy++;
    if (scheduler->actions.dispatch(scheduler->actions.owner, delivery) == DISPATCH_STARTED) {
        transport_place(destination);
        return true;
    }
    job->selected--;
    destination->busy--;
    transport->busy--;
    job_push_back(job, delivery);
    transport->full = true;
    transport_set_alarm(transport, now + FULL_MILLISECONDS);
    return false;
}

static void run_transport(struct scheduler *scheduler, struct transport *transport, int64_t now)
{
    struct peer *peer;

    while (may_start(transport) && (peer = transport_front(transport)) != NULL) {
        const struct job *front = job_overtake(peer->job, now);

        if (front != peer->job)
            peer = transport_front(transport);
        refill(scheduler, peer->job, now);
        if (!start_one(scheduler, peer, now))
            return;
    }
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
        drain_doomed(scheduler, transports[i]);
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

static void withdraw_first(struct scheduler *scheduler, struct peer *peer)
{
    struct job *job = peer->job;
    struct delivery *delivery = take_out(peer);

    scheduler_drop_ended(job);
    scheduler->actions.give_back(scheduler->actions.owner, delivery);
    delivery_free(delivery);
}

void scheduler_withdraw(struct scheduler *scheduler)
{
    size_t position = 0;
    struct hash_entry *entry;

    while ((entry = hash_next(scheduler->transports, &position)) != NULL) {
        const struct transport *transport = entry->value;
        struct job *next;

        for (struct job *job = transport->first; job; job = next) {
            next = job->next;
            for (size_t waiting = job->waiting; waiting > 0; waiting--)
                withdraw_first(scheduler, job->peers);
        }
    }
}
