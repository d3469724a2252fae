#include "stand_in.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/test.h"

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
        { "reject_sender_login_mismatch", "250 2.1.5 Ok" },
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
    struct server server = { .config = NULL };
    struct table_context tables = { .queue_directory = "", .default_type = "hash" };
    struct error error = ERROR_NONE;
    AUTO_STR struct str settings = STR_EMPTY;

    str_format(&settings, "smtpd_relay_restrictions = %s\nsmtpd_recipient_restrictions = %s\n",
               relay, recipient);

    const struct config *config = stand_in_config(settings.data);
    bool opened = server_open(&server, config, &tables, &error);

    CHECK(opened || strstr(error.text, "specify at least one working instance of"));
    server_close(&server);
    config_free(config);
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
