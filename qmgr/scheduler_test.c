#include "destination.h"

#include "base/arena.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/test.h"
#include "base/vector.h"
#include "queue/envelope.h"

/* What the scheduler asked for, instead of lanes. */
struct stand {
    struct transport_limits limits;
    struct { struct delivery **items; size_t count, capacity; } started;
    size_t given_up, given_back;
    size_t lanes;               /* how many deliveries may be under way */
    struct arena *arena;        /* of recipients */
    struct { struct mail **items; size_t count, capacity; } mails;
    struct { void **items; size_t count, capacity; } refilled;  /* messages */
    size_t room;                /* of the last refill */
    size_t clogs;
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

static struct stand *stand_new(int concurrency)
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

static struct mail *mail_of(struct stand *stand, void *message, int64_t now)
{
    for (size_t i = 0; i < stand->mails.count; i++)
        if (stand->mails.items[i]->message == message)
            return stand->mails.items[i];

    struct mail *mail = scheduler_enter(stand->scheduler, message, now);

    VECTOR_PUSH(&stand->mails, mail);
    return mail;
}

/* "r007": of the batch that was made last. */
static struct recipient *make_recipients(struct stand *stand, size_t count)
{
    struct recipient *recipients = arena_take(stand->arena, count * sizeof(*recipients));

    for (size_t i = 0; i < count; i++)
        recipients[i] = (struct recipient){
            .address = arena_format(stand->arena, "r%05zu", i), .handle = (int64_t)i,
        };
    return recipients;
}

static size_t add_mail_at(struct stand *stand, void *message, const char *transport,
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

/* A message with count recipients at one destination. */
static size_t add_mail(struct stand *stand, void *message, const char *transport,
                       const char *nexthop, size_t count)
{
    return add_mail_at(stand, message, transport, nexthop, count, 0);
}

static char first_mail, second_mail, third_mail;

TEST(feedback_is_read_as_the_manual_says)
{
    static const struct { const char *text; bool good; enum feedback_shape shape; } cases[] = {
        { "1", true, FEEDBACK_FIXED },
        { "0.25", true, FEEDBACK_FIXED },
        { "1/concurrency", true, FEEDBACK_BY_CONCURRENCY },
        { "1 / sqrt_concurrency", true, FEEDBACK_BY_ROOT },
        { "1 / 4", true, FEEDBACK_FIXED },
        { "0.5/Concurrency", true, FEEDBACK_BY_CONCURRENCY },
        { "1e-1", true, FEEDBACK_FIXED },
        { "2", false, FEEDBACK_FIXED },
        { "-1", false, FEEDBACK_FIXED },
        { "2/concurrency", false, FEEDBACK_FIXED },
        { "1/0", false, FEEDBACK_FIXED },
        { "1/", false, FEEDBACK_FIXED },
        { "1/concurrency x", false, FEEDBACK_FIXED },
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
    CHECK_NUMBER(stand->started.items[2]->recipients[19]->handle, 119);
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
    struct recipient *who = make_recipients(stand, 4);
    struct route routes[] = {
        { "smtp", "b.example", "b.example", &who[0], false },
        { "smtp", "a.example", "a.example", &who[1], false },
        { "smtp", "b.example", "b.example", &who[2], false },
        { "relay", "b.example", "b.example", &who[3], false },
    };

    CHECK_NUMBER(scheduler_add(stand->scheduler, mail_of(stand, &first_mail, 0), NULL, routes,
                               COUNT(routes), 0), 3);
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

TEST(destinations_of_a_message_take_turns_when_lanes_are_few)
{
    struct stand *stand = stand_new(20);

    stand->lanes = 2;
    add_mail(stand, &first_mail, "smtp", "a.example", 500);
    add_mail(stand, &first_mail, "smtp", "b.example", 500);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 2);
    CHECK(strcmp(stand->started.items[0]->nexthop, stand->started.items[1]->nexthop) != 0);
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

/* --- overtaking ------------------------------------------------------------------------------- */

/* One lane, a recipient for each delivery: which message goes next, until none waits. */
static void take_order(struct stand *stand, char *order, size_t room, int64_t now)
{
    size_t length = 0;

    stand->lanes = 1;
    for (scheduler_run(stand->scheduler, now); stand->started.count > 0 && length + 1 < room;
         scheduler_run(stand->scheduler, now)) {
        order[length++] = *(const char *)stand->started.items[0]->message;
        end_first(stand, RESULT_GOOD, "", now);
    }
    order[length] = '\0';
}

static struct stand *stand_for_order(int cost, int loan, int discount)
{
    struct stand *stand = stand_new(20);

    stand->limits.recipients = 2;
    stand->limits.slots = (struct slot_rules){ cost, loan, discount, 1 };
    return stand;
}

/* Two recipients for each delivery, so count deliveries. */
static void add_deliveries(struct stand *stand, char *message, size_t count, int64_t now)
{
    add_mail_at(stand, message, "smtp", "a.example", 2 * count, now);
}

TEST(small_mail_overtakes_as_the_scheduler_readme_says)
{
    static const struct { int cost, loan, discount; const char *order; } cases[] = {
        /* Ten deliveries, then two mails of two; the examples of "slot loans" there. */
        { 2, 0, 0, "11112211113311" },
        { 2, 0, 50, "11221111331111" },
        { 0, 3, 50, "11111111112233" },     /* a cost of 0: nobody overtakes */
        { 5, 3, 50, "12211111111133" },     /* two slots are earned in all */
    };
    char first = '1', second = '2', third = '3', order[40];

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stand *stand = stand_for_order(cases[i].cost, cases[i].loan, cases[i].discount);

        add_deliveries(stand, &first, 10, 0);
        add_deliveries(stand, &second, 2, 1);
        add_deliveries(stand, &third, 2, 2);
        take_order(stand, order, sizeof(order), 10);
        CHECK_TEXT(order, cases[i].order);
        stand_free(stand);
    }
}

TEST(what_overtakes_can_be_overtaken_itself)
{
    struct stand *stand = stand_for_order(2, 0, 0);
    char first = '1', second = '2', third = '3', order[60];

    add_deliveries(stand, &first, 24, 0);
    add_deliveries(stand, &second, 8, 1);
    stand->lanes = 1;
    for (int i = 0; i < 18; i++) {          /* sixteen of the first, two of the second */
        scheduler_run(stand->scheduler, 10);
        end_first(stand, RESULT_GOOD, "", 10);
    }
    add_deliveries(stand, &third, 1, 20);
    take_order(stand, order, sizeof(order), 30);
    CHECK_TEXT(order, "322222211111111");
    stand_free(stand);
}

TEST(short_messages_are_never_overtaken)
{
    struct stand *stand = stand_for_order(2, 9, 50);
    char first = '1', second = '2', order[20];

    stand->limits.slots.minimum = 3;
    add_deliveries(stand, &first, 5, 0);    /* earns two slots at most */
    add_deliveries(stand, &second, 1, 1);
    take_order(stand, order, sizeof(order), 10);
    CHECK_TEXT(order, "111112");
    stand_free(stand);
}

TEST(a_list_is_slowed_down_by_a_quarter_at_most)
{
    struct stand *stand = stand_for_order(5, 3, 50);
    char list = 'L', others[60], order[400];

    add_deliveries(stand, &list, 100, 0);
    memset(others, 's', sizeof(others));
    for (size_t i = 0; i < sizeof(others); i++)
        add_deliveries(stand, &others[i], 1, 1 + (int64_t)i);
    take_order(stand, order, sizeof(order), 100);

    size_t last = 0;

    for (size_t i = 0; order[i]; i++)
        if (order[i] == 'L')
            last = i;
    CHECK_NUMBER(strlen(order), 160);
    CHECK(last < 125);
    CHECK(strncmp(order, "LsLLLLLsLLLLLs", 14) == 0);
    stand_free(stand);
}

TEST(a_blocked_message_lets_others_pass_and_keeps_its_place)
{
    struct stand *stand = stand_new(1);
    char first = '1', second = '2';

    stand->limits.initial_concurrency = 1;
    stand->limits.slots.cost = 0;
    add_mail(stand, &first, "smtp", "a.example", 100);
    add_mail(stand, &second, "smtp", "b.example", 50);
    add_mail(stand, &second, "smtp", "a.example", 50);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 2);
    CHECK(stand->started.items[1]->message == &second);
    end_first(stand, RESULT_GOOD, "", 0);
    scheduler_run(stand->scheduler, 0);
    CHECK_TEXT(stand->started.items[1]->nexthop, "a.example");
    CHECK(stand->started.items[1]->message == &first);
    stand_free(stand);
}

TEST(thousands_of_messages_for_one_destination_go_in_order)
{
    struct stand *stand = stand_new(20);
    size_t count = 3000;
    char *messages = memory_new(count, 1);

    for (size_t i = 0; i < count; i++)
        add_mail_at(stand, &messages[i], "smtp", "a.example", 1, (int64_t)i);
    for (size_t i = 0; i < count; i++) {
        scheduler_run(stand->scheduler, 5000);
        CHECK(stand->started.items[0]->message == &messages[i]);
        end_first(stand, RESULT_GOOD, "", 5000);
    }
    stand_free(stand);
    free(messages);
}

/* --- recipients in memory --------------------------------------------------------------------- */

TEST(further_recipients_are_read_when_there_is_room_for_many)
{
    struct stand *stand = stand_new(20);

    stand->limits.memory = (struct memory_rules){ 300, 100, 100, 5000 };
    stand->lanes = 1;
    add_mail(stand, &first_mail, "smtp", "a.example", 310);
    scheduler_set_unread(stand->scheduler, mail_of(stand, &first_mail, 0), 1000, 0);
    CHECK_NUMBER(scheduler_room(stand->scheduler, mail_of(stand, &first_mail, 0)), 1);
    for (int i = 0; i < 2; i++) {
        scheduler_run(stand->scheduler, 0);
        end_first(stand, RESULT_GOOD, "", 0);
    }
    CHECK_NUMBER(stand->refilled.count, 0);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->refilled.count, 1);
    CHECK(stand->refilled.items[0] == &first_mail);
    CHECK_NUMBER(stand->room, 100);
    /* Asked once until it has been read. */
    end_first(stand, RESULT_GOOD, "", 0);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->refilled.count, 1);
    stand_free(stand);
}

TEST(further_recipients_are_read_after_a_while_when_there_is_room_for_any)
{
    struct stand *stand = stand_new(20);

    stand->limits.memory = (struct memory_rules){ 300, 100, 100, 5000 };
    stand->lanes = 1;
    add_mail(stand, &first_mail, "smtp", "a.example", 310);
    scheduler_set_unread(stand->scheduler, mail_of(stand, &first_mail, 0), 1000, 0);
    scheduler_run(stand->scheduler, 0);
    end_first(stand, RESULT_GOOD, "", 0);
    scheduler_run(stand->scheduler, 4999);
    CHECK_NUMBER(stand->refilled.count, 0);
    end_first(stand, RESULT_GOOD, "", 5000);
    scheduler_run(stand->scheduler, 5000);
    CHECK_NUMBER(stand->refilled.count, 1);
    stand_free(stand);
}

TEST(the_first_unread_message_has_all_the_room_until_it_is_read)
{
    struct stand *stand = stand_new(20);
    struct mail *first = mail_of(stand, &first_mail, 0), *second = mail_of(stand, &second_mail, 1);

    stand->limits.memory = (struct memory_rules){ 300, 100, 100, 5000 };
    stand->lanes = 0;
    scheduler_set_unread(stand->scheduler, first, 1000, 0);
    add_mail(stand, &first_mail, "smtp", "a.example", 20);
    scheduler_set_unread(stand->scheduler, second, 1000, 1);
    add_mail(stand, &second_mail, "smtp", "b.example", 20);
    CHECK_NUMBER(scheduler_room(stand->scheduler, first), 290);
    CHECK_NUMBER(scheduler_room(stand->scheduler, second), 1);
    scheduler_set_unread(stand->scheduler, first, 0, 2);
    CHECK_NUMBER(scheduler_room(stand->scheduler, second), 270);
    stand_free(stand);
}

/* --- feedback --------------------------------------------------------------------------------- */

/* As Debian's Postfix logs it with destination_concurrency_feedback_debug. */
TEST(windows_move_with_hysteresis)
{
    struct stand *stand = stand_new(20);
    static const int bad[] = { 3, 2, 0 };
    static const int good[] = { 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 7 };

    stand->limits.positive = (struct feedback){ FEEDBACK_BY_CONCURRENCY, 1 };
    for (int i = 0; i < 100; i++)
        add_mail(stand, &first_mail, "smtp", "a.example", 1);
    for (size_t i = 0; i < COUNT(good); i++) {
        scheduler_run(stand->scheduler, 0);
        struct destination *a = stand->started.items[0]->destination;
        end_first(stand, RESULT_GOOD, "", 0);
        CHECK_NUMBER(a->window, good[i]);
    }
    add_mail(stand, &second_mail, "smtp", "b.example", 500);
    scheduler_withdraw(stand->scheduler);
    while (stand->started.count > 0)
        end_first(stand, RESULT_GOOD, "", 0);
    for (int i = 0; i < 10; i++)
        add_mail(stand, &third_mail, "smtp", "c.example", 1);
    scheduler_run(stand->scheduler, 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct destination *c = stand->started.items[0]->destination;
        end_first(stand, RESULT_UNREACHABLE, "4.4.1 no", 0);
        CHECK_NUMBER(c->window, bad[i]);
    }
    stand_free(stand);
}

TEST(a_success_brings_a_dead_destination_back)
{
    struct stand *stand = stand_new(20);

    for (int i = 0; i < 5; i++)
        add_mail(stand, &first_mail, "smtp", "a.example", 1);
    scheduler_run(stand->scheduler, 0);
    for (int i = 0; i < 3; i++)
        end_first(stand, RESULT_UNREACHABLE, "4.4.1 no", 0);
    end_first(stand, RESULT_GOOD, "", 0);
    add_mail(stand, &second_mail, "smtp", "a.example", 1);
    scheduler_run(stand->scheduler, 1);
    CHECK_TEXT(stand->started.items[1]->transport_name, "smtp");
    stand_free(stand);
}

TEST(a_transport_rate_delay_keeps_all_its_deliveries_apart)
{
    struct stand *stand = stand_new(20);

    stand->limits.transport_rate_delay = 5000;
    add_mail(stand, &first_mail, "smtp", "a.example", 1);
    add_mail(stand, &second_mail, "smtp", "b.example", 1);
    scheduler_run(stand->scheduler, 0);
    CHECK_NUMBER(stand->started.count, 1);
    end_first(stand, RESULT_GOOD, "", 100);
    scheduler_run(stand->scheduler, 200);
    CHECK_NUMBER(stand->started.count, 0);
    scheduler_run(stand->scheduler, 5100);
    CHECK_NUMBER(stand->started.count, 1);
    stand_free(stand);
}

TEST(a_clogged_destination_is_told_of_once_in_a_while)
{
    struct stand *stand = stand_new(20);

    stand->lanes = 0;
    for (int i = 0; i < 30; i++)
        add_mail_at(stand, &first_mail, "smtp", "a.example", 1, 1000);
    CHECK_NUMBER(stand->clogs, 0);
    add_mail_at(stand, &first_mail, "smtp", "a.example", 1, 1000);
    add_mail_at(stand, &first_mail, "smtp", "a.example", 1, 5999);
    CHECK_NUMBER(stand->clogs, 1);
    add_mail_at(stand, &first_mail, "smtp", "a.example", 1, 6000);
    CHECK_NUMBER(stand->clogs, 2);
    stand_free(stand);
}

TEST(recipients_with_a_sender_of_their_own_go_alone)
{
    struct stand *stand = stand_new(20);
    struct recipient *who = make_recipients(stand, 3);
    struct route routes[3];

    for (size_t i = 0; i < COUNT(routes); i++)
        routes[i] = (struct route){ "smtp", "b.example", "b.example", &who[i], true };
    CHECK_NUMBER(scheduler_add(stand->scheduler, mail_of(stand, &first_mail, 0), NULL, routes,
                               COUNT(routes), 0), 3);
    stand_free(stand);
}
