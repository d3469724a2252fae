#include "base/test.h"

#include "base/scope.h"
#include "log_reader.h"
#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct house {
    char folder[64];
    struct queue *queue;
    struct log_writer *writer;
    struct arena *arena;
    struct error error;
};

static void house_open(struct house *house, int busy_commits, int64_t segment_bytes)
{
    static const char *const folders[] = { "maildrop", "incoming", "active", "deferred", "hold",
                                           "corrupt", "intake" };
    char path[128];

    *house = (struct house){ .arena = arena_new() };
    snprintf(house->folder, sizeof(house->folder), "/tmp/intake-log-XXXXXX");
    CHECK(mkdtemp(house->folder));
    for (size_t i = 0; i < COUNT(folders); i++) {
        snprintf(path, sizeof(path), "%s/%s", house->folder, folders[i]);
        CHECK(mkdir(path, 0700) == 0);
    }
    house->queue = queue_open(&(struct queue_settings){ .directory = house->folder },
                              &house->error);
    CHECK(house->queue);
    house->writer = log_writer_new(house->queue, &(struct log_writer_settings){
        .busy_commits = busy_commits, .segment_bytes = segment_bytes });
}

static void house_close(struct house *house)
{
    char command[128];

    log_writer_free(house->writer);
    queue_close(house->queue);
    arena_free(house->arena);
    snprintf(command, sizeof(command), "rm -rf %s", house->folder);
    CHECK(system(command) == 0);
}

/* The caller frees the id. */
static char *commit(struct house *house, struct log_writer *writer, const char *subject,
                          struct log_place *place)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct envelope envelope;
    struct error error;
    struct draft *draft = draft_new(house->queue, NULL, &error);
    char *id = memory_copy(draft_id(draft));

    envelope_clear(&envelope);
    envelope.arrival.tv_sec = 1795328120;
    envelope.sender = "a@near.test";
    envelope_add_recipient(&envelope, arena)->address = "one@far.test";
    envelope_add_recipient(&envelope, arena)->address = "two@far.test";
    draft_envelope(draft, &envelope);
    draft_content(draft, slice_of("Subject: "));
    draft_content(draft, slice_of(subject));
    draft_content(draft, slice_of("\n\nbody\n"));
    CHECK(draft_commit_logged(draft, writer, &envelope, place, &error));
    return id;
}

static struct message *must_open(struct log_reader *reader, const struct log_place *place,
                                 const char *id)
{
    struct message *message;
    struct error error;

    CHECK_NUMBER(message_open_logged(reader, place, id, &message, &error), MESSAGE_READY);
    return message;
}

static size_t count_files(struct queue *queue, enum queue_place place)
{
    struct queue_scan *scan = queue_scan_new(queue, place);
    size_t count = 0;

    while (queue_scan_next(scan))
        count++;
    queue_scan_free(scan);
    return count;
}

static void count_one(void *argument, struct message *message)
{
    CHECK(message_is_logged(message));
    ++*(size_t *)argument;
}

static size_t count_logged(struct queue *queue)
{
    size_t count = 0;

    queue_walk_log(queue, count_one, &count);
    return count;
}

TEST(a_message_of_the_log_is_read_like_a_file)
{
    struct house house;
    struct log_place place;
    struct envelope envelope;
    AUTO_STR struct str records = STR_EMPTY;
    struct slice line;
    bool more;

    house_open(&house, 0, 64 * 1024);

    char *id = commit(&house, house.writer, "x", &place);
    struct log_reader *reader = log_reader_new(house.queue);
    struct message *message = must_open(reader, &place, id);

    CHECK(place.segment != 0);
    CHECK(count_files(house.queue, QUEUE_INCOMING) == 0);
    CHECK(message_envelope(message, house.arena, &envelope, 0, &more, &house.error));
    CHECK_NUMBER(envelope.recipients.count, 2);
    CHECK(message_content(message, &envelope, &records, &house.error));

    struct content *content = content_of(str_slice(&records));

    CHECK_NUMBER(content_next(content, &line, &house.error), CONTENT_LINE);
    CHECK(slice_is(line, "Subject: x"));
    content_free(content);
    message_close(message);
    log_reader_free(reader);
    free(id);
    house_close(&house);
}

TEST(a_message_is_opened_once_and_gone_when_it_is_removed)
{
    struct house house;
    struct log_place place;
    struct message *second;

    house_open(&house, 0, 64 * 1024);

    char *id = commit(&house, house.writer, "x", &place);
    struct log_reader *reader = log_reader_new(house.queue);
    struct message *message = must_open(reader, &place, id);

    CHECK_NUMBER(message_open_logged(reader, &place, id, &second, &house.error), MESSAGE_MISSING);
    CHECK_NUMBER(count_logged(house.queue), 1);
    CHECK(message_remove(message, &house.error));
    CHECK_NUMBER(count_logged(house.queue), 0);
    message_close(message);
    log_reader_free(reader);
    free(id);
    house_close(&house);
}

TEST(handles_stay_right_when_a_message_becomes_a_file)
{
    struct house house;
    struct log_place place;
    struct envelope envelope;
    struct message *again;
    bool more;

    house_open(&house, 0, 64 * 1024);

    char *id = commit(&house, house.writer, "x", &place);
    struct log_reader *reader = log_reader_new(house.queue);
    struct message *message = must_open(reader, &place, id);

    CHECK(message_envelope(message, house.arena, &envelope, 0, &more, &house.error));
    CHECK(message_mark_done(message, &envelope.recipients.items[0].handle, 1, &house.error));
    CHECK(!message_is_logged(message));
    CHECK_NUMBER(count_logged(house.queue), 0);
    CHECK_NUMBER(message_open(house.queue, QUEUE_ACTIVE, id, &again, &house.error),
                 MESSAGE_READY);
    CHECK(message_envelope(again, house.arena, &envelope, 0, &more, &house.error));
    CHECK_NUMBER(envelope.recipients.count, 1);
    CHECK_TEXT(envelope.recipients.items[0].address, "two@far.test");
    message_close(again);
    CHECK(message_remove(message, &house.error));
    message_close(message);
    CHECK_NUMBER(count_files(house.queue, QUEUE_ACTIVE), 0);
    log_reader_free(reader);
    free(id);
    house_close(&house);
}

TEST(what_is_settled_is_not_opened_by_a_late_note)
{
    struct house house;
    struct log_place place;
    struct log_state found;
    struct message *message;

    house_open(&house, 0, 64 * 1024);

    char *id = commit(&house, house.writer, "x", &place);
    struct log_reader *reader = log_reader_new(house.queue);

    CHECK(log_reader_settle(reader, 100, &found, &house.error));
    CHECK_NUMBER(found.settled, 0);     /* its writer lives, and it is young */
    CHECK_NUMBER(found.open, 1);
    CHECK(log_reader_settle(reader, -1, &found, &house.error));
    CHECK_NUMBER(found.settled, 1);
    CHECK_NUMBER(found.segments, 1);
    CHECK_NUMBER(count_files(house.queue, QUEUE_INCOMING), 1);
    CHECK_NUMBER(message_open_logged(reader, &place, id, &message, &house.error),
                 MESSAGE_MISSING);
    log_writer_free(house.writer);
    house.writer = NULL;
    CHECK(log_reader_settle(reader, 100, &found, &house.error));
    CHECK_NUMBER(found.segments, 0);    /* nobody writes it any more */
    CHECK_NUMBER(message_open_logged(reader, &place, id, &message, &house.error),
                 MESSAGE_MISSING);
    log_reader_free(reader);
    free(id);
    house_close(&house);
}

TEST(a_hole_and_a_torn_entry_hide_nothing_behind_them)
{
    struct house house;
    struct log_place places[3];
    char *ids[3];
    char path[128], name[SEGMENT_NAME_LIMIT];

    house_open(&house, 0, 64 * 1024);
    for (size_t i = 0; i < COUNT(places); i++)
        ids[i] = commit(&house, house.writer, "x", &places[i]);
    segment_name(name, places[0].segment);
    snprintf(path, sizeof(path), "%s/intake/%s", house.folder, name);

    int fd = open(path, O_RDWR);

    CHECK(pwrite(fd, "", 1, places[0].offset) == 1);                        /* the magic */
    CHECK(pwrite(fd, "?", 1, places[1].offset + SEGMENT_HEAD + 100) == 1);  /* a record */
    close(fd);
    CHECK_NUMBER(count_logged(house.queue), 1);
    for (size_t i = 0; i < COUNT(ids); i++)
        free(ids[i]);
    house_close(&house);
}

TEST(a_writer_with_little_to_do_makes_files)
{
    struct house house;
    struct log_place place;
    int logged = 0;

    house_open(&house, 3, 64 * 1024);
    for (int i = 0; i < 8; i++) {
        free(commit(&house, house.writer, "x", &place));
        logged += place.segment != 0;
    }
    CHECK_NUMBER(logged, 5);
    CHECK_NUMBER(count_files(house.queue, QUEUE_INCOMING), 3);
    house_close(&house);
}

struct committer {
    struct house *house;
    struct log_place places[50];
    char *ids[50];
};

static void *commit_many(void *argument)
{
    struct committer *committer = argument;

    for (size_t i = 0; i < COUNT(committer->places); i++)
        committer->ids[i] = commit(committer->house, committer->house->writer,
                                                      "x", &committer->places[i]);
    return NULL;
}

/* Through several segments; what found no room meanwhile is a file. */
TEST(threads_write_side_by_side)
{
    enum { THREADS = 8 };
    struct house house;
    struct committer *committers = memory_new(THREADS, sizeof(*committers));
    pthread_t threads[THREADS];
    struct log_state found;

    house_open(&house, 0, 32 * 1024);
    for (size_t i = 0; i < THREADS; i++) {
        committers[i].house = &house;
        CHECK(pthread_create(&threads[i], NULL, commit_many, &committers[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    struct log_reader *reader = log_reader_new(house.queue);
    size_t files = count_files(house.queue, QUEUE_INCOMING);
    size_t logged = count_logged(house.queue);

    CHECK_NUMBER(files + logged, THREADS * COUNT(committers->places));
    CHECK(logged > 20);
    CHECK(log_reader_settle(reader, -1, &found, &house.error));
    CHECK_NUMBER(found.settled, logged);
    CHECK_NUMBER(count_files(house.queue, QUEUE_INCOMING), THREADS * COUNT(committers->places));
    for (size_t i = 0; i < THREADS; i++)
        for (size_t k = 0; k < COUNT(committers->ids); k++)
            free(committers[i].ids[k]);
    free(committers);
    log_reader_free(reader);
    house_close(&house);
}
