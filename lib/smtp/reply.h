/*
 * A reply as a client reads it (RFC 5321 4.2): lines of a code, '-' or a blank, text.
 *
 * Fed line by line, so that no socket is needed.
 */
#pragma once

#include "base/str.h"
#include "smtp/status.h"

struct smtp_reply {
    int code;                       /* 0 before the first line */
    char status[STATUS_SIZE];       /* of the last line that had one that fits the code; "" */
    struct str text;                /* all lines with their codes, LF between */
};

#define SMTP_REPLY_EMPTY ((struct smtp_reply){ 0, "", STR_EMPTY })

enum { SMTP_REPLY_LIMIT = 64 * 1024 };  /* longest reply kept; what is above is dropped */

void smtp_reply_free(struct smtp_reply *reply);
void smtp_reply_clear(struct smtp_reply *reply);

enum smtp_reply_state {
    SMTP_REPLY_MORE,        /* a further line belongs to it */
    SMTP_REPLY_COMPLETE,
    SMTP_REPLY_GARBAGE,     /* a line without a code: not SMTP; it was added to the text */
};

/* Add a line, without its line end. */
enum smtp_reply_state smtp_reply_add(struct smtp_reply *reply, struct slice line);

/* Take the next line of the text off *rest, without code and separator.  False at the end. */
bool smtp_reply_next(struct slice *rest, struct slice *line);
