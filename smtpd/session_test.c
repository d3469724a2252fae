#include "stand_in.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/test.h"

TEST(session_keeps_commands_in_order)
{
    static const struct { const char *lines, *answer; } cases[] = {
        { "NOOP", "250 2.0.0 Ok" },
        { "RSET x", "501 5.5.4 Syntax: RSET" },
        { "HELO", "501 Syntax: HELO hostname" },
        { "EHLO", "501 Syntax: EHLO hostname" },
        { "HELO h", "250 mx.example.test" },
        { "EHLO h", "250 CHUNKING" },
        { "RCPT TO:<alice@example.test>", "503 5.5.1 Error: need MAIL command" },
        { "MAIL", "501 5.5.4 Syntax: MAIL FROM:<address>" },
        { "MAIL FROM:<a@b>", "250 2.1.0 Ok" },
        { "mail  from:a@b", "250 2.1.0 Ok" },
        { "MAIL FROM :<a@b>", "501 5.5.4 Syntax: MAIL FROM:<address>" },
        { "MAIL FROM:<a@b>SIZE=10", "501 5.1.7 Bad sender address syntax" },
        { "MAIL FROM:<a@b>|MAIL FROM:<a@b>", "503 5.5.1 Error: nested MAIL command" },
        { "MAIL FROM:<>|RCPT", "501 5.5.4 Syntax: RCPT TO:<address>" },
        { "MAIL FROM:<>|RCPT TO:<>", "501 5.1.3 Bad recipient address syntax" },
        { "MAIL FROM:<>|RCPT TO:<alice@example.test>", "250 2.1.5 Ok" },
        { "DATA", "503 5.5.1 Error: need RCPT command" },
        { "MAIL FROM:<>|DATA", "554 5.5.1 Error: no valid recipients" },
        { "MAIL FROM:<>|RCPT TO:<alice>|DATA x", "501 5.5.4 Syntax: DATA" },
        { "MAIL FROM:<>|RCPT TO:<alice>|DATA", "354 End data with <CR><LF>.<CR><LF>" },
        { "FOO", "500 5.5.2 Error: command not recognized" },
        { " ", "500 5.5.2 Error: bad syntax" },
        { "NOOP \xff", "500 5.5.2 Error: bad UTF-8 syntax" },
        { "GET / HTTP/1.0", "221 2.7.0 Error: I can break rules, too. Goodbye." },
        { "Subject: x", "221 2.7.0 Error: I can break rules, too. Goodbye." },
        { ".", "221 2.7.0 Error: I can break rules, too. Goodbye." },
        { "STARTTLS", "502 5.5.1 Error: command not implemented" },
        { "AUTH PLAIN", "503 5.5.1 Error: authentication not enabled" },
        { "XCLIENT NAME=x", "550 5.7.0 Error: insufficient authorization" },
        { "QUIT now", "221 2.0.0 Bye" },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        check_answer("", "127.0.0.1", cases[i].lines, cases[i].answer);
}

TEST(session_checks_the_parameters_of_mail_and_rcpt)
{
    static const struct { const char *lines, *answer; } cases[] = {
        { "MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x", "250 2.1.0 Ok" },
        { "MAIL FROM:<a@b> SIZE=", "501 5.5.4 Bad message size syntax" },
        { "MAIL FROM:<a@b> SIZE=-1", "501 5.5.4 Bad message size syntax" },
        { "MAIL FROM:<a@b> SIZE=1001", "552 5.3.4 Message size exceeds fixed limit" },
        { "MAIL FROM:<a@b> BODY=FOO", "555 5.5.4 Unsupported option: BODY=FOO" },
        { "MAIL FROM:<a@b> RET=X", "501 5.5.4 Bad RET parameter syntax" },
        { "MAIL FROM:<a@b> RET=FULL RET=FULL", "501 5.5.4 Bad RET parameter syntax" },
        { "MAIL FROM:<a@b> ENVID=", "501 5.5.4 Bad ENVID parameter syntax" },
        { "MAIL FROM:<a@b> ENVID=a+zz", "501 5.5.4 Bad ENVID parameter syntax" },
        { "MAIL FROM:<a@b>|RCPT TO:<alice> NOTIFY=",
          "501 5.5.4 Error: Bad NOTIFY parameter syntax" },
        { "MAIL FROM:<a@b>|RCPT TO:<alice> NOTIFY=NEVER,DELAY",
          "501 5.5.4 Error: Bad NOTIFY parameter syntax" },
        { "MAIL FROM:<a@b>|RCPT TO:<alice> ORCPT=x",
          "501 5.5.4 Error: Bad ORCPT parameter syntax" },
        { "MAIL FROM:<a@b>|RCPT TO:<alice> NOTIFY=DELAY ORCPT=rfc822;a+40b", "250 2.1.5 Ok" },
        { "MAIL FROM:<a@b>|RCPT TO:<alice> FOO", "555 5.5.4 Unsupported option: FOO" },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        check_answer("", "127.0.0.1", cases[i].lines, cases[i].answer);
    check_answer("smtpd_discard_ehlo_keywords = dsn\n", "127.0.0.1", "MAIL FROM:<a@b> RET=FULL",
                 "501 5.7.1 DSN support is disabled");
    check_answer("strict_smtputf8 = yes\n", "127.0.0.1", "MAIL FROM:<\xc3\xb6@b>",
                 "553 5.6.7 Must declare SMTPUTF8 to send unicode address");
}

TEST(session_refuses_mail_when_the_disk_is_nearly_full)
{
    struct stand_in *in = stand_in_new("");
    struct talk *talk = talk_new(in, "127.0.0.1");

    in->room = 1499;
    say(talk, "MAIL FROM:<a@b>");
    CHECK_TEXT(last_answer(talk), "452 4.3.1 Insufficient system storage");
    in->room = 1500;
    say(talk, "MAIL FROM:<a@b>");
    CHECK_TEXT(last_answer(talk), "250 2.1.0 Ok");
    talk_free(talk);
    stand_in_free(in);
}

TEST(session_takes_dots_and_ends_content_only_at_its_end)
{
    static const struct { const char *address, *lines, *content; } cases[] = {
        { "192.0.2.1", "Subject: x||..dot|.x|.", "Subject: x\n\n.dot\nx\n" },
        /* A stranger's bare newlines end no content: nothing can hide behind them. */
        { "192.0.2.1", "a\n|.\n|b|.\n|.|c\n|.|d|.", "a\n\nb\n\n\nc\n\nd\n" },
        /* mynetworks is in smtpd_forbid_bare_newline_exclusions. */
        { "127.0.0.1", "a\n|.\n", "a\n" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stand_in *in = stand_in_new("");
        struct talk *talk = talk_new(in, cases[i].address);

        say(talk, "EHLO h|MAIL FROM:<a@b>|RCPT TO:<alice@example.test>|DATA");
        say(talk, cases[i].lines);
        CHECK_TEXT(in->content.data, cases[i].content);
        CHECK_NUMBER(in->submitted, 1);
        CHECK(session_mode(talk->session) == SESSION_COMMAND);
        CHECK(strncmp(last_answer(talk), "250 2.0.0 Ok: queued as ", 24) == 0);
        talk_free(talk);
        stand_in_free(in);
    }
}

TEST(session_rejects_bare_newlines_when_told)
{
    check_answer("smtpd_forbid_bare_newline = reject\n", "192.0.2.1",
                 "MAIL FROM:<a@b>|RCPT TO:<alice@example.test>|DATA|a\n|b|.",
                 "550 5.5.2 mx.example.test Error: bare <LF> received");
}

TEST(session_makes_the_received_header)
{
    struct stand_in *in = stand_in_new("");
    struct talk *talk = talk_new(in, "192.0.2.1");

    say(talk, "EHLO h.test|MAIL FROM:<a@b>|RCPT TO:<alice@example.test>|DATA|x|.");

    struct slice text = str_slice(&in->received);
    AUTO_STR struct str wanted = STR_EMPTY;

    str_format(&wanted, "from h.test (unknown [192.0.2.1])\n\tby mx.example.test (Postfix) with "
               "ESMTP id %s\n\tfor <alice@example.test>; ", in->queue_id.data);
    CHECK(slice_starts(text, wanted.data));
    say(talk, "MAIL FROM:<a@b> SMTPUTF8|RCPT TO:<alice@example.test>|RCPT TO:<bob@example.test>|"
              "DATA|x|.");
    str_clear(&wanted);
    str_format(&wanted, "from h.test (unknown [192.0.2.1])\n\tby mx.example.test (Postfix) with "
               "UTF8SMTP id %s;\n\t", in->queue_id.data);
    CHECK(slice_starts(str_slice(&in->received), wanted.data));
    CHECK_TEXT(in->recipients.data, "alice@example.test bob@example.test ");
    talk_free(talk);
    stand_in_free(in);
}

TEST(session_says_what_cleanup_said)
{
    static const struct { enum submission_status status; const char *text, *answer; } cases[] = {
        { SUBMISSION_TOO_LARGE, "", "552 5.3.4 Error: message file too big" },
        { SUBMISSION_HOPS, "", "554 5.4.0 Error: too many hops" },
        { SUBMISSION_WRITE_ERROR, "", "451 4.3.0 Error: queue file write error" },
        { SUBMISSION_NO_SPACE, "", "452 4.3.1 Error: insufficient system storage" },
        { SUBMISSION_REJECTED, "5.7.1 no such words", "550 5.7.1 no such words" },
        { SUBMISSION_REJECTED, "451 4.7.1 later", "451 4.7.1 later" },
        { SUBMISSION_DEFER, "", "451 4.7.1 Error: service unavailable" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stand_in *in = stand_in_new("");
        struct talk *talk = talk_new(in, "127.0.0.1");

        in->status = cases[i].status;
        in->text = cases[i].text;
        say(talk, "MAIL FROM:<a@b>|RCPT TO:<alice@example.test>|DATA|x|.");
        CHECK_TEXT(last_answer(talk), cases[i].answer);
        talk_free(talk);
        stand_in_free(in);
    }
}

TEST(session_limits_the_size_of_content)
{
    struct stand_in *in = stand_in_new("");
    struct talk *talk = talk_new(in, "127.0.0.1");
    char line[600];

    memset(line, 'x', sizeof(line));
    say(talk, "MAIL FROM:<a@b>|RCPT TO:<alice@example.test>|DATA");
    for (int i = 0; i < 3; i++)
        session_content(talk->session, slice_bytes(line, sizeof(line)), true, true);
    say(talk, ".");
    CHECK_TEXT(last_answer(talk), "552 5.3.4 Error: message file too big");
    CHECK_NUMBER(in->submitted, 0);
    CHECK_NUMBER(in->abandoned, 1);
    talk_free(talk);
    stand_in_free(in);
}

TEST(session_takes_chunks)
{
    static const struct { const char *lines, *answer; } cases[] = {
        { "MAIL FROM:<a@b>|RCPT TO:<alice>|BDAT 3|ab\n", "" },
        { "MAIL FROM:<a@b>|RCPT TO:<alice>|BDAT 5|abcde", "250 2.0.0 Ok: 5 bytes" },
        { "MAIL FROM:<a@b>|RCPT TO:<alice>|BDAT 5|abcde|DATA",
          "503 5.5.1 Error: DATA after BDAT" },
        { "MAIL FROM:<a@b>|RCPT TO:<alice>|BDAT 5|abcde|RCPT TO:<bob>",
          "503 5.5.1 Error: RCPT after BDAT" },
        { "BDAT 3|abc|MAIL FROM:<>", "503 5.5.1 Error: MAIL after BDAT" },
        { "MAIL FROM:<>|BDAT 3|abc|BDAT 3 LAST",
          "551 5.0.0 Discarded 3 bytes after earlier error" },
        { "MAIL FROM:<>|BDAT 3|abc|BDAT 3 LAST|abc|MAIL FROM:<>", "250 2.1.0 Ok" },
        { "BDAT", "521 5.5.4 Syntax: BDAT count [LAST]" },
        { "BDAT 5 FOO", "521 5.5.4 Syntax: BDAT count [LAST]" },
        { "BDAT 0", "551 5.7.1 Null BDAT request" },
        { "BDAT 1", "503 5.5.1 Error: need RCPT command" },
        { "MAIL FROM:<>|BDAT 1", "554 5.5.1 Error: no valid recipients" },
        { "MAIL FROM:<>|RCPT TO:<alice>|BDAT 1001", "552 5.3.4 Chunk exceeds message size limit" },
    };

    for (size_t i = 1; i < COUNT(cases); i++)
        check_answer("", "127.0.0.1", cases[i].lines, cases[i].answer);
}

TEST(session_joins_line_ends_across_chunks)
{
    struct stand_in *in = stand_in_new("");
    struct talk *talk = talk_new(in, "127.0.0.1");

    say(talk, "EHLO h|MAIL FROM:<a@b>|RCPT TO:<alice@example.test>|BDAT 3|ab\r|BDAT 9 LAST");
    session_chunk(talk->session, slice_bytes("\n\rx\r\r\n.\r", 8));
    session_chunk(talk->session, slice_bytes("y", 1));
    CHECK_TEXT(in->content.data, "ab\n\rx\r\n.\ry\n");
    CHECK(strncmp(last_answer(talk), "250 2.0.0 Ok: 14 bytes queued as ", 33) == 0);
    talk_free(talk);
    stand_in_free(in);
}

TEST(session_sends_away_who_makes_too_many_errors)
{
    struct stand_in *in = stand_in_new("");
    struct talk *talk = talk_new(in, "127.0.0.1");

    for (int i = 0; i < 19; i++)
        say(talk, "FOO");
    CHECK(session_mode(talk->session) == SESSION_COMMAND);
    say(talk, "FOO");
    CHECK(session_mode(talk->session) == SESSION_OVER);
    CHECK_TEXT(last_answer(talk), "421 4.7.0 mx.example.test Error: too many errors");
    talk_free(talk);
    talk = talk_new(in, "127.0.0.1");
    for (int i = 0; i < 120; i++)
        say(talk, "NOOP");
    CHECK(session_mode(talk->session) == SESSION_COMMAND);
    say(talk, "NOOP");
    CHECK(session_mode(talk->session) == SESSION_OVER);
    talk_free(talk);
    stand_in_free(in);
}

TEST(session_limits_recipients)
{
    check_answer("smtpd_recipient_limit = 2\n", "127.0.0.1",
                 "MAIL FROM:<>|RCPT TO:<alice>|RCPT TO:<alice>|RCPT TO:<alice>",
                 "452 4.5.3 Error: too many recipients");
}

TEST(session_forbids_pipelining_that_is_not_allowed)
{
    static const struct { const char *before, *line; bool forbidden; } cases[] = {
        { "EHLO h", "MAIL FROM:<a@b>", false },
        { "EHLO h", "NOOP", true },
        { "EHLO h", "QUIT", false },
        { "HELO h", "MAIL FROM:<a@b>", true },
        { "", "EHLO h", true },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stand_in *in = stand_in_new("");
        struct talk *talk = talk_new(in, "127.0.0.1");

        say(talk, cases[i].before);
        session_obey(talk->session, slice_of(cases[i].line), slice_of("RSET\r\n"), false);

        bool forbidden = !strcmp(last_answer(talk),
                                 "554 5.5.0 Error: SMTP protocol synchronization");

        CHECK(forbidden == cases[i].forbidden);
        talk_free(talk);
        stand_in_free(in);
    }
}

/* --- Policy. ---------------------------------------------------------------------- */

TEST(etrn_asks_the_flush_service_for_domains_that_it_serves)
{
    static const struct { const char *line; enum flush_answer flush; const char *wanted, *site; }
    cases[] = {
        { "ETRN relay.test", FLUSH_STARTED, "250 Queuing started", "relay.test" },
        { "ETRN @relay.test", FLUSH_STARTED, "250 Queuing started", "relay.test" },
        { "ETRN relay.test", FLUSH_TROUBLE, "458 Unable to queue messages", "relay.test" },
        { "ETRN relay.test", FLUSH_BAD_SITE, "501 Error: invalid parameter syntax", "relay.test" },
        { "ETRN relay.test", FLUSH_NOT_SERVED, "459 <relay.test>: service unavailable",
          "relay.test" },
        { "ETRN other.test", FLUSH_STARTED, "459 <other.test>: service unavailable", "" },
        { "ETRN [x]", FLUSH_STARTED, "501 Error: invalid parameter syntax", "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stand_in *in = stand_in_new("fast_flush_domains = relay.test\n");
        struct talk *talk = talk_new(in, "192.0.2.1");

        in->flush = cases[i].flush;
        say(talk, cases[i].line);
        CHECK_TEXT(last_answer(talk), cases[i].wanted);
        CHECK_TEXT(in->site.data, cases[i].site);
        talk_free(talk);
        stand_in_free(in);
    }
}
