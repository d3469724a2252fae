/*
 * The conversation with a filter before the queue (SMTPD_PROXY_README): we are its SMTP client,
 * without pipelining.
 *
 * What fails is logged here; reply is then what the client of the session is to be told, which
 * is no more than that its mail was not taken, unless the filter has judged the mail itself.
 * All calls may wait, as long as smtpd_proxy_timeout for each command.
 */
#pragma once

#include "base/str.h"

struct session;

/* Without the kind that may stand before it: "inet:host:port", "host:port", "port", "unix:path". */
const char *filter_destination(const char *text, bool *is_unix);

struct filter {
    const char *name;           /* as it stands in main.cf */
    int timeout_seconds;
    struct stream *stream;      /* NULL: there is no connection, or no longer */
    bool in_content, line_open;
    struct str reply;           /* the last one: lines with their codes, CR LF between */
};

/* Connect and say who is there: EHLO, and XFORWARD of what the filter wants to know. */
bool filter_open(struct filter *filter, const struct session *session);

/*
 * One command, without its line end, and its reply; false when its first digit is another than
 * wanted, or when there was none.  wanted 0: any will do.
 */
bool filter_command(struct filter *filter, char wanted, struct slice line);

/* The reply that is given for what went wrong among ourselves. */
void filter_blame_nobody(struct filter *filter);

/* Content with LF line ends, behind a DATA that was taken; trouble shows at the end. */
void filter_add(struct filter *filter, struct slice content);

/* End the content; true when the filter answered, whatever it was. */
bool filter_end(struct filter *filter);

/* Hang up, politely where that can be understood. */
void filter_close(struct filter *filter);
