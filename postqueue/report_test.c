#include "base/test.h"

#include "base/scope.h"
#include "report.h"

/* What a listing looks like for an answer of showq, given in pieces of a size. */
static bool show(enum report_style style, struct slice answer, size_t piece, struct str *text,
                 struct error *error)
{
    char *bytes = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&bytes, &length);
    struct report *report = report_new(style, file);
    bool good = true;

    for (size_t i = 0; good && i < answer.length; i += piece)
        good = report_feed(report, slice_part(answer, i, piece), error);
    good = good && report_end(report, error);
    report_free(report);
    fclose(file);
    str_clear(text);
    str_bytes(text, bytes, length);
    free(bytes);
    return good;
}

#define START "protocol\0mail_queue_list_protocol\0\0"
#define MESSAGE "queue_name\0hold\0queue_id\0AB12\0time\0" "0\0size\0" "2047\0" \
                "forced_expire\0" "1\0" \
                "sender\0a\"b@x\0recipient\0r1@y\0reason\0why\0recipient\0r2@y\0\0"

TEST(a_listing_is_the_same_however_the_answer_comes)
{
    static const char answer[] = START MESSAGE;
    AUTO_STR struct str text = STR_EMPTY;
    struct error error;

    setenv("TZ", "UTC", 1);
    for (size_t piece = 1; piece < sizeof(answer); piece += 7) {
        CHECK(show(REPORT_SHORT, slice_bytes(answer, sizeof(answer)), piece, &text, &error));
        CHECK_TEXT(text.data,
                   "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n"
                   "AB12!#         2047 Thu Jan  1 00:00:00  a\"b@x\n"
                   "                                         "
                   "                                (why)\n"
                   "                                         r1@y\n"
                   "                                         "
                   "                 (reason unavailable)\n"
                   "                                         r2@y\n"
                   "\n-- 1 Kbytes in 1 Request.\n");
        CHECK(show(REPORT_JSON, slice_bytes(answer, sizeof(answer)), piece, &text, &error));
        CHECK_TEXT(text.data,
                   "{\"queue_name\": \"hold\", \"queue_id\": \"AB12\", \"arrival_time\": 0, "
                   "\"message_size\": 2047, \"forced_expire\": true, \"sender\": \"a\\\"b@x\", "
                   "\"recipients\": [{\"address\": \"r1@y\", \"delay_reason\": \"why\"}, "
                   "{\"address\": \"r2@y\"}]}\n");
    }
}

TEST(an_empty_queue_says_so)
{
    static const char answer[] = START;
    AUTO_STR struct str text = STR_EMPTY;
    struct error error;

    CHECK(show(REPORT_LONG, slice_bytes(answer, sizeof(answer)), 100, &text, &error));
    CHECK_TEXT(text.data, "Mail queue is empty\n");
}

TEST(an_answer_that_makes_no_sense_is_refused)
{
    static const char *const answers[] = { "", "HTTP/1.0 200 OK", "protocol", "queue_id" };
    static const char cut[] = START "queue_name\0hold\0";
    static const char odd[] = START "queue_name\0hold\0colour\0red\0\0";
    static const char number[] = START "size\0many\0\0";
    AUTO_STR struct str text = STR_EMPTY;
    struct error error;

    for (size_t i = 0; i < COUNT(answers); i++)
        CHECK(!show(REPORT_JSON, slice_bytes(answers[i], strlen(answers[i]) + 1), 4, &text,
                    &error));
    CHECK(!show(REPORT_JSON, slice_bytes(cut, sizeof(cut) - 1), 4, &text, &error));
    CHECK(!show(REPORT_JSON, slice_bytes(odd, sizeof(odd)), 4, &text, &error));
    CHECK(!show(REPORT_JSON, slice_bytes(number, sizeof(number)), 4, &text, &error));
}
