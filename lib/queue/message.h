/*
 * An open message, for the sources of this room.
 */
#pragma once

#include "inside.h"
#include "intake_log.h"

/* How far message_envelope has read. */
enum message_stage { STAGE_START, STAGE_ENVELOPE, STAGE_EXTRACTED, STAGE_END };

struct message {
    struct queue *queue;
    enum queue_place place;
    char id[QUEUE_ID_LIMIT + 1];
    char path[QUEUE_PATH_LIMIT];
    int file;                       /* for reading: it is passed to agents */
    int marks;                      /* for writing; -1 until the first mark */
    struct disk_status status;      /* as it was opened */
    struct record_reader reader;
    enum message_stage stage;
    int64_t next_recipient;         /* where the next call of message_envelope goes on */
    int64_t warn_record;            /* offset of the W record, 0: none */
    bool has_sender;                /* the S record has been read */

    /* In the intake log: file is the segment's then, and stays open behind the message. */
    struct log_reader *log;         /* NULL: a file, or a message that is only looked at */
    bool is_logged;
    struct log_place log_place;
};

/* Give a message of the log back to its reader; it is a file, or closed, from now on. */
void log_reader_leave(struct message *message);
