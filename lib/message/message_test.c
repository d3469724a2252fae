#include "base/scope.h"
#include "base/test.h"
#include "message/date.h"
#include "message/header.h"

TEST(headers_begin_with_a_name_and_a_colon)
{
    static const struct { const char *line; bool begins; } cases[] = {
        { "Subject: x", true },      { "X-e:", true },         { "Name : x", true },
        { "Name\t: x", true },       { "not a header", false }, { "a b: c", false },
        { ": x", false },            { "", false },            { " folded: x", false },
        { "S\xc3\xbc: a", false },   { "A:b:c", true },        { "Name", false },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_NUMBER(header_begins(slice_of(cases[i].line)), cases[i].begins);
}

TEST(a_header_is_a_name_and_a_value)
{
    struct header header;

    CHECK(header_parse(slice_of("reSENT-to : a,\n\tb"), &header));
    CHECK_SLICE(header.name, "reSENT-to");
    CHECK_SLICE(header.value, " a,\n\tb");
    CHECK_NUMBER(header.id, HEADER_RESENT_TO);
    CHECK(header.flags & HEADER_RECIPIENTS && header.flags & HEADER_RESENT
          && header.flags & HEADER_EXTRACT);
    CHECK(header_parse(slice_of("X-Other:"), &header));
    CHECK_NUMBER(header.id, HEADER_OTHER);
    CHECK_SLICE(header.value, "");
    CHECK(!header_parse(slice_of("no header"), &header));
}

TEST(content_headers_are_mime_headers)
{
    struct header header;

    CHECK(header_parse(slice_of("Content-Disposition: inline"), &header));
    CHECK(header.flags & HEADER_MIME);
    CHECK(header_parse(slice_of("MIME-Version: 1.0"), &header));
    CHECK(header.flags & HEADER_MIME);
    CHECK(header_parse(slice_of("Content-Length: 5"), &header));
    CHECK(!(header.flags & HEADER_MIME));
}

TEST(every_known_name_is_found_again)
{
    for (enum header_id id = HEADER_OTHER + 1; id < HEADER_COUNT; id++)
        CHECK_NUMBER(header_find(slice_of(header_name(id))), id);
    CHECK_NUMBER(header_find(slice_of("")), HEADER_OTHER);
}

TEST(only_names_that_need_it_are_quoted)
{
    static const struct { const char *name, *phrase; } cases[] = {
        { "Jane Doe", "Jane Doe" },
        { "J. Doe", "\"J. Doe\"" },
        { "Joe (x) \"Q\" \\D.", "\"Joe (x) \\\"Q\\\" \\\\D.\"" },
        { "Jos\xc3\xa9", "Jos\xc3\xa9" },
        { "two\nlines", "\"two lines\"" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str phrase = STR_EMPTY;

        header_phrase(&phrase, slice_of(cases[i].name));
        CHECK_TEXT(phrase.data, cases[i].phrase);
    }
}

TEST(dates_are_those_of_rfc_5322)
{
    AUTO_STR struct str text = STR_EMPTY;
    char *zone = getenv("TZ") ? strdup(getenv("TZ")) : NULL;

    setenv("TZ", "NST3:30", 1);
    tzset();
    message_date(&text, 1795329017);
    CHECK_TEXT(text.data, "Sun, 22 Nov 2026 03:00:17 -0330 (NST)");
    setenv("TZ", "UTC0", 1);
    tzset();
    str_clear(&text);
    message_date(&text, 951782400);
    CHECK_TEXT(text.data, "Tue, 29 Feb 2000 00:00:00 +0000 (UTC)");
    str_clear(&text);
    message_stamp(&text, 1795329017);
    CHECK_TEXT(text.data, "20261122063017");
    zone ? setenv("TZ", zone, 1) : unsetenv("TZ");
    free(zone);
}
