#include "log/log.h"

#include "base/scope.h"
#include "base/test.h"
#include "log/json.h"

#include <stdio.h>

static char last[LOG_LINE_LIMIT + 1];

static void keep(enum log_severity severity, const char *text)
{
    snprintf(last, sizeof(last), "%s|%s", log_severity_name(severity), text);
}

TEST(log_text_shows_no_control_characters)
{
    log_open(&(struct log_settings){ .tag = "t", .sink = keep });
    log_warn("a\r\nb%s", "\x80\xc3\xa4");
    CHECK_TEXT(last, "warn|a??b?\xc3\xa4");
    log_debug("not seen");
    CHECK_TEXT(last, "warn|a??b?\xc3\xa4");
}

TEST(json_has_members_for_what_a_line_says)
{
    static const struct { const char *text, *members; } cases[] = {
        { "hello", "\"message\": \"hello\"" },
        { "a \"b\" \\", "\"message\": \"a \\\"b\\\" \\\\\"" },
        { "statistics: max connection count 2",
          "\"message\": \"statistics: max connection count 2\"" },
        { "985CBAD: removed", "\"queue_id\": \"985CBAD\", \"message\": \"985CBAD: removed\"" },
        { "3Zs9BS2hmqz1q: uid=0 from=<a b>",
          "\"queue_id\": \"3Zs9BS2hmqz1q\", \"fields\": {\"uid\": \"0\", \"from\": "
          "\"a b\"}, \"message\": \"3Zs9BS2hmqz1q: uid=0 from=<a b>\"" },
        { "985CBAD: to=<a@b>, relay=c[1.2.3.4]:25, dsn=2.0.0, status=sent (250 Ok (x))",
          "\"queue_id\": \"985CBAD\", \"fields\": {\"to\": \"a@b\", \"relay\": "
          "\"c[1.2.3.4]:25\", \"dsn\": \"2.0.0\", \"status\": \"sent\", "
          "\"detail\": \"250 Ok (x)\"}, \"message\": \"985CBAD: to=<a@b>, "
          "relay=c[1.2.3.4]:25, dsn=2.0.0, status=sent (250 Ok (x))\"" },
        { "NOQUEUE: reject: RCPT from c[1.2.3.4]: 454 4.7.1 <x>: no; from=<> to=<x> helo=<h>",
          "\"queue_id\": \"NOQUEUE\", \"fields\": {\"from\": \"\", \"to\": \"x\", "
          "\"helo\": \"h\"}, \"message\": \"NOQUEUE: reject: RCPT from c[1.2.3.4]: "
          "454 4.7.1 <x>: no; from=<> to=<x> helo=<h>\"" },
        { "a=<", "\"fields\": {\"a\": \"<\"}, \"message\": \"a=<\"" },
        { "985CBAD: (", "\"queue_id\": \"985CBAD\", \"message\": \"985CBAD: (\"" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str line = STR_EMPTY, wanted = STR_EMPTY;

        json_line(&line, &(struct json_event){ .time = { 86399, 1000 }, .host = "h",
                  .program = "postfix/smtp", .session = 7, .severity = "info",
                  .text = slice_of(cases[i].text) });
        str_format(&wanted, "{\"time\": \"1970-01-01T23:59:59.000001Z\", \"host\": \"h\", "
                   "\"program\": \"postfix/smtp\", \"session\": 7, \"severity\": \"info\", %s}",
                   cases[i].members);
        CHECK_TEXT(line.data, wanted.data);
    }
}
