/*
 * The envelope of a message from the records of its file.
 *
 * The first call reads the whole file but for the content, so that a file whose end is
 * missing is found before anything is delivered; later calls only read recipients.
 */
#include "message.h"

#include <errno.h>

/* What one call gathers. */
struct gathering {
    struct message *message;
    struct arena *arena;
    struct envelope *envelope;
    size_t recipient_limit;     /* SIZE_MAX: none */
    bool attributes;            /* false: only recipients are wanted */
    bool full;                  /* the limit is reached, and there is a further recipient */
    bool mixed;                 /* recipients and other records alternate */
    bool has_size;
    struct recipient next;      /* what came for the recipient that is to come */
};

static bool damaged(const struct gathering *gathering, const struct record *record,
                    struct error *error, const char *what)
{
    return error_code(error, EBADMSG, "%s: %s at offset %lld", gathering->message->id, what,
                      (long long)record->offset);
}

static void forget_next(struct gathering *gathering)
{
    gathering->next = (struct recipient){ "", "", "", 0, 0 };
}

static bool take_size(struct gathering *gathering, struct slice data)
{
    enum { SIZE, OFFSET, RECIPIENTS, FLAGS, LENGTH, OPTIONS, COUNT_OF };
    int64_t numbers[COUNT_OF] = { 0 };
    int count = 0;

    for (struct slice word; count < COUNT_OF && slice_take_token(&data, " ", &word); count++)
        if (!slice_integer(word, 0, INT64_MAX, &numbers[count]))
            return false;
    if (count <= RECIPIENTS)
        return false;
    gathering->has_size = true;
    gathering->mixed = numbers[FLAGS] & 1;
    /* Edits leave the two apart: the first is the span in the file, the other what is in use. */
    gathering->envelope->content_size = numbers[count > LENGTH ? LENGTH : SIZE];
    gathering->envelope->content_offset = numbers[OFFSET];
    gathering->envelope->content_length = numbers[SIZE];
    gathering->envelope->send_options = numbers[OPTIONS];
    gathering->envelope->recipient_count = numbers[RECIPIENTS];
    return true;
}

static bool take_time(struct slice data, struct timeval *moment)
{
    int64_t seconds, micros = 0;
    struct slice word = slice_take_word(&data);

    if (!slice_integer(word, 0, INT64_MAX, &seconds))
        return false;
    word = slice_take_word(&data);
    if (word.length > 0 && !slice_integer(word, 0, 999999, &micros))
        return false;
    *moment = (struct timeval){ .tv_sec = seconds, .tv_usec = micros };
    return true;
}

static void take_number(struct slice data, int64_t *number)
{
    (void)slice_integer(slice_trim(data), 0, INT64_MAX, number);
}

/* Attributes that have a member of their own, or belong to the next recipient. */
static bool take_known_attribute(struct gathering *gathering, struct slice name,
                                 struct slice value)
{
    struct envelope *envelope = gathering->envelope;

    if (slice_is(name, "notify_flags"))
        take_number(value, &gathering->next.notify);
    else if (slice_is(name, "dsn_orig_rcpt"))
        gathering->next.dsn_original = arena_text(gathering->arena, value);
    else if (!gathering->attributes)
        return true;
    else if (slice_is(name, "create_time"))
        take_number(value, &envelope->create_time);
    else if (slice_is(name, "envelope_id"))
        envelope->envelope_id = arena_text(gathering->arena, value);
    else if (slice_is(name, "ret_flags"))
        take_number(value, &envelope->return_flags);
    else if (slice_is(name, "encoding"))
        envelope->encoding = arena_text(gathering->arena, value);
    else
        return false;
    return true;
}

static void take_attribute(struct gathering *gathering, struct slice data)
{
    size_t equals = slice_find(data, '=');
    struct slice name = slice_part(data, 0, equals), value = slice_from(data, equals + 1);

    if (equals == data.length || take_known_attribute(gathering, name, value))
        return;
    envelope_set_attribute(gathering->envelope, gathering->arena,
                           arena_text(gathering->arena, name),
                           arena_text(gathering->arena, value));
}

/* Records that say something of the message as a whole. */
static bool take_fact(struct gathering *gathering, const struct record *record)
{
    struct envelope *envelope = gathering->envelope;

    switch (record->type) {
    case RECORD_SIZE:
        return take_size(gathering, record->data);
    case RECORD_TIME:
        return take_time(record->data, &envelope->arrival);
    case RECORD_CREATE_TIME:
        take_number(record->data, &envelope->create_time);
        return true;
    case RECORD_FULL_NAME:
        envelope->full_name = arena_text(gathering->arena, record->data);
        return true;
    case RECORD_SENDER:
        gathering->message->has_sender = true;
        envelope->sender = arena_text(gathering->arena, record->data);
        return true;
    case RECORD_FILTER:
        envelope->content_filter = arena_text(gathering->arena, record->data);
        return true;
    case RECORD_REDIRECT:
        envelope->redirect = arena_text(gathering->arena, record->data);
        return true;
    case RECORD_VERP:
        envelope->verp_delimiters = arena_text(gathering->arena, record->data);
        return true;
    case RECORD_FLAGS:
        take_number(record->data, &envelope->cleanup_flags);
        return true;
    case RECORD_WARN:
        take_number(record->data, &envelope->warn_at);
        envelope->warned = envelope->warn_at == 0;
        gathering->message->warn_record = record->offset;
        return true;
    case RECORD_DSN_RETURN:
        take_number(record->data, &envelope->return_flags);
        return true;
    case RECORD_DSN_ID:
        envelope->envelope_id = arena_text(gathering->arena, record->data);
        return true;
    default:
        return true;
    }
}

static void add_recipient(struct gathering *gathering, const struct record *record)
{
    struct envelope *envelope = gathering->envelope;

    if (!gathering->mixed && envelope->recipients.count >= gathering->recipient_limit) {
        gathering->full = true;
        return;
    }

    struct recipient *recipient = envelope_add_recipient(envelope, gathering->arena);

    *recipient = gathering->next;
    recipient->address = arena_text(gathering->arena, record->data);
    if (slice_is(record->data, recipient->original))
        recipient->original = "";
    recipient->handle = record->offset;
    forget_next(gathering);
}

/* One record outside the content; false when it is damaged. */
static bool take_record(struct gathering *gathering, const struct record *record)
{
    switch (record->type) {
    case RECORD_RECIPIENT:
        add_recipient(gathering, record);
        return true;
    case RECORD_DONE:
    case RECORD_CANCELED:
        forget_next(gathering);
        return true;
    case RECORD_ORIGINAL:
        gathering->next.original = arena_text(gathering->arena, record->data);
        return true;
    case RECORD_DSN_ORIGINAL:
        gathering->next.dsn_original = arena_text(gathering->arena, record->data);
        return true;
    case RECORD_DSN_NOTIFY:
        take_number(record->data, &gathering->next.notify);
        return true;
    case RECORD_ATTRIBUTE:
        take_attribute(gathering, record->data);
        return true;
    case RECORD_KILLED:
    case RECORD_PADDING:
        return true;
    default:
        return !gathering->attributes || take_fact(gathering, record);
    }
}

static bool type_is_known(char type)
{
    static const char known[] = { 'C', 'T', 'c', 'F', 'I', 'L', 'S', 'D', 'R', 'O', '/', 'W', 'A',
                                  'K', '>', 'f', 'd', 'M', 'w', 'X', 'r', 'e', 'P', 'p', 'V', '<',
                                  'i', 'o', 'n', 'm', 'E' };

    return memchr(known, type, sizeof(known));
}

/* A record that holds a text that readers will take for a C string. */
static bool has_stray_nul(const struct record *record)
{
    return record->data.length > 0 && record->type != RECORD_PADDING
           && memchr(record->data.data, 0, record->data.length);
}

static bool next_record(struct gathering *gathering, struct record *record, struct error *error)
{
    switch (record_next(&gathering->message->reader, record, error)) {
    case RECORD_READ:
        return true;
    case RECORD_ENDED:
        return error_code(error, EBADMSG, "%s: the file ends without its end record",
                          gathering->message->id);
    default:
        return error_prefix(error, "%s", gathering->message->id);
    }
}

/*
 * Take records until one of type last; false when the file is damaged.  When the limit
 * is reached, where the first recipient beyond it stands is kept for the next call.
 */
static bool take_until(struct gathering *gathering, char last, struct error *error)
{
    struct message *message = gathering->message;
    struct record record;
    int64_t start = message->reader.position;   /* of the records of one recipient */

    forget_next(gathering);
    while (next_record(gathering, &record, error)) {
        if (record.type == last)
            return true;
        if (!type_is_known(record.type) || record.type == RECORD_END
            || record.type == RECORD_CONTENT || record.type == RECORD_EXTRACTED)
            return damaged(gathering, &record, error, "unexpected record");
        if (has_stray_nul(&record) || !take_record(gathering, &record))
            return damaged(gathering, &record, error, "damaged record");
        if (gathering->full && message->next_recipient == 0)
            message->next_recipient = start;
        if (gathering->full && !gathering->attributes)
            return true;
        if (record.type == RECORD_RECIPIENT || record.type == RECORD_DONE
            || record.type == RECORD_CANCELED)
            start = message->reader.position;
    }
    return false;
}

/* From the start of the content to what stands behind its X record. */
static bool pass_content(struct gathering *gathering, struct error *error)
{
    struct message *message = gathering->message;
    struct envelope *envelope = gathering->envelope;
    int64_t start = message->reader.position;
    struct record record;

    if (gathering->has_size && envelope->content_offset == start
        && envelope->content_length < message->status.size) {
        message->reader.position = start + envelope->content_length;
        if (next_record(gathering, &record, error) && record.type == RECORD_EXTRACTED)
            return true;
        message->reader.position = start;
    }
    /* No size record (maildrop), or content that was edited in place. */
    while (next_record(gathering, &record, error)) {
        if (record.type == RECORD_EXTRACTED) {
            envelope->content_offset = start;
            envelope->content_length = record.offset - start;
            if (!gathering->has_size)
                envelope->content_size = envelope->content_length;
            return true;
        }
        if (record.type != RECORD_LINE && record.type != RECORD_PART
            && record.type != RECORD_PADDING)
            return damaged(gathering, &record, error, "unexpected record in the content");
    }
    return false;
}

static bool read_all(struct gathering *gathering, struct error *error)
{
    struct message *message = gathering->message;

    envelope_clear(gathering->envelope);
    gathering->envelope->queue_id = arena_copy(gathering->arena, message->id);
    gathering->attributes = true;
    message->reader.position = 0;
    message->next_recipient = 0;
    if (!take_until(gathering, RECORD_CONTENT, error))
        return false;
    message->stage = gathering->full ? STAGE_ENVELOPE : STAGE_EXTRACTED;
    if (!pass_content(gathering, error) || !take_until(gathering, RECORD_END, error))
        return false;
    if (!gathering->full)
        message->stage = STAGE_END;
    return true;
}

static bool read_more(struct gathering *gathering, struct error *error)
{
    struct message *message = gathering->message;

    message->reader.position = message->next_recipient;
    message->next_recipient = 0;
    if (message->stage == STAGE_ENVELOPE) {
        if (!take_until(gathering, RECORD_CONTENT, error))
            return false;
        if (gathering->full)
            return true;
        message->stage = STAGE_EXTRACTED;
        gathering->has_size = true;
        if (!pass_content(gathering, error))
            return false;
    }
    if (!take_until(gathering, RECORD_END, error))
        return false;
    if (!gathering->full)
        message->stage = STAGE_END;
    return true;
}

bool message_envelope(struct message *message, struct arena *arena, struct envelope *envelope,
                      size_t recipient_limit, bool *more, struct error *error)
{
    struct gathering gathering = {
        .message = message, .arena = arena, .envelope = envelope,
        .recipient_limit = recipient_limit ? recipient_limit : SIZE_MAX,
    };
    bool good = true;

    if (message->stage == STAGE_START) {
        good = read_all(&gathering, error);
    } else {
        envelope->recipients = (struct recipient_list){ NULL, 0, 0 };
        if (message->stage != STAGE_END)
            good = read_more(&gathering, error);
    }
    *more = good && gathering.full;
    if (!good)
        message->stage = STAGE_START;
    return good;
}
