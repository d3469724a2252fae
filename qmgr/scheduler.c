#include "scheduler_inside.h"

#include "address/address.h"
#include "base/memory.h"
#include "queue/envelope.h"

#include <stdlib.h>

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

struct transport *scheduler_transport(struct scheduler *scheduler, const char *name)
{
    struct transport *transport = hash_get(scheduler->transports, slice_of(name));
    struct transport_limits limits = { .recipients = 0 };

    if (transport)
        return transport;
    scheduler->actions.limits(scheduler->actions.owner, name, &limits);
    transport = transport_new(name, &limits);
    hash_set(scheduler->transports, slice_of(name), transport);
    return transport;
}

bool scheduler_is_per_recipient(struct scheduler *scheduler, const char *transport)
{
    return scheduler_transport(scheduler, transport)->limits.recipients == 1;
}

size_t scheduler_waiting(const struct scheduler *scheduler)
{
    size_t position = 0, waiting = 0;
    struct hash_entry *entry;

    while ((entry = hash_next(scheduler->transports, &position)) != NULL)
        waiting += transport_waiting(entry->value);
    return waiting;
}

/* --- messages ------------------------------------------------------------------------ */

struct mail *scheduler_enter(struct scheduler *scheduler, void *message, int64_t now)
{
    struct mail *mail = memory_new(1, sizeof(*mail));

    (void)scheduler;
    mail->message = message;
    mail->entered = now;
    return mail;
}

static void drop_job(struct job *job)
{
    struct job **place = &job->mail->jobs;

    while (*place != job)
        place = &(*place)->next_of_mail;
    *place = job->next_of_mail;
    job_free(job);
}

void scheduler_drop_ended(struct job *job)
{
    if (job->recipients == 0 && job->waiting == 0 && job->mail->unread == 0)
        drop_job(job);
}

void scheduler_leave(struct scheduler *scheduler, struct mail *mail)
{
    (void)scheduler;
    if (!mail)
        return;
    while (mail->jobs)
        drop_job(mail->jobs);
    free(mail);
}

void scheduler_set_unread(struct scheduler *scheduler, struct mail *mail, size_t unread,
                          int64_t now)
{
    struct job *next;

    (void)scheduler;
    mail->unread = unread;
    mail->reading = false;
    mail->refilled_at = now;
    for (struct job *job = mail->jobs; job; job = next) {
        next = job->next_of_mail;
        if (unread > 0)
            pool_enter(job);
        else if (job->is_unread)
            pool_leave(job);
        scheduler_drop_ended(job);
    }
}

size_t scheduler_room(const struct scheduler *scheduler, const struct mail *mail)
{
    size_t room = pool_room(mail, scheduler->settings.least_recipients);

    return room > 0 ? room : 1;
}

/* --- grouping ------------------------------------------------------------------------ */

/* In the order in which Postfix delivers: by domains, then by local parts. */
static int compare_addresses(const char *left, const char *right)
{
    struct address_parts a = address_split(slice_of(left)), b = address_split(slice_of(right));
    int order = strcasecmp(a.domain.data, b.domain.data);

    return order != 0 ? order : strcmp(left, right);
}

static int compare_routes(const void *left, const void *right)
{
    const struct route *a = left, *b = right;
    int order = strcmp(a->transport, b->transport);

    if (order == 0)
        order = strcmp(a->destination, b->destination);
    if (order == 0)
        order = strcmp(a->nexthop, b->nexthop);
    if (order == 0)
        order = compare_addresses(a->recipient->address, b->recipient->address);
    if (order == 0)
        order = a->recipient < b->recipient ? -1 : a->recipient > b->recipient;
    return order;
}

static bool share_delivery(const struct route *a, const struct route *b)
{
    return !b->alone && strcmp(a->transport, b->transport) == 0 &&
           strcmp(a->destination, b->destination) == 0 && strcmp(a->nexthop, b->nexthop) == 0;
}

static struct delivery *delivery_new(const struct mail *mail, void *batch,
                                     struct destination *destination, const struct route *routes,
                                     size_t count)
{
    struct delivery *delivery = memory_new(1, sizeof(*delivery));

    delivery->message = mail->message;
    delivery->batch = batch;
    delivery->transport = destination->transport;
    delivery->destination = destination;
    delivery->transport_name = destination->transport->name;
    delivery->nexthop = routes[0].nexthop;
    delivery->recipients = memory_new(count, sizeof(struct recipient *));
    delivery->count = count;
    for (size_t i = 0; i < count; i++)
        delivery->recipients[i] = routes[i].recipient;
    return delivery;
}

void delivery_free(struct delivery *delivery)
{
    free(delivery->recipients);
    free(delivery);
}

static void warn_of_clog(struct scheduler *scheduler, const struct delivery *delivery,
                         int64_t now)
{
    struct destination *destination = delivery->destination;
    const struct scheduler_settings *settings = &scheduler->settings;

    if (settings->clog_pause == 0 || destination_load(destination) <= settings->clog_load ||
        (destination->clog_warned_at > 0 &&
         now < destination->clog_warned_at + settings->clog_pause))
        return;
    destination->clog_warned_at = now;
    scheduler->actions.clogged(scheduler->actions.owner, delivery);
}

void scheduler_enqueue(struct mail *mail, struct delivery *delivery)
{
    struct job *job = job_of(mail, delivery->transport);

    job_push(job, delivery);
    pool_count(job, delivery->count, 0);
}

size_t scheduler_add(struct scheduler *scheduler, struct mail *mail, void *batch,
                     struct route *routes, size_t count, int64_t now)
{
    size_t deliveries = 0;

    if (count > 0)
        qsort(routes, count, sizeof(*routes), compare_routes);
    for (size_t start = 0, end; start < count; start = end) {
        struct transport *transport = scheduler_transport(scheduler, routes[start].transport);
        size_t limit = transport->limits.recipients > 0 ? (size_t)transport->limits.recipients
                                                        : count;
        struct destination *destination = transport_destination(transport,
                                                                routes[start].destination);

        end = start + 1;
        while (end < count && end - start < limit &&
               share_delivery(&routes[start], &routes[end]))
            end++;

        struct delivery *delivery = delivery_new(mail, batch, destination, &routes[start],
                                                 end - start);

        scheduler_enqueue(mail, delivery);
        warn_of_clog(scheduler, delivery, now);
        deliveries++;
    }
    for (struct job *job = mail->jobs; job; job = job->next_of_mail)
        job_offer(job, now);
    return deliveries;
}
