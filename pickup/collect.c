#include "collect.h"

#include "base/memory.h"
#include "base/scope.h"
#include "deliver/submission.h"
#include "log/log.h"
#include "message/date.h"
#include "queue/queue.h"

#include <errno.h>
#include <sys/stat.h>

struct collector {
    const struct config *config;
    struct queue *queue;
    struct lane_pool *cleanup;
    bool detect_utf8;           /* smtputf8_autodetect_classes has mail from sendmail */
};

/* What becomes of a file. */
enum fate { FILE_DONE, FILE_STAYS, FILE_IS_BAD };

struct collector *collector_new(const struct config *config, const char *cleanup_socket,
                                struct error *error)
{
    struct queue_settings settings = {
        .hash_queue_names = config->hash_queue_names,
        .hash_queue_depth = config->hash_queue_depth,
        .long_ids = config->enable_long_queue_ids,
        .line_length_limit = config->line_length_limit,
    };
    struct queue *queue = queue_open(&settings, error);

    if (!queue)
        return NULL;

    struct collector *collector = memory_new(1, sizeof(*collector));

    collector->config = config;
    collector->queue = queue;
    collector->detect_utf8 = config->smtputf8_enable
        && submission_detects_smtputf8(config->smtputf8_autodetect_classes, "sendmail");
    collector->cleanup = lane_pool_new(cleanup_socket, 1, config->ipc_idle);
    return collector;
}

/* A message that was in the queue before (postsuper -r) is ours; its envelope stays as it was. */
static void name_message(const struct collector *collector, struct arena *arena, const char *id,
                         const struct stat *status, struct envelope *envelope)
{
    AUTO_STR struct str new_id = STR_EMPTY;
    bool requeued = status->st_uid == geteuid();

    queue_id_new(&new_id, collector->config->enable_long_queue_ids);
    envelope->queue_id = arena_text(arena, str_slice(&new_id));
    if (!envelope->arrival.tv_sec)
        envelope->arrival = wall_now();
    if (requeued)
        log_info("%s: uid=%ld from=<%s> orig_id=%s", new_id.data, (long)status->st_uid,
                 envelope->sender, id);
    else
        log_info("%s: uid=%ld from=<%s>", new_id.data, (long)status->st_uid, envelope->sender);
}

static const char *received_text(const struct collector *collector, struct arena *arena,
                                 const struct stat *status, const struct envelope *envelope)
{
    AUTO_STR struct str text = STR_EMPTY;

    str_format(&text, "by %s (%s, from userid %ld)\n\tid %s; ", collector->config->myhostname,
               collector->config->mail_name, (long)status->st_uid, envelope->queue_id);
    message_date(&text, envelope->arrival.tv_sec);
    return arena_text(arena, str_slice(&text));
}

static bool send_content(struct message *message, const struct envelope *envelope,
                         struct submitter *submitter, struct error *error)
{
    struct content *content = content_new(message_descriptor(message), envelope->content_offset,
                                          envelope->content_length);
    enum content_piece piece;
    struct slice bytes;
    bool good = true;

    while (good && ((piece = content_next(content, &bytes, error)) == CONTENT_LINE
                    || piece == CONTENT_PART)) {
        good = submitter_add(submitter, bytes, error);
        if (good && piece == CONTENT_LINE)
            good = submitter_add(submitter, SLICE_LITERAL("\n"), error);
    }
    content_free(content);
    return good && piece == CONTENT_END;
}

static enum fate judge(const char *id, const struct submission_reply *reply)
{
    switch ((enum submission_status)reply->status) {
    case SUBMISSION_QUEUED:
    case SUBMISSION_DISCARDED:
        return FILE_DONE;
    case SUBMISSION_TOO_LARGE:
    case SUBMISSION_HOPS:
    case SUBMISSION_REJECTED:
    case SUBMISSION_NO_RECIPIENTS:
    case SUBMISSION_BAD:
        log_warn("maildrop/%s: message not accepted: %s", id, reply->text);
        return FILE_IS_BAD;
    case SUBMISSION_NO_SPACE:
    case SUBMISSION_WRITE_ERROR:
    case SUBMISSION_DEFER:
        break;
    }
    log_warn("maildrop/%s: %s -- will try again", id, reply->text);
    return FILE_STAYS;
}

static enum fate submit(struct collector *collector, struct message *message, const char *id,
                        struct arena *arena, struct submission *submission)
{
    struct submitter *submitter = submitter_new(collector->cleanup, submission,
                                                collector->config->ipc_timeout);
    struct submission_reply reply;
    struct error error = ERROR_NONE;

    if (!send_content(message, &submission->envelope, submitter, &error)) {
        submitter_abandon(submitter);
        log_warn("maildrop/%s: %s -- will try again", id, error.text);
        return FILE_STAYS;
    }
    if (!submitter_end(submitter, arena, &reply, &error)) {
        log_warn("maildrop/%s: %s -- will try again", id, error.text);
        return FILE_STAYS;
    }
    return judge(id, &reply);
}

static enum fate hand_over(struct collector *collector, struct message *message, const char *id,
                           struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct submission submission = {
        .flags = SUBMIT_LOCAL | SUBMIT_FILTER | SUBMIT_MAP | SUBMIT_BCC | SUBMIT_MILTER
                 | (collector->detect_utf8 ? SUBMIT_SMTPUTF8 : 0),
        .received = "", .prepended = "",
    };
    struct stat status;
    bool more;

    envelope_clear(&submission.envelope);
    if (fstat(message_descriptor(message), &status) < 0) {
        error_system(error, "fstat");
        return FILE_STAYS;
    }
    if (!message_envelope(message, arena, &submission.envelope, 0, &more, error))
        return FILE_IS_BAD;
    name_message(collector, arena, id, &status, &submission.envelope);
    submission.received = received_text(collector, arena, &status, &submission.envelope);
    return submit(collector, message, id, arena, &submission);
}

static bool put_away(const struct collector *collector, const char *id, struct error *error)
{
    return collector->config->dont_remove
               ? queue_save(collector->queue, QUEUE_MAILDROP, id, error)
               : queue_remove(collector->queue, QUEUE_MAILDROP, id, error);
}

static void collect(struct collector *collector, const char *id)
{
    struct message *message;
    struct error error = ERROR_NONE;
    enum fate fate = FILE_STAYS;
    enum message_state state = message_open(collector->queue, QUEUE_MAILDROP, id, &message,
                                            &error);

    if (state == MESSAGE_READY) {
        fate = hand_over(collector, message, id, &error);
        message_close(message);
    }
    if (state == MESSAGE_CORRUPT)
        fate = FILE_IS_BAD;
    if (error.text[0])
        log_warn("maildrop/%s: %s", id, error.text);
    error = ERROR_NONE;
    if (fate == FILE_DONE && !put_away(collector, id, &error))
        log_warn("remove maildrop/%s: %s", id, error.text);
    if (fate == FILE_IS_BAD
        && !queue_move(collector->queue, id, QUEUE_MAILDROP, QUEUE_CORRUPT, &error))
        log_warn("move maildrop/%s to corrupt: %s", id, error.text);
}

void collector_run(struct collector *collector)
{
    struct queue_scan *scan = queue_scan_new(collector->queue, QUEUE_MAILDROP);
    const char *id;

    while ((id = queue_scan_next(scan)))
        collect(collector, id);
    queue_scan_free(scan);
}
