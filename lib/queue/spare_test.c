/*
 * Recycled files on the real disk; what crashes make of them is in tests/disk.
 */
#include "base/test.h"

#include "base/memory.h"
#include "base/scope.h"
#include "spare.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct house {
    char directory[64];
    struct queue *queue;
    struct error error;
};

static struct queue *open_queue(struct house *house)
{
    struct queue_settings settings = { .directory = house->directory, .recycle = true };
    struct queue *queue = queue_open(&settings, &house->error);

    CHECK(queue);
    return queue;
}

static void house_open(struct house *house)
{
    char path[128];

    *house = (struct house){ .directory = "/tmp/queue-spare-XXXXXX" };
    CHECK(mkdtemp(house->directory));
    for (int i = 0; i < QUEUE_PLACE_COUNT; i++) {
        snprintf(path, sizeof(path), "%s/%s", house->directory, queue_place_name(i));
        CHECK(mkdir(path, 0700) == 0);
    }
    snprintf(path, sizeof(path), "%s/spare", house->directory);
    CHECK(mkdir(path, 0700) == 0);
    signal(SIGIO, SIG_IGN);
    house->queue = open_queue(house);
    CHECK(house->queue->spares || !house->queue->journaled);
}

static void house_close(struct house *house)
{
    char command[128];

    queue_close(house->queue);
    snprintf(command, sizeof(command), "rm -rf %s", house->directory);
    CHECK(system(command) == 0);
}

/* As another process that begins now: it looks at the folder at once. */
static void begin_anew(struct house *house)
{
    queue_close(house->queue);
    house->queue = open_queue(house);
}

static bool is_spare(const struct house *house, const char *id)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/spare/%s", house->directory, id);
    return access(path, F_OK) == 0;
}

/* A message of lines that name it, in active. */
static void make_message(struct queue *queue, const char *id, int lines)
{
    struct envelope envelope;
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str line = STR_EMPTY;
    struct error error;
    struct draft *draft = draft_new(queue, id, &error);

    envelope_clear(&envelope);
    envelope.sender = "a@b.test";
    envelope_add_recipient(&envelope, arena)->address = "x@far.test";
    str_format(&line, "a line of %s\n", id);
    draft_envelope(draft, &envelope);
    for (int i = 0; i < lines; i++)
        draft_content(draft, str_slice(&line));
    CHECK(draft_commit(draft, QUEUE_INCOMING, &envelope, &error));
    CHECK(queue_move(queue, id, QUEUE_INCOMING, QUEUE_ACTIVE, &error));
}

static struct message *open_message(struct queue *queue, const char *id)
{
    struct message *message;
    struct error error;

    CHECK_NUMBER(message_open(queue, QUEUE_ACTIVE, id, &message, &error), MESSAGE_READY);
    return message;
}

static void check_content(struct message *message, const char *id, int lines)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str line = STR_EMPTY;
    struct envelope envelope;
    struct error error;
    struct slice bytes;
    bool more;
    int found = 0;

    str_format(&line, "a line of %s", id);
    CHECK(message_envelope(message, arena, &envelope, 0, &more, &error));

    struct content *content = content_new(message_descriptor(message), envelope.content_offset,
                                          envelope.content_length);

    for (; content_next(content, &bytes, &error) == CONTENT_LINE; found++)
        CHECK(slice_equal(bytes, str_slice(&line)));
    CHECK_NUMBER(found, lines);
    content_free(content);
}

static ino_t inode_of(struct queue *queue, const char *id)
{
    struct message *message = open_message(queue, id);
    struct stat status;

    CHECK(fstat(message_descriptor(message), &status) == 0);
    message_close(message);
    return status.st_ino;
}

static void remove_message(struct queue *queue, const char *id)
{
    struct error error;

    CHECK(message_remove(open_message(queue, id), &error));
}

TEST(the_file_of_a_delivered_message_is_used_again)
{
    static const int lines[] = { 40, 3, 900, 40 };
    struct house house;
    char earlier[32] = "none";
    ino_t inode = 0;

    house_open(&house);
    for (size_t i = 0; i < COUNT(lines); i++) {
        char id[32];

        snprintf(id, sizeof(id), "AAAA%zu", i);
        begin_anew(&house);
        make_message(house.queue, id, lines[i]);
        CHECK(!is_spare(&house, earlier));

        struct message *message = open_message(house.queue, id);

        check_content(message, id, lines[i]);
        message_close(message);
        inode = i == 0 ? inode_of(house.queue, id) : inode;
        CHECK(!house.queue->spares || inode_of(house.queue, id) == inode);
        remove_message(house.queue, id);
        CHECK(is_spare(&house, id) == (house.queue->spares != NULL));
        memcpy(earlier, id, sizeof(earlier));
    }
    house_close(&house);
}

TEST(what_was_asked_of_a_message_is_not_asked_of_the_next)
{
    struct house house;
    struct message_times times;
    char path[128];

    house_open(&house);
    make_message(house.queue, "AAAA1", 1);
    snprintf(path, sizeof(path), "%s/active/AAAA1", house.directory);
    CHECK(chmod(path, 0750) == 0);
    CHECK(utimensat(AT_FDCWD, path, (struct timespec[]){ { 9, 0 }, { 4000000000, 0 } }, 0) == 0);
    remove_message(house.queue, "AAAA1");
    begin_anew(&house);
    make_message(house.queue, "AAAA2", 1);
    CHECK(!is_spare(&house, "AAAA1"));

    struct message *message = open_message(house.queue, "AAAA2");

    CHECK(message_times(message, &times, &house.error));
    CHECK(!times.expire && !times.unthrottle);
    CHECK(times.next_attempt <= time(NULL) && times.next_attempt > time(NULL) - 60);
    message_close(message);
    house_close(&house);
}

/* An agent keeps the descriptor that it was handed: it must not see the next message. */
TEST(a_file_that_an_agent_still_has_open_is_not_used_again)
{
    struct house house;
    char byte;

    house_open(&house);
    make_message(house.queue, "AAAA1", 1);

    struct message *message = open_message(house.queue, "AAAA1");
    AUTO_CLOSE int kept = dup(message_descriptor(message));
    struct stat old;

    CHECK(message_remove(message, &house.error));
    CHECK(is_spare(&house, "AAAA1") == (house.queue->spares != NULL));
    begin_anew(&house);
    make_message(house.queue, "AAAA2", 1);
    CHECK(!is_spare(&house, "AAAA1"));
    CHECK(fstat(kept, &old) == 0);
    CHECK(inode_of(house.queue, "AAAA2") != old.st_ino);
    CHECK(old.st_nlink == 0);
    if (house.queue->spares)
        CHECK(pread(kept, &byte, 1, 0) == 0);
    house_close(&house);
}

TEST(large_files_and_files_with_two_names_are_removed)
{
    struct house house;
    char path[128], other[128];

    house_open(&house);
    make_message(house.queue, "AAAA1", 9000);
    make_message(house.queue, "AAAA2", 1);
    snprintf(path, sizeof(path), "%s/active/AAAA2", house.directory);
    snprintf(other, sizeof(other), "%s/other", house.directory);
    CHECK(link(path, other) == 0);

    remove_message(house.queue, "AAAA1");
    remove_message(house.queue, "AAAA2");
    CHECK(!is_spare(&house, "AAAA1") && !is_spare(&house, "AAAA2"));

    struct stat status;

    CHECK(stat(other, &status) == 0 && status.st_size > 0);
    house_close(&house);
}

TEST(a_start_leaves_no_spares)
{
    struct house house;

    house_open(&house);
    make_message(house.queue, "AAAA1", 1);
    remove_message(house.queue, "AAAA1");
    CHECK(is_spare(&house, "AAAA1") == (house.queue->spares != NULL));
    CHECK(queue_recover(house.queue, &house.error));
    CHECK(!is_spare(&house, "AAAA1"));
    house_close(&house);
}

/* --- many at once ---------------------------------------------------------------------- */

enum { THREADS = 6, ROUNDS = 150 };

struct worker {
    struct queue *queue;
    int number;
};

/* Each has two messages in hand, so that files wander between threads and queues. */
static void *work(void *argument)
{
    struct worker *worker = argument;
    char id[32], earlier[32] = "";
    int earlier_lines = 0;

    for (int i = 0; i < ROUNDS; i++) {
        int lines = 1 + (i * 37 + worker->number) % 300;

        snprintf(id, sizeof(id), "AAA%dX%d", worker->number, i);
        make_message(worker->queue, id, lines);
        if (*earlier) {
            struct message *message = open_message(worker->queue, earlier);

            check_content(message, earlier, earlier_lines);
            message_close(message);
            remove_message(worker->queue, earlier);
        }
        if (i % 50 == 0 && worker->number == 0)
            queue_drop_spares(worker->queue);
        memcpy(earlier, id, sizeof(earlier));
        earlier_lines = lines;
    }
    return NULL;
}

/* Two queues are as two processes: each has a lock of the folder, and one gets it. */
TEST(many_threads_and_processes_recycle_at_once)
{
    struct house house;
    struct worker workers[THREADS];
    pthread_t threads[THREADS];

    house_open(&house);

    struct queue *other = open_queue(&house);

    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ .queue = i % 2 ? other : house.queue, .number = i };
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    queue_close(other);
    house_close(&house);
}
