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
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUFFER_START = 8 * 1024, QUEUE_FLAGS_NOTIFY_SHIFT = 1 };

static int64_t draft_position(const struct draft *draft)
{
    return draft->written + (int64_t)draft->buffer.length;
}

static void note_failure(struct draft *draft, const char *step)
{
    if (draft->failed)
        return;
    draft->failed = errno;
    draft->failed_step = step;
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

/* Make the file, under its final name: without the x bit nobody looks at it. */
static bool make_file(struct draft *draft)
{
    const struct queue *queue = draft->queue;
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

    queue_path_in(queue, draft->place, draft->id.data, draft->path);
    draft->file = queue->disk->open(queue->disk, queue->folders[draft->place], draft->path, flags,
                                    QUEUE_MODE_UNFINISHED);
    if (draft->file < 0 && errno == ENOENT && strchr(draft->path, '/')
        && queue_make_folders(queue, draft->place, draft->path))
        draft->file = queue->disk->open(queue->disk, queue->folders[draft->place], draft->path,
                                        flags, QUEUE_MODE_UNFINISHED);
    if (draft->file < 0)
        note_failure(draft, "create");
    return draft->file >= 0;
}

static void write_buffer(struct draft *draft)
{
    if (!draft->failed && draft->file < 0)
        (void)make_file(draft);
    if (!draft->failed && disk_write_all(draft->queue->disk, draft->file, draft->buffer.data,
                                         draft->buffer.length) < 0)
        note_failure(draft, "write");
    draft->written += (int64_t)draft->buffer.length;
    str_clear(&draft->buffer);
}

static void append(struct draft *draft, char type, struct slice data)
{
    if (draft->buffer.length + data.length + RECORD_HEAD_LIMIT > RECORD_WINDOW
        && draft->buffer.length > 0)
        write_buffer(draft);
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

static void finish_records(struct draft *draft)
{
    draft_content_end(draft);
    if (!draft->ended)
        draft_add(draft, RECORD_END, slice_of(""));
}

/* Fill the size record in: in the buffer when it is still there, else in the file. */
static void write_size(struct draft *draft)
{
    enum { HEAD = 2 };
    char text[RECORD_SIZE_LENGTH + 1 + 32];

    snprintf(text, sizeof(text), "%15lld %15lld %15lld %15lld %15lld %15lld",
             (long long)draft->content_length, (long long)draft->content_offset,
             (long long)draft->recipient_count, (long long)draft->queue_flags,
             (long long)draft->content_length, (long long)draft->send_options);
    if (draft->written == 0)
        memcpy(draft->buffer.data + HEAD, text, RECORD_SIZE_LENGTH);
    else if (!draft->failed && disk_pwrite_all(draft->queue->disk, draft->file, text,
                                               RECORD_SIZE_LENGTH, HEAD) < 0)
        note_failure(draft, "write");
}

/* Give the unfinished file the place that the commit names. */
static void take_place(struct draft *draft, enum queue_place place)
{
    const struct queue *queue = draft->queue;
    char path[QUEUE_PATH_LIMIT];

    if (draft->place == place)
        return;
    if (draft->file < 0 || draft->failed) {
        draft->place = draft->file < 0 ? place : draft->place;
        return;
    }
    queue_path_in(queue, place, draft->id.data, path);
    if (strchr(path, '/') && !queue_make_folders(queue, place, path)) {
        note_failure(draft, "make folder");
        return;
    }
    if (queue_rename(queue, draft->place, draft->path, place, path) < 0) {
        note_failure(draft, "name");
        return;
    }
    draft->place = place;
    snprintf(draft->path, sizeof(draft->path), "%s", path);
}

/* Who submits may write to maildrop and not read it, so cannot open the folder to flush it. */
static int flush_name(const struct draft *draft)
{
    const struct disk *disk = draft->queue->disk;

    if (queue_flush_folder(draft->queue, draft->place, draft->path) == 0)
        return 0;
    return errno == EACCES ? disk->flush_all(disk, draft->file) : -1;
}

/*
 * The commit.  The x bit makes the message visible and comes before the last
 * fsync, so that no power cut can undo what was answered 250.  Where a file may come out
 * of a crash with holes (large files; file systems that are not known) the content
 * is flushed before the x bit is set.
 */
static void make_durable(struct draft *draft, bool streamed)
{
    const struct queue *queue = draft->queue;
    const struct disk *disk = queue->disk;
    mode_t mode = draft->place == QUEUE_MAILDROP ? QUEUE_MODE_MAILDROP : QUEUE_MODE_COMPLETE;

    if (!draft->failed && (streamed || !queue->journaled) && disk->flush(disk, draft->file) < 0)
        note_failure(draft, "flush");
    if (!draft->failed && !queue->journaled && flush_name(draft) < 0)
        note_failure(draft, "flush folder");
    if (!draft->failed && disk->set_mode(disk, draft->file, mode) < 0)
        note_failure(draft, "mark complete");
    if (!draft->failed && disk->flush(disk, draft->file) < 0)   /* the commit point */
        note_failure(draft, "flush");
}

static void draft_free(struct draft *draft)
{
    if (draft->file >= 0)
        draft->queue->disk->close(draft->queue->disk, draft->file);
    str_free(&draft->id);
    str_free(&draft->buffer);
    str_free(&draft->line);
    free(draft);
}

/*
 * Nothing may remain of a draft that failed, also when qmgr has seen it complete in the
 * meantime and has taken it on.
 */
static void remove_file(struct draft *draft)
{
    const struct queue *queue = draft->queue;
    char path[QUEUE_PATH_LIMIT];

    if (draft->file < 0)
        return;
    if (queue->disk->unlink(queue->disk, queue->folders[draft->place], draft->path) == 0
        || draft->place != QUEUE_INCOMING)
        return;
    queue_path_in(queue, QUEUE_ACTIVE, draft->id.data, path);
    (void)queue->disk->unlink(queue->disk, queue->folders[QUEUE_ACTIVE], path);
}

void draft_discard(struct draft *draft)
{
    if (!draft)
        return;
    remove_file(draft);
    draft_free(draft);
}

struct slice draft_finish(struct draft *draft, const struct envelope *envelope)
{
    finish_records(draft);
    if (envelope)       /* what the headers need is known only now (RFC 6532) */
        draft->send_options = envelope->send_options;
    if (draft->sized)
        write_size(draft);
    return draft->file < 0 && !draft->failed ? str_slice(&draft->buffer) : SLICE_LITERAL("");
}

void draft_tell(const struct draft *draft, struct envelope *envelope)
{
    if (!envelope)
        return;
    envelope->content_offset = draft->content_offset;
    envelope->content_length = draft->content_length;
    envelope->content_size = draft->content_length;
}

/* The draft is gone in any case. */
static bool commit_file(struct draft *draft, enum queue_place place, struct envelope *envelope,
                        struct error *error)
{
    bool streamed = draft->file >= 0;

    take_place(draft, place);
    write_buffer(draft);
    make_durable(draft, streamed);
    if (draft->failed) {
        errno = draft->failed;
        error_system(error, "%s: %s queue file", draft->id.data, draft->failed_step);
        draft_discard(draft);
        return false;
    }
    draft_tell(draft, envelope);
    draft_free(draft);
    return true;
}

bool draft_commit(struct draft *draft, enum queue_place place, struct envelope *envelope,
                  struct error *error)
{
    (void)draft_finish(draft, envelope);
    return commit_file(draft, place, envelope, error);
}

bool draft_commit_records(struct queue *queue, enum queue_place place, const char *id,
                          struct slice records, struct error *error)
{
    struct draft *draft = draft_new_in(queue, place, id, error);

    if (!draft)
        return false;
    str_clear(&draft->buffer);
    str_add(&draft->buffer, records);
    return commit_file(draft, place, NULL, error);
}
