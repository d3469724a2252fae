/*
 * Headers of a message (RFC 5322 2.2, 3.6): where the header section ends, the name and the
 * value of each header, and what we know about the names that matter to us.
 */
#pragma once

#include "base/str.h"

/* The names that a mail server does something with; an index into header_rows. */
enum header_id {
    HEADER_OTHER,
    HEADER_APPARENTLY_TO, HEADER_BCC, HEADER_CC, HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TRANSFER_ENCODING,
    HEADER_CONTENT_TYPE, HEADER_DATE, HEADER_DELIVERED_TO, HEADER_DISPOSITION_NOTIFICATION_TO,
    HEADER_ERRORS_TO, HEADER_FROM, HEADER_MAIL_FOLLOWUP_TO, HEADER_MESSAGE_ID, HEADER_RECEIVED,
    HEADER_REPLY_TO, HEADER_RESENT_BCC, HEADER_RESENT_CC, HEADER_RESENT_DATE, HEADER_RESENT_FROM,
    HEADER_RESENT_MESSAGE_ID, HEADER_RESENT_REPLY_TO, HEADER_RESENT_SENDER, HEADER_RESENT_TO,
    HEADER_RETURN_PATH, HEADER_RETURN_RECEIPT_TO, HEADER_SENDER, HEADER_SUBJECT, HEADER_TO,
    HEADER_COUNT
};

enum header_flag {
    HEADER_SENDERS = 1,     /* addresses of who sent it: header_sender in *_classes */
    HEADER_RECIPIENTS = 2,  /* addresses of who gets it: header_recipient */
    HEADER_RESENT = 4,
    HEADER_EXTRACT = 8,     /* sendmail -t takes its addresses */
    HEADER_MIME = 16,       /* Content-... and MIME-Version: mime_header_checks */
};

struct header_row {
    const char *name;
    unsigned flags;
};

struct header {
    struct slice name;      /* without the colon and blanks before it */
    struct slice value;     /* all behind the colon, with the white space before and the folds */
    enum header_id id;
    unsigned flags;
};

/*
 * Take a header apart: one logical line, its continuation lines joined with LF as they
 * stood, without the last line end.  False when it does not begin with a name and a colon.
 */
bool header_parse(struct slice line, struct header *header) MUST_USE;

/* True when a physical line begins a header: a name, blanks perhaps, a colon. */
bool header_begins(struct slice line);

/* True when a line goes on with the header before it: it begins with a blank or a tab. */
static inline bool header_continues(struct slice line)
{
    return line.length > 0 && (line.data[0] == ' ' || line.data[0] == '\t');
}

enum header_id header_find(struct slice name);
const char *header_name(enum header_id id);
unsigned header_flags(enum header_id id);

/* The display name of a From: header: quoted when it is no sequence of atoms. */
void header_phrase(struct str *output, struct slice full_name);

/*
 * Append addresses that were rewritten, which stand one a line, behind the name of their header:
 * as many on a line as keep it below 70 bytes, as Postfix writes them.
 */
void header_fill_lines(struct str *output, struct slice value);
