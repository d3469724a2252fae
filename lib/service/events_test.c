#include "base/test.h"
#include "service/events.h"

#include "base/moment.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A task that waits for what only a handler gives. */
struct shared {
    struct events *events;
    int task_end, loop_end;     /* a pipe: from the handler to the task */
    int outside[2];             /* an event for the loop, which the task makes */
    size_t handled, tasks;
    char got;
};

static void outside_ready(void *argument, int fd, unsigned mask)
{
    struct shared *shared = argument;
    char byte;

    (void)mask;
    if (recv(fd, &byte, 1, MSG_DONTWAIT) != 1)
        return;
    shared->handled++;
    CHECK(write(shared->loop_end, "y", 1) == 1);
}

static void wait_for_handler(void *argument)
{
    struct shared *shared = argument;

    CHECK(write(shared->outside[1], "x", 1) == 1);
    CHECK(read(shared->task_end, &shared->got, 1) == 1);
}

static void task_is_done(void *argument)
{
    struct shared *shared = argument;

    if (++shared->tasks == 100)
        events_stop(shared->events);
    else
        events_work(shared->events, wait_for_handler, task_is_done, shared);
}

static void begin(void *argument)
{
    struct shared *shared = argument;

    events_work(shared->events, wait_for_handler, task_is_done, shared);
}

TEST(a_shared_loop_goes_on_while_a_task_is_out)
{
    struct shared shared = { .events = events_new() };
    int pipe_ends[2];

    CHECK(pipe(pipe_ends) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, shared.outside) == 0);
    shared.task_end = pipe_ends[0];
    shared.loop_end = pipe_ends[1];
    events_share(shared.events, 2);
    events_watch(shared.events, shared.outside[0], EVENT_READ | EVENT_EDGE, outside_ready, &shared);
    events_at(shared.events, moment_now() + 10, begin, &shared);
    events_run(shared.events);
    CHECK_NUMBER(shared.handled, 100);
    CHECK_NUMBER(shared.tasks, 100);
    CHECK(shared.got == 'y');
    events_free(shared.events);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    close(shared.outside[0]);
    close(shared.outside[1]);
}

struct late {
    struct events *events;
    int rung[2];            /* a pipe */
    char got;
};

static void ring(void *argument)
{
    const struct late *late = argument;

    CHECK(write(late->rung[1], "r", 1) == 1);
}

static void wait_for_ring(void *argument)
{
    struct late *late = argument;

    CHECK(read(late->rung[0], &late->got, 1) == 1);
}

static void ring_is_heard(void *argument)
{
    const struct late *late = argument;

    events_stop(late->events);
}

/* The thread that sets the timer goes out on the task at once. */
static void set_and_go_out(void *argument)
{
    struct late *late = argument;

    events_at(late->events, moment_now() + 20, ring, late);
    events_work(late->events, wait_for_ring, ring_is_heard, late);
}

TEST(a_timer_rings_while_the_thread_that_set_it_is_out_on_a_task)
{
    struct late late = { .events = events_new() };

    CHECK(pipe2(late.rung, O_CLOEXEC) == 0);
    events_share(late.events, 2);
    events_at(late.events, moment_now() + 10, set_and_go_out, &late);
    events_run(late.events);
    CHECK(late.got == 'r');
    events_free(late.events);
    close(late.rung[0]);
    close(late.rung[1]);
}

struct counted {
    struct events *events;
    size_t worked, done;
};

static void count_work(void *argument)
{
    struct counted *counted = argument;

    counted->worked++;
}

static void count_done(void *argument)
{
    struct counted *counted = argument;

    if (++counted->done == 50)
        events_stop(counted->events);
}

static void begin_many(void *argument)
{
    struct counted *counted = argument;

    for (int i = 0; i < 50; i++)
        events_work(counted->events, count_work, count_done, counted);
}

TEST(a_loop_of_one_thread_does_its_tasks_itself_in_order)
{
    struct counted counted = { .events = events_new() };

    events_post(counted.events, begin_many, &counted);
    events_run(counted.events);
    CHECK_NUMBER(counted.worked, 50);
    CHECK_NUMBER(counted.done, 50);
    events_free(counted.events);
}

static void close_other_end(void *argument)
{
    const int *pair = argument;

    CHECK(write(pair[1], "z", 1) == 1);
    close(pair[1]);
}

static void see_end(void *argument, int fd, unsigned mask)
{
    struct counted *counted = argument;
    char byte;

    CHECK((mask & EVENT_GONE) != 0);
    CHECK(recv(fd, &byte, 1, MSG_DONTWAIT) == 1);
    CHECK(recv(fd, &byte, 1, MSG_DONTWAIT) == 0);
    events_forget(counted->events, fd);
    events_stop(counted->events);
    counted->done++;
}

TEST(an_edge_tells_that_the_other_side_has_closed)
{
    struct counted counted = { .events = events_new() };
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    events_watch(counted.events, pair[0], EVENT_READ | EVENT_EDGE, see_end, &counted);
    events_post(counted.events, close_other_end, pair);
    events_run(counted.events);
    CHECK_NUMBER(counted.done, 1);
    events_free(counted.events);
    close(pair[0]);
}
