#include "stand_test.h"

#include "base/memory.h"
#include "base/test.h"

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
