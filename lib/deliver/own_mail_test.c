#include "deliver/own_mail.h"
#include "deliver/postmaster.h"

#include "base/scope.h"
#include "base/test.h"

static const struct config config = {
    .myhostname = "mail.example", .mail_name = "Postfix", .double_bounce_sender = "double-bounce",
    .error_notice_recipient = "post master@example", .internal_mail_filter_classes = "notify",
    .header_from_format = "standard",
};

TEST(lines_are_broken_at_blanks_before_column_80)
{
    static const struct { const char *prefix, *text, *lines; } cases[] = {
        { "", "short", "short\n" },
        { "", "", "" },
        { "", "Diagnostic-Code: X-Postfix; unable to look up host long.test: Name or service not "
              "known", "Diagnostic-Code: X-Postfix; unable to look up host long.test: Name or "
                       "service\n    not known\n" },
        { " ", "In:  501 long word long word long word long word long word long word long word "
               "x", " In:  501 long word long word long word long word long word long word long "
                    "word\n     x\n" },
        { " ", "In:  x23456789012345678901234567890123456789012345678901234567890123456789012345 y",
          " In:\n     x23456789012345678901234567890123456789012345678901234567890123456789012345"
          "\n     y\n" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str text = STR_EMPTY;

        own_mail_wrap(&text, cases[i].prefix, slice_of(cases[i].text));
        CHECK_TEXT(text.data, cases[i].lines);
    }
}

TEST(the_classes_of_notices_are_told_apart)
{
    CHECK_NUMBER(postmaster_classes("resource, software"), NOTIFY_RESOURCE | NOTIFY_SOFTWARE);
    CHECK_NUMBER(postmaster_classes("Protocol 2bounce,policy"), NOTIFY_PROTOCOL | NOTIFY_POLICY);
    CHECK_NUMBER(postmaster_classes("bounce delay data"), NOTIFY_BOUNCE | NOTIFY_DATA);
    CHECK(own_mail_flags(&config, "notify") & SUBMIT_FILTER);
    CHECK(!(own_mail_flags(&config, "bounce") & SUBMIT_FILTER));
}

TEST(a_notice_goes_to_the_postmaster_and_does_not_bounce)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct submission submission = { 0 };

    postmaster_fill(&submission, &config, arena);
    CHECK_TEXT(submission.envelope.sender, "double-bounce@mail.example");
    CHECK_NUMBER(submission.envelope.recipients.count, 1);
    CHECK_TEXT(submission.envelope.recipients.items[0].address, "post master@example");
    CHECK(slice_starts(slice_of(submission.received), "by mail.example (Postfix)\n\tid "));
    CHECK(*submission.envelope.queue_id);
}

TEST(a_transcript_has_a_limit_and_shows_no_control_characters)
{
    AUTO_STR struct str transcript = STR_EMPTY;

    postmaster_transcribe(&transcript, "In:  ", SLICE_LITERAL("501 a\001b"));
    CHECK_TEXT(transcript.data, " In:  501 a?b\n");
    for (int i = 0; i < 10000; i++)
        postmaster_transcribe(&transcript, "Out: ", SLICE_LITERAL("NOOP and more of it"));
    CHECK(transcript.length > 60000 && transcript.length < 70000);
}

TEST(only_a_server_says_why_a_session_was_aborted)
{
    AUTO_STR struct str client = STR_EMPTY, server = STR_EMPTY;
    struct postmaster_notice notice = {
        .program = "SMTP client", .peer = "mx[192.0.2.1]:25", .opening = "Odd.",
        .transcript = SLICE_LITERAL(" In:  x\n"),
    };

    postmaster_write(&client, &config, &notice);
    CHECK(strstr(client.data, "\nTo: Postmaster <\"post master\"@example>\nSubject: Postfix SMTP "
                              "client: errors from mx[192.0.2.1]:25\n\nOdd.\n\nTranscript of "
                              "session follows.\n\n In:  x\n\nFor other details"));
    notice.opening = "";
    notice.aborted = "timeout";
    postmaster_write(&server, &config, &notice);
    CHECK(strstr(server.data, " In:  x\n\nSession aborted, reason: timeout\n\nFor other details"));
}
