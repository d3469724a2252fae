#include "service/process.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/test.h"
#include "log/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { CLIENTS = 24, ROUNDS = 20, LINE_LIMIT = 100 };

/* --- A process of the skeleton, inside the test. ---------------------------------------- */

struct fixture {
    struct process process;
    struct service service;
    char folder[64];
    struct sockaddr_un address;
    int master;             /* our end of its control socket */
    pthread_t thread;
    atomic_int greeted, left, closed, expired;
};

static void *run_process(void *argument)
{
    struct process *process = argument;

    serve_pool(process);
    return NULL;
}

static void open_listener(struct fixture *fixture)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/service_testXXXXXX");
    CHECK(mkdtemp(fixture->folder) != NULL);
    fixture->address.sun_family = AF_UNIX;
    snprintf(fixture->address.sun_path, sizeof(fixture->address.sun_path), "%s/s",
             fixture->folder);
    assert_int_equal(bind(fd, (struct sockaddr *)&fixture->address, sizeof(fixture->address)), 0);
    assert_int_equal(listen(fd, CLIENTS), 0);
    fixture->process.listeners[0] = fd;
}

static void start_process(struct fixture *fixture, int slots)
{
    struct process *process = &fixture->process;
    int pair[2];
    sigset_t none;

    log_open(&(struct log_settings){ .tag = "test" });
    sigemptyset(&none);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    open_listener(fixture);
    fixture->master = pair[0];
    process->control = pair[1];
    process->service = &fixture->service;
    process->page = page_open(-1);
    process->signals = signalfd(-1, &none, SFD_CLOEXEC | SFD_NONBLOCK);
    process->options = (struct options){ .type = LISTENER_UNIX, .listener_count = 1,
                                         .slots = slots };
    process->settings.max_idle_seconds = 100;
    process->settings.max_use = 1000;
    process->context = (struct service_context){ .state = fixture, .internal = process };
    atomic_store(&process->page->slots, (unsigned)slots);
    pthread_create(&fixture->thread, NULL, run_process, process);
}

static void end_process(struct fixture *fixture)
{
    pthread_join(fixture->thread, NULL);
    close(fixture->master);
    if (fixture->process.control >= 0)
        close(fixture->process.control);
    close(fixture->process.signals);
    close(fixture->process.listeners[0]);
    page_free(fixture->process.page);
    unlink(fixture->address.sun_path);
    rmdir(fixture->folder);
}

static int connect_client(const struct fixture *fixture)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)&fixture->address,
                             sizeof(fixture->address)), 0);
    return fd;
}

static bool read_line(int fd, char *line)
{
    size_t length = 0;

    while (length < LINE_LIMIT - 1 && read(fd, line + length, 1) == 1)
        if (line[length++] == '\n') {
            line[length - 1] = '\0';
            return true;
        }
    return false;
}

/* --- A service that answers each line with the line. ------------------------------------- */

static struct fixture *fixture_of(const struct client *client)
{
    return client->context->state;
}

static void say(struct client *client, const char *text)
{
    stream_set_deadline(client->stream, moment_after(10));
    stream_format(client->stream, "%s\n", text);
    CHECK(stream_flush(client->stream) == STREAM_OK);
}

static enum turn greet(struct client *client)
{
    atomic_fetch_add(&fixture_of(client)->greeted, 1);
    client->session = memory_copy("session");
    say(client, "hello");
    return TURN_STAY;
}

static enum turn answer(struct client *client)
{
    char text[LINE_LIMIT];
    struct slice line;

    stream_set_deadline(client->stream, moment_after(10));
    if (stream_line(client->stream, LINE_LIMIT, &line, NULL) != STREAM_OK)
        return TURN_LEAVE;
    if (slice_is(line, "hurry"))
        client->deadline = moment_now() + 30;
    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(line));
    say(client, text);
    return slice_is(line, "quit") ? TURN_LEAVE : TURN_STAY;
}

static void leave(struct client *client)
{
    atomic_fetch_add(&fixture_of(client)->left, 1);
    free(client->session);
}

static void closing(struct client *client)
{
    atomic_fetch_add(&fixture_of(client)->closed, 1);
    say(client, "closing");
}

static void expired(struct client *client)
{
    atomic_fetch_add(&fixture_of(client)->expired, 1);
    say(client, "expired");
}

static const struct service line_service = {
    .name = "test", .pattern = SERVICE_SESSIONS, .greet = greet, .turn = answer,
    .leave = leave, .closing = closing, .expired = expired,
};

static void *storm(void *argument)
{
    const struct fixture *fixture = argument;

    for (int i = 0; i < ROUNDS; i++) {
        char line[LINE_LIMIT];
        AUTO_CLOSE int fd = connect_client(fixture);

        CHECK(read_line(fd, line));
        for (int j = 0; j < 5; j++) {
            CHECK(write(fd, "one\n", 4) == 4);
            CHECK(read_line(fd, line));
            CHECK_TEXT(line, "one");
        }
        CHECK(write(fd, "quit\n", 5) == 5);
        CHECK(read_line(fd, line));
        CHECK(!read_line(fd, line));
    }
    return NULL;
}

TEST(pool_serves_a_storm_of_sessions_with_few_slots)
{
    struct fixture *fixture = memory_new(1, sizeof(*fixture));
    pthread_t clients[CLIENTS];

    fixture->service = line_service;
    start_process(fixture, 5);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_create(&clients[i], NULL, storm, fixture);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    control_say(fixture->master, CONTROL_RETIRE, SLICE_LITERAL(""));
    end_process(fixture);
    CHECK_NUMBER(fixture->greeted, CLIENTS * ROUNDS);
    CHECK_NUMBER(fixture->left, CLIENTS * ROUNDS);
    free(fixture);
}

TEST(pool_retires_without_resetting_a_session)
{
    struct fixture *fixture = memory_new(1, sizeof(*fixture));
    char line[LINE_LIMIT];

    fixture->service = line_service;
    start_process(fixture, 5);

    int fd = connect_client(fixture);

    CHECK(read_line(fd, line));
    control_say(fixture->master, CONTROL_RETIRE, SLICE_LITERAL(""));
    usleep(20000);
    CHECK(write(fd, "still\n", 6) == 6);
    CHECK(read_line(fd, line));
    CHECK_TEXT(line, "still");
    close(fd);
    end_process(fixture);
    CHECK_NUMBER(fixture->closed, 0);
    free(fixture);
}

/* Whoever stands between turns when master goes is told so. */
TEST(pool_tells_parked_sessions_that_it_stops)
{
    struct fixture *fixture = memory_new(1, sizeof(*fixture));
    char line[LINE_LIMIT];
    int clients[3];

    fixture->service = line_service;
    start_process(fixture, 5);
    for (size_t i = 0; i < COUNT(clients); i++) {
        clients[i] = connect_client(fixture);
        CHECK(read_line(clients[i], line));
    }
    shutdown(fixture->master, SHUT_RDWR);
    for (size_t i = 0; i < COUNT(clients); i++) {
        CHECK(read_line(clients[i], line));
        CHECK_TEXT(line, "closing");
        CHECK(!read_line(clients[i], line));
        close(clients[i]);
    }
    end_process(fixture);
    CHECK_NUMBER(fixture->left, 3);
    free(fixture);
}

TEST(pool_ends_sessions_at_their_deadline)
{
    struct fixture *fixture = memory_new(1, sizeof(*fixture));
    char line[LINE_LIMIT];

    fixture->service = line_service;
    start_process(fixture, 5);

    int fd = connect_client(fixture);

    CHECK(read_line(fd, line));
    CHECK(write(fd, "hurry\n", 6) == 6);
    CHECK(read_line(fd, line));
    CHECK(read_line(fd, line));
    CHECK_TEXT(line, "expired");
    CHECK(!read_line(fd, line));
    close(fd);
    control_say(fixture->master, CONTROL_RETIRE, SLICE_LITERAL(""));
    end_process(fixture);
    CHECK_NUMBER(fixture->expired, 1);
    free(fixture);
}

TEST(pool_says_when_its_last_slot_is_taken)
{
    struct fixture *fixture = memory_new(1, sizeof(*fixture));
    char line[LINE_LIMIT], byte = 0;

    fixture->service = line_service;
    start_process(fixture, 2);

    int first = connect_client(fixture);

    CHECK(read_line(first, line));
    CHECK(recv(fixture->master, &byte, 1, MSG_DONTWAIT) < 0);

    int second = connect_client(fixture);

    CHECK(read_line(second, line));
    CHECK(recv(fixture->master, &byte, 1, 0) == 1);
    CHECK_NUMBER(byte, CONTROL_FULL);
    CHECK_NUMBER(fixture->process.page->busy, 2);
    close(first);
    close(second);
    control_say(fixture->master, CONTROL_RETIRE, SLICE_LITERAL(""));
    end_process(fixture);
    free(fixture);
}

/* --- Lanes. --------------------------------------------------------------------------------- */

static enum turn echo(struct client *client)
{
    struct error error = ERROR_NONE;
    struct slice frame;
    AUTO_STR struct str output = STR_EMPTY;

    if (!lane_receive(client->lane, &frame, NULL, moment_after(60), &error))
        return TURN_LEAVE;
    str_bytes(&output, frame.data - 4, frame.length + 4);
    return lane_send(client->lane, &output, -1, moment_after(60), &error) ? TURN_STAY
                                                                          : TURN_LEAVE;
}

static const struct service lane_service = {
    .name = "test", .pattern = SERVICE_LANES, .turn = echo,
};

TEST(pool_lets_go_of_idle_lanes_when_it_retires)
{
    struct fixture *fixture = memory_new(1, sizeof(*fixture));
    struct error error = ERROR_NONE;
    struct slice frame;
    AUTO_STR struct str output = STR_EMPTY;

    fixture->service = lane_service;
    start_process(fixture, 4);
    str_bytes(&output, "\0\0\0\3\0\1x", 7);

    struct lane *lane = lane_open(fixture->address.sun_path, moment_after(5), &error);

    for (int i = 0; i < 3; i++) {
        CHECK(lane_send(lane, &output, -1, moment_after(5), &error));
        CHECK(lane_receive(lane, &frame, NULL, moment_after(5), &error));
        CHECK_NUMBER(frame.length, 3);
    }
    control_say(fixture->master, CONTROL_RETIRE, SLICE_LITERAL(""));
    CHECK(!lane_receive(lane, &frame, NULL, moment_after(5), &error));
    CHECK_NUMBER(error.code, EPIPE);
    lane_close(lane);
    end_process(fixture);
    free(fixture);
}

/* --- The event loop. -------------------------------------------------------------------------- */

struct heard {
    struct events *events;
    char text[32];
    size_t length;
    struct event_timer *timer;
};

static void note(struct heard *heard, char c)
{
    heard->text[heard->length++] = c;
}

static void first_due(void *argument)
{
    note(argument, '1');
}

static void second_due(void *argument)
{
    struct heard *heard = argument;

    note(heard, '2');
    events_cancel(heard->events, heard->timer);
}

static void last_due(void *argument)
{
    struct heard *heard = argument;

    note(heard, '3');
    events_stop(heard->events);
}

TEST(events_run_timers_in_order_and_not_the_cancelled)
{
    struct heard heard = { .events = events_new() };
    int64_t now = moment_now();

    events_at(heard.events, now + 30, last_due, &heard);
    heard.timer = events_at(heard.events, now + 20, first_due, &heard);
    events_at(heard.events, now + 10, second_due, &heard);
    events_at(heard.events, now, first_due, &heard);
    events_run(heard.events);
    CHECK_TEXT(heard.text, "123");
    events_free(heard.events);
}

static void post_one(void *argument)
{
    note(argument, 'p');
}

static void post_stop(void *argument)
{
    struct heard *heard = argument;

    events_stop(heard->events);
}

static void *post_from_thread(void *argument)
{
    struct heard *heard = argument;

    for (int i = 0; i < 5; i++)
        events_post(heard->events, post_one, heard);
    events_post(heard->events, post_stop, heard);
    return NULL;
}

TEST(events_run_posts_of_other_threads_in_order)
{
    struct heard heard = { .events = events_new() };
    pthread_t thread;

    pthread_create(&thread, NULL, post_from_thread, &heard);
    events_run(heard.events);
    pthread_join(thread, NULL);
    CHECK_TEXT(heard.text, "ppppp");
    events_free(heard.events);
}

static void read_byte(void *argument, int fd, UNUSED unsigned mask)
{
    struct heard *heard = argument;
    char byte;

    CHECK(read(fd, &byte, 1) == 1);
    note(heard, byte);
    events_forget(heard->events, fd);
    if (byte == 'z')
        events_stop(heard->events);
}

TEST(events_forget_a_descriptor_within_its_own_event)
{
    struct heard heard = { .events = events_new() };
    int first[2], second[2];

    assert_int_equal(pipe(first) | pipe(second), 0);
    CHECK(write(first[1], "ab", 2) == 2);
    events_watch(heard.events, first[0], EVENT_READ, read_byte, &heard);
    events_at(heard.events, moment_now() + 10, last_due, &heard);
    events_run(heard.events);
    CHECK_TEXT(heard.text, "a3");
    events_free(heard.events);
    for (int i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
    }
}
