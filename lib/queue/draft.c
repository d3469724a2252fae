/*
 * A message on its way into the queue.
 *
 * Records are gathered in memory.  A message that fits is written by one call
 * when it is committed; a larger one goes to a file that is not complete (no x bit),
 * and its size record is filled in at the end.
 */
#include "draft.h"

#include "base/memory.h"

#include <errno.h>
#include <stdarg.h>

enum { BUFFER_START = 8 * 1024, QUEUE_FLAGS_NOTIFY_SHIFT = 1 };

static int64_t draft_position(const struct draft *draft)
{
    return draft->written + (int64_t)draft->buffer.length;
}

struct draft *draft_new_in(struct queue *queue, enum queue_place place, const char *id,
                           struct error *error)
{
    if (id && !queue_id_is_valid(slice_of(id))) {
        error_code(error, EINVAL, "bad queue id %s", id);
        return NULL;
    }

    struct draft *draft = memory_new(1, sizeof(*draft));

    draft->queue = queue;
    draft->place = place;
    draft->file = -1;
    draft->id = draft->buffer = draft->line = STR_EMPTY;
    draft->sized = place != QUEUE_MAILDROP;
    if (id)
        str_text(&draft->id, id);
    else
        queue_id_new(&draft->id, queue->long_ids);
    str_reserve(&draft->buffer, BUFFER_START);
    if (draft->sized) {
        static const char blanks[RECORD_SIZE_LENGTH] = { 0 };

        record_append(&draft->buffer, RECORD_SIZE, slice_bytes(blanks, sizeof(blanks)));
    }
    return draft;
}

struct draft *draft_new(struct queue *queue, const char *id, struct error *error)
{
    return draft_new_in(queue, QUEUE_INCOMING, id, error);
}

const char *draft_id(const struct draft *draft)
{
    return draft->id.data;
}

int64_t draft_content_size(const struct draft *draft)
{
    return draft->content_size;
}

static void append(struct draft *draft, char type, struct slice data)
{
    if (draft->buffer.length + data.length + RECORD_HEAD_LIMIT > RECORD_WINDOW
        && draft->buffer.length > 0)
        draft_write(draft);
    record_append(&draft->buffer, type, data);
}

static int64_t number_behind(struct slice data, const char *name)
{
    int64_t number = 0;

    if (slice_starts(data, name))
        (void)slice_integer(slice_from(data, strlen(name)), 0, INT64_MAX, &number);
    return number;
}

/* What the size record must know of a record. */
static void take_note(struct draft *draft, char type, struct slice data)
{
    switch (type) {
    case RECORD_CONTENT:
        draft->in_content = true;
        draft->content_offset = draft_position(draft);
        break;
    case RECORD_EXTRACTED:
        draft->in_content = false;
        draft->content_ended = true;
        break;
    case RECORD_RECIPIENT:
        draft->recipient_count++;
        break;
    case RECORD_ATTRIBUTE:
        draft->queue_flags |= number_behind(data, "notify_flags=") << QUEUE_FLAGS_NOTIFY_SHIFT;
        break;
    case RECORD_END:
        draft->ended = true;
        break;
    }
}

void draft_add(struct draft *draft, char type, struct slice data)
{
    if (type == RECORD_EXTRACTED && draft->in_content)
        draft->content_length = draft_position(draft) - draft->content_offset;
    append(draft, type, data);
    take_note(draft, type, data);
}

void draft_format(struct draft *draft, char type, const char *format, ...)
{
    struct str text = STR_EMPTY;
    va_list args;

    va_start(args, format);
    str_vformat(&text, format, args);
    va_end(args);
    draft_add(draft, type, str_slice(&text));
    str_free(&text);
}

static void add_text(struct draft *draft, char type, const char *text)
{
    if (text[0])
        draft_add(draft, type, slice_of(text));
}

void draft_recipient(struct draft *draft, struct recipient *recipient)
{
    if (recipient->notify)
        draft_format(draft, RECORD_ATTRIBUTE, "notify_flags=%lld", (long long)recipient->notify);
    if (recipient->dsn_original[0])
        draft_format(draft, RECORD_ATTRIBUTE, "dsn_orig_rcpt=%s", recipient->dsn_original);
    draft_add(draft, RECORD_ORIGINAL,
              slice_of(recipient->original[0] ? recipient->original : recipient->address));
    /* A write of the buffer may come first; the record's place does not change by that. */
    recipient->handle = draft_position(draft);
    draft_add(draft, RECORD_RECIPIENT, slice_of(recipient->address));
}

/* In Postfix's order, as far as readers depend on one: what recipients need comes last. */
void draft_envelope(struct draft *draft, struct envelope *envelope)
{
    int64_t created = envelope->create_time ? envelope->create_time : envelope->arrival.tv_sec;

    draft_format(draft, RECORD_TIME, "%lld %ld", (long long)envelope->arrival.tv_sec,
                 (long)envelope->arrival.tv_usec);
    draft_format(draft, RECORD_ATTRIBUTE, "create_time=%lld", (long long)created);
    if (envelope->cleanup_flags)
        draft_format(draft, RECORD_FLAGS, "%lld", (long long)envelope->cleanup_flags);
    add_text(draft, RECORD_FILTER, envelope->content_filter);
    add_text(draft, RECORD_REDIRECT, envelope->redirect);
    if (envelope->envelope_id[0])
        draft_format(draft, RECORD_ATTRIBUTE, "envelope_id=%s", envelope->envelope_id);
    if (envelope->return_flags)
        draft_format(draft, RECORD_ATTRIBUTE, "ret_flags=%lld",
                     (long long)envelope->return_flags);
    add_text(draft, RECORD_FULL_NAME, envelope->full_name);
    add_text(draft, RECORD_VERP, envelope->verp_delimiters);
    draft_add(draft, RECORD_SENDER, slice_of(envelope->sender));
    if (envelope->encoding[0])
        draft_format(draft, RECORD_ATTRIBUTE, "encoding=%s", envelope->encoding);
    for (size_t i = 0; i < envelope->attributes.count; i++)
        draft_format(draft, RECORD_ATTRIBUTE, "%s=%s", envelope->attributes.items[i].name,
                     envelope->attributes.items[i].value);
    if (envelope->warn_at)
        draft_format(draft, RECORD_WARN, "%15lld", (long long)envelope->warn_at);
    draft->send_options = envelope->send_options;
    for (size_t i = 0; i < envelope->recipients.count; i++)
        draft_recipient(draft, &envelope->recipients.items[i]);
    draft_add(draft, RECORD_CONTENT, slice_of(""));
}

/*
 * A line as Postfix writes it: pieces of the limit while that many bytes are left, then
 * the rest, empty perhaps, with the newline.
 */
static void add_line(struct draft *draft, struct slice line)
{
    size_t limit = draft->queue->line_length_limit;

    while (line.length >= limit) {
        append(draft, RECORD_PART, slice_part(line, 0, limit));
        line = slice_from(line, limit);
    }
    append(draft, RECORD_LINE, line);
}

/* The bytes of a line whose end has not come; long ones go out in pieces. */
static void add_start(struct draft *draft, struct slice bytes)
{
    size_t limit = draft->queue->line_length_limit;

    while (draft->line.length + bytes.length >= limit) {
        size_t count = limit - draft->line.length;

        str_add(&draft->line, slice_part(bytes, 0, count));
        append(draft, RECORD_PART, str_slice(&draft->line));
        str_clear(&draft->line);
        bytes = slice_from(bytes, count);
    }
    str_add(&draft->line, bytes);
}

void draft_content(struct draft *draft, struct slice bytes)
{
    draft->content_size += (int64_t)bytes.length;
    while (bytes.length > 0) {
        size_t end = slice_find(bytes, '\n');
        struct slice line = slice_part(bytes, 0, end);

        if (end == bytes.length) {
            add_start(draft, line);
            return;
        }
        if (draft->line.length > 0) {
            add_start(draft, line);
            line = str_slice(&draft->line);
        }
        add_line(draft, line);
        str_clear(&draft->line);
        bytes = slice_from(bytes, end + 1);
    }
}

void draft_content_end(struct draft *draft)
{
    if (draft->content_ended || !draft->in_content)
        return;
    if (draft->line.length > 0) {
        add_line(draft, str_slice(&draft->line));
        str_clear(&draft->line);
        draft->content_size++;
    }
    draft_add(draft, RECORD_EXTRACTED, slice_of(""));
}
