#include "text.h"

#include "base/test.h"

#include <sys/socket.h>
#include <unistd.h>

/* Pieces: "N" with a line end behind them, "L" without. */
static void check_text(const char *const *pieces, size_t limit, const char *wanted)
{
    int ends[2];
    char got[4096];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);

    struct text text = { .stream = stream_new(ends[0]), .queue_id = "QID",
                         .line_length_limit = limit, .timeout_seconds = 10 };

    text_begin(&text);
    for (; *pieces; pieces++)
        text_put(&text, slice_of(*pieces + 1), (*pieces)[0] == 'N');
    text_end(&text);
    CHECK_NUMBER(stream_flush(text.stream), STREAM_OK);
    stream_close(text.stream);

    ssize_t count = recv(ends[1], got, sizeof(got), MSG_WAITALL);

    CHECK(count >= 0);
    CHECK_SLICE(slice_bytes(got, (size_t)count), wanted);
    close(ends[1]);
}

TEST(text_ends_lines_with_crlf_and_doubles_leading_dots)
{
    static const char *const pieces[] = { "NSubject: x", "N", "N.", "N..a", "Na.b", NULL };

    check_text(pieces, 998, "Subject: x\r\n\r\n..\r\n...a\r\na.b\r\n");
}

TEST(text_joins_parts_of_a_line_and_ends_the_last_one)
{
    static const char *const pieces[] = { "La.", "L.b", "N.c", "Llast", NULL };

    check_text(pieces, 998, "a..b.c\r\nlast\r\n");
}

TEST(text_breaks_long_lines_with_a_blank)
{
    static const char *const pieces[] = { "Nabcdefghijklm", "N1234567890", "N.23456789AB", NULL };

    check_text(pieces, 10, "abcdefghij\r\n klm\r\n1234567890\r\n..23456789A\r\n B\r\n");
    check_text(pieces, 0, "abcdefghijklm\r\n1234567890\r\n..23456789AB\r\n");
}
