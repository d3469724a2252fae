/*
 * The intake log: where small messages lie between the answer 250 and their delivery.
 *
 * Making and removing a file for each message costs most of what accepting one costs, so a
 * writer that is busy appends them to a segment, a file of the folder "intake", and flushes
 * once for all that wait (doc/queue.md).  A message that is delivered at once never becomes a
 * file; any other one is settled: it becomes one of Postfix's queue files, with the same
 * records and handles, and its entry is struck out.
 *
 * One process writes a segment.  Only the queue manager strikes entries out; what else wants
 * to see messages asks it to settle them, or does it itself while there is none.
 */
#pragma once

#include "queue/queue.h"

/* Where an entry stands.  segment 0: there is none, the message is a file. */
struct log_place {
    int64_t segment;
    int64_t offset;
    int64_t length;     /* of its records */
};

/* --- Writing (cleanup). -------------------------------------------------------------- */

struct log_writer;

struct log_writer_settings {
    int busy_commits;           /* in one second, from which on the log is used; 0: always */
    int64_t segment_bytes;      /* 0: the usual size */
};

/* Thread-safe.  Never fails: without the folder "intake" every message becomes a file. */
struct log_writer *log_writer_new(struct queue *queue, const struct log_writer_settings *settings);
void log_writer_free(struct log_writer *writer);

/*
 * As draft_commit to QUEUE_INCOMING, into the log where that is possible; writer may be NULL.
 * Waits for the disk.
 */
bool draft_commit_logged(struct draft *draft, struct log_writer *writer,
                         struct envelope *envelope, struct log_place *place,
                         struct error *error) MUST_USE;

/* --- Reading and striking out (qmgr). ------------------------------------------------- */

struct log_reader;

/* Thread-safe. */
struct log_reader *log_reader_new(struct queue *queue);
void log_reader_free(struct log_reader *reader);

/*
 * Open a message of the log.  It is now this reader's: log_reader_settle leaves it alone
 * until it is closed.  MESSAGE_MISSING: it was settled before, or is not there.
 */
enum message_state message_open_logged(struct log_reader *reader, const struct log_place *place,
                                       const char *id, struct message **message,
                                       struct error *error) MUST_USE;

/* True while the message is in the log: message_descriptor is not for agents then. */
bool message_is_logged(const struct message *message);

/*
 * Append the records of the content, the X record behind it included.  Another thread may
 * settle the message at the same time.
 */
bool message_content(struct message *message, const struct envelope *envelope,
                     struct str *records, struct error *error) MUST_USE;

/*
 * Make a message of the log a file in QUEUE_ACTIVE; durable when true, and *message then is
 * that file's.  Nothing to do for one that is a file.
 */
bool message_settle(struct message *message, struct error *error) MUST_USE;

/*
 * The message is delivered: strike its entry out, or remove its file.  error->code ENOENT:
 * somebody else was first.
 */
bool message_remove(struct message *message, struct error *error) MUST_USE;

struct log_state {
    size_t settled;         /* messages that are files in incoming now */
    size_t open;            /* entries that are not done */
    size_t segments;
};

/*
 * Settle into QUEUE_INCOMING what nobody has opened and was written at least min_age_seconds
 * ago, or by a writer that is gone; remove segments that nobody needs.
 */
bool log_reader_settle(struct log_reader *reader, int min_age_seconds, struct log_state *state,
                       struct error *error) MUST_USE;

/* All of it, when no queue manager is alive: after a crash, on stop, before tools look. */
bool queue_settle_log(struct queue *queue, struct error *error) MUST_USE;

/* Call show for each message of the log that is not done, without opening it for delivery. */
void queue_walk_log(struct queue *queue, void (*show)(void *argument, struct message *message),
                    void *argument);
