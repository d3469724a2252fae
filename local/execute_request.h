/*
 * A request to the exec half as it crosses the socket: one packet, beside which come the
 * descriptors of standard input and output.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

enum { EXECUTE_GROUPS = 64, EXECUTE_VARIABLES = 32, EXECUTE_PACKET = 128 * 1024 };

/* A packet of this length, without descriptors: kill what runs, if it still does. */
enum { EXECUTE_KILL = 1 };

/* Followed by the texts, each with its NUL: the command, then the variables. */
struct execute_header {
    uid_t uid;
    gid_t gid;
    size_t group_count, variable_count;
    gid_t groups[EXECUTE_GROUPS];
    long long file_size_limit;
};

/* The exec half; returns when the socket is closed. */
void execute_serve(int socket);
