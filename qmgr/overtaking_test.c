#include "stand_test.h"

#include "base/memory.h"
#include "base/test.h"

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
