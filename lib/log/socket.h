/*
 * The socket of who collects the lines: /dev/log, or postlogd's.
 *
 * A datagram a line.  Who collects may be slow, and a queue of the kernel's holds few lines, so
 * a line waits, but not for ever: after LOG_WAIT_SECONDS in vain nobody waits for as long again.
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct log_socket {
    const char *path;           /* borrowed */
    atomic_int fd;              /* -1: nobody was there */
    bool never_waits;
    _Atomic int64_t wait_at;    /* a moment: before that nobody waits */
};

/* Connect; what cannot be reached is tried again with each line. */
void log_socket_open(struct log_socket *socket, const char *path, bool never_waits);
void log_socket_close(struct log_socket *socket);

/*
 * One line, over a fresh connection when the old one is dead; any number of threads at once.
 * False: nobody took it.
 */
bool log_socket_send(struct log_socket *socket, struct slice line);
