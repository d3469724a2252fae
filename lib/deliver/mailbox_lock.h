/*
 * Locks that keep mail readers away while a mailbox grows.
 */
#pragma once

#include "deliver/mailbox.h"

/* fcntl(2) and flock(2) locks, which end with the descriptor; waits. */
bool mailbox_lock_file(int fd, const struct mailbox_settings *settings,
                       struct error *error) MUST_USE;

/*
 * path.lock with our process id in it.  A lock older than stale_lock_seconds is removed.
 * error->code is EEXIST when it is somebody else's for too long.
 */
bool mailbox_lock_dot(const char *path, const struct mailbox_settings *settings,
                      struct error *error) MUST_USE;
void mailbox_unlock_dot(const char *path);
