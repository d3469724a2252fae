/*
 * The text of a message as it lies in a mailbox.
 */
#pragma once

#include "deliver/mailbox.h"

/*
 * Write headers and content to fd; in an mbox with its From_ line, "From " quoted and the
 * empty line behind.  limit (0: none) bounds what the file may grow to from size on.
 * False with errno in error->code (EFBIG at the limit).
 */
bool mailbox_text_write(int fd, const struct mailbox_message *message, bool mbox, int64_t size,
                        int64_t limit, struct error *error) MUST_USE;

/* How a program that is no mailbox wants a message. */
struct mailbox_format {
    bool from_line;         /* "From sender date" on top */
    bool quote_from;        /* ">" before lines that begin with "From " */
    bool quote_dot;         /* "." before lines that begin with "." */
    bool blank_line;        /* one more at the end */
    struct slice line_end;
};

/* Write headers and content to fd in a format of the caller's. */
bool mailbox_text_write_format(int fd, const struct mailbox_message *message,
                               const struct mailbox_format *format, struct error *error) MUST_USE;

/* As a command of local(8) reads it: with the From_ line, but nothing quoted or appended. */
bool mailbox_text_write_command(int fd, const struct mailbox_message *message,
                                struct error *error) MUST_USE;
