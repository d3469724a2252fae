/*
 * What is known of a message on its way in, and what every part of cleanup may do to it: write to
 * its queue file, or refuse it.
 *
 * A message flows one way: intake -> recipients; intake -> convert -> content -> headers -> checks
 * -> strict, each of which hands to the next only.
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

/* Refuse the message; the first reason stays. */
void intake_refuse(struct intake *intake, enum submission_status status, const char *text);

/*
 * Refuse what stands in the message.  Where nobody waits for an answer (sendmail) it is queued
 * for the error agent, which returns it to its sender.
 */
void intake_return(struct intake *intake, enum submission_status status, const char *text);

/* Append to the content of the queue file. */
void intake_write(struct intake *intake, struct slice bytes);

/* A header, of the message or of a part, as it is written: does the message need SMTPUTF8? */
void intake_note_utf8(struct intake *intake, struct slice line);
