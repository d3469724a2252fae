/*
 * The records of a queue file: a type byte, a length (7 bits a byte, the low ones
 * first, the high bit set on all bytes but the last), and the data.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "queue/disk.h"

enum record_type {
    RECORD_SIZE = 'C', RECORD_TIME = 'T', RECORD_CREATE_TIME = 'c', RECORD_FULL_NAME = 'F',
    RECORD_INSPECTOR = 'I', RECORD_FILTER = 'L', RECORD_SENDER = 'S', RECORD_DONE = 'D',
    RECORD_RECIPIENT = 'R', RECORD_ORIGINAL = 'O', RECORD_CANCELED = '/', RECORD_WARN = 'W',
    RECORD_ATTRIBUTE = 'A', RECORD_KILLED = 'K', RECORD_REDIRECT = '>', RECORD_FLAGS = 'f',
    RECORD_DELAY = 'd', RECORD_CONTENT = 'M', RECORD_LINE = 'N', RECORD_PART = 'L',
    RECORD_PADDING = 'w', RECORD_EXTRACTED = 'X', RECORD_RETURN_RECEIPT = 'r',
    RECORD_ERRORS_TO = 'e', RECORD_PRIORITY = 'P', RECORD_POINTER = 'p', RECORD_VERP = 'V',
    RECORD_DSN_RETURN = '<', RECORD_DSN_ID = 'i', RECORD_DSN_ORIGINAL = 'o',
    RECORD_DSN_NOTIFY = 'n', RECORD_MILTER = 'm', RECORD_END = 'E',
};

enum {
    RECORD_HEAD_LIMIT = 6,              /* type and length bytes of the longest record */
    RECORD_LENGTH_LIMIT = 1 << 24,      /* longer ones are taken for damage */
    RECORD_WINDOW = 64 * 1024,
    RECORD_SIZE_LENGTH = 95,            /* six numbers of 15 places, a blank between */
};

/* For record_reader_start: look it up when it is needed. */
#define RECORD_FILE_SIZE_UNKNOWN INT64_MAX

/* Append a record. */
void record_append(struct str *output, char type, struct slice data);

/* What postcat calls it; content says whether it stands between M and X. "unknown" if it is. */
const char *record_name(char type, bool content);

struct record {
    char type;
    struct slice data;      /* valid until the next read */
    int64_t offset;         /* of the type byte */
};

/* Reads records of an open file through a window; values only, copy to try things. */
struct record_reader {
    const struct disk *disk;
    int fd;                 /* -1: the window holds everything, and is borrowed */
    int64_t base;           /* where in the file offset 0 is */
    int64_t file_size;
    int64_t position;       /* of the next record */
    int64_t expected_end;   /* 0: not known; reading stops there, when nothing more is needed */
    bool raw;               /* pointer records are returned, not followed */
    int64_t jumps;
    char *window;
    size_t window_capacity;
    size_t window_length;
    int64_t window_offset;
};

enum record_result {
    RECORD_READ,
    RECORD_ENDED,       /* the file ends here, between two records */
    RECORD_WRONG,       /* not a record, or the file ends within it: error->text says where */
    RECORD_TROUBLE,     /* the disk said no */
};

void record_reader_start(struct record_reader *reader, const struct disk *disk, int fd,
                         int64_t file_size);
/* Read records that are in memory and stay there; the first stands at offset start. */
void record_reader_borrow(struct record_reader *reader, struct slice records, int64_t start);
void record_reader_free(struct record_reader *reader);

/* The next record; pointer records are followed. */
enum record_result record_next(struct record_reader *reader, struct record *record,
                               struct error *error) MUST_USE;
