/*
 * maillog_file, as postlogd writes it, and master what came after postlogd.
 *
 * Lines are kept until they are written together.  What cannot be written (the disk is full) is
 * counted, and that is the first thing in the file when it can be written again.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "config/config.h"

enum { LOG_DATAGRAM_LIMIT = 4096 };     /* bytes of a line as it comes over the socket */

struct log_file;

/*
 * Open it, make it when it is not there.  It is locked (flock, shared) until it is closed, by
 * which `postfix logrotate` sees that it is still written to.
 */
struct log_file *log_file_open(const struct config *config, struct error *error) MUST_USE;

/* Writes what is kept before. */
void log_file_close(struct log_file *file);

void log_file_add(struct log_file *file, struct slice line);
void log_file_write(struct log_file *file);

/* What is kept. */
size_t log_file_bytes(const struct log_file *file);
unsigned log_file_lines(const struct log_file *file);
