#include "ipc/lane.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

struct fruit {
    const char *name;
    int64_t weight;
};

struct fruit_list {
    struct fruit *items;
    size_t count, capacity;
};

struct basket {
    const char *owner;
    int64_t number;
    struct slice content;
    struct fruit_list fruits;
};

static const struct field fruit_fields[] = {
    TEXT_FIELD(fruit, name),
    NUMBER_FIELD(fruit, weight),
    LAST_FIELD,
};

static const struct field basket_fields[] = {
    TEXT_FIELD(basket, owner),
    NUMBER_FIELD(basket, number),
    BYTES_FIELD(basket, content),
    LIST_FIELD(basket, fruits, fruit),
    LAST_FIELD,
};

static const struct frame_type basket_type = {
    "basket", FRAME_SUBMISSION, sizeof(struct basket), basket_fields,
};

static struct fruit some_fruits[] = { { "apple", 3 }, { "", -4 }, { NULL, INT64_MIN } };

static struct basket some_basket(void)
{
    return (struct basket){ "anna", INT64_MAX, SLICE_LITERAL("a\0b"), { some_fruits, 3, 3 } };
}

/* The frame that stands in output, without its length. */
static struct slice only_frame(const struct str *output)
{
    return slice_from(str_slice(output), 4);
}

TEST(frame_comes_back_as_it_was_written)
{
    AUTO_STR struct str output = STR_EMPTY;
    AUTO_ARENA struct arena *arena = arena_new();
    struct basket sent = some_basket(), got;
    struct error error = ERROR_NONE;

    frame_write(&output, &basket_type, &sent);
    CHECK_NUMBER(output.data[0], 0);
    CHECK_NUMBER(frame_kind(only_frame(&output)), FRAME_SUBMISSION);
    CHECK(frame_read(only_frame(&output), &basket_type, arena, &got, &error));
    CHECK_TEXT(got.owner, "anna");
    CHECK(got.number == INT64_MAX);
    CHECK_NUMBER(got.content.length, 3);
    CHECK(memcmp(got.content.data, "a\0b", 3) == 0);
    CHECK_NUMBER(got.fruits.count, 3);
    CHECK_TEXT(got.fruits.items[0].name, "apple");
    CHECK(got.fruits.items[1].weight == -4);
    CHECK_TEXT(got.fruits.items[2].name, "");
    CHECK(got.fruits.items[2].weight == INT64_MIN);
}

TEST(frame_that_is_cut_anywhere_is_refused)
{
    AUTO_STR struct str output = STR_EMPTY;
    AUTO_ARENA struct arena *arena = arena_new();
    struct basket sent = some_basket(), got;

    frame_write(&output, &basket_type, &sent);
    for (size_t length = 0; length < output.length - 4; length++) {
        struct error error = ERROR_NONE;
        AUTO_FREE char *copy = memory_text(output.data + 4, length);

        CHECK(!frame_read(slice_bytes(copy, length), &basket_type, arena, &got, &error));
        CHECK(error.text[0] != '\0');
    }
}

TEST(frame_with_wrong_parts_is_refused)
{
    static const struct { size_t offset; char byte; const char *text; } cases[] = {
        { 1, 99, "a frame of kind 99 where a basket was expected" },
        { 2, FIELD_BYTES, "a malformed basket: bad or missing field owner" },
        { 7, '\0', "a malformed basket: bad or missing field owner" },
        { 3, 1, "a malformed basket: bad or missing field owner" },
        { 26, 'x', NULL },
        { 33, 100, "a malformed basket: bad or missing field fruits" },
        { 37, FIELD_NUMBER, "a malformed basket: bad or missing field name" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str output = STR_EMPTY;
        AUTO_ARENA struct arena *arena = arena_new();
        struct basket sent = some_basket(), got;
        struct error error = ERROR_NONE;

        frame_write(&output, &basket_type, &sent);
        output.data[4 + cases[i].offset] = cases[i].byte;

        bool read = frame_read(only_frame(&output), &basket_type, arena, &got, &error);

        CHECK(read == (cases[i].text == NULL));
        if (cases[i].text)
            CHECK_TEXT(error.text, cases[i].text);
    }
}

TEST(frame_with_bytes_behind_it_is_refused)
{
    AUTO_STR struct str output = STR_EMPTY;
    AUTO_ARENA struct arena *arena = arena_new();
    struct basket sent = some_basket(), got;
    struct error error = ERROR_NONE;

    frame_write(&output, &basket_type, &sent);
    str_byte(&output, 'x');
    CHECK(!frame_read(only_frame(&output), &basket_type, arena, &got, &error));
    CHECK_TEXT(error.text, "a malformed basket: 1 bytes too many");
}

struct pair {
    struct lane *near, *far;
};

static struct pair make_pair(void)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    return (struct pair){ lane_new(fds[0]), lane_new(fds[1]) };
}

static void close_pair(struct pair *pair)
{
    lane_close(pair->near);
    lane_close(pair->far);
}

static void send_basket(struct lane *lane, int64_t number, struct slice content, int fd)
{
    AUTO_STR struct str output = STR_EMPTY;
    struct basket basket = some_basket();
    struct error error = ERROR_NONE;

    basket.number = number;
    basket.content = content;
    frame_write(&output, &basket_type, &basket);
    CHECK(lane_send(lane, &output, fd, moment_after(5), &error));
}

static int64_t receive_basket(struct lane *lane, int *fd, size_t content_length)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct basket basket;
    struct slice frame;
    struct error error = ERROR_NONE;

    CHECK(lane_receive(lane, &frame, fd, moment_after(5), &error));
    CHECK(frame_read(frame, &basket_type, arena, &basket, &error));
    CHECK_NUMBER(basket.content.length, content_length);
    return basket.number;
}

TEST(lane_gives_frames_in_order)
{
    struct pair pair = make_pair();
    int fd;

    for (int i = 0; i < 10; i++)
        send_basket(pair.near, i, SLICE_LITERAL("xy"), -1);
    for (int i = 0; i < 10; i++) {
        CHECK(receive_basket(pair.far, &fd, 2) == i);
        CHECK_NUMBER(fd, -1);
    }
    close_pair(&pair);
}

TEST(lane_descriptor_stays_with_its_frame)
{
    struct pair pair = make_pair();
    int fd;
    AUTO_CLOSE int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    send_basket(pair.near, 1, SLICE_LITERAL(""), -1);
    send_basket(pair.near, 2, SLICE_LITERAL(""), file);
    send_basket(pair.near, 3, SLICE_LITERAL(""), -1);
    send_basket(pair.near, 4, SLICE_LITERAL(""), file);
    for (int i = 1; i <= 4; i++) {
        CHECK(receive_basket(pair.far, &fd, 0) == i);
        CHECK((fd >= 0) == (i % 2 == 0));
        if (fd >= 0)
            close(fd);
    }
    close_pair(&pair);
}

static void *send_much(void *argument)
{
    struct pair *pair = argument;
    AUTO_FREE char *bytes = memory_new(1, 3000000);

    for (int i = 0; i < 3; i++)
        send_basket(pair->near, i, slice_bytes(bytes, (size_t)i * 1500000), -1);
    return NULL;
}

TEST(lane_carries_frames_larger_than_every_buffer)
{
    struct pair pair = make_pair();
    pthread_t thread;

    pthread_create(&thread, NULL, send_much, &pair);
    for (int i = 0; i < 3; i++)
        CHECK(receive_basket(pair.far, NULL, (size_t)i * 1500000) == i);
    pthread_join(thread, NULL);
    close_pair(&pair);
}

TEST(lane_says_why_nothing_came)
{
    static const struct { const char *bytes; size_t length; int code; } cases[] = {
        { "", 0, EPIPE },
        { "\0\0\0\7\0", 5, EPROTO },
        { "\xff\xff\xff\xff\0\1", 6, EPROTO },
        { "\0\0\0\1x", 5, EPROTO },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair pair = make_pair();
        struct slice frame;
        struct error error = ERROR_NONE;

        CHECK(!lane_receive(pair.far, &frame, NULL, moment_now() + 20, &error));
        CHECK_NUMBER(error.code, ETIMEDOUT);
        assert_int_equal(write(lane_descriptor(pair.near), cases[i].bytes, cases[i].length),
                         cases[i].length);
        shutdown(lane_descriptor(pair.near), SHUT_WR);
        CHECK(!lane_receive(pair.far, &frame, NULL, moment_after(5), &error));
        CHECK_NUMBER(error.code, cases[i].code);
        close_pair(&pair);
    }
}

TEST(lane_send_ends_at_its_deadline)
{
    struct pair pair = make_pair();
    AUTO_STR struct str output = STR_EMPTY;
    struct error error = ERROR_NONE;
    int64_t start = moment_now();

    str_added(&output, (str_reserve(&output, 3000000), 3000000));
    CHECK(!lane_send(pair.near, &output, -1, start + 50, &error));
    CHECK_NUMBER(error.code, ETIMEDOUT);
    CHECK(moment_now() - start >= 50 && moment_now() - start < 2000);
    close_pair(&pair);
}

TEST(lane_is_busy_between_request_and_rest)
{
    struct pair pair = make_pair();

    CHECK(!lane_is_busy(pair.far));
    send_basket(pair.near, 1, SLICE_LITERAL(""), -1);
    send_basket(pair.near, 2, SLICE_LITERAL(""), -1);
    receive_basket(pair.far, NULL, 0);
    lane_rest(pair.far);
    CHECK(lane_is_busy(pair.far));      /* the second one stands in the buffer */
    receive_basket(pair.far, NULL, 0);
    lane_rest(pair.far);
    CHECK(!lane_is_busy(pair.far));
    close_pair(&pair);
}

/* A server that answers count requests on each of its connections, then closes it. */
struct server {
    char folder[64];
    char path[96];
    int listener;
    int connections, count;
    pthread_t thread;
};

static void *serve(void *argument)
{
    struct server *server = argument;

    for (int i = 0; i < server->connections; i++) {
        struct lane *lane = lane_new(accept(server->listener, NULL, NULL));

        for (int j = 0; j < server->count; j++)
            send_basket(lane, receive_basket(lane, NULL, 0) + 1, SLICE_LITERAL(""), -1);
        lane_close(lane);
    }
    return NULL;
}

static void start_server(struct server *server)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(server->folder, sizeof(server->folder), "/tmp/ipc_testXXXXXX");
    CHECK(mkdtemp(server->folder) != NULL);
    snprintf(server->path, sizeof(server->path), "%s/s", server->folder);
    memcpy(address.sun_path, server->path, sizeof(server->path));
    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->listener, 5), 0);
    pthread_create(&server->thread, NULL, serve, server);
}

static void stop_server(struct server *server)
{
    pthread_join(server->thread, NULL);
    close(server->listener);
    unlink(server->path);
    rmdir(server->folder);
}

TEST(lane_pool_tries_again_when_its_idle_lane_was_closed)
{
    struct server server = { .connections = 3, .count = 2 };

    start_server(&server);

    struct lane_pool *pool = lane_pool_new(server.path, 2, 60);

    for (int i = 0; i < 6; i++) {
        AUTO_ARENA struct arena *arena = arena_new();
        struct basket request = { .number = i }, reply;
        struct error error = ERROR_NONE;

        CHECK(lane_pool_call(pool, &basket_type, &request, &basket_type, arena, &reply,
                             moment_after(5), &error));
        CHECK(reply.number == i + 1);
    }
    stop_server(&server);

    struct error error = ERROR_NONE;
    bool reused;
    struct lane *lane = lane_pool_take(pool, &reused, moment_after(5), &error);

    CHECK(lane && reused);
    lane_pool_give(pool, lane, false);
    CHECK(!lane_pool_take(pool, &reused, moment_after(5), &error));
    CHECK_NUMBER(error.code, ENOENT);
    lane_pool_free(pool);
}

TEST(lane_pool_keeps_no_more_than_its_limit)
{
    struct lane_pool *pool = lane_pool_new("/nonexistent", 2, 60);
    struct error error = ERROR_NONE;
    bool reused;
    int far[3];

    for (int i = 0; i < 3; i++) {
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        far[i] = fds[1];
        lane_pool_give(pool, lane_new(fds[0]), true);
    }
    for (int i = 0; i < 2; i++) {
        struct lane *lane = lane_pool_take(pool, &reused, moment_after(5), &error);

        CHECK(lane && reused);
        lane_close(lane);
    }
    CHECK(!lane_pool_take(pool, &reused, moment_after(5), &error));
    for (int i = 0; i < 3; i++)
        close(far[i]);
    lane_pool_free(pool);
}
