/*
 * A draft, for the sources of this room.
 */
#pragma once

#include "inside.h"

struct draft {
    struct queue *queue;
    struct str id;
    struct str buffer;          /* records that are not written yet */
    struct str line;            /* the start of a line whose end has not come */
    enum queue_place place;     /* where the file is, or would be made */
    char path[QUEUE_PATH_LIMIT];
    int file;                   /* -1: everything is in the buffer */
    bool sized;                 /* starts with a size record */
    bool in_content, content_ended, ended;
    int64_t written;            /* bytes that are in the file */
    int64_t content_offset, content_length, content_size;
    int64_t recipient_count, queue_flags, send_options;
    int failed;                 /* errno of the first call that failed, else 0 */
    const char *failed_step;
};

/* Put the gathered records into the file, which is made with the first of them. */
void draft_write(struct draft *draft);

/*
 * Complete the records.  All of them while they are in memory, valid until the draft changes;
 * empty when some are in a file.  envelope may be NULL.
 */
struct slice draft_finish(struct draft *draft, const struct envelope *envelope);

/* What readers of the message need to know; envelope may be NULL. */
void draft_tell(const struct draft *draft, struct envelope *envelope);

/*
 * Make records that are those of a whole message a file; as draft_commit, but there must be
 * no other draft of the id.
 */
bool draft_commit_records(struct queue *queue, enum queue_place place, const char *id,
                          struct slice records, struct error *error) MUST_USE;
