#include "segment.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char MAGIC[8] = { 'I', 'N', 'T', 'A', 'K', 'E', '1', '\n' };

/* Offsets in the head; numbers are little endian. */
enum { AT_LENGTH = 8, AT_STATE = SEGMENT_STATE, AT_TIME = 16, AT_CHECKSUM = 24, AT_ID = 32 };

void segment_name(char name[SEGMENT_NAME_LIMIT], int64_t number)
{
    snprintf(name, SEGMENT_NAME_LIMIT, "%016llx", (unsigned long long)number);
}

bool segment_find_number(const char *name, int64_t *number)
{
    char proper[SEGMENT_NAME_LIMIT];
    char *end;

    errno = 0;
    *number = (int64_t)strtoll(name, &end, 16);
    if (errno || *end || *number <= 0)
        return false;
    segment_name(proper, *number);
    return strcmp(proper, name) == 0;
}

int64_t segment_space(size_t records_length)
{
    return (int64_t)((SEGMENT_HEAD + records_length + SEGMENT_ALIGN - 1) / SEGMENT_ALIGN
                     * SEGMENT_ALIGN);
}

/* A head, which has neither state nor checksum yet, and the records. */
static uint64_t checksum_of(const char head[SEGMENT_HEAD], struct slice records)
{
    char plain[SEGMENT_HEAD];

    memcpy(plain, head, SEGMENT_HEAD);
    plain[AT_STATE] = 0;
    memset(plain + AT_CHECKSUM, 0, sizeof(uint64_t));
    return XXH3_64bits_withSeed(records.data, records.length,
                                XXH3_64bits(plain, SEGMENT_HEAD));
}

void segment_encode(struct str *output, const char *id, int64_t now, struct slice records)
{
    char head[SEGMENT_HEAD] = { 0 };
    uint32_t length = htole32((uint32_t)records.length);
    uint64_t moment = htole64((uint64_t)now);

    memcpy(head, MAGIC, sizeof(MAGIC));
    memcpy(head + AT_LENGTH, &length, sizeof(length));
    memcpy(head + AT_TIME, &moment, sizeof(moment));
    snprintf(head + AT_ID, SEGMENT_ID_LIMIT + 1, "%s", id);

    uint64_t checksum = htole64(checksum_of(head, records));

    memcpy(head + AT_CHECKSUM, &checksum, sizeof(checksum));
    head[AT_STATE] = ENTRY_LIVE;
    str_bytes(output, head, sizeof(head));
    str_add(output, records);
}

static bool decode_head(const char *head, int64_t number, int64_t offset,
                        struct log_entry *entry)
{
    uint32_t length;
    uint64_t moment, checksum;

    if (memcmp(head, MAGIC, sizeof(MAGIC)) != 0)
        return false;
    memcpy(&length, head + AT_LENGTH, sizeof(length));
    memcpy(&moment, head + AT_TIME, sizeof(moment));
    memcpy(&checksum, head + AT_CHECKSUM, sizeof(checksum));
    *entry = (struct log_entry){
        .place = { number, offset, (int64_t)le32toh(length) },
        .state = head[AT_STATE],
        .written_at = (int64_t)le64toh(moment),
        .checksum = le64toh(checksum),
    };
    memcpy(entry->id, head + AT_ID, SEGMENT_ID_LIMIT);
    return entry->place.length > 0 && entry->place.length <= SEGMENT_RECORDS_LIMIT
           && (entry->state == ENTRY_LIVE || entry->state == ENTRY_STRUCK)
           && queue_id_is_valid(slice_of(entry->id));
}

void segment_walk_start(struct segment_walk *walk, const struct disk *disk, int fd,
                        int64_t number)
{
    *walk = (struct segment_walk){ .disk = disk, .fd = fd, .number = number,
                                   .window = STR_EMPTY };
}

void segment_walk_end(struct segment_walk *walk)
{
    str_free(&walk->window);
}

/* Up to wanted bytes at the walk's position; fewer at the end of the file. */
static bool see(struct segment_walk *walk, size_t wanted, struct slice *bytes,
                struct error *error)
{
    enum { WINDOW = 256 * 1024 };
    int64_t start = walk->position - walk->window_offset;

    *bytes = SLICE_LITERAL("");
    if (start < 0 || start + (int64_t)wanted > (int64_t)walk->window.length) {
        str_clear(&walk->window);

        char *room = str_reserve(&walk->window, WINDOW);
        ssize_t found = disk_pread_all(walk->disk, walk->fd, room, WINDOW, walk->position);

        if (found < 0)
            return error_system(error, "read intake/%016llx", (unsigned long long)walk->number);
        str_added(&walk->window, (size_t)found);
        walk->window_offset = walk->position;
        start = 0;
    }
    *bytes = slice_part(str_slice(&walk->window), (size_t)start, wanted);
    return true;
}

bool segment_next(struct segment_walk *walk, struct log_entry *entry, struct slice *records,
                  struct error *error)
{
    struct slice bytes;

    error->code = 0;
    while (see(walk, SEGMENT_HEAD, &bytes, error) && bytes.length == SEGMENT_HEAD) {
        if (decode_head(bytes.data, walk->number, walk->position, entry)) {
            size_t length = (size_t)entry->place.length;

            if (!see(walk, SEGMENT_HEAD + length, &bytes, error))
                return false;
            if (bytes.length == SEGMENT_HEAD + length
                && checksum_of(bytes.data, slice_from(bytes, SEGMENT_HEAD)) == entry->checksum) {
                *records = slice_from(bytes, SEGMENT_HEAD);
                walk->position += segment_space(length);
                return true;
            }
        }
        walk->position += SEGMENT_ALIGN;
    }
    return false;
}
