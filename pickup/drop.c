#include "drop.h"

#include "base/moment.h"
#include "log/log.h"
#include "login_sender.h"
#include "queue/queue.h"
#include "queue/record.h"

#include <unistd.h>

/* What a user may say about a message, segment by segment. */
struct segment {
    const char *allowed;
    char next;              /* the record that begins the next segment */
};

static const struct segment segments[] = {
    { "CFSRVAin", RECORD_CONTENT },
    { "LN", RECORD_EXTRACTED },
    { "AR", RECORD_END },
};

/* Attributes decide about filters and clients: only those of a local sender pass. */
static bool attribute_is_allowed(struct slice text)
{
    static const char *const names[] = {
        "rewrite_context", "encoding", "envelope_id", "ret_flags", "notify_flags",
        "dsn_orig_rcpt", "trace_flags", "smtputf8", "sendopts",
    };
    struct slice name = slice_part(text, 0, slice_find(text, '='));

    for (size_t i = 0; i < COUNT(names); i++)
        if (slice_is(name, names[i]))
            return true;
    return false;
}

enum reading { READ_RECORD, READ_END, READ_TORN };

/* The next record of the bytes. */
static enum reading take_record(struct slice *rest, char *type, struct slice *data)
{
    size_t length = 0;
    unsigned shift = 0;

    if (rest->length == 0)
        return READ_END;
    *type = rest->data[0];
    for (size_t i = 1; i < rest->length && shift < 28; i++, shift += 7) {
        unsigned char byte = (unsigned char)rest->data[i];

        length |= (size_t)(byte & 127) << shift;
        if (byte & 128)
            continue;
        if (length > rest->length - i - 1)
            return READ_TORN;
        *data = slice_part(*rest, i + 1, length);
        *rest = slice_from(*rest, i + 1 + length);
        return READ_RECORD;
    }
    return READ_TORN;
}

static bool keeps(char type, struct slice data)
{
    if (type == RECORD_SIZE)
        return false;
    if (type != RECORD_ATTRIBUTE || attribute_is_allowed(data))
        return true;
    if (slice_find(data, '=') == data.length)
        log_warn("uid=%ld: ignoring malformed record: missing '=' after attribute name: %.*s",
                 (long)getuid(), SLICE_ARGS(data));
    else
        log_warn("uid=%ld: ignoring attribute record: %.*s", (long)getuid(), SLICE_ARGS(data));
    return false;
}

static enum drop_result judge_sender(const struct config *config, struct slice sender,
                                     struct error *error)
{
    switch (login_may_send(config, sender, error)) {
    case LOGIN_MAY_NOT:
        return DROP_NOT_ALLOWED;
    case LOGIN_TROUBLE:
        return DROP_NO_LOOKUP;
    default:
        return DROP_GOOD;
    }
}

static enum drop_result add_records(const struct config *config, struct draft *draft,
                                    struct slice records, struct error *error)
{
    enum drop_result sender = DROP_GOOD;
    bool has_sender = false, has_recipient = false;
    size_t segment = 0;
    struct slice data;
    char type;

    while (segment < COUNT(segments)) {
        switch (take_record(&records, &type, &data)) {
        case READ_END:
            return DROP_UNFINISHED;
        case READ_TORN:
            error_set(error, "malformed input");
            return DROP_BAD;
        case READ_RECORD:
            break;
        }
        if (type != segments[segment].next && (type == '\0'
                                               || !strchr(segments[segment].allowed, type))) {
            error_set(error, "unexpected record type: %d", (unsigned char)type);
            return DROP_BAD;
        }
        if (type == segments[segment].next)
            segment++;
        has_sender |= type == RECORD_SENDER;
        if (type == RECORD_SENDER && sender == DROP_GOOD)
            sender = judge_sender(config, data, error);
        has_recipient |= type == RECORD_RECIPIENT;
        if (keeps(type, data))
            draft_add(draft, type, data);
    }
    if (sender != DROP_GOOD)
        return sender;
    return has_sender && has_recipient ? DROP_GOOD : DROP_NO_ENVELOPE;
}

enum drop_result drop_message(const struct config *config, struct slice records, const char *id,
                              struct error *error)
{
    struct queue_settings settings = {
        .hash_queue_names = config->hash_queue_names,
        .hash_queue_depth = config->hash_queue_depth,
        .long_ids = config->enable_long_queue_ids,
        .line_length_limit = config->line_length_limit,
    };
    struct queue *queue = queue_open(&settings, error);
    struct draft *draft = queue ? draft_new_in(queue, QUEUE_MAILDROP, id, error) : NULL;
    struct timeval now = wall_now();
    enum drop_result result = DROP_TROUBLE;

    if (draft) {
        draft_format(draft, RECORD_TIME, "%lld %ld", (long long)now.tv_sec, (long)now.tv_usec);
        result = add_records(config, draft, records, error);
        if (result != DROP_GOOD)
            draft_discard(draft);
        else if (!draft_commit(draft, QUEUE_MAILDROP, NULL, error))
            result = DROP_TROUBLE;
    }
    if (queue)
        queue_close(queue);
    return result;
}
