/*
 * A message on its way in: the envelope first, then the content piece by piece, in one pass.
 * It touches no socket.  What goes wrong is kept until the end, since the client waits for
 * one answer behind the content.
 */
#pragma once

#include "base/hash.h"
#include "base/vector.h"
#include "deliver/submission.h"
#include "message/mime.h"
#include "message/pass.h"
#include "state.h"

enum intake_stage { INTAKE_HEADERS, INTAKE_BODY };

enum part_encoding { PART_7BIT, PART_8BIT, PART_ENCODED };

/* The part of the message that is being read (RFC 2045). */
struct intake_part {
    enum part_encoding encoding;        /* 7bit when nothing is said, or nothing known */
    const char *encoding_name;
    bool is_multipart;
    bool is_message;                    /* message/rfc822 */
    bool is_7bit_only;                  /* message/partial, message/external-body */
};

struct intake {
    const struct cleanup *cleanup;
    struct arena *arena;
    struct submission *submission;
    struct draft *draft;                /* NULL once it is given up */
    struct log_place place;             /* of the queued message, when it is no file */
    enum rewrite_context context;
    enum intake_stage stage;
    struct str line;                    /* the start of a line whose end has not come */
    struct str header;                  /* a logical header that may go on */
    struct pass *pass;                  /* the conversion of 8-bit content, or NULL (convert.c) */
    struct mime mime;                   /* where in the structure of the content we are */
    struct intake_part part;
    unsigned mime_errors;               /* kinds that were logged (strict.c) */
    const char *mime_error;             /* what is wrong if nothing worse comes; or NULL */
    bool has_refused_character;         /* and that was logged */
    bool header_is_cut;                 /* more of it came than header_size_limit allows */
    bool has_header;                    /* a header line was there */
    uint64_t seen;                      /* bits of enum header_id */
    bool resent;                        /* a Resent- header was there */
    int hops;
    const char *message_id, *resent_message_id;
    const char *encoding;               /* 8-bit content by its header, else "" */
    int64_t body_checked;               /* bytes of this segment that body_checks saw */

    /* What checks asked for. */
    bool hold, discard;
    const char *filter, *redirect;
    struct address_list more_recipients;        /* BCC actions */
    struct recipient_list expanded;     /* aliases whose expansion the sender is to hear of */
    struct hash *known;                 /* recipients, to find duplicates; may be NULL */

    enum submission_status status;      /* SUBMISSION_QUEUED while all is well */
    const char *text;                   /* of a refusal */
};

/* Rewrites the envelope and starts the queue file.  The submission is changed. */
void intake_begin(struct intake *intake, const struct cleanup *cleanup, struct arena *arena,
                  struct submission *submission);

void intake_add(struct intake *intake, struct slice content);

/*
 * Commits, and fills the reply.  True when qmgr is to be told: submission->envelope is that of
 * the queued message then, *reported says that it has a trace log, and place where it lies.
 * Waits for the disk.
 */
bool intake_end(struct intake *intake, struct submission_reply *reply, bool *reported);

/* The client is gone: nothing remains. */
void intake_abandon(struct intake *intake);

/*
 * Tell the trace log of the aliases that were expanded, when their senders want to know (RFC 3461
 * 5.2.7.3).  False: it cannot be told.  Waits for the bounce service.
 */
bool intake_report_expansions(struct intake *intake) MUST_USE;

/* For the parts below: refuse the message; the first reason stays. */
void intake_refuse(struct intake *intake, enum submission_status status, const char *text);

/*
 * Refuse what stands in the message.  Where nobody waits for an answer (sendmail) it is queued
 * for the error agent, which returns it to its sender.
 */
void intake_return(struct intake *intake, enum submission_status status, const char *text);

/* Content that is washed and converted: any number of bytes. */
void intake_take(struct intake *intake, struct slice content);

/* Append to the content of the queue file. */
void intake_write(struct intake *intake, struct slice bytes);

/* One header, and the end of the message's headers (headers.c). */
void intake_header(struct intake *intake, struct slice line);
void intake_headers_end(struct intake *intake);

/* A header, of the message or of a part, as it is written: does the message need SMTPUTF8? */
void intake_note_utf8(struct intake *intake, struct slice line);

/* The envelope's addresses and extra recipients (recipients.c). */
void intake_envelope(struct intake *intake);
void intake_more_recipients(struct intake *intake);
