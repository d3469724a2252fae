/*
 * A request to the exec half as it crosses the socket: one packet, beside which come the
 * descriptors of standard input and output.
 */
#pragma once

#include "base/compiler.h"
#include "service/executor.h"

#include <stddef.h>

enum { EXECUTE_GROUPS = 64, EXECUTE_TEXTS = 4096, EXECUTE_PACKET = 192 * 1024 };

enum { FD_INPUT, FD_OUTPUT, FD_COUNT, STATUS_TRY_LATER = 75 };

/* A packet of this length, without descriptors: kill what runs, if it still does. */
enum { EXECUTE_KILL = 1 };

/*
 * Followed by the texts, each with its NUL: the root, the directory and the command for the shell
 * ("" for none), then the arguments, then the variables.
 */
struct execute_header {
    uid_t uid;
    gid_t gid;
    size_t group_count, argument_count, variable_count;
    gid_t groups[EXECUTE_GROUPS];
    long long file_size_limit;
};

/* The same taken apart; the texts point into the packet. */
struct order {
    const struct execute_header *header;
    char *root, *directory, *command;
    char **arguments, **variables;
    char *texts[EXECUTE_TEXTS + 2];
    int fds[FD_COUNT];
};

/*
 * Become the program, or end with STATUS_TRY_LATER and say in result (which the exec half
 * shares) why.  The root comes before the user, who may not change it; the folder after, since it
 * must be the user's.
 */
void program_become(const struct order *order, struct execute_result *result) NO_RETURN;

/* The exec half; returns when the socket is closed. */
void execute_serve(int socket);
