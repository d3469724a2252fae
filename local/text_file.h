/*
 * Small text files that somebody else wrote: .forward, :include:.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <sys/stat.h>

enum { TEXT_FILE_LIMIT = 16 * 1024 * 1024 };

/*
 * Read a plain file whole; never waits for a pipe or device.  status (may be NULL) is what fstat
 * says.  error->code is ENOENT when there is none.
 */
bool text_file_read(const char *path, struct str *text, struct stat *status,
                    struct error *error) MUST_USE;
