/*
 * Handing a message to cleanup, the one entrance of the house: used by smtpd, pickup,
 * bounce and local (forwarding).
 *
 * One frame carries the envelope and the content while that is not above
 * SUBMISSION_INLINE; what is more follows in content frames.  cleanup answers once,
 * when the message is on disk or refused.
 */
#pragma once

#include "base/error.h"
#include "ipc/lane.h"
#include "queue/envelope.h"

enum { SUBMISSION_INLINE = 65536 };

/* What cleanup is to do with the message. */
enum {
    SUBMIT_FILTER = 1,          /* header and body checks */
    SUBMIT_MAP = 2,             /* canonical and virtual maps, masquerading */
    SUBMIT_BCC = 4,             /* always_bcc and bcc maps */
    SUBMIT_HOLD = 8,
    SUBMIT_DISCARD = 16,
    SUBMIT_SMTPUTF8 = 32,       /* find out whether the content needs SMTPUTF8 */
    SUBMIT_MILTER = 64,
    SUBMIT_LOCAL = 128,         /* from sendmail or ourselves: non_smtpd rules */
    SUBMIT_BOUNCE_UNDO = 256,   /* our own notification: no further bounces for rejects */
};

struct submission {
    struct envelope envelope;   /* queue_id may be "": cleanup makes one */
    int64_t flags;              /* SUBMIT_ bits */
    const char *received;       /* text of the Received: header body that the client wants on top;
                                   "" when cleanup is to make none */
    const char *prepended;      /* header lines of PREPEND, with LF each, above Received: */
    struct slice content;       /* the first bytes of the content, LF line ends */
    int64_t complete;           /* 1: content is all there is; 0: content frames follow */
};

struct content_chunk {
    struct slice content;
    int64_t complete;           /* 1: the last one */
    int64_t abandon;            /* 1: the client is gone: throw the message away, answer nothing */
};

/* RFC 3463 and SMTP codes are the caller's; these are the reasons. */
enum submission_status {
    SUBMISSION_QUEUED,
    SUBMISSION_TOO_LARGE,       /* message_size_limit */
    SUBMISSION_HOPS,            /* too many hops: hopcount_limit */
    SUBMISSION_NO_SPACE,
    SUBMISSION_WRITE_ERROR,     /* queue file write error: 451 */
    SUBMISSION_REJECTED,        /* header/body checks, milter: text says why */
    SUBMISSION_NO_RECIPIENTS,
    SUBMISSION_BAD,             /* malformed content (RFC 2822, 8-bit in 7-bit...) */
    SUBMISSION_DEFER,           /* our own trouble: lookup errors; try later */
    SUBMISSION_DISCARDED,       /* answered as queued, and thrown away */
};

struct submission_reply {
    int64_t status;
    const char *queue_id;
    const char *text;           /* SUBMISSION_REJECTED: "5.7.1 message content rejected" */
    int64_t size;               /* bytes of the content as queued */
};

extern const struct frame_type submission_frame, content_chunk_frame, submission_reply_frame;

/* smtputf8_autodetect_classes names the origin ("sendmail", "smtpd" ...) or all of them. */
bool submission_detects_smtputf8(const char *classes, const char *origin);

/* Field tables that other messages use too (deliver/envelope_fields.h). */
extern const struct field recipient_fields[], attribute_fields[];

/*
 * A submission under way, for a client that has the content piece by piece: begin, add any
 * number of times, end.  With a small message there is one send and one receive.
 */
struct submitter;

struct submitter *submitter_new(struct lane_pool *cleanup, struct submission *submission,
                                int timeout_seconds);
/* Content with LF line ends. False when cleanup is gone or answered early. */
bool submitter_add(struct submitter *submitter, struct slice content, struct error *error);
/* Ends it and waits for the answer, which lives in the arena. The submitter is gone. */
bool submitter_end(struct submitter *submitter, struct arena *arena,
                   struct submission_reply *reply, struct error *error) MUST_USE;
/* The client is gone: nothing is queued. The submitter is gone. NULL is fine. */
void submitter_abandon(struct submitter *submitter);
