#include "stand_test.h"

#include "base/memory.h"
#include "base/test.h"

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
