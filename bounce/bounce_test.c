#include "notice.h"
#include "record_log.h"

#include "base/scope.h"
#include "base/test.h"

static const struct bounce_append sample = {
    .queue_id = "985CBAD", .recipient = "u5@retry.test", .original = "",
    .dsn_original = "rfc822;u5@retry.test", .notify = 14, .handle = 615, .action = "delayed",
    .dsn = "4.3.0", .reason = "mail transport unavailable", .diagnostic_type = "",
    .diagnostic_text = "", .remote_mta_type = "", .remote_mta = "",
};

TEST(a_record_is_written_as_postfix_does)
{
    AUTO_STR struct str text = STR_EMPTY;

    record_write(&text, &sample, true);
    CHECK_TEXT(text.data, "\n<u5@retry.test>: mail transport unavailable\n"
                          "recipient=u5@retry.test\noffset=615\n"
                          "dsn_orig_rcpt=rfc822;u5@retry.test\nnotify_flags=14\n"
                          "status=4.3.0\naction=delayed\n"
                          "reason=mail transport unavailable\n\n");
}

TEST(records_come_back_as_they_were)
{
    AUTO_STR struct str text = STR_EMPTY;
    AUTO_ARENA struct arena *arena = arena_new();
    struct bounce_append_list list;
    struct bounce_append second = sample;

    second.recipient = "b@c.test";
    second.remote_mta_type = "dns";
    second.remote_mta = "mx.c.test";
    second.diagnostic_type = "smtp";
    second.diagnostic_text = "550 5.1.1 a=b\nforged=1";
    record_write(&text, &sample, true);
    record_write(&text, &second, false);
    record_parse(str_slice(&text), arena, &list);
    CHECK_NUMBER(list.count, 2);
    CHECK_TEXT(list.items[0].recipient, "u5@retry.test");
    CHECK_NUMBER(list.items[0].handle, 615);
    CHECK_NUMBER(list.items[0].notify, 14);
    CHECK_TEXT(list.items[0].dsn, "4.3.0");
    CHECK_TEXT(list.items[1].recipient, "b@c.test");
    CHECK_TEXT(list.items[1].remote_mta, "mx.c.test");
    CHECK_TEXT(list.items[1].diagnostic_text, "550 5.1.1 a=b?forged=1");
}

TEST(an_old_log_and_a_torn_one_are_read_as_far_as_they_go)
{
    static const char text[] = "<a@b>: why: not\n\nrecipient=c@d\nreason=cut";
    AUTO_ARENA struct arena *arena = arena_new();
    struct bounce_append_list list;

    record_parse(slice_of(text), arena, &list);
    CHECK_NUMBER(list.count, 2);
    CHECK_TEXT(list.items[0].recipient, "a@b");
    CHECK_TEXT(list.items[0].reason, "why: not");
    CHECK_TEXT(list.items[1].recipient, "c@d");
    CHECK_TEXT(list.items[1].reason, "cut");
}

TEST(the_built_in_templates_are_whole)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct notice_templates templates;
    struct error error = ERROR_NONE;

    CHECK(notice_templates_load("", arena, &templates, &error));
    CHECK_TEXT(templates.kinds[NOTICE_FAILURE].subject, "Undelivered Mail Returned to Sender");
    CHECK_TEXT(templates.kinds[NOTICE_DELAY].postmaster_subject,
               "Postmaster Warning: Delayed Mail");
    CHECK_TEXT(templates.kinds[NOTICE_VERIFY].subject, "Mail Delivery Status Report");
    CHECK(slice_starts(templates.kinds[NOTICE_SUCCESS].text, "This is the mail system at host"));
    CHECK(!notice_templates_load("/no/such/file", arena, &templates, &error));
}
