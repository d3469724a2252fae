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

/* As a command reads it: with the From_ line, but nothing quoted and no empty line behind. */
bool mailbox_text_write_command(int fd, const struct mailbox_message *message,
                                struct error *error) MUST_USE;
