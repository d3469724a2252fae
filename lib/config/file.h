/*
 * Whole configuration files, of at most CONFIG_FILE_LIMIT bytes.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

enum { CONFIG_FILE_LIMIT = 16 << 20 };

/* Append the bytes of a file to text.  "open PATH: No such file or directory". */
bool config_file_read(const char *path, struct str *text, struct error *error) MUST_USE;

/*
 * The same from an open descriptor, from its first byte: its place in the file, which other
 * processes may share, does not count and does not move.  path is for messages.
 */
bool config_copy_read(int copy, const char *path, struct str *text, struct error *error) MUST_USE;
