#include "stand_test.h"

#include "base/memory.h"
#include "base/test.h"

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
