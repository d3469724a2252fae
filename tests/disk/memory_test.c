/*
 * Running out of memory at any allocation ends the process, and loses nothing that was
 * answered 250 (architecture 5.8).  This file takes the place of base/memory.c in the test.
 */
#include "base/test.h"

#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "queue/queue.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>

/* Allocations that still succeed; negative: all do. */
static atomic_long allocations_left = -1;

void memory_exhausted(void)
{
    _exit(EX_TEMPFAIL);
}

static void count_allocation(void)
{
    if (allocations_left >= 0 && allocations_left-- == 0)
        memory_exhausted();
}

void *memory_new(size_t count, size_t size)
{
    count_allocation();

    void *fresh = calloc(count ? count : 1, size ? size : 1);

    if (!fresh)
        memory_exhausted();
    return fresh;
}

void *memory_resize(void *old, size_t count, size_t size)
{
    count_allocation();

    void *fresh = realloc(old, count && size ? count * size : 1);

    if (!fresh)
        memory_exhausted();
    return fresh;
}

char *memory_text(const char *data, size_t length)
{
    char *text = memory_new(length + 1, 1);

    if (length > 0)
        memcpy(text, data, length);
    return text;
}

char *memory_copy(const char *text)
{
    return text ? memory_text(text, strlen(text)) : NULL;
}

enum { MESSAGES = 3, LINES = 4000 };

static struct queue *open_queue(const char *directory)
{
    struct queue_settings settings = { .directory = directory, .hash_queue_names = "deferred",
                                       .hash_queue_depth = 1, .line_length_limit = 2048 };
    struct error error;
    struct queue *queue = queue_open(&settings, &error);

    CHECK(queue);
    return queue;
}

static void answer(int answers, int message)
{
    char byte = (char)('A' + message);

    CHECK(write(answers, &byte, 1) == 1);
}

/* What cleanup and qmgr do with a message; a letter on answers is the 250. */
static void take_on(struct queue *queue, int message, int answers)
{
    AUTO_ARENA struct arena *arena = arena_new();
    char id[] = { (char)('A' + message), '1', '2', '\0' };
    struct envelope envelope;
    struct error error;

    envelope_clear(&envelope);
    envelope.arrival = wall_now();
    envelope.sender = "sender@near.test";
    envelope_add_recipient(&envelope, arena)->address = "one@far.test";

    struct draft *draft = draft_new(queue, id, &error);

    draft_envelope(draft, &envelope);
    for (int i = 0; i < (message == 1 ? LINES : 1); i++)
        draft_content(draft, slice_of("a line of the message, one of many that look alike\n"));
    CHECK(draft_commit(draft, QUEUE_INCOMING, &envelope, &error));
    answer(answers, message);
    CHECK(queue_move(queue, id, QUEUE_INCOMING, QUEUE_ACTIVE, &error));

    struct message *opened;
    bool more;

    CHECK(message_open(queue, QUEUE_ACTIVE, id, &opened, &error) == MESSAGE_READY);
    CHECK(message_envelope(opened, arena, &envelope, 0, &more, &error));
    CHECK(message_mark_warned(opened, &error));
    message_close(opened);
    CHECK(queue_defer(queue, id, 2000000000, &error));
}

/* In a child whose allocation number limit fails; its exit status. */
static int run_with(const char *directory, long limit, int answers)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        allocations_left = limit;

        struct queue *queue = open_queue(directory);

        for (int message = 0; message < MESSAGES; message++)
            take_on(queue, message, answers);
        queue_close(queue);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Whether a message is complete in the place where a child left it. */
static bool is_there(struct queue *queue, int message)
{
    char id[] = { (char)('A' + message), '1', '2', '\0' };
    bool found = false;

    for (int place = 0; place < QUEUE_PLACE_COUNT; place++) {
        AUTO_ARENA struct arena *arena = arena_new();
        struct message *opened;
        struct envelope envelope;
        struct error error;
        bool more;

        if (message_open(queue, (enum queue_place)place, id, &opened, &error) != MESSAGE_READY)
            continue;
        found = message_envelope(opened, arena, &envelope, 0, &more, &error)
                && envelope.recipients.count == 1;
        message_close(opened);
    }
    return found;
}

static void make_folders(char *directory)
{
    char path[128];

    CHECK(mkdtemp(directory));
    for (int place = 0; place < QUEUE_PLACE_COUNT; place++) {
        snprintf(path, sizeof(path), "%s/%s", directory,
                 queue_place_name((enum queue_place)place));
        CHECK(mkdir(path, 0700) == 0);
    }
}

/* False when the child came to its end without running out. */
static bool try_limit(long limit)
{
    char directory[] = "/tmp/queue-memory-XXXXXX", command[64], answered[MESSAGES + 1] = "";
    int ends[2];

    make_folders(directory);
    CHECK(pipe(ends) == 0);

    int status = run_with(directory, limit, ends[1]);

    close(ends[1]);

    ssize_t count = read(ends[0], answered, MESSAGES);
    struct queue *queue = open_queue(directory);
    struct error error;

    close(ends[0]);
    CHECK(status == EX_TEMPFAIL || (status == 0 && count == MESSAGES));
    CHECK(queue_recover(queue, &error));
    for (ssize_t i = 0; i < count; i++)
        CHECK(is_there(queue, answered[i] - 'A'));
    queue_close(queue);
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    CHECK(system(command) == 0);
    return status != 0;
}

TEST(running_out_of_memory_loses_nothing_that_was_answered)
{
    long limit = 0;

    while (try_limit(limit))
        limit++;
    CHECK(limit > MESSAGES);
}
