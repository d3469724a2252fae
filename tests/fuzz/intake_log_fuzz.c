/*
 * Any bytes as a segment of the intake log: the walk ends, and what it calls a whole entry is
 * read as a message.
 */
#include "queue/message.h"
#include "queue/segment.h"

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

static void read_records(struct slice records)
{
    struct content *content = content_of(records);
    struct slice bytes;
    struct error error;

    while (content_next(content, &bytes, &error) < CONTENT_END)
        continue;
    content_free(content);
}

/* The input as it is, and as the records of an entry that is right. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str made = STR_EMPTY;
    struct slice input = slice_bytes((const char *)data, size);
    struct disk disk = { .state = &input, .pread = input_pread };
    struct segment_walk walk;
    struct log_entry entry;
    struct slice records;
    struct error error;

    read_records(input);
    for (int round = 0; round < 2; round++) {
        segment_walk_start(&walk, &disk, 0, 1);
        while (segment_next(&walk, &entry, &records, &error))
            read_records(records);
        segment_walk_end(&walk);
        if (round == 0 && size > 0 && size <= SEGMENT_RECORDS_LIMIT) {
            str_bytes(&made, "padding that is no entry", 24);
            str_reserve(&made, SEGMENT_ALIGN);
            memset(made.data + made.length, 0, SEGMENT_ALIGN - made.length);
            str_added(&made, SEGMENT_ALIGN - made.length);
            segment_encode(&made, "ABCDEF12", 1795328120, input);
            input = str_slice(&made);
        }
    }
    str_free(&made);
    return 0;
}
