/*
 * The text of a notification: a multipart/report (RFC 3462, 3464, 6533), of three parts.
 * It is composed piece by piece, so that a large message needs no memory.
 */
#pragma once

#include "config/config.h"
#include "deliver/notice_template.h"
#include "record_log.h"

struct notice {
    const struct config *config;
    const struct notice_template *notice_template;
    enum notice_kind kind;
    const struct envelope *envelope;    /* of the message it is about */
    const struct bounce_append_list *records;   /* of the recipients it is about */
    const char *to;                     /* as in To: */
    bool postmaster;                    /* a copy: other subject, no text */
    bool whole;                         /* the message itself, not only its headers */
    const char *thread;                 /* Message-Id of what it is an answer to; "" without */
    time_t now;
};

/* "MAILER-DAEMON@$myhostname" for the null sender. */
void notice_sender(struct str *output, const struct config *config,
                   const struct envelope *envelope);

/* How the notification is encoded: "8bit", "7bit", or "" when that is not said. */
const char *notice_encoding(const struct notice *notice);

/* All before the returned message; LF line ends. False when the template is bad. */
bool notice_write_head(const struct notice *notice, struct str *output,
                       struct error *error) MUST_USE;

/* What closes the returned message. */
void notice_write_tail(const struct notice *notice, struct str *output);
