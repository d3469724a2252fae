#include "body.h"

#include "base/scope.h"
#include "base/test.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* A queue file that holds only content records of the pieces; NULL ends them. */
static int make_content(const char *const *pieces, int64_t *length)
{
    int fd = memfd_create("content", MFD_CLOEXEC);
    struct str bytes = STR_EMPTY;

    for (; *pieces; pieces++) {
        size_t size = strlen(*pieces) - 1;

        str_byte(&bytes, (*pieces)[0]);
        for (size_t left = size;; left >>= 7) {
            str_byte(&bytes, (char)((left & 127) | (left > 127 ? 128 : 0)));
            if (left <= 127)
                break;
        }
        str_bytes(&bytes, *pieces + 1, size);
    }
    str_bytes(&bytes, "X", 2);      /* the record that ends the content, without data */
    CHECK(write(fd, bytes.data, bytes.length) == (ssize_t)bytes.length);
    *length = (int64_t)bytes.length;
    str_free(&bytes);
    return fd;
}

static void check_body(const char *const *pieces, int limit, const char *wanted)
{
    struct body_settings settings = { limit, 10, "QID" };
    int64_t length;
    int fd = make_content(pieces, &length), ends[2];
    struct content *content = content_new(fd, 0, length);
    struct error error = ERROR_NONE;
    char got[4096];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);

    struct stream *stream = stream_new(ends[0]);

    CHECK_NUMBER(body_write(stream, content, &settings, &error), BODY_WRITTEN);
    CHECK_NUMBER(stream_flush(stream), STREAM_OK);
    stream_close(stream);

    ssize_t count = recv(ends[1], got, sizeof(got), MSG_WAITALL);

    CHECK(count >= 0);
    CHECK_SLICE(slice_bytes(got, (size_t)count), wanted);
    close(ends[1]);
    content_free(content);
    close(fd);
}

TEST(body_ends_lines_with_crlf_and_doubles_leading_dots)
{
    static const char *const pieces[] = { "NSubject: x", "N", "N.", "N..a", "Na.b", NULL };

    check_body(pieces, 998, "Subject: x\r\n\r\n..\r\n...a\r\na.b\r\n");
}

TEST(body_joins_parts_of_a_line_and_ends_the_last_one)
{
    static const char *const pieces[] = { "La.", "L.b", "N.c", "Llast", NULL };

    check_body(pieces, 998, "a..b.c\r\nlast\r\n");
}

TEST(body_breaks_long_lines_with_a_blank)
{
    static const char *const pieces[] = { "Nabcdefghijklm", "N1234567890", "N.23456789AB", NULL };

    check_body(pieces, 10, "abcdefghij\r\n klm\r\n1234567890\r\n..23456789A\r\n B\r\n");
    check_body(pieces, 0, "abcdefghijklm\r\n1234567890\r\n..23456789AB\r\n");
}
