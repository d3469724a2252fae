/*
 * The name of a file as a promise: a flush of the file need not flush the folder.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"

/* After fsync of fd, which was just made as, or renamed to, name.  Waits for the disk. */
bool sync_name(int fd, const char *name, struct error *error) MUST_USE;
