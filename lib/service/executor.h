/*
 * The exec half of a service (local, pipe, spawn): a process of its own that runs foreign
 * programs as users.
 *
 * It is forked in prepare, before the rest of the service gives up its system calls; those would
 * be inherited by the programs, which may be set-gid.  It parses nothing but requests of ours, one
 * at a time: descriptors come beside a request over a socket that keeps packets apart, the answer
 * is the program's wait status.  It ends when the socket does.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

#include <stdint.h>
#include <sys/types.h>

struct executor;

/* What the program gets; everything else is cleared. */
struct execute_request {
    uid_t uid;
    gid_t gid;
    const gid_t *groups;            /* supplementary groups; NULL: gid alone */
    size_t group_count;
    const char *const *arguments;   /* NULL at the end; found in the PATH of the environment */
    const char *command;            /* for the shell, when there are no arguments, or arguments[0]
                                       is not there; NULL: no shell */
    const char *const *environment; /* NAME=value, NULL at the end */
    const char *root, *directory;   /* chroot, then chdir as the user; NULL: not */
    int64_t file_size_limit;        /* RLIMIT_FSIZE; 0: none */
    int input, output;              /* output: standard error too */
};

/* What kept the program from being run; its wait status is that of a temporary failure then. */
enum execute_step { EXECUTE_DONE, EXECUTE_CHROOT, EXECUTE_BECOME, EXECUTE_DIRECTORY,
                    EXECUTE_PREPARE, EXECUTE_PROGRAM };

struct execute_result {
    int status;                     /* of wait(2) */
    enum execute_step step;
    int code;                       /* errno of the step */
};

struct executor *executor_start(struct error *error) MUST_USE;

/* Run a program; false when it could not be asked for. */
bool executor_run(struct executor *executor, const struct execute_request *request,
                  struct error *error) MUST_USE;

/*
 * What became of it.  When the deadline passes all of it is killed, and *in_time is
 * false.  False when the exec half is gone.
 */
bool executor_wait(struct executor *executor, int64_t deadline, bool *in_time,
                   struct execute_result *result, struct error *error) MUST_USE;
