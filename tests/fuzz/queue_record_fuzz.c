/*
 * Any bytes as a queue file: its envelope in batches, its content, and all its records.
 */
#include "queue/message.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A disk that is one file: the input. */
static ssize_t input_pread(const struct disk *disk, int fd, void *data, size_t length,
                           off_t offset)
{
    const struct slice *input = disk->state;
    struct slice part = slice_part(*input, (size_t)offset, length);

    (void)fd;
    if (part.length > 0)
        memcpy(data, part.data, part.length);
    return (ssize_t)part.length;
}

static int input_status(const struct disk *disk, int fd, struct disk_status *status)
{
    const struct slice *input = disk->state;

    (void)fd;
    *status = (struct disk_status){ .size = (int64_t)input->length, .mode = 0100700 };
    return 0;
}

static void input_close(const struct disk *disk, int fd)
{
    (void)disk;
    (void)fd;
}

static void read_content(const struct disk *disk, int64_t offset)
{
    struct content *content = content_open(disk, 0, offset, 0);
    struct slice bytes;
    struct error error;

    while (content_next(content, &bytes, &error) < CONTENT_END)
        continue;
    content_free(content);
}

static void read_records(const struct disk *disk, int64_t size, bool raw)
{
    struct record_reader reader;
    struct record record;
    struct error error;

    record_reader_start(&reader, disk, 0, size);
    reader.raw = raw;
    while (record_next(&reader, &record, &error) == RECORD_READ)
        (void)record_name(record.type, raw);
    record_reader_free(&reader);
}

static void read_envelope(struct queue *queue, int64_t size, size_t limit)
{
    struct arena *arena = arena_new();
    struct message *message = memory_new(1, sizeof(*message));
    struct envelope envelope;
    struct error error;
    bool more = true;

    *message = (struct message){ .queue = queue, .file = 0, .marks = -1, .id = "FUZZ1",
                                 .status = { .size = size } };
    record_reader_start(&message->reader, queue->disk, 0, size);
    for (bool first = true; more; first = false) {
        if (!message_envelope(message, arena, &envelope, limit, &more, &error))
            break;
        if (first)
            read_content(queue->disk, envelope.content_offset);
    }
    message_close(message);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_bytes(data, size);
    const struct disk disk = { .state = &input, .pread = input_pread, .status = input_status,
                               .close = input_close };
    struct queue queue = { .disk = &disk };

    read_records(&disk, (int64_t)size, true);
    read_records(&disk, (int64_t)size, false);
    read_envelope(&queue, (int64_t)size, 0);
    read_envelope(&queue, (int64_t)size, 1);
    read_content(&disk, 0);
    return 0;
}
