#include "base/test.h"

#include "base/memory.h"
#include "base/scope.h"
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

/* A queue in a fresh folder. */
struct house {
    char directory[64];
    struct queue *queue;
    struct arena *arena;
    struct error error;
};

static void house_open(struct house *house, const char *hashed, int depth)
{
    char path[128];

    *house = (struct house){ .directory = "/tmp/queue-test-XXXXXX" };
    CHECK(mkdtemp(house->directory));
    for (int i = 0; i < QUEUE_PLACE_COUNT; i++) {
        snprintf(path, sizeof(path), "%s/%s", house->directory, queue_place_name(i));
        CHECK(mkdir(path, 0700) == 0);
    }

    struct queue_settings settings = {
        .directory = house->directory, .hash_queue_names = hashed, .hash_queue_depth = depth,
        .line_length_limit = 2048,
    };

    house->queue = queue_open(&settings, &house->error);
    CHECK(house->queue);
    house->arena = arena_new();
}

static void house_close(struct house *house)
{
    char command[128];

    queue_close(house->queue);
    arena_free(house->arena);
    snprintf(command, sizeof(command), "rm -rf %s", house->directory);
    CHECK(system(command) == 0);
}

static void fill_envelope(struct envelope *envelope, struct arena *arena)
{
    envelope_clear(envelope);
    envelope->arrival = (struct timeval){ 1795328120, 949221 };
    envelope->sender = "a@b.test";
    envelope->full_name = "Full Name";
    envelope->envelope_id = "QQ 314159";
    envelope->encoding = "8bit";
    envelope->return_flags = RET_HEADERS;
    envelope->warn_at = 1795338120;
    envelope->send_options = SENDOPT_SMTPUTF8;
    envelope_set_attribute(envelope, arena, "rewrite_context", "local");

    struct recipient *first = envelope_add_recipient(envelope, arena);

    first->address = "x@far.test";
    first->notify = NOTIFY_FAILURE | NOTIFY_DELAY;
    first->dsn_original = "rfc822;Bob@far.test";

    struct recipient *second = envelope_add_recipient(envelope, arena);

    second->address = "q r@far.test";
    second->original = "q";
}

/* Commit a message with that content; the id, in the arena. */
static const char *commit(struct house *house, struct envelope *envelope, const char *content)
{
    struct draft *draft = draft_new(house->queue, NULL, &house->error);
    const char *id = arena_copy(house->arena, draft_id(draft));

    draft_envelope(draft, envelope);
    draft_content(draft, slice_of(content));
    CHECK(draft_commit(draft, QUEUE_INCOMING, envelope, &house->error));
    return id;
}

static struct message *must_open(struct house *house, enum queue_place place, const char *id)
{
    struct message *message;

    CHECK_NUMBER(message_open(house->queue, place, id, &message, &house->error), MESSAGE_READY);
    return message;
}

/* The whole content as text. */
static void read_content(struct message *message, const struct envelope *envelope,
                         struct str *text)
{
    struct content *content = content_new(message_descriptor(message), envelope->content_offset,
                                          envelope->content_length);
    enum content_piece piece;
    struct slice bytes;
    struct error error;

    while ((piece = content_next(content, &bytes, &error)) == CONTENT_LINE
           || piece == CONTENT_PART) {
        str_add(text, bytes);
        if (piece == CONTENT_LINE)
            str_byte(text, '\n');
    }
    CHECK_NUMBER(piece, CONTENT_END);
    content_free(content);
}

TEST(what_is_committed_can_be_read)
{
    struct house house;
    struct envelope envelope, found;
    AUTO_STR struct str text = STR_EMPTY;
    bool more;

    house_open(&house, "deferred", 1);
    fill_envelope(&envelope, house.arena);

    const char *id = commit(&house, &envelope, "Subject: x\n\nbody\nlast");
    struct message *message = must_open(&house, QUEUE_INCOMING, id);

    CHECK(message_envelope(message, house.arena, &found, 0, &more, &house.error));
    CHECK(!more);
    CHECK_TEXT(found.queue_id, id);
    CHECK_TEXT(found.sender, "a@b.test");
    CHECK_TEXT(found.full_name, "Full Name");
    CHECK_TEXT(found.envelope_id, "QQ 314159");
    CHECK_TEXT(found.encoding, "8bit");
    CHECK_TEXT(envelope_attribute(&found, "rewrite_context"), "local");
    CHECK_NUMBER(found.arrival.tv_usec, 949221);
    CHECK_NUMBER(found.create_time, 1795328120);
    CHECK_NUMBER(found.return_flags, RET_HEADERS);
    CHECK_NUMBER(found.warn_at, 1795338120);
    CHECK_NUMBER(found.send_options, SENDOPT_SMTPUTF8);
    CHECK_NUMBER(found.recipients.count, 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK_TEXT(found.recipients.items[i].address, envelope.recipients.items[i].address);
        CHECK_TEXT(found.recipients.items[i].original, envelope.recipients.items[i].original);
        CHECK_TEXT(found.recipients.items[i].dsn_original,
                   envelope.recipients.items[i].dsn_original);
        CHECK_NUMBER(found.recipients.items[i].notify, envelope.recipients.items[i].notify);
        CHECK_NUMBER(found.recipients.items[i].handle, envelope.recipients.items[i].handle);
    }
    CHECK_NUMBER(found.content_offset, envelope.content_offset);
    CHECK_NUMBER(found.content_length, envelope.content_length);
    read_content(message, &found, &text);
    CHECK_TEXT(text.data, "Subject: x\n\nbody\nlast\n");
    message_close(message);
    house_close(&house);
}

TEST(content_comes_back_whatever_its_lines_and_however_it_is_cut)
{
    static const size_t lengths[] = { 0, 1, 127, 128, 2047, 2048, 2049, 4096, 5000, 70000 };
    static const size_t cuts[] = { 1, 7, 2048, 4096, 1000000 };
    AUTO_STR struct str content = STR_EMPTY;

    for (size_t i = 0; i < COUNT(lengths); i++) {
        for (size_t k = 0; k < lengths[i]; k++)
            str_byte(&content, (char)('a' + k % 26));
        str_byte(&content, '\n');
    }
    for (size_t i = 0; i < COUNT(cuts); i++) {
        AUTO_STR struct str text = STR_EMPTY;
        struct house house;
        struct envelope envelope;

        house_open(&house, "", 0);
        fill_envelope(&envelope, house.arena);

        struct draft *draft = draft_new(house.queue, NULL, &house.error);
        const char *id = arena_copy(house.arena, draft_id(draft));

        draft_envelope(draft, &envelope);
        for (size_t at = 0; at < content.length; at += cuts[i])
            draft_content(draft, slice_part(str_slice(&content), at, cuts[i]));
        CHECK_NUMBER(draft_content_size(draft), content.length);
        CHECK(draft_commit(draft, QUEUE_HOLD, &envelope, &house.error));

        struct message *message = must_open(&house, QUEUE_HOLD, id);

        read_content(message, &envelope, &text);
        CHECK(slice_equal(str_slice(&text), str_slice(&content)));
        message_close(message);
        house_close(&house);
    }
}

TEST(recipients_come_in_batches_and_done_ones_are_left_out)
{
    enum { RECIPIENTS = 5000, BATCH = 7 };
    struct house house;
    struct envelope envelope, found;
    size_t seen = 0;
    bool more = true;

    house_open(&house, "", 0);
    fill_envelope(&envelope, house.arena);
    for (int i = 2; i < RECIPIENTS; i++)
        envelope_add_recipient(&envelope, house.arena)->address =
            arena_format(house.arena, "user%d@far.test", i);

    const char *id = commit(&house, &envelope, "x\n");
    struct message *message = must_open(&house, QUEUE_INCOMING, id);
    AUTO_FREE int64_t *handles = memory_new(RECIPIENTS, sizeof(*handles));
    size_t count = 0;

    for (size_t i = 0; i < RECIPIENTS; i += 2)
        handles[count++] = envelope.recipients.items[i].handle;
    CHECK(message_mark_done(message, handles, count, &house.error));
    while (more) {
        CHECK(message_envelope(message, house.arena, &found, BATCH, &more, &house.error));
        CHECK(found.recipients.count == BATCH || !more);
        for (size_t i = 0; i < found.recipients.count; i++, seen++)
            CHECK_TEXT(found.recipients.items[i].address,
                       envelope.recipients.items[2 * seen + 1].address);
    }
    CHECK_NUMBER(seen, RECIPIENTS / 2);
    CHECK_TEXT(found.sender, "a@b.test");
    CHECK(!message_mark_done(message, &(int64_t){ 3 }, 1, &house.error));
    message_close(message);
    house_close(&house);
}

TEST(recipients_behind_the_content_are_read_too)
{
    struct house house;
    struct envelope envelope, found;
    struct recipient late = { "late@far.test", "", "", 0, 0 };
    bool more;

    house_open(&house, "", 0);
    fill_envelope(&envelope, house.arena);

    struct draft *draft = draft_new(house.queue, NULL, &house.error);
    const char *id = arena_copy(house.arena, draft_id(draft));

    draft_envelope(draft, &envelope);
    draft_content(draft, slice_of("x\n"));
    draft_content_end(draft);
    draft_recipient(draft, &late);
    CHECK(draft_commit(draft, QUEUE_INCOMING, &envelope, &house.error));

    struct message *message = must_open(&house, QUEUE_INCOMING, id);

    CHECK(message_envelope(message, house.arena, &found, 0, &more, &house.error));
    CHECK_NUMBER(found.recipients.count, 3);
    CHECK_TEXT(found.recipients.items[2].address, "late@far.test");
    CHECK_NUMBER(found.recipients.items[2].handle, late.handle);
    message_close(message);

    message = must_open(&house, QUEUE_INCOMING, id);
    CHECK(message_envelope(message, house.arena, &found, 2, &more, &house.error));
    CHECK(more);
    CHECK(message_envelope(message, house.arena, &found, 2, &more, &house.error));
    CHECK(!more);
    CHECK_TEXT(found.recipients.items[0].address, "late@far.test");
    message_close(message);
    house_close(&house);
}

TEST(a_sender_is_warned_once_also_when_the_envelope_was_never_read)
{
    for (int is_read = 0; is_read < 2; is_read++) {
        struct house house;
        struct envelope envelope, found;
        bool more;

        house_open(&house, "", 0);
        fill_envelope(&envelope, house.arena);

        const char *id = commit(&house, &envelope, "body");
        struct message *message = must_open(&house, QUEUE_INCOMING, id);

        if (is_read)
            CHECK(message_envelope(message, house.arena, &found, 0, &more, &house.error));
        CHECK(message_mark_warned(message, &house.error));
        message_close(message);

        message = must_open(&house, QUEUE_INCOMING, id);
        CHECK(message_envelope(message, house.arena, &found, 0, &more, &house.error));
        CHECK_NUMBER(found.warn_at, 0);
        CHECK(found.warned);
        message_close(message);
        house_close(&house);
    }
}

TEST(a_message_moves_through_its_places)
{
    struct house house;
    struct envelope envelope;
    struct message_times times;
    bool complete;
    char path[256], path_in[QUEUE_PATH_LIMIT];

    house_open(&house, "deferred", 2);
    fill_envelope(&envelope, house.arena);

    const char *id = commit(&house, &envelope, "x\n");

    CHECK(queue_move(house.queue, id, QUEUE_INCOMING, QUEUE_ACTIVE, &house.error));
    CHECK(queue_defer(house.queue, id, 2000000000, &house.error));
    snprintf(path, sizeof(path), "%s/deferred/%c/%c/%s", house.directory, id[0], id[1], id);
    CHECK(access(path, F_OK) == 0);
    CHECK(queue_times(house.queue, QUEUE_DEFERRED, id, &times, &complete, &house.error));
    CHECK_NUMBER(times.next_attempt, 2000000000);
    CHECK(complete);
    CHECK(!queue_move(house.queue, id, QUEUE_INCOMING, QUEUE_ACTIVE, &house.error));
    CHECK_NUMBER(house.error.code, ENOENT);

    struct queue_scan *scan = queue_scan_new(house.queue, QUEUE_DEFERRED);

    CHECK_TEXT(queue_scan_next(scan), id);
    CHECK(!queue_scan_next(scan));
    queue_scan_free(scan);
    queue_path_in(house.queue, QUEUE_DEFERRED, id, path_in);
    CHECK(queue_remove(house.queue, QUEUE_DEFERRED, id, &house.error));
    CHECK(!queue_remove(house.queue, QUEUE_DEFERRED, id, &house.error));
    house_close(&house);
}

TEST(what_was_active_is_incoming_after_recovery)
{
    struct house house;
    struct envelope envelope;
    char path[256];

    house_open(&house, "", 0);
    fill_envelope(&envelope, house.arena);

    const char *id = commit(&house, &envelope, "x\n");

    CHECK(queue_move(house.queue, id, QUEUE_INCOMING, QUEUE_ACTIVE, &house.error));
    snprintf(path, sizeof(path), "%s/active/12345ABC", house.directory);
    close(open(path, O_CREAT | O_WRONLY, 0700));
    CHECK(queue_recover(house.queue, &house.error));
    message_close(must_open(&house, QUEUE_INCOMING, id));
    snprintf(path, sizeof(path), "%s/corrupt/12345ABC", house.directory);
    CHECK(access(path, F_OK) == 0);
    house_close(&house);
}

TEST(ids_have_postfix_shapes_and_their_folders)
{
    static const struct { const char *id; int depth; const char *path; } cases[] = {
        { "985CBAD", 1, "9/985CBAD" },
        { "985CBAD", 2, "9/8/985CBAD" },
        { "4jX9t23CRpz61", 1, "6/4jX9t23CRpz61" },
        { "985CBAD", 0, "985CBAD" },
        { "AB", 4, "A/B/_/_/AB" },
    };
    AUTO_STR struct str id = STR_EMPTY;

    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[QUEUE_PATH_LIMIT];

        queue_path(path, cases[i].id, cases[i].depth);
        CHECK_TEXT(path, cases[i].path);
    }
    for (int i = 0; i < 1000; i++) {
        queue_id_new(&id, i % 2);
        CHECK(queue_id_is_valid(str_slice(&id)));
        CHECK_NUMBER(strspn(id.data, "0123456789ABCDEF") == id.length, i % 2 == 0);
        CHECK(i % 2 == 0 || id.data[10] == 'z');
    }
    CHECK(!queue_id_is_valid(SLICE_LITERAL("../x")));
    CHECK(!queue_id_is_valid(SLICE_LITERAL("")));
}

TEST(a_message_can_be_hastened_and_expired)
{
    struct house house;
    struct envelope envelope;
    struct message_times times;
    bool complete, changed;

    house_open(&house, "deferred", 1);
    fill_envelope(&envelope, house.arena);

    const char *id = commit(&house, &envelope, "x\n");

    CHECK(!queue_hasten(house.queue, id, &house.error));
    CHECK_NUMBER(house.error.code, ENOENT);
    CHECK(queue_move(house.queue, id, QUEUE_INCOMING, QUEUE_ACTIVE, &house.error));
    CHECK(queue_defer(house.queue, id, 2000000000, &house.error));
    CHECK(queue_request(house.queue, QUEUE_DEFERRED, id, QUEUE_EXPIRE, &changed, &house.error));
    CHECK(changed);
    CHECK(queue_request(house.queue, QUEUE_DEFERRED, id, QUEUE_EXPIRE, &changed, &house.error));
    CHECK(!changed);
    CHECK(queue_hasten(house.queue, id, &house.error));
    CHECK(queue_times(house.queue, QUEUE_INCOMING, id, &times, &complete, &house.error));
    CHECK(complete && times.expire && times.unthrottle && times.next_attempt < 2000000000);
    house_close(&house);
}

TEST(what_lies_in_a_wrong_folder_is_found_moved_and_settled)
{
    struct house house;
    struct envelope envelope;
    AUTO_STR struct str path = STR_EMPTY;
    char wrong[512], folder[256], proper[256];

    house_open(&house, "deferred", 0);
    fill_envelope(&envelope, house.arena);

    const char *id = commit(&house, &envelope, "x\n");

    snprintf(proper, sizeof(proper), "%s/incoming/%s", house.directory, id);
    snprintf(folder, sizeof(folder), "%s/incoming/%c", house.directory, id[0]);
    snprintf(wrong, sizeof(wrong), "%s/%s", folder, id);
    CHECK(mkdir(folder, 0700) == 0 && rename(proper, wrong) == 0);
    message_close(must_open(&house, QUEUE_INCOMING, id));
    CHECK(queue_locate(house.queue, QUEUE_INCOMING, id, &path));
    CHECK_NUMBER(path.length, strlen("incoming/X/") + strlen(id));
    CHECK(queue_settle(house.queue, &house.error));
    CHECK(access(proper, F_OK) == 0);
    CHECK(rename(proper, wrong) == 0);
    CHECK(queue_move(house.queue, id, QUEUE_INCOMING, QUEUE_HOLD, &house.error));
    house_close(&house);
}

TEST(a_move_never_replaces_a_message)
{
    struct house house;
    struct envelope envelope;
    char path[256];

    house_open(&house, "", 0);
    fill_envelope(&envelope, house.arena);

    const char *id = commit(&house, &envelope, "x\n");

    snprintf(path, sizeof(path), "%s/hold/%s", house.directory, id);
    close(open(path, O_CREAT | O_WRONLY, 0700));
    CHECK(!queue_move(house.queue, id, QUEUE_INCOMING, QUEUE_HOLD, &house.error));
    CHECK_NUMBER(house.error.code, EEXIST);
    message_close(must_open(&house, QUEUE_INCOMING, id));

    /* Nor does a commit: the id is taken. */
    struct draft *draft = draft_new(house.queue, id, &house.error);

    draft_envelope(draft, &envelope);
    CHECK(!draft_commit(draft, QUEUE_INCOMING, &envelope, &house.error));
    message_close(must_open(&house, QUEUE_INCOMING, id));
    house_close(&house);
}
