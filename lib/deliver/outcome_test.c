#include "deliver/outcome.h"

#include "base/scope.h"
#include "base/test.h"
#include "deliver/bounce.h"
#include "deliver/verp.h"

static void read_back(struct str *bytes, const struct frame_type *type, struct arena *arena,
                      void *message)
{
    struct error error = ERROR_NONE;

    CHECK(frame_read(slice_from(str_slice(bytes), 4), type, arena, message, &error));
}

TEST(a_delivery_request_comes_as_it_was_sent)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str bytes = STR_EMPTY;
    struct delivery_request sent = {
        .nexthop = "[mx.test]:25", .transport = "relay", .flags = REQUEST_PROBE | REQUEST_VERIFY,
        .active_at = 1795329017000001, .requested_at = 1795329017000002, .last_attempt = 1,
    };
    struct delivery_request got;

    envelope_clear(&sent.envelope);
    sent.envelope.queue_id = "985CBAD";
    sent.envelope.sender = "a b@c.test";
    sent.envelope.verp_delimiters = "+=";
    sent.envelope.return_flags = RET_HEADERS;
    for (int i = 0; i < 3; i++) {
        struct recipient *recipient = envelope_add_recipient(&sent.envelope, arena);

        recipient->address = arena_format(arena, "r%d@d.test", i);
        recipient->dsn_original = "rfc822;x@y.test";
        recipient->notify = NOTIFY_DELAY << (i & 1);
        recipient->handle = 100 + i;
    }
    frame_write(&bytes, &delivery_request_frame, &sent);
    read_back(&bytes, &delivery_request_frame, arena, &got);
    CHECK_TEXT(got.nexthop, "[mx.test]:25");
    CHECK_TEXT(got.transport, "relay");
    CHECK_NUMBER(got.flags, REQUEST_PROBE | REQUEST_VERIFY);
    CHECK_NUMBER(got.active_at, 1795329017000001);
    CHECK_NUMBER(got.requested_at, 1795329017000002);
    CHECK_NUMBER(got.last_attempt, 1);
    CHECK_TEXT(got.envelope.sender, "a b@c.test");
    CHECK_TEXT(got.envelope.verp_delimiters, "+=");
    CHECK_NUMBER(got.envelope.return_flags, RET_HEADERS);
    CHECK_NUMBER(got.envelope.recipients.count, 3);
    CHECK_TEXT(got.envelope.recipients.items[2].address, "r2@d.test");
    CHECK_TEXT(got.envelope.recipients.items[2].dsn_original, "rfc822;x@y.test");
    CHECK_NUMBER(got.envelope.recipients.items[2].handle, 102);
}

TEST(a_delivery_report_comes_as_it_was_sent)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str bytes = STR_EMPTY;
    struct recipient_report items[] = { { 100, DELIVERY_SENT }, { 200, DELIVERY_DEFERRED } };
    const struct delivery_report sent = {
        .queue_id = "985CBAD", .recipients = { items, 2, 0 }, .last = 1, .unreachable = 1,
        .dsn = "4.4.1", .text = "connect to mx.test[192.0.2.1]:25: Connection refused",
    };
    struct delivery_report got;

    frame_write(&bytes, &delivery_report_frame, &sent);
    read_back(&bytes, &delivery_report_frame, arena, &got);
    CHECK_TEXT(got.queue_id, "985CBAD");
    CHECK_NUMBER(got.recipients.count, 2);
    CHECK_NUMBER(got.recipients.items[1].handle, 200);
    CHECK_NUMBER(got.recipients.items[1].status, DELIVERY_DEFERRED);
    CHECK_NUMBER(got.last, 1);
    CHECK_NUMBER(got.unreachable, 1);
    CHECK_TEXT(got.dsn, "4.4.1");
    CHECK_TEXT(got.text, "connect to mx.test[192.0.2.1]:25: Connection refused");
}

TEST(records_and_notification_requests_come_as_they_were_sent)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str record_bytes = STR_EMPTY, send_bytes = STR_EMPTY;
    const struct bounce_append record = {
        .queue_id = "985CBAD", .recipient = "r@d.test", .original = "o@d.test",
        .dsn_original = "rfc822;x@y.test", .notify = NOTIFY_FAILURE, .handle = 77,
        .action = "failed", .dsn = "5.1.1", .reason = "gone\nfor good", .diagnostic_type = "smtp",
        .diagnostic_text = "550 gone", .remote_mta_type = "dns", .remote_mta = "mx.test",
    };
    struct bounce_append record_back;
    struct bounce_send send = { .kind = BOUNCE_SEND_TRACE }, send_back;

    frame_write(&record_bytes, &bounce_append_frame, &record);
    read_back(&record_bytes, &bounce_append_frame, arena, &record_back);
    CHECK_TEXT(record_back.original, "o@d.test");
    CHECK_TEXT(record_back.reason, "gone\nfor good");
    CHECK_TEXT(record_back.remote_mta, "mx.test");
    CHECK_NUMBER(record_back.handle, 77);
    envelope_clear(&send.envelope);
    send.envelope.envelope_id = "id+2B1";
    frame_write(&send_bytes, &bounce_send_frame, &send);
    read_back(&send_bytes, &bounce_send_frame, arena, &send_back);
    CHECK_NUMBER(send_back.kind, BOUNCE_SEND_TRACE);
    CHECK_TEXT(send_back.envelope.envelope_id, "id+2B1");
}

TEST(a_request_that_breaks_off_or_goes_on_is_refused)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str bytes = STR_EMPTY;
    struct delivery_report sent = { .queue_id = "985CBAD", .dsn = "", .text = "x" }, got;
    struct error error = ERROR_NONE;

    frame_write(&bytes, &delivery_report_frame, &sent);
    for (size_t length = 0; length < bytes.length - 4; length++)
        CHECK(!frame_read(slice_part(str_slice(&bytes), 4, length), &delivery_report_frame, arena,
                          &got, &error));
    str_byte(&bytes, 'x');
    CHECK(!frame_read(slice_from(str_slice(&bytes), 4), &delivery_report_frame, arena, &got,
                      &error));
}

TEST(delays_have_two_significant_digits)
{
    static const struct { double seconds; int limit; const char *text; } cases[] = {
        { 0, 2, "0" }, { 0.004, 2, "0" }, { 0.03, 2, "0.03" }, { 0.034, 2, "0.03" },
        { 0.5, 2, "0.5" }, { 1.26, 2, "1.3" }, { 9.94, 2, "9.9" }, { 9.96, 2, "10" },
        { 12.4, 2, "12" }, { 409, 2, "409" }, { 0.0034, 4, "0.0034" }, { 1.26, 0, "1" },
        { -3, 2, "0" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str text = STR_EMPTY;

        outcome_delay_text(&text, cases[i].seconds, cases[i].limit);
        CHECK_TEXT(text.data, cases[i].text);
    }
}

TEST(senders_name_the_recipient_with_verp)
{
    static const struct { const char *delimiters, *sender, *recipient, *text; } cases[] = {
        { "+=", "list@here.test", "user@dest.test", "list+user=dest.test@here.test" },
        { "-=", "list@here.test", "a+b@dest.test", "list-a+b=dest.test@here.test" },
        { "+=", "list@here.test", "q q@dest.test", "list+\"q q\"=dest.test@here.test" },
        { "+=", "list@here.test", "user", "list+user@here.test" },
        { "+=", "list", "user@dest.test", "list+user=dest.test" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str text = STR_EMPTY;

        verp_sender(&text, cases[i].delimiters, slice_of(cases[i].sender),
                    slice_of(cases[i].recipient));
        CHECK_TEXT(text.data, cases[i].text);
    }
}
