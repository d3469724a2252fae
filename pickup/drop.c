#include "drop.h"

#include "base/moment.h"
#include "queue/queue.h"
#include "queue/record.h"

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

/* The next record of the bytes; false at a part of one. */
static bool take_record(struct slice *rest, char *type, struct slice *data)
{
    size_t length = 0;
    unsigned shift = 0;

    if (rest->length < 2)
        return false;
    *type = rest->data[0];
    for (size_t i = 1; i < rest->length && shift < 28; i++, shift += 7) {
        unsigned char byte = (unsigned char)rest->data[i];

        length |= (size_t)(byte & 127) << shift;
        if (byte & 128)
            continue;
        if (length > rest->length - i - 1)
            return false;
        *data = slice_part(*rest, i + 1, length);
        *rest = slice_from(*rest, i + 1 + length);
        return true;
    }
    return false;
}

static bool add_records(struct draft *draft, struct slice records, struct error *error)
{
    size_t segment = 0;
    struct slice data;
    char type;

    while (segment < COUNT(segments) && take_record(&records, &type, &data)) {
        if (type != segments[segment].next && (type == '\0'
                                               || !strchr(segments[segment].allowed, type)))
            return error_set(error, "unexpected record type: %d", (unsigned char)type);
        if (type == RECORD_ATTRIBUTE && !attribute_is_allowed(data))
            return error_set(error, "unexpected attribute: %.*s", SLICE_ARGS(data));
        if (type == segments[segment].next)
            segment++;
        if (type != RECORD_SIZE)
            draft_add(draft, type, data);
    }
    if (segment < COUNT(segments))
        return error_set(error, "unexpected end of input");
    if (records.length > 0)
        return error_set(error, "data behind the end of the message");
    return true;
}

bool drop_message(const struct config *config, struct slice records, struct str *id,
                  struct error *error)
{
    struct queue_settings settings = {
        .hash_queue_names = config->hash_queue_names,
        .hash_queue_depth = config->hash_queue_depth,
        .long_ids = config->enable_long_queue_ids,
        .line_length_limit = config->line_length_limit,
    };
    struct queue *queue = queue_open(&settings, error);
    struct draft *draft = queue ? draft_new_in(queue, QUEUE_MAILDROP, NULL, error) : NULL;
    struct timeval now = wall_now();
    bool good = false;

    if (draft) {
        str_set(id, slice_of(draft_id(draft)));
        draft_format(draft, RECORD_TIME, "%lld %ld", (long long)now.tv_sec, (long)now.tv_usec);
        if (!add_records(draft, records, error))
            draft_discard(draft);
        else
            good = draft_commit(draft, QUEUE_MAILDROP, NULL, error);
    }
    if (queue)
        queue_close(queue);
    return good;
}
