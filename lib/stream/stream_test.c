#include "stream/stream.h"
#include "stream/stream_pool.h"

#include "base/scope.h"
#include "base/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

/* A stream, and the other end of its socket. */
struct pair {
    struct stream *stream;
    int far;
};

static struct pair pair_new(void)
{
    int ends[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);

    struct pair pair = { stream_new(ends[0]), ends[1] };

    stream_set_deadline(pair.stream, moment_now() + 5000);
    return pair;
}

static void pair_free(struct pair *pair)
{
    stream_close(pair->stream);
    if (pair->far >= 0)
        close(pair->far);
}

static void say(const struct pair *pair, const char *text)
{
    CHECK(write(pair->far, text, strlen(text)) == (ssize_t)strlen(text));
}

TEST(stream_gives_lines_of_both_line_ends)
{
    static const struct { const char *text; bool crlf; } wanted[] = {
        { "one", true }, { "two", false }, { "", true }, { "th\rree\r", true }, { "", false },
    };
    struct pair pair = pair_new();

    say(&pair, "one\r\ntwo\n\r\nth\rree\r\r\n\nrest");
    for (size_t i = 0; i < COUNT(wanted); i++) {
        struct slice line;
        bool crlf;

        CHECK(stream_line(pair.stream, 100, &line, &crlf) == STREAM_OK);
        CHECK_SLICE(line, wanted[i].text);
        CHECK(crlf == wanted[i].crlf);
    }
    CHECK(!stream_has_line(pair.stream));
    CHECK_SLICE(stream_peek(pair.stream), "rest");
    pair_free(&pair);
}

TEST(stream_gives_long_lines_in_parts)
{
    static const struct { enum stream_result result; const char *text; } wanted[] = {
        { STREAM_OK, "12345" },
        { STREAM_TOO_LONG, "12345" }, { STREAM_OK, "6" },
        { STREAM_TOO_LONG, "abcde" }, { STREAM_TOO_LONG, "fghij" }, { STREAM_OK, "k" },
        { STREAM_OK, "x" },
    };
    struct pair pair = pair_new();

    say(&pair, "12345\r\n123456\nabcdefghijk\r\nx\n");
    for (size_t i = 0; i < COUNT(wanted); i++) {
        struct slice line;

        CHECK(stream_line(pair.stream, 5, &line, NULL) == wanted[i].result);
        CHECK_SLICE(line, wanted[i].text);
    }
    pair_free(&pair);
}

TEST(stream_keeps_what_came_before_a_line_was_complete)
{
    struct pair pair = pair_new();
    struct slice line;

    say(&pair, "EH");
    CHECK(stream_fill(pair.stream) == STREAM_OK);
    CHECK(!stream_has_line(pair.stream));
    CHECK(stream_fill(pair.stream) == STREAM_OK);
    say(&pair, "LO a\r");
    CHECK(stream_fill(pair.stream) == STREAM_OK);
    say(&pair, "\n");
    CHECK(stream_line(pair.stream, 2048, &line, NULL) == STREAM_OK);
    CHECK_SLICE(line, "EHLO a");
    stream_rest(pair.stream);
    CHECK(stream_buffered(pair.stream) == 0);
    pair_free(&pair);
}

TEST(stream_ends_a_wait_at_its_deadline)
{
    struct pair pair = pair_new();
    struct slice line;
    int64_t before = moment_now();

    say(&pair, "no line end");
    stream_set_deadline(pair.stream, before + 60);
    CHECK(stream_line(pair.stream, 100, &line, NULL) == STREAM_TIMEOUT);
    CHECK(moment_now() - before >= 50 && moment_now() - before < 3000);
    CHECK(stream_line(pair.stream, 100, &line, NULL) == STREAM_TIMEOUT);
    pair_free(&pair);
}

TEST(stream_says_when_the_other_side_is_gone)
{
    struct pair pair = pair_new();
    struct slice line;

    say(&pair, "last\n");
    close(pair.far);
    pair.far = -1;
    CHECK(stream_line(pair.stream, 100, &line, NULL) == STREAM_OK);
    CHECK(stream_line(pair.stream, 100, &line, NULL) == STREAM_CLOSED);
    CHECK(stream_fill(pair.stream) == STREAM_CLOSED);
    stream_write(pair.stream, SLICE_LITERAL("x"));
    CHECK(stream_flush(pair.stream) == STREAM_CLOSED);
    CHECK(stream_errno(pair.stream) == EPIPE);
    pair_free(&pair);
}

TEST(stream_waits_a_moment_and_keeps_what_it_was_told)
{
    struct pair pair = pair_new();
    struct slice line;

    CHECK(!stream_wait(pair.stream, 5));
    say(&pair, "NOOP\n");
    CHECK(stream_wait(pair.stream, 5));
    CHECK(stream_has_line(pair.stream));
    CHECK(stream_line(pair.stream, 100, &line, NULL) == STREAM_OK);
    CHECK_SLICE(line, "NOOP");
    close(pair.far);
    pair.far = -1;
    CHECK(stream_wait(pair.stream, 5));
    CHECK(stream_fill(pair.stream) == STREAM_CLOSED);
    CHECK(stream_line(pair.stream, 100, &line, NULL) == STREAM_CLOSED);
    pair_free(&pair);
}

TEST(stream_waits_until_its_deadline_when_the_socket_gives_up_sooner)
{
    struct pair pair = pair_new();
    struct slice line;
    int64_t before = moment_now();

    CHECK(!stream_wait(pair.stream, 5));
    stream_set_deadline(pair.stream, before + 80);
    CHECK(stream_line(pair.stream, 100, &line, NULL) == STREAM_TIMEOUT);
    CHECK(moment_now() - before >= 80 && moment_now() - before < 3000);
    pair_free(&pair);
}

TEST(stream_writes_at_the_flush)
{
    struct pair pair = pair_new();
    char got[64];

    stream_write(pair.stream, SLICE_LITERAL("250-"));
    stream_format(pair.stream, "%s %d\r\n", "SIZE", 10);
    CHECK(recv(pair.far, got, sizeof(got), MSG_DONTWAIT) < 0);
    CHECK(stream_flush(pair.stream) == STREAM_OK);
    CHECK(recv(pair.far, got, sizeof(got), 0) == 13);
    CHECK_SLICE(slice_bytes(got, 13), "250-SIZE 10\r\n");
    pair_free(&pair);
}

TEST(stream_write_gives_up_at_the_deadline)
{
    struct pair pair = pair_new();
    AUTO_STR struct str block = STR_EMPTY;

    memset(str_reserve(&block, 1 << 20), 'x', 1 << 20);
    str_added(&block, 1 << 20);
    stream_set_deadline(pair.stream, moment_now() + 50);
    for (int i = 0; i < 8; i++)
        stream_write(pair.stream, str_slice(&block));
    CHECK(stream_flush(pair.stream) == STREAM_TIMEOUT);
    pair_free(&pair);
}

TEST(stream_reads_much_content_in_pieces)
{
    struct pair pair = pair_new();
    size_t total = 0;

    for (int i = 0; i < 40; i++) {
        char block[1000];

        memset(block, 'a', sizeof(block));
        CHECK(write(pair.far, block, sizeof(block)) == sizeof(block));
    }
    shutdown(pair.far, SHUT_WR);
    for (;;) {
        struct slice bytes;
        enum stream_result result = stream_read(pair.stream, 700, &bytes);

        if (result == STREAM_CLOSED)
            break;
        CHECK(result == STREAM_OK && bytes.length >= 1 && bytes.length <= 700);
        total += bytes.length;
    }
    CHECK_NUMBER(total, 40000);
    pair_free(&pair);
}

static struct stream *some_stream(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        fail_msg("socketpair: %m");
    close(ends[1]);
    return stream_new(ends[0]);
}

TEST(a_pool_hands_out_a_connection_again_until_it_is_spent)
{
    struct stream_pool *pool = stream_pool_new(&(struct stream_limits){ 100, 100, 2 });
    struct pooled_stream *first = stream_pool_add(pool, some_stream());

    CHECK(!stream_pool_take(pool));
    stream_pool_give(pool, first, true);
    CHECK(stream_pool_take(pool) == first);
    CHECK(!stream_pool_take(pool));
    stream_pool_give(pool, first, true);    /* the second request was the last */
    CHECK(!stream_pool_take(pool));
    stream_pool_give(pool, stream_pool_add(pool, some_stream()), false);
    CHECK(!stream_pool_take(pool));
    stream_pool_give(pool, stream_pool_add(pool, some_stream()), true);
    stream_pool_free(pool);
}

TEST(a_pool_hands_out_no_connection_that_is_too_old)
{
    const struct stream_limits rows[] = { { 0, 100, 0 }, { 100, 0, 0 } };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct stream_pool *pool = stream_pool_new(&rows[i]);

        stream_pool_give(pool, stream_pool_add(pool, some_stream()), true);
        CHECK(!stream_pool_take(pool));
        stream_pool_free(pool);
    }
}
