/*
 * The exec half of local(8): a process of its own that runs foreign programs as users.
 *
 * It is forked in prepare, before the rest of local gives up its system calls; those would be
 * inherited by the programs, which may be set-gid.  It parses nothing but requests of ours, one at
 * a time: descriptors come beside a request over a socket that keeps packets apart, the answer
 * is the program's wait status.  It ends when the socket does.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "identity.h"

#include <stdint.h>

struct executor;

/* What the program gets; everything else is cleared. */
struct execute_request {
    const struct identity *identity;
    const char *command;            /* for /bin/sh -c */
    char *const *environment;       /* NAME=value, NULL at the end */
    int64_t file_size_limit;        /* RLIMIT_FSIZE; 0: none */
    int input, output;              /* output: standard error too */
};

struct executor *executor_start(struct error *error) MUST_USE;

/* Run a command; false when it could not be asked to. */
bool executor_run(struct executor *executor, const struct execute_request *request,
                  struct error *error) MUST_USE;

/*
 * The wait status of what was run.  When the deadline passes all of it is killed, and *in_time is
 * false.  False when the exec half is gone.
 */
bool executor_wait(struct executor *executor, int64_t deadline, bool *in_time, int *status,
                   struct error *error) MUST_USE;
