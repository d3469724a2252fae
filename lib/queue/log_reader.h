/*
 * The reader of the intake log, for the sources of this room.
 */
#pragma once

#include "base/hash.h"
#include "base/vector.h"
#include "intake_log.h"
#include "segment.h"

#include <pthread.h>

struct log_segment {
    int64_t number;
    int fd;                 /* for reading, and for striking out */
    size_t claims;          /* messages that are open */
    bool busy;              /* a thread walks over it */
};

struct log_reader {
    struct queue *queue;
    pthread_mutex_t lock;           /* of what follows */
    struct { struct log_segment **items; size_t count, capacity; } segments;
    /* Entries that are somebody's, or were settled: a late note must not bring them back. */
    struct hash *claims;
};

/* Under the lock: the segment, opened if need be; NULL with errno. */
struct log_segment *log_reader_segment(struct log_reader *reader, int64_t number);
void log_reader_drop_segment(struct log_reader *reader, struct log_segment *segment);

/* Under the lock: false when it is somebody's already. */
bool log_reader_claim(struct log_reader *reader, const struct log_place *place);
void log_reader_unclaim(struct log_reader *reader, const struct log_place *place);

/* 0, or -1 and errno; not flushed. */
int log_strike(const struct disk *disk, int fd, int64_t offset);

struct message *log_message_new(struct queue *queue, int fd, const struct log_place *place,
                                const char *id);
