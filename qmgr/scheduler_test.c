#include "scheduler.h"

#include "base/memory.h"
#include "base/str.h"
#include "base/test.h"
#include "base/vector.h"

/* What the scheduler asked for, instead of lanes. */
struct stand {
    struct transport_limits limits;
    struct { struct delivery **items; size_t count, capacity; } started;
    size_t given_up, given_back;
    size_t lanes;               /* how many deliveries may be under way */
    bool no_retry;              /* the retry service is missing */
    struct scheduler *scheduler;
};

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

static struct stand *stand_new(int concurrency)
{
    static const struct scheduler_settings settings = { 60000, 300000, "retry" };
    struct stand *stand = memory_new(1, sizeof(*stand));
    const struct scheduler_actions actions = { stand_limits, stand_dispatch, stand_give_up,
                                               stand_give_back, stand };

    stand->limits = (struct transport_limits){ 50, concurrency, 5, 1, { FEEDBACK_FIXED, 1 },
                                               { FEEDBACK_FIXED, 1 }, 0, 0 };
    stand->lanes = 1000;
    stand->scheduler = scheduler_new(&settings, &actions);
    return stand;
}

/* The oldest delivery that is under way has ended. */
static void end_first(struct stand *stand, enum delivery_result result, const char *reason,
                      int64_t now)
{
    struct delivery *delivery = stand->started.items[0];

    memmove(stand->started.items, stand->started.items + 1,
            --stand->started.count * sizeof(delivery));
    scheduler_done(stand->scheduler, delivery, result, reason, now);
}

static void stand_free(struct stand *stand)
{
    while (stand->started.count > 0)
        end_first(stand, RESULT_GOOD, "", 0);
    scheduler_free(stand->scheduler);
    VECTOR_FREE(&stand->started);
    free(stand);
}

/* A message with count recipients at one destination. */
static size_t add_mail(struct stand *stand, void *message, const char *transport,
                       const char *nexthop, size_t count)
{
    struct route *routes = memory_new(count, sizeof(*routes));

    for (size_t i = 0; i < count; i++)
        routes[i] = (struct route){ transport, nexthop, nexthop, i };

    size_t deliveries = scheduler_add(stand->scheduler, message, routes, count, 0);

    free(routes);
    return deliveries;
}

static char first_mail, second_mail, third_mail;

TEST(feedback_is_read_as_the_manual_says)
{
    static const struct { const char *text; bool good; enum feedback_shape shape; } cases[] = {
        { "1", true, FEEDBACK_FIXED },
        { "0.25", true, FEEDBACK_FIXED },
        { "1/concurrency", true, FEEDBACK_BY_CONCURRENCY },
        { "1 / sqrt_concurrency", true, FEEDBACK_BY_ROOT },
        { "2", false, FEEDBACK_FIXED },
        { "x", false, FEEDBACK_FIXED },
        { "1/speed", false, FEEDBACK_FIXED },
        { "", false, FEEDBACK_FIXED },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct feedback feedback;

        CHECK(feedback_parse(cases[i].text, &feedback) == cases[i].good);
        if (cases[i].good)
            CHECK(feedback.shape == cases[i].shape);
    }
}

TEST(recipients_of_a_destination_share_deliveries_up_to_the_limit)
{
    struct stand *stand = stand_new(20);

    CHECK_NUMBER(add_mail(stand, &first_mail, "smtp", "a.example", 120), 3);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 3);
    CHECK_NUMBER(stand->started.items[0]->count, 50);
    CHECK_NUMBER(stand->started.items[2]->count, 20);
    CHECK_NUMBER(stand->started.items[2]->recipients[19], 119);
    stand_free(stand);
}

TEST(what_is_withdrawn_is_given_back_and_never_started)
{
    struct stand *stand = stand_new(2);

    stand->lanes = 1;
    add_mail(stand, &first_mail, "smtp", "a.example", 120);
    add_mail(stand, &first_mail, "relay", "b.example", 7);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 1);
    size_t under_way = stand->started.items[0]->count;
    scheduler_withdraw(stand->scheduler);
    CHECK_NUMBER(stand->given_back, 127 - under_way);
    CHECK_NUMBER(scheduler_waiting(stand->scheduler), 0);
    end_first(stand, RESULT_GOOD, "", 1);
    scheduler_run(stand->scheduler, 100000);
    CHECK_NUMBER(stand->started.count, 0);
    stand_free(stand);
}

TEST(recipients_of_two_destinations_go_apart)
{
    struct stand *stand = stand_new(20);
    struct route routes[] = {
        { "smtp", "b.example", "b.example", 0 },
        { "smtp", "a.example", "a.example", 1 },
        { "smtp", "b.example", "b.example", 2 },
        { "relay", "b.example", "b.example", 3 },
    };

    CHECK_NUMBER(scheduler_add(stand->scheduler, &first_mail, routes, COUNT(routes), 0), 3);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 3);
    stand_free(stand);
}

TEST(a_window_opens_with_success_and_stays_within_the_limit)
{
    struct stand *stand = stand_new(7);

    for (int i = 0; i < 40; i++)
        add_mail(stand, &first_mail, "smtp", "a.example", 1);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 5);
    for (int i = 0; i < 10; i++) {
        end_first(stand, RESULT_GOOD, "", 0);
        scheduler_run(stand->scheduler, 0);
        CHECK(stand->started.count <= 7);
    }
    CHECK_NUMBER(stand->started.count, 7);
    stand_free(stand);
}

TEST(a_destination_that_fails_is_dead_and_its_mail_goes_to_retry)
{
    struct stand *stand = stand_new(20);

    for (int i = 0; i < 20; i++)
        add_mail(stand, &first_mail, "smtp", "a.example", 1);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 5);
    /* One cohort: as many failures as the window is wide while it shrinks. */
    for (int i = 0; i < 5; i++)
        end_first(stand, RESULT_UNREACHABLE, "4.4.1 connect to a: refused", 1000);
    scheduler_run(stand->scheduler, 1000);
    CHECK_TEXT(stand->started.items[0]->transport_name, "retry");
    CHECK_TEXT(stand->started.items[0]->nexthop,
               "4.4.1 delivery temporarily suspended: connect to a: refused");
    stand_free(stand);
}

/* All that is under way now ends the same way. */
static void end_all(struct stand *stand, enum delivery_result result, const char *reason,
                    int64_t now)
{
    for (size_t count = stand->started.count; count > 0; count--)
        end_first(stand, result, reason, now);
}

TEST(a_dead_destination_comes_back_when_its_time_is_over_or_by_a_flush)
{
    struct stand *stand = stand_new(20);

    for (int round = 0; round < 2; round++) {
        int64_t base = round * 1000000;

        for (int i = 0; i < 5; i++)
            add_mail(stand, &first_mail, "smtp", "a.example", 1);
        scheduler_run(stand->scheduler, base);
        CHECK_TEXT(stand->started.items[0]->transport_name, "smtp");
        end_all(stand, RESULT_UNREACHABLE, "4.4.1 no", base);
        add_mail(stand, &second_mail, "smtp", "a.example", 1);
        scheduler_run(stand->scheduler, base + 1);
        CHECK_NUMBER(stand->started.count, 1);
        CHECK_TEXT(stand->started.items[0]->transport_name, "retry");
        end_all(stand, RESULT_GOOD, "", base + 1);
        if (round == 0)
            scheduler_revive(stand->scheduler);
        add_mail(stand, &third_mail, "smtp", "a.example", 1);
        scheduler_run(stand->scheduler, round == 0 ? base + 2 : base + 300001);
        CHECK_TEXT(stand->started.items[0]->transport_name, "smtp");
        end_all(stand, RESULT_GOOD, "", base + 3);
    }
    stand_free(stand);
}

TEST(a_list_does_not_hold_up_the_next_message)
{
    struct stand *stand = stand_new(2);

    stand->limits.initial_concurrency = 2;
    add_mail(stand, &first_mail, "smtp", "a.example", 1000);
    scheduler_run(stand->scheduler, 0);
    add_mail(stand, &second_mail, "smtp", "a.example", 1);
    end_first(stand, RESULT_GOOD, "", 0);
    scheduler_run(stand->scheduler, 0);
    end_first(stand, RESULT_GOOD, "", 0);
    scheduler_run(stand->scheduler, 0);
    CHECK(stand->started.items[0]->message == &second_mail ||
          stand->started.items[1]->message == &second_mail);
    stand_free(stand);
}

TEST(destinations_take_turns_when_lanes_are_few)
{
    struct stand *stand = stand_new(20);

    stand->lanes = 2;
    add_mail(stand, &first_mail, "smtp", "a.example", 500);
    add_mail(stand, &second_mail, "smtp", "b.example", 500);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 2);
    CHECK(stand->started.items[0]->message != stand->started.items[1]->message);
    CHECK(scheduler_next(stand->scheduler) < INT64_MAX);
    stand_free(stand);
}

TEST(a_transport_without_agent_defers_and_is_tried_again_later)
{
    struct stand *stand = stand_new(20);

    add_mail(stand, &first_mail, "smtp", "a.example", 1);
    scheduler_run(stand->scheduler, 0);
    end_first(stand, RESULT_BROKEN, "4.3.0 mail transport unavailable", 0);
    add_mail(stand, &second_mail, "smtp", "b.example", 1);
    scheduler_run(stand->scheduler, 1);
    CHECK_NUMBER(stand->started.count, 1);
    CHECK_TEXT(stand->started.items[0]->nexthop, "4.3.0 mail transport unavailable");
    end_first(stand, RESULT_GOOD, "", 1);
    add_mail(stand, &third_mail, "smtp", "b.example", 1);
    scheduler_run(stand->scheduler, 60001);
    CHECK_TEXT(stand->started.items[0]->transport_name, "smtp");
    stand_free(stand);
}

TEST(without_a_retry_service_deliveries_are_given_up_not_lost)
{
    struct stand *stand = stand_new(20);

    stand->no_retry = true;
    add_mail(stand, &first_mail, "retry", "4.3.0 why", 1);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 0);
    CHECK_NUMBER(stand->given_up, 1);
    CHECK_NUMBER(scheduler_waiting(stand->scheduler), 0);
    stand_free(stand);
}

TEST(a_request_that_nobody_read_is_sent_again_first)
{
    struct stand *stand = stand_new(1);

    stand->limits.initial_concurrency = 1;
    add_mail(stand, &first_mail, "smtp", "a.example", 1);
    add_mail(stand, &second_mail, "smtp", "a.example", 1);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 1);
    end_first(stand, RESULT_AGAIN, "", 0);
    CHECK_NUMBER(scheduler_waiting(stand->scheduler), 2);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 1);
    CHECK(stand->started.items[0]->message == &first_mail);
    stand_free(stand);
}

TEST(a_rate_delay_keeps_deliveries_to_a_destination_apart)
{
    struct stand *stand = stand_new(20);

    stand->limits.rate_delay = 5000;
    add_mail(stand, &first_mail, "smtp", "a.example", 1);
    add_mail(stand, &second_mail, "smtp", "a.example", 1);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 1);
    end_first(stand, RESULT_GOOD, "", 100);
    scheduler_run(stand->scheduler, 200);
    CHECK_NUMBER(stand->started.count, 0);
    CHECK_NUMBER(scheduler_next(stand->scheduler), 5100);
    scheduler_run(stand->scheduler, 5100);
    CHECK_NUMBER(stand->started.count, 1);
    stand_free(stand);
}

TEST(a_recipient_limit_of_one_is_known_by_transport)
{
    struct stand *stand = stand_new(20);

    CHECK(scheduler_is_per_recipient(stand->scheduler, "local"));
    CHECK(!scheduler_is_per_recipient(stand->scheduler, "smtp"));
    stand_free(stand);
}
