#include "session.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/test.h"
#include "log/log.h"

#include <stdio.h>
#include <unistd.h>

/*
 * A server whose cleanup, queue and DNS are this file: what was submitted is kept for the
 * test to look at.
 */
struct stand_in {
    struct server server;
    const struct config *config;
    char folder[32];
    struct str content;         /* of the last mail */
    struct str recipients;      /* "a@b c@d " */
    struct str received;
    struct str queue_id;
    int64_t flags;
    enum submission_status status;
    const char *text;
    int64_t room;
    unsigned submitted, abandoned;
    enum dns_status dns;
    enum flush_answer flush;
    const char *listed;         /* names that have the address 127.0.0.4 */
    struct str site;            /* that ETRN asked for */
};

static void *submit(void *argument, struct submission *submission)
{
    struct stand_in *in = argument;

    str_clear(&in->content);
    str_clear(&in->recipients);
    for (size_t i = 0; i < submission->envelope.recipients.count; i++)
        str_format(&in->recipients, "%s ", submission->envelope.recipients.items[i].address);
    str_set(&in->received, slice_of(submission->received));
    str_set(&in->queue_id, slice_of(submission->envelope.queue_id));
    in->flags = submission->flags;
    return in;
}

static bool submit_add(void *submitter, struct slice content, UNUSED struct error *error)
{
    str_add(&((struct stand_in *)submitter)->content, content);
    return true;
}

static bool submit_end(void *submitter, UNUSED struct arena *arena,
                       struct submission_reply *answer, UNUSED struct error *error)
{
    struct stand_in *in = submitter;

    in->submitted++;
    answer->status = in->status;
    answer->text = in->text;
    return true;
}

static void submit_abandon(void *submitter)
{
    ((struct stand_in *)submitter)->abandoned++;
}

static int64_t queue_free(void *argument)
{
    return ((struct stand_in *)argument)->room;
}

/* What is listed has an address; of the clients alone it says why. */
static void query(void *argument, const char *name, enum dns_type type, struct arena *arena,
                  struct dns_answer *answer)
{
    struct stand_in *in = argument;
    bool listed = in->listed && strstr(in->listed, name);

    answer->status = in->dns;
    if (!listed || (type == DNS_TXT && *name != '7') || (type != DNS_A && type != DNS_TXT))
        return;
    answer->status = DNS_FOUND;
    answer->count = 1;
    answer->records = arena_take(arena, sizeof(*answer->records));
    answer->records[0].type = type;
    answer->records[0].data = slice_of("why not");

    struct sockaddr_in *address = (struct sockaddr_in *)&answer->records[0].address;

    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(0x7f000004);
}

static enum flush_answer flush_site(void *argument, struct slice site)
{
    struct stand_in *in = argument;

    str_set(&in->site, site);
    return in->flush;
}

static void addresses(UNUSED void *argument, UNUSED const char *host, UNUSED struct arena *arena,
                      struct dns_answer *answer)
{
    answer->status = DNS_NO_DOMAIN;
}

static void wait_seconds(UNUSED void *argument, UNUSED int seconds)
{
}

static const char main_cf[] =
    "compatibility_level = 3.6\n"
    "myhostname = mx.example.test\n"
    "mydomain = example.test\n"
    "myorigin = example.test\n"
    "mydestination = example.test, localhost\n"
    "inet_interfaces = 127.0.0.1\n"
    "inet_protocols = ipv4\n"
    "mynetworks = 127.0.0.0/8\n"
    "alias_maps =\n"
    "local_recipient_maps = inline:{alice=x, bob=x}\n"
    "relay_domains = relay.test\n"
    "virtual_alias_domains = virt.test\n"
    "virtual_alias_maps = inline:{ {ok@virt.test = alice} }\n"
    "virtual_mailbox_domains = vbox.test\n"
    "virtual_mailbox_maps = inline:{ {ok@vbox.test = ok/} }\n"
    "message_size_limit = 1000\n"
    "smtpd_error_sleep_time = 0\n";

/* Settings beside main_cf, one "name = value" a line. */
static struct stand_in *stand_in_new(const char *more)
{
    struct stand_in *in = memory_new(1, sizeof(*in));
    AUTO_STR struct str path = STR_EMPTY;
    struct error error = ERROR_NONE;
    struct table_context tables = { .queue_directory = "", .default_type = "hash" };

    memcpy(in->folder, "/tmp/smtpd-test-XXXXXX", sizeof("/tmp/smtpd-test-XXXXXX"));
    CHECK(mkdtemp(in->folder) != NULL);
    str_format(&path, "%s/main.cf", in->folder);

    FILE *file = fopen(path.data, "w");

    CHECK(file != NULL);
    fprintf(file, "%s%s", main_cf, more);
    fclose(file);
    if (!config_load(&(struct config_request){ .directory = in->folder, .program = "smtpd" },
                     &in->config, &error))
        fail_msg("%s", error.text);
    unlink(path.data);
    rmdir(in->folder);
    in->site = STR_EMPTY;
    in->content = in->recipients = in->received = in->queue_id = STR_EMPTY;
    in->room = INT64_MAX;
    in->text = "";
    in->dns = DNS_NO_DOMAIN;
    in->server.calls = (struct server_calls){ in, submit, submit_add, submit_end, submit_abandon,
                                              queue_free, query, addresses, wait_seconds, NULL,
                                              flush_site, NULL, NULL };
    if (!server_open(&in->server, in->config, &tables, &error))
        fail_msg("%s", error.text);
    return in;
}

static void stand_in_free(struct stand_in *in)
{
    server_close(&in->server);
    config_free(in->config);
    str_free(&in->content);
    str_free(&in->recipients);
    str_free(&in->received);
    str_free(&in->queue_id);
    str_free(&in->site);
    free(in);
}

/* A conversation with a stand-in server. */
struct talk {
    struct stand_in *in;
    struct session *session;
    struct str output, answer;
};

static struct talk *talk_new(struct stand_in *in, const char *address)
{
    struct talk *talk = memory_new(1, sizeof(*talk));
    struct session_client client = {
        .name = "unknown", .reverse_name = "unknown", .address = address, .port = "12345",
        .server_address = "127.0.0.1", .server_port = "25",
        .name_status = DNS_NO_DOMAIN, .reverse_status = DNS_NO_DOMAIN,
        .peer = { .ss_family = AF_INET },
    };

    talk->in = in;
    talk->output = talk->answer = STR_EMPTY;
    talk->session = session_new(&in->server, &client, &talk->output);
    session_greet(talk->session, slice_of(""));
    return talk;
}

static void talk_free(struct talk *talk)
{
    session_free(talk->session);
    str_free(&talk->output);
    str_free(&talk->answer);
    free(talk);
}

/* Say lines that are separated by '|'; a line of content ends in CR LF but for "\\n" at its end. */
static void say(struct talk *talk, const char *text)
{
    struct slice rest = slice_of(text);

    while (rest.length) {
        struct slice line = slice_take_until(&rest, "|");
        bool bare = slice_ends(line, "\n");

        if (bare)
            line.length--;
        switch (session_mode(talk->session)) {
        case SESSION_COMMAND:
            session_obey(talk->session, line, slice_of(""), false);
            break;
        case SESSION_CONTENT:
            session_content(talk->session, line, true, !bare);
            break;
        case SESSION_CHUNK:
            session_chunk(talk->session, line);
            break;
        default:
            return;
        }
    }
}

/* The last line of the output, without its CR LF. */
static const char *last_answer(struct talk *talk)
{
    char *text = talk->output.data;
    size_t length = talk->output.length;

    if (length < 2)
        return text;
    text[length - 2] = '\0';

    char *start = strrchr(text, '\n');

    text[length - 2] = '\r';
    str_set(&talk->answer, slice_of(start ? start + 1 : text));
    str_cut(&talk->answer, talk->answer.length - 2);
    return talk->answer.data;
}

static void check_answer(const char *settings, const char *address, const char *lines,
                         const char *wanted)
{
    struct stand_in *in = stand_in_new(settings);
    struct talk *talk = talk_new(in, address);

    say(talk, lines);
    CHECK_TEXT(last_answer(talk), wanted);
    talk_free(talk);
    stand_in_free(in);
}

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

TEST(policy_controls_relaying_and_knows_its_users)
{
    static const struct { const char *address, *recipient, *answer; } cases[] = {
        { "192.0.2.1", "alice@example.test", "250 2.1.5 Ok" },
        { "192.0.2.1", "zork@example.test", "550 5.1.1 <zork@example.test>: Recipient address "
          "rejected: User unknown in local recipient table" },
        { "192.0.2.1", "postmaster", "250 2.1.5 Ok" },
        { "192.0.2.1", "x@nowhere.test", "454 4.7.1 <x@nowhere.test>: Relay access denied" },
        { "127.0.0.1", "x@nowhere.test", "250 2.1.5 Ok" },
        { "192.0.2.1", "x@sub.relay.test", "250 2.1.5 Ok" },
        { "192.0.2.1", "ok@virt.test", "250 2.1.5 Ok" },
        { "192.0.2.1", "no@virt.test", "550 5.1.1 <no@virt.test>: Recipient address rejected: "
          "User unknown in virtual alias table" },
        { "192.0.2.1", "ok@vbox.test", "250 2.1.5 Ok" },
        { "192.0.2.1", "no@vbox.test", "550 5.1.1 <no@vbox.test>: Recipient address rejected: "
          "User unknown in virtual mailbox table" },
        { "192.0.2.1", "a%nowhere.test@example.test",
          "454 4.7.1 <a%nowhere.test@example.test>: Relay access denied" },
        { "192.0.2.1", "a!b", "454 4.7.1 <a!b>: Relay access denied" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str lines = STR_EMPTY;

        str_format(&lines, "EHLO h|MAIL FROM:<a@b>|RCPT TO:<%s>", cases[i].recipient);
        check_answer("", cases[i].address, lines.data, cases[i].answer);
    }
}

TEST(policy_obeys_access_tables)
{
    static const struct { const char *value, *answer; } cases[] = {
        { "REJECT", "554 5.7.1 <a@b.test>: Sender address rejected: Access denied" },
        { "REJECT go away", "554 5.7.1 <a@b.test>: Sender address rejected: go away" },
        { "REJECT 4.9.9 foo", "554 5.9.9 <a@b.test>: Sender address rejected: foo" },
        { "DEFER", "450 4.7.1 <a@b.test>: Sender address rejected: Access denied" },
        { "450 4.1.2 foo", "450 4.1.8 <a@b.test>: Sender address rejected: foo" },
        { "550 foo", "550 5.7.1 <a@b.test>: Sender address rejected: foo" },
        { "421 bye", "421 4.7.1 <a@b.test>: Sender address rejected: bye" },
        { "555", "250 2.1.5 Ok" },
        { "OK", "250 2.1.5 Ok" },
        { "DUNNO", "250 2.1.5 Ok" },
        { "WARN hey", "250 2.1.5 Ok" },
        { "DEFER_IF_PERMIT", "450 4.7.1 <a@b.test>: Sender address rejected: Service unavailable" },
        { "reject", "554 5.7.1 <a@b.test>: Sender address rejected: Access denied" },
        { "warn_if_reject reject", "250 2.1.5 Ok" },
        { "permit", "250 2.1.5 Ok" },
        { "foo_bar", "451 4.3.5 Server configuration error" },
        { "reject_sender_login_mismatch", "451 4.3.5 Server configuration error" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str settings = STR_EMPTY;

        str_format(&settings, "smtpd_sender_restrictions = check_sender_access "
                   "inline:{ {a@b.test = %s} }\n", cases[i].value);
        check_answer(settings.data, "192.0.2.1",
                     "HELO h|MAIL FROM:<a@b.test>|RCPT TO:<alice@example.test>", cases[i].answer);
    }
}

TEST(policy_hands_effects_to_cleanup)
{
    struct stand_in *in = stand_in_new("smtpd_sender_restrictions = check_sender_access "
                                       "inline:{ {a@b.test = HOLD}, {b@b.test = DISCARD}, "
                                       "{c@b.test = BCC x@y.test} }\n");
    struct talk *talk = talk_new(in, "192.0.2.1");

    say(talk, "HELO h|MAIL FROM:<a@b.test>|RCPT TO:<alice@example.test>|DATA|x|.");
    CHECK(in->flags & SUBMIT_HOLD);
    say(talk, "MAIL FROM:<b@b.test>|RCPT TO:<anybody@nowhere.test>|DATA|x|.");
    CHECK(in->flags & SUBMIT_DISCARD);
    CHECK(!(in->flags & SUBMIT_HOLD));
    say(talk, "MAIL FROM:<c@b.test>|RCPT TO:<alice@example.test>|RCPT TO:<bob@example.test>|"
              "DATA|x|.");
    CHECK_TEXT(in->recipients.data, "alice@example.test bob@example.test x@y.test ");
    talk_free(talk);
    stand_in_free(in);
}

TEST(policy_judges_names)
{
    static const struct { const char *restriction, *lines, *answer; } cases[] = {
        { "reject_invalid_helo_hostname", "HELO -a",
          "501 5.5.2 <-a>: Helo command rejected: Invalid name" },
        { "reject_invalid_helo_hostname", "HELO [1.2.3]",
          "501 5.5.2 <[1.2.3]>: Helo command rejected: invalid ip address" },
        { "reject_invalid_helo_hostname", "HELO [1.2.3.4]", "250 2.1.5 Ok" },
        { "reject_non_fqdn_helo_hostname", "HELO foo",
          "504 5.5.2 <foo>: Helo command rejected: need fully-qualified hostname" },
        { "reject_non_fqdn_helo_hostname", "HELO 1.2.3.4",
          "504 5.5.2 <1.2.3.4>: Helo command rejected: need fully-qualified hostname" },
        { "reject_non_fqdn_helo_hostname", "HELO foo.bar", "250 2.1.5 Ok" },
        { "reject_unknown_client_hostname", "HELO h", "450 4.7.25 Client host rejected: cannot "
          "find your hostname, [192.0.2.1]" },
        { "reject_unknown_sender_domain", "HELO h",
          "450 4.1.8 <a@b.test>: Sender address rejected: Domain not found" },
        { "reject_unauth_pipelining", "HELO h", "250 2.1.5 Ok" },
        { "defer", "HELO h",
          "450 4.3.2 <alice@example.test>: Recipient address rejected: Try again later" },
        { "defer_if_permit", "HELO h", "450 4.7.0 <alice@example.test>: Recipient address "
          "rejected: defer_if_permit requested" },
        { "defer_if_reject, reject", "HELO h", "450 4.7.0 <alice@example.test>: Recipient address "
          "rejected: defer_if_reject requested" },
        { "permit_mynetworks, reject", "HELO h",
          "554 5.7.1 <alice@example.test>: Recipient address rejected: Access denied" },
        { "check_client_access inline:{ {192.0.2 = 550 5.1.1 no} }", "HELO h",
          "550 5.0.0 <unknown[192.0.2.1]>: Client host rejected: no" },
        { "check_helo_access inline:{ {h.test = REJECT} }", "HELO x.h.test",
          "554 5.7.1 <x.h.test>: Helo command rejected: Access denied" },
        { "check_recipient_access inline:{ {alice@ = REJECT} }", "HELO h",
          "554 5.7.1 <alice@example.test>: Recipient address rejected: Access denied" },
        { "check_recipient_access inline:{ {example.test = REJECT} }", "HELO h",
          "554 5.7.1 <alice@example.test>: Recipient address rejected: Access denied" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str settings = STR_EMPTY, lines = STR_EMPTY;

        str_format(&settings, "smtpd_recipient_restrictions = %s\n", cases[i].restriction);
        str_format(&lines, "%s|MAIL FROM:<a@b.test>|RCPT TO:<alice@example.test>",
                   cases[i].lines);
        check_answer(settings.data, "192.0.2.1", lines.data, cases[i].answer);
    }
}

TEST(policy_runs_restriction_classes)
{
    check_answer("smtpd_restriction_classes = strict\n"
                 "strict = permit_mynetworks, reject\n"
                 "smtpd_recipient_restrictions = check_recipient_access "
                 "inline:{ {alice@example.test = strict} }\n", "192.0.2.1",
                 "HELO h|MAIL FROM:<a@b.test>|RCPT TO:<alice@example.test>",
                 "554 5.7.1 <alice@example.test>: Recipient address rejected: Access denied");
}

static bool opens(const char *relay, const char *recipient)
{
    struct stand_in *in = stand_in_new("");
    struct config changed = *in->config;
    struct server other = { .config = &changed, .calls = in->server.calls };
    struct table_context tables = { .queue_directory = "", .default_type = "hash" };
    struct error error = ERROR_NONE;

    changed.smtpd_relay_restrictions = relay;
    changed.smtpd_recipient_restrictions = recipient;

    bool opened = server_open(&other, &changed, &tables, &error);

    CHECK(opened || strstr(error.text, "specify at least one working instance of"));
    server_close(&other);
    stand_in_free(in);
    return opened;
}

TEST(policy_refuses_to_be_an_open_relay)
{
    static const struct { const char *relay, *recipient; bool good; } cases[] = {
        { "permit_mynetworks, reject_unauth_destination", "", true },
        { "", "permit_mynetworks, reject", true },
        { "permit_mynetworks", "", false },
        { "permit, reject", "", false },
        { "", "", false },
        { "warn_if_reject reject", "", false },
        { "", "defer_unauth_destination", true },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(opens(cases[i].relay, cases[i].recipient) == cases[i].good);
}

TEST(a_list_of_bad_clients_is_asked_and_quoted)
{
    static const struct { const char *restriction, *wanted; } cases[] = {
        { "reject_rbl_client bl.test",
          "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using bl.test; why not" },
        { "reject_rbl_client bl.test=127.0.0.[1;3..5]",
          "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using bl.test; why not" },
        { "reject_rbl_client bl.test=127.0.0.3", "250 2.1.5 Ok" },
        { "reject_rbl_client other.test", "250 2.1.5 Ok" },
        { "reject_rbl_client templates.test", "450 4.7.9 go 192.0.2.7 away" },
        { "reject_rhsbl_sender bl.test",
          "554 5.7.1 Service unavailable; Sender address [a@b.test] blocked using bl.test" },
        { "reject_rhsbl_helo bl.test", "250 2.1.5 Ok" },
        { "permit_dnswl_client bl.test, reject", "250 2.1.5 Ok" },
        { "permit_dnswl_client other.test, reject",
          "554 5.7.1 <unknown[192.0.2.7]>: Client host rejected: Access denied" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str settings = STR_EMPTY;

        str_format(&settings, "smtpd_client_restrictions = %s\nrbl_reply_maps = "
                   "inline:{ {templates.test = 450 4.7.9 go $$rbl_what away} }\n",
                   cases[i].restriction);

        struct stand_in *in = stand_in_new(settings.data);
        struct talk *talk = talk_new(in, "192.0.2.7");

        in->listed = "7.2.0.192.bl.test 7.2.0.192.templates.test b.test.bl.test";
        say(talk, "HELO h|MAIL FROM:<a@b.test>|RCPT TO:<alice@example.test>");
        CHECK_TEXT(last_answer(talk), cases[i].wanted);
        talk_free(talk);
        stand_in_free(in);
    }
}

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
