#include "queue/record.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

void record_append(struct str *output, char type, struct slice data)
{
    char *start = str_reserve(output, RECORD_HEAD_LIMIT + data.length);
    char *end = start;
    size_t length = data.length;

    *end++ = type;
    while (length > 127) {
        *end++ = (char)(0x80 | (length & 0x7f));
        length >>= 7;
    }
    *end++ = (char)length;
    if (data.length > 0)
        memcpy(end, data.data, data.length);
    str_added(output, (size_t)(end - start) + data.length);
}

static const struct {
    char type;
    const char *name;
} names[] = {
    { RECORD_SIZE, "message_size" },
    { RECORD_TIME, "message_arrival_time" },
    { RECORD_CREATE_TIME, "queue_file_create_time" },
    { RECORD_FULL_NAME, "sender_fullname" },
    { RECORD_INSPECTOR, "content_inspector" },
    { RECORD_FILTER, "content_filter" },
    { RECORD_SENDER, "sender" },
    { RECORD_DONE, "done_recipient" },
    { RECORD_RECIPIENT, "recipient" },
    { RECORD_ORIGINAL, "original_recipient" },
    { RECORD_CANCELED, "canceled_recipient" },
    { RECORD_WARN, "warning_message_time" },
    { RECORD_ATTRIBUTE, "named_attribute" },
    { RECORD_KILLED, "killed_record" },
    { RECORD_REDIRECT, "redirect_to" },
    { RECORD_FLAGS, "flags" },
    { RECORD_CONTENT, "message_content" },
    { RECORD_LINE, "regular_text" },
    { RECORD_PADDING, "padding" },
    { RECORD_EXTRACTED, "extracted_info" },
    { RECORD_RETURN_RECEIPT, "return_receipt" },
    { RECORD_ERRORS_TO, "errors_to" },
    { RECORD_PRIORITY, "priority" },
    { RECORD_POINTER, "pointer_record" },
    { RECORD_VERP, "verp_delimiters" },
    { RECORD_DSN_RETURN, "dsn_return_flags" },
    { RECORD_DSN_ID, "dsn_envelope_id" },
    { RECORD_DSN_ORIGINAL, "dsn_original_recipient" },
    { RECORD_DSN_NOTIFY, "dsn_notify_flags" },
    { RECORD_END, "message_end" },
};

const char *record_name(char type, bool content)
{
    if (type == RECORD_PART && content)
        return "unterminated_text";
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].type == type)
            return names[i].name;
    return "unknown_record_type";
}

void record_reader_start(struct record_reader *reader, const struct disk *disk, int fd,
                         int64_t file_size)
{
    *reader = (struct record_reader){ .disk = disk, .fd = fd, .file_size = file_size };
}

void record_reader_borrow(struct record_reader *reader, struct slice records, int64_t start)
{
    *reader = (struct record_reader){
        .fd = -1, .file_size = start + (int64_t)records.length, .position = start,
        .window = (char *)(uintptr_t)records.data, .window_length = records.length,
        .window_offset = start,
    };
}

void record_reader_free(struct record_reader *reader)
{
    if (reader->fd >= 0)
        free(reader->window);
    reader->window = NULL;
    reader->window_length = reader->window_capacity = 0;
}

/* What the window holds from the position on. */
static struct slice window_rest(const struct record_reader *reader)
{
    int64_t start = reader->position - reader->window_offset;

    if (start < 0 || start >= (int64_t)reader->window_length)
        return SLICE_LITERAL("");
    return slice_bytes(reader->window + start, reader->window_length - (size_t)start);
}

/*
 * Have count bytes at the position in the window, or all there are until the end of
 * the file.  The window of a small file is the file.
 */
static bool fill_window(struct record_reader *reader, size_t count)
{
    size_t wanted = count > RECORD_WINDOW ? count : RECORD_WINDOW;

    if (reader->fd < 0)
        return true;
    if (reader->position < reader->expected_end
        && reader->expected_end - reader->position < (int64_t)wanted
        && reader->expected_end - reader->position >= (int64_t)count)
        wanted = (size_t)(reader->expected_end - reader->position);
    if (reader->file_size - reader->position < (int64_t)wanted)
        wanted = (size_t)(reader->file_size - reader->position);
    if (reader->window_capacity < wanted) {
        reader->window = memory_resize(reader->window, wanted, 1);
        reader->window_capacity = wanted;
    }

    ssize_t length = disk_pread_all(reader->disk, reader->fd, reader->window, wanted,
                                    reader->base + reader->position);

    if (length < 0)
        return false;
    reader->window_offset = reader->position;
    reader->window_length = (size_t)length;
    return true;
}

static enum record_result wrong(const struct record_reader *reader, struct error *error,
                                const char *what)
{
    error_code(error, EBADMSG, "%s at offset %lld", what, (long long)reader->position);
    return RECORD_WRONG;
}

/* Where the data starts behind the head, or 0 when the head is wrong or cut off. */
static size_t take_head(struct slice bytes, size_t *length)
{
    size_t value = 0;

    for (size_t i = 1; i < bytes.length && i < RECORD_HEAD_LIMIT; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];

        value |= (size_t)(byte & 0x7f) << (7 * (i - 1));
        if (byte < 0x80) {
            *length = value;
            return i + 1;
        }
    }
    return 0;
}

static enum record_result read_one(struct record_reader *reader, struct record *record,
                                   struct error *error)
{
    size_t head = 0, length = 0;

    for (int attempt = 0; attempt < 2; attempt++) {
        struct slice bytes = window_rest(reader);

        head = take_head(bytes, &length);
        if (head > 0 && length > RECORD_LENGTH_LIMIT)
            return wrong(reader, error, "impossible record length");
        if (head > 0 && bytes.length >= head + length) {
            *record = (struct record){ bytes.data[0], slice_part(bytes, head, length),
                                       reader->position };
            reader->position += (int64_t)(head + length);
            return RECORD_READ;
        }
        if (reader->position >= reader->file_size)
            return RECORD_ENDED;
        if (attempt == 0 && !fill_window(reader, head > 0 ? head + length : RECORD_HEAD_LIMIT)) {
            error_system(error, "read");
            return RECORD_TROUBLE;
        }
    }
    if (reader->window_length == 0)
        return RECORD_ENDED;
    if (head == 0 && reader->window_length >= RECORD_HEAD_LIMIT)
        return wrong(reader, error, "damaged record length");
    return wrong(reader, error, "the file ends within a record");
}

/* Each pointer record of a file is followed at most once: more jumps are a loop. */
static enum record_result follow(struct record_reader *reader, const struct record *record,
                                 struct error *error)
{
    int64_t target;

    if (!slice_integer(slice_trim(record->data), 0, INT64_MAX, &target)) {
        reader->position = record->offset;
        return wrong(reader, error, "damaged pointer record");
    }
    if (target == 0)
        return RECORD_READ;
    if (reader->file_size == RECORD_FILE_SIZE_UNKNOWN) {
        struct disk_status status;

        if (reader->disk->status(reader->disk, reader->fd, &status) < 0) {
            error_system(error, "status");
            return RECORD_TROUBLE;
        }
        reader->file_size = status.size;
    }
    if (target >= reader->file_size || ++reader->jumps > reader->file_size / 2 + 1) {
        reader->position = record->offset;
        return wrong(reader, error, "pointer record that leads nowhere");
    }
    reader->position = target;
    return RECORD_READ;
}

enum record_result record_next(struct record_reader *reader, struct record *record,
                               struct error *error)
{
    for (;;) {
        enum record_result result = read_one(reader, record, error);

        if (result != RECORD_READ || record->type != RECORD_POINTER || reader->raw)
            return result;
        result = follow(reader, record, error);
        if (result != RECORD_READ)
            return result;
    }
}
