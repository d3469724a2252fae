#include "base/scope.h"
#include "base/test.h"
#include "deliver/arrival.h"
#include "deliver/envelope_fields.h"
#include "deliver/submission.h"

static void read_back(const struct str *frame, const struct frame_type *type,
                      struct arena *arena, void *message)
{
    struct error error = ERROR_NONE;
    bool good = frame_read(slice_from(str_slice(frame), 4), type, arena, message, &error);

    CHECK_TEXT(error.text, "");
    CHECK(good);
}

static struct envelope sample(struct arena *arena)
{
    struct envelope envelope;

    envelope_clear(&envelope);
    envelope.queue_id = "ABC123";
    envelope.arrival = (struct timeval){ 1795329017, 893406 };
    envelope.sender = "a@b";
    envelope.full_name = "J. Doe";
    envelope.envelope_id = "e+20";
    envelope.warn_at = 17;
    envelope.send_options = SENDOPT_SMTPUTF8;
    envelope_set_attribute(&envelope, arena, "rewrite_context", "local");

    struct recipient *recipient = envelope_add_recipient(&envelope, arena);

    recipient->address = "c@d";
    recipient->original = "c";
    recipient->notify = NOTIFY_DELAY;
    recipient->handle = 615;
    return envelope;
}

static void check_sample(const struct envelope *envelope)
{
    CHECK_TEXT(envelope->queue_id, "ABC123");
    CHECK_NUMBER(envelope->arrival.tv_sec, 1795329017);
    CHECK_NUMBER(envelope->arrival.tv_usec, 893406);
    CHECK_TEXT(envelope->full_name, "J. Doe");
    CHECK_TEXT(envelope->envelope_id, "e+20");
    CHECK_TEXT(envelope->redirect, "");
    CHECK_NUMBER(envelope->warn_at, 17);
    CHECK_NUMBER(envelope->send_options, SENDOPT_SMTPUTF8);
    CHECK_TEXT(envelope_attribute(envelope, "rewrite_context"), "local");
    CHECK_NUMBER(envelope->recipients.count, 1);
    CHECK_TEXT(envelope->recipients.items[0].address, "c@d");
    CHECK_TEXT(envelope->recipients.items[0].original, "c");
    CHECK_NUMBER(envelope->recipients.items[0].notify, NOTIFY_DELAY);
    CHECK_NUMBER(envelope->recipients.items[0].handle, 615);
}

TEST(a_submission_comes_as_it_was_sent)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str frame = STR_EMPTY;
    struct submission sent = {
        .envelope = sample(arena), .flags = SUBMIT_FILTER | SUBMIT_HOLD, .received = "by x",
        .prepended = "A: b\n", .content = SLICE_LITERAL("Subject: x\n\n\0body"), .complete = 1,
    };
    struct submission got;

    frame_write(&frame, &submission_frame, &sent);
    read_back(&frame, &submission_frame, arena, &got);
    check_sample(&got.envelope);
    CHECK_NUMBER(got.flags, SUBMIT_FILTER | SUBMIT_HOLD);
    CHECK_TEXT(got.received, "by x");
    CHECK_TEXT(got.prepended, "A: b\n");
    CHECK(slice_equal(got.content, sent.content));
    CHECK_NUMBER(got.complete, 1);
}

TEST(an_arrival_comes_as_it_was_sent)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str frame = STR_EMPTY;
    struct arrival sent = { .envelope = sample(arena), .complete = 1, .reported = 1 }, got;

    frame_write(&frame, &arrival_frame, &sent);
    read_back(&frame, &arrival_frame, arena, &got);
    check_sample(&got.envelope);
    CHECK_NUMBER(got.complete, 1);
}

TEST(answers_and_chunks_come_as_they_were_sent)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str frame = STR_EMPTY;
    struct submission_reply reply = { SUBMISSION_REJECTED, "ID", "5.7.1 no", 12 }, got_reply;
    struct content_chunk chunk = { SLICE_LITERAL("abc"), 0, 1 }, got_chunk;

    frame_write(&frame, &submission_reply_frame, &reply);
    read_back(&frame, &submission_reply_frame, arena, &got_reply);
    CHECK_NUMBER(got_reply.status, SUBMISSION_REJECTED);
    CHECK_TEXT(got_reply.text, "5.7.1 no");
    CHECK_NUMBER(got_reply.size, 12);
    str_clear(&frame);
    frame_write(&frame, &content_chunk_frame, &chunk);
    read_back(&frame, &content_chunk_frame, arena, &got_chunk);
    CHECK_SLICE(got_chunk.content, "abc");
    CHECK_NUMBER(got_chunk.abandon, 1);
}
