/*
 * The queue: messages on disk, and the durable moves between their states.
 * doc/queue.md names each state, each transition and its commit point.
 *
 * Only this room knows how a message lies on disk (Postfix's queue file format
 * and directories).  It runs over struct disk (queue/disk.h), which the tests
 * replace by a simulated one.  A struct queue may be used by several threads at
 * once; a draft and a message belong to one thread at a time.  Every function
 * here may wait for the disk.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "queue/envelope.h"

#include <sys/types.h>
#include <time.h>

struct queue;
struct disk;

enum queue_place {
    QUEUE_MAILDROP, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED, QUEUE_HOLD, QUEUE_CORRUPT,
    QUEUE_PLACE_COUNT
};

struct queue_settings {
    const char *directory;          /* queue_directory; NULL: the current directory */
    const char *hash_queue_names;   /* as in main.cf: "deferred, defer" */
    int hash_queue_depth;
    bool long_ids;                  /* enable_long_queue_ids */
    int line_length_limit;          /* longest N or L record written */
    const struct disk *disk;        /* NULL: the real one */
};

struct queue *queue_open(const struct queue_settings *settings, struct error *error) MUST_USE;
void queue_close(struct queue *queue);

/* "incoming", "active", ...; the reverse is false for a name that is no queue of messages. */
const char *queue_place_name(enum queue_place place);
bool queue_place_find(struct slice name, enum queue_place *place);

/*
 * Ids.  They have Postfix's two shapes but do not depend on inodes, so that who
 * talks to a client can name a message before there is a file: time in
 * microseconds and enough random bits; a clash is found when the file gets its name.
 */
enum { QUEUE_ID_LIMIT = 100 };
void queue_id_new(struct str *id, bool long_ids);
bool queue_id_is_valid(struct slice id);

/* --- Intake: draft, then commit. ------------------------------------------------ */

struct draft;

/* Start a message.  id NULL: the queue makes one.  Nothing visible happens before the commit. */
struct draft *draft_new(struct queue *queue, const char *id, struct error *error) MUST_USE;

/*
 * As draft_new, for who may write to one place only (postdrop: QUEUE_MAILDROP, whose
 * files have no size record).  A draft that grows too large for memory is kept there.
 */
struct draft *draft_new_in(struct queue *queue, enum queue_place place, const char *id,
                           struct error *error) MUST_USE;
const char *draft_id(const struct draft *draft);

/* Add one record.  Write errors are kept and reported by draft_commit. */
void draft_add(struct draft *draft, char type, struct slice data);

/* Add "type" with printf text. */
void draft_format(struct draft *draft, char type, const char *format, ...) PRINTF_LIKE(3, 4);

/*
 * The envelope up to and with the M record, in Postfix's order.  Recipients get their
 * handles.  The size record is completed by the commit.
 */
void draft_envelope(struct draft *draft, struct envelope *envelope);

/* Content: bytes with LF line ends; a call may end in the middle of a line. */
void draft_content(struct draft *draft, struct slice bytes);

/* More recipients or attributes behind the content (after draft_content_end). */
void draft_content_end(struct draft *draft);
void draft_recipient(struct draft *draft, struct recipient *recipient);

/* Bytes of content so far, newlines counted as one. */
int64_t draft_content_size(const struct draft *draft);

/*
 * Commit the draft as a message in QUEUE_INCOMING, QUEUE_HOLD or QUEUE_MAILDROP.
 *
 * After true the message survives a crash and a power cut, so the caller may
 * answer 250 and with that take responsibility for it (RFC 5321 4.1.1.4, 6.1);
 * envelope's content_ members and handles are right for readers of the file.
 * After false nothing of it remains, and the caller answers 452 if error->code
 * is ENOSPC, else 451.  The draft is gone in both cases.
 */
/* envelope may be NULL. */
bool draft_commit(struct draft *draft, enum queue_place place, struct envelope *envelope,
                  struct error *error) MUST_USE;

/* Give it up; nothing of it remains.  NULL is fine. */
void draft_discard(struct draft *draft);

/* --- A message in the queue. ----------------------------------------------------- */

struct message;

enum message_state {
    MESSAGE_READY,      /* complete */
    MESSAGE_UNFINISHED, /* still being written, or left by a crash: never answered 250 */
    MESSAGE_MISSING,
    MESSAGE_CORRUPT,    /* not a queue file; error->text says why and at which offset */
    MESSAGE_TROUBLE,    /* the disk said no; try later */
};

/*
 * Open a message for reading and marking.  With MESSAGE_READY *message is the
 * caller's, else NULL.
 */
enum message_state message_open(struct queue *queue, enum queue_place place, const char *id,
                                struct message **message, struct error *error) MUST_USE;
void message_close(struct message *message);

/*
 * Read the envelope into the arena, with at most recipient_limit (0: all) recipients that are
 * not done yet.  Called again it goes on with the next recipients: envelope->recipients is
 * replaced.  *more says whether there are further ones.
 */
bool message_envelope(struct message *message, struct arena *arena, struct envelope *envelope,
                      size_t recipient_limit, bool *more, struct error *error) MUST_USE;

/* The open descriptor, for passing to an agent; stays the message's. */
int message_descriptor(const struct message *message);

/* When the next delivery attempt is due (mtime), size of the file, and the mode's requests. */
struct message_times {
    time_t next_attempt;
    int64_t file_size;
    bool unthrottle;        /* group read: flush asked for this one */
    bool expire;            /* group execute: postsuper -e */
};
bool message_times(const struct message *message, struct message_times *times,
                   struct error *error) MUST_USE;

/*
 * Mark recipients done, so that they are not delivered again.  Durable when true.
 */
bool message_mark_done(struct message *message, const int64_t *handles, size_t count,
                       struct error *error) MUST_USE;

/* Overwrite the time of the delay warning (W record) with 0: it has been sent. */
bool message_mark_warned(struct message *message, struct error *error) MUST_USE;

/* What message_times says, without opening the message.  error->code ENOENT: not there. */
bool queue_times(struct queue *queue, enum queue_place place, const char *id,
                 struct message_times *times, bool *complete, struct error *error) MUST_USE;

/*
 * Append the path of a message's file below the queue directory ("deferred/9/985CBAD").
 * False when it is not there.
 */
bool queue_locate(struct queue *queue, enum queue_place place, const char *id, struct str *path);

/*
 * Append where the log of a message is kept below the queue directory: "defer/9/985CBAD".
 * name is "bounce", "defer", "trace" or "flush" (whose ids are sites).
 */
void queue_log_path(const struct queue *queue, const char *name, const char *id,
                    struct str *path);

/*
 * Ask qmgr, by a bit of the file's mode, to bounce what it cannot deliver (QUEUE_EXPIRE), or
 * to try it although its destination is dead (QUEUE_UNTHROTTLE).  *changed says whether
 * the bit was not set before.  error->code ENOENT: not there, or not complete.
 */
enum queue_request { QUEUE_UNTHROTTLE = 0040, QUEUE_EXPIRE = 0010 };
bool queue_request(struct queue *queue, enum queue_place place, const char *id,
                   enum queue_request request, bool *changed, struct error *error) MUST_USE;

/*
 * deferred -> incoming, due now, and to be tried although its destination is dead.
 * error->code ENOENT: it is not deferred.
 */
bool queue_hasten(struct queue *queue, const char *id, struct error *error) MUST_USE;

/* --- Moves.  Each is one rename or one unlink; ENOENT says somebody else was first. -- */

bool queue_move(struct queue *queue, const char *id, enum queue_place from, enum queue_place to,
                struct error *error) MUST_USE;

/* To the folder `saved`, where nobody looks for mail (dont_remove): never over another file. */
bool queue_save(struct queue *queue, enum queue_place from, const char *id,
                struct error *error) MUST_USE;

/* active -> deferred, to be tried again at next_attempt. */
bool queue_defer(struct queue *queue, const char *id, time_t next_attempt,
                 struct error *error) MUST_USE;

bool queue_remove(struct queue *queue, enum queue_place place, const char *id,
                  struct error *error) MUST_USE;

/*
 * At start, before the first accept: what an earlier life left in active goes back
 * to incoming, stale drafts are removed.  Corrupt files go to corrupt.
 */
bool queue_recover(struct queue *queue, struct error *error) MUST_USE;

/* The same for one message in active that is nobody's. */
bool queue_recover_message(struct queue *queue, const char *id, struct error *error) MUST_USE;

/* Remove drafts whose writer is gone (older than a day and a half). */
bool queue_purge(struct queue *queue, struct error *error) MUST_USE;

/*
 * Make every message a queue file of Postfix's at its proper place (on stop, before a
 * foreign tool looks).  With one file a message this settles hashing only.
 */
bool queue_settle(struct queue *queue, struct error *error) MUST_USE;

/* --- Walking over a place. ------------------------------------------------------- */

struct queue_scan;

struct queue_scan *queue_scan_new(struct queue *queue, enum queue_place place);

/* The ids of which a log of that name is there: "bounce", "defer" or "trace". */
struct queue_scan *queue_scan_logs(struct queue *queue, const char *name);

/* The next id (valid until the next call), or NULL at the end. */
const char *queue_scan_next(struct queue_scan *scan);
void queue_scan_free(struct queue_scan *scan);

/* --- Content, for delivery agents: needs no queue access, only the descriptor. --------- */

struct content;

/* Reads by pread(2) from fd (borrowed); offset and length as in struct envelope. */
struct content *content_new(int fd, int64_t offset, int64_t length);

/* The same of records in memory (borrowed), the X record behind the content included. */
struct content *content_of(struct slice records);
void content_free(struct content *content);

enum content_piece { CONTENT_LINE /* a newline belongs behind */, CONTENT_PART /* none */,
                     CONTENT_END, CONTENT_BROKEN };

/* The next piece; bytes are valid until the next call. CONTENT_BROKEN fills error. */
enum content_piece content_next(struct content *content, struct slice *bytes,
                                struct error *error);

/* Start again at the first piece. */
void content_rewind(struct content *content);
