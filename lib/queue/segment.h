/*
 * A segment of the intake log: entries, each a head and the records of a queue file, that start
 * at multiples of SEGMENT_ALIGN.  The rest is zeros, written and flushed before the
 * segment gets its name, so that an entry needs no new blocks and no change of the file's size.
 */
#pragma once

#include "inside.h"
#include "intake_log.h"

enum {
    SEGMENT_ALIGN = 512,
    SEGMENT_HEAD = 64,
    SEGMENT_ID_LIMIT = 31,
    SEGMENT_STATE = 12,         /* offset of the state byte in the head */
    SEGMENT_NAME_LIMIT = 24,
    SEGMENT_RECORDS_LIMIT = RECORD_WINDOW + 4096,
};

enum entry_state { ENTRY_LIVE = 'L', ENTRY_STRUCK = 'D' };

struct log_entry {
    struct log_place place;
    char id[SEGMENT_ID_LIMIT + 1];
    char state;
    int64_t written_at;         /* seconds since the epoch */
    uint64_t checksum;          /* over the records and the rest of the head but for the state */
};

/* "intake"'s name for a segment; a writer makes it under a name with a dot in front. */
void segment_name(char name[SEGMENT_NAME_LIMIT], int64_t number);
bool segment_find_number(const char *name, int64_t *number);

/* The bytes of an entry; what is behind them up to the next multiple is left as it is. */
void segment_encode(struct str *output, const char *id, int64_t now, struct slice records);

int64_t segment_space(size_t records_length);

/*
 * Walks over the entries of a segment.  A hole, which a crash or another thread left, is
 * stepped over.
 */
struct segment_walk {
    const struct disk *disk;
    int fd;
    int64_t number;
    int64_t position;
    struct str window;
    int64_t window_offset;
};

void segment_walk_start(struct segment_walk *walk, const struct disk *disk, int fd,
                        int64_t number);
void segment_walk_end(struct segment_walk *walk);

/*
 * The next whole entry, struck out or not, and its records (valid until the next call); false
 * at the end, with error->code 0, or when the disk says no.
 */
bool segment_next(struct segment_walk *walk, struct log_entry *entry, struct slice *records,
                  struct error *error);
