#include "inside.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

struct content {
    struct record_reader reader;
    int64_t offset;
};

enum { END_RECORD = 2 };    /* the bytes of the X record behind the content */

struct content *content_open(const struct disk *disk, int fd, int64_t offset, int64_t length)
{
    struct content *content = memory_new(1, sizeof(*content));

    /* Edited content may lie anywhere behind; the X record ends it in any case. */
    record_reader_start(&content->reader, disk, fd, RECORD_FILE_SIZE_UNKNOWN);
    content->reader.expected_end = offset + length + END_RECORD;
    content->offset = offset;
    content_rewind(content);
    return content;
}

struct content *content_new(int fd, int64_t offset, int64_t length)
{
    return content_open(&disk_real, fd, offset, length);
}

struct content *content_of(struct slice records)
{
    struct content *content = memory_new(1, sizeof(*content));

    record_reader_borrow(&content->reader, records, 0);
    return content;
}

void content_free(struct content *content)
{
    if (!content)
        return;
    record_reader_free(&content->reader);
    free(content);
}

void content_rewind(struct content *content)
{
    content->reader.position = content->offset;
    content->reader.jumps = 0;
}

enum content_piece content_next(struct content *content, struct slice *bytes,
                                struct error *error)
{
    struct record record;

    *bytes = SLICE_LITERAL("");
    for (;;) {
        enum record_result result = record_next(&content->reader, &record, error);

        if (result == RECORD_ENDED)
            error_code(error, EBADMSG, "the file ends within the content");
        if (result != RECORD_READ)
            return CONTENT_BROKEN;
        switch (record.type) {
        case RECORD_LINE:
            *bytes = record.data;
            return CONTENT_LINE;
        case RECORD_PART:
            *bytes = record.data;
            return CONTENT_PART;
        case RECORD_EXTRACTED:
            return CONTENT_END;
        case RECORD_PADDING:
        case RECORD_POINTER:
            break;
        default:
            error_code(error, EBADMSG, "unexpected record in the content at offset %lld",
                       (long long)record.offset);
            return CONTENT_BROKEN;
        }
    }
}
