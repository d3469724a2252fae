#include "base/test.h"
#include "queue/envelope.h"
#include "smtp/esmtp.h"
#include "smtp/reply.h"

TEST(status_is_taken_only_when_well_formed)
{
    static const struct { const char *text, *status, *rest; } cases[] = {
        { "5.1.1 User unknown", "5.1.1", "User unknown" },
        { "4.7.25  x", "4.7.25", "x" },
        { "2.0.0", "2.0.0", "" },
        { "5.123.456 x", "5.123.456", "x" },
        { "3.1.1 x", NULL, "3.1.1 x" },
        { "5.1 x", NULL, "5.1 x" },
        { "5.1.1x", NULL, "5.1.1x" },
        { "5.1234.1 x", NULL, "5.1234.1 x" },
        { "5..1 x", NULL, "5..1 x" },
        { "5.1.", NULL, "5.1." },
        { "", NULL, "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice text = slice_of(cases[i].text);
        char status[STATUS_SIZE] = "";

        CHECK(status_take(&text, status) == (cases[i].status != NULL));
        CHECK_TEXT(status, cases[i].status ? cases[i].status : "");
        CHECK_SLICE(text, cases[i].rest);
    }
}

TEST(reply_of_several_lines_is_one_reply)
{
    struct smtp_reply reply = SMTP_REPLY_EMPTY;

    CHECK(smtp_reply_add(&reply, slice_of("250-mx.example Hello")) == SMTP_REPLY_MORE);
    CHECK(smtp_reply_add(&reply, slice_of("250-SIZE 10240000")) == SMTP_REPLY_MORE);
    CHECK(smtp_reply_add(&reply, slice_of("250 CHUNKING")) == SMTP_REPLY_COMPLETE);
    CHECK_NUMBER(reply.code, 250);
    CHECK_TEXT(reply.status, "");

    struct slice rest = str_slice(&reply.text), line;

    CHECK(smtp_reply_next(&rest, &line));
    CHECK(smtp_reply_next(&rest, &line));
    CHECK_SLICE(line, "SIZE 10240000");
    CHECK(smtp_reply_next(&rest, &line));
    CHECK_SLICE(line, "CHUNKING");
    CHECK(!smtp_reply_next(&rest, &line));
    smtp_reply_free(&reply);
}

TEST(reply_keeps_its_enhanced_status_and_text)
{
    static const struct { const char *line; int code; const char *status; } cases[] = {
        { "550 5.1.1 <x>: unknown", 550, "5.1.1" },
        { "550 4.1.1 class does not fit", 550, "" },
        { "250", 250, "" },
        { "354 go", 354, "" },
        { "421-4.3.2 x", 421, "4.3.2" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct smtp_reply reply = SMTP_REPLY_EMPTY;

        CHECK(smtp_reply_add(&reply, slice_of(cases[i].line)) != SMTP_REPLY_GARBAGE);
        CHECK_NUMBER(reply.code, cases[i].code);
        CHECK_TEXT(reply.status, cases[i].status);
        CHECK_TEXT(reply.text.data, cases[i].line);
        smtp_reply_free(&reply);
    }
}

TEST(reply_without_a_code_is_garbage)
{
    static const char *const lines[] = { "", "25", "hello", "2500 x", "25x x", "250x" };

    for (size_t i = 0; i < COUNT(lines); i++) {
        struct smtp_reply reply = SMTP_REPLY_EMPTY;

        CHECK(smtp_reply_add(&reply, slice_of(lines[i])) == SMTP_REPLY_GARBAGE);
        CHECK_TEXT(reply.text.data, lines[i]);
        smtp_reply_free(&reply);
    }
}

TEST(notify_is_read_and_written)
{
    static const struct { const char *text; bool good; int64_t bits; } cases[] = {
        { "NEVER", true, NOTIFY_NEVER },
        { "success,failure", true, NOTIFY_SUCCESS | NOTIFY_FAILURE },
        { "DELAY", true, NOTIFY_DELAY },
        { "", false, 0 },
        { "NEVER,SUCCESS", false, 0 },
        { "DELAY,DELAY", false, 0 },
        { "FOO", false, 0 },
        { ",DELAY", false, 0 },
    };
    struct str written = STR_EMPTY;

    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t bits = 0;

        CHECK(notify_parse(slice_of(cases[i].text), &bits) == cases[i].good);
        CHECK_NUMBER(bits, cases[i].bits);
    }
    notify_write(&written, NOTIFY_SUCCESS | NOTIFY_DELAY);
    CHECK_TEXT(written.data, "SUCCESS,DELAY");
    str_free(&written);
}

static void count_unknown(void *argument, UNUSED struct slice word)
{
    ++*(int *)argument;
}

TEST(extensions_are_found_whatever_their_case)
{
    int unknown = 0;

    CHECK_NUMBER(extension_list(slice_of("dsn, Etrn silent-discard\tfoo"), count_unknown, &unknown),
                 EXTENSION_DSN | EXTENSION_ETRN | EXTENSION_SILENT);
    CHECK_NUMBER(unknown, 1);
    CHECK_NUMBER(extension_find(slice_of("8bitmime")), EXTENSION_8BITMIME);
}

TEST(parameter_needs_keyword_and_equals_sign)
{
    struct slice value;

    CHECK(parameter_is(slice_of("size=10"), "SIZE", &value));
    CHECK_SLICE(value, "10");
    CHECK(parameter_is(slice_of("SIZE="), "SIZE", &value));
    CHECK_SLICE(value, "");
    CHECK(!parameter_is(slice_of("SIZE"), "SIZE", &value));
    CHECK(!parameter_is(slice_of("SIZEX=1"), "SIZE", &value));
}
