#include "stand_test.h"

#include "base/memory.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

char first_mail, second_mail, third_mail;

static void stand_limits(void *owner, const char *transport, struct transport_limits *limits)
{
    const struct stand *stand = owner;

    *limits = stand->limits;
    if (strcmp(transport, "local") == 0)
        limits->recipients = 1;
}

static enum dispatch_result stand_dispatch(void *owner, struct delivery *delivery)
{
    struct stand *stand = owner;

    if (stand->no_retry && strcmp(delivery->transport_name, "retry") == 0) {
        scheduler_throttle(stand->scheduler, delivery->transport, "4.3.0 gone", 0);
        return DISPATCH_BUSY;
    }
    if (stand->started.count >= stand->lanes)
        return DISPATCH_BUSY;
    VECTOR_PUSH(&stand->started, delivery);
    return DISPATCH_STARTED;
}

static void stand_give_up(void *owner, struct delivery *delivery)
{
    struct stand *stand = owner;

    (void)delivery;
    stand->given_up++;
}

static void stand_give_back(void *owner, struct delivery *delivery)
{
    struct stand *stand = owner;

    stand->given_back += delivery->count;
}

static void stand_refill(void *owner, void *message, size_t room)
{
    struct stand *stand = owner;

    VECTOR_PUSH(&stand->refilled, message);
    stand->room = room;
}

static void stand_clogged(void *owner, const struct delivery *delivery)
{
    struct stand *stand = owner;

    (void)delivery;
    stand->clogs++;
}

struct stand *stand_new(int concurrency)
{
    static const struct scheduler_settings settings = { 60000, 300000, "retry", 10, 100, 30,
                                                        5000 };
    struct stand *stand = memory_new(1, sizeof(*stand));
    const struct scheduler_actions actions = { stand_limits, stand_dispatch, stand_give_up,
                                               stand_give_back, stand_clogged, stand_refill,
                                               stand };

    stand->limits = (struct transport_limits){
        .recipients = 50, .concurrency = concurrency, .initial_concurrency = 5,
        .cohort_limit = 1, .positive = { FEEDBACK_FIXED, 1 }, .negative = { FEEDBACK_FIXED, 1 },
        .slots = { .cost = 5, .loan = 3, .discount = 50, .minimum = 3 },
        .memory = { .recipients = 20000, .extra = 1000, .refill_least = 100,
                    .refill_delay = 5000 },
    };
    stand->arena = arena_new();
    stand->lanes = 1000;
    stand->scheduler = scheduler_new(&settings, &actions);
    return stand;
}

void end_first(struct stand *stand, enum delivery_result result, const char *reason,
               int64_t now)
{
    struct delivery *delivery = stand->started.items[0];

    memmove(stand->started.items, stand->started.items + 1,
            --stand->started.count * sizeof(delivery));
    scheduler_done(stand->scheduler, delivery, result, reason, now);
}

void stand_free(struct stand *stand)
{
    while (stand->started.count > 0)
        end_first(stand, RESULT_GOOD, "", 0);
    scheduler_withdraw(stand->scheduler);
    for (size_t i = 0; i < stand->mails.count; i++)
        scheduler_leave(stand->scheduler, stand->mails.items[i]);
    scheduler_free(stand->scheduler);
    arena_free(stand->arena);
    VECTOR_FREE(&stand->mails);
    VECTOR_FREE(&stand->refilled);
    VECTOR_FREE(&stand->started);
    free(stand);
}

struct mail *mail_of(struct stand *stand, void *message, int64_t now)
{
    for (size_t i = 0; i < stand->mails.count; i++)
        if (stand->mails.items[i]->message == message)
            return stand->mails.items[i];

    struct mail *mail = scheduler_enter(stand->scheduler, message, now);

    VECTOR_PUSH(&stand->mails, mail);
    return mail;
}

/* "r007": of the batch that was made last. */
struct recipient *make_recipients(struct stand *stand, size_t count)
{
    struct recipient *recipients = arena_take(stand->arena, count * sizeof(*recipients));

    for (size_t i = 0; i < count; i++)
        recipients[i] = (struct recipient){
            .address = arena_format(stand->arena, "r%05zu", i), .handle = (int64_t)i,
        };
    return recipients;
}

size_t add_mail_at(struct stand *stand, void *message, const char *transport,
                   const char *nexthop, size_t count, int64_t now)
{
    struct route *routes = memory_new(count, sizeof(*routes));
    struct recipient *recipients = make_recipients(stand, count);

    for (size_t i = 0; i < count; i++)
        routes[i] = (struct route){ transport, nexthop, nexthop, &recipients[i], false };

    size_t deliveries = scheduler_add(stand->scheduler, mail_of(stand, message, now), NULL,
                                      routes, count, now);

    free(routes);
    return deliveries;
}

size_t add_mail(struct stand *stand, void *message, const char *transport,
                const char *nexthop, size_t count)
{
    return add_mail_at(stand, message, transport, nexthop, count, 0);
}

void end_all(struct stand *stand, enum delivery_result result, const char *reason,
             int64_t now)
{
    for (size_t count = stand->started.count; count > 0; count--)
        end_first(stand, result, reason, now);
}
