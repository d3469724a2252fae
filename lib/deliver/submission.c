#include "deliver/submission.h"

#include "base/memory.h"
#include "base/scope.h"
#include "config/config.h"
#include "deliver/envelope_fields.h"

#include <errno.h>

const struct field recipient_fields[] = {
    TEXT_FIELD(recipient, address),
    TEXT_FIELD(recipient, original),
    TEXT_FIELD(recipient, dsn_original),
    NUMBER_FIELD(recipient, notify),
    NUMBER_FIELD(recipient, handle),
    LAST_FIELD,
};

const struct field attribute_fields[] = {
    TEXT_FIELD(attribute, name),
    TEXT_FIELD(attribute, value),
    LAST_FIELD,
};

static const struct field submission_fields[] = {
    ENVELOPE_FIELDS(submission),
    NUMBER_FIELD(submission, flags),
    TEXT_FIELD(submission, received),
    TEXT_FIELD(submission, prepended),
    BYTES_FIELD(submission, content),
    NUMBER_FIELD(submission, complete),
    LAST_FIELD,
};

static const struct field content_chunk_fields[] = {
    BYTES_FIELD(content_chunk, content),
    NUMBER_FIELD(content_chunk, complete),
    NUMBER_FIELD(content_chunk, abandon),
    LAST_FIELD,
};

static const struct field submission_reply_fields[] = {
    NUMBER_FIELD(submission_reply, status),
    TEXT_FIELD(submission_reply, queue_id),
    TEXT_FIELD(submission_reply, text),
    NUMBER_FIELD(submission_reply, size),
    LAST_FIELD,
};

FRAME_TYPE(submission, "submission", FRAME_SUBMISSION)
FRAME_TYPE(content_chunk, "content", FRAME_CONTENT)
FRAME_TYPE(submission_reply, "submission reply", FRAME_SUBMISSION_REPLY)

struct submitter {
    struct lane_pool *pool;
    struct submission *submission;      /* borrowed */
    int timeout_seconds;
    struct lane *lane;                  /* once the first frame is sent */
    struct str content;                 /* not sent yet */
    bool broken;
};

struct submitter *submitter_new(struct lane_pool *cleanup, struct submission *submission,
                                int timeout_seconds)
{
    struct submitter *submitter = memory_new(1, sizeof(*submitter));

    submitter->pool = cleanup;
    submitter->submission = submission;
    submitter->timeout_seconds = timeout_seconds;
    submitter->content = STR_EMPTY;
    str_add(&submitter->content, submission->content);
    return submitter;
}

/* The first frame over a lane; a stale one is replaced, since nobody can have read it. */
static bool send_first(struct submitter *submitter, const struct str *frame, struct error *error)
{
    int64_t deadline = moment_after(submitter->timeout_seconds);

    for (;;) {
        bool reused = false;
        struct lane *lane = lane_pool_take(submitter->pool, &reused, deadline, error);

        if (!lane)
            return false;
        if (lane_send(lane, frame, -1, deadline, error)) {
            submitter->lane = lane;
            return true;
        }
        lane_pool_give(submitter->pool, lane, false);
        if (!reused)
            return false;
    }
}

static bool send_content(struct submitter *submitter, bool complete, struct error *error)
{
    AUTO_STR struct str frame = STR_EMPTY;
    struct slice content = str_slice(&submitter->content);
    bool sent;

    if (submitter->lane) {
        struct content_chunk chunk = { .content = content, .complete = complete };

        frame_write(&frame, &content_chunk_frame, &chunk);
        sent = lane_send(submitter->lane, &frame, -1, moment_after(submitter->timeout_seconds),
                         error);
    } else {
        submitter->submission->content = content;
        submitter->submission->complete = complete;
        frame_write(&frame, &submission_frame, submitter->submission);
        submitter->submission->content = (struct slice){ NULL, 0 };
        sent = send_first(submitter, &frame, error);
    }
    str_clear(&submitter->content);
    submitter->broken = !sent;
    return sent;
}

bool submitter_add(struct submitter *submitter, struct slice content, struct error *error)
{
    if (submitter->broken)
        return error_code(error, EPIPE, "the cleanup service is gone");
    while (content.length > 0) {
        /* Filled beyond what fits: more will come, so this piece can go. */
        if (submitter->content.length >= SUBMISSION_INLINE
            && !send_content(submitter, false, error))
            return false;

        struct slice part = slice_part(content, 0, SUBMISSION_INLINE - submitter->content.length);

        str_add(&submitter->content, part);
        content = slice_from(content, part.length);
    }
    return true;
}

static void submitter_free(struct submitter *submitter, bool healthy)
{
    if (submitter->lane)
        lane_pool_give(submitter->pool, submitter->lane, healthy);
    str_free(&submitter->content);
    free(submitter);
}

static bool receive_reply(struct submitter *submitter, struct arena *arena,
                          struct submission_reply *reply, struct error *error)
{
    struct slice frame;

    return send_content(submitter, true, error)
           && lane_receive(submitter->lane, &frame, NULL,
                           moment_after(submitter->timeout_seconds), error)
           && frame_read(frame, &submission_reply_frame, arena, reply, error);
}

bool submitter_end(struct submitter *submitter, struct arena *arena,
                   struct submission_reply *reply, struct error *error)
{
    bool answered;

    if (submitter->broken)
        answered = error_code(error, EPIPE, "the cleanup service is gone");
    else if (submitter->lane)
        answered = receive_reply(submitter, arena, reply, error);
    else {
        submitter->submission->content = str_slice(&submitter->content);
        submitter->submission->complete = 1;
        answered = lane_pool_call(submitter->pool, &submission_frame, submitter->submission,
                                  &submission_reply_frame, arena, reply,
                                  moment_after(submitter->timeout_seconds), error);
        submitter->submission->content = (struct slice){ NULL, 0 };
    }
    submitter_free(submitter, answered);
    return answered;
}

void submitter_abandon(struct submitter *submitter)
{
    if (!submitter)
        return;
    if (submitter->lane && !submitter->broken) {
        AUTO_STR struct str frame = STR_EMPTY;
        struct content_chunk chunk = { .abandon = 1 };
        struct error error;

        frame_write(&frame, &content_chunk_frame, &chunk);
        submitter->broken = !lane_send(submitter->lane, &frame, -1,
                                       moment_after(submitter->timeout_seconds), &error);
    }
    submitter_free(submitter, !submitter->broken);
}

bool submission_detects_smtputf8(const char *classes, const char *origin)
{
    struct slice rest = slice_of(classes), word;

    while (config_list_next(&rest, false, &word))
        if (slice_is_nocase(word, origin) || slice_is_nocase(word, "all"))
            return true;
    return false;
}
