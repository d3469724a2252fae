/*
 * A program that is given a message on its standard input, and what its end means
 * (sysexits.h; local(8), pipe(8)).
 */
#pragma once

#include "base/arena.h"
#include "service/executor.h"

struct program {
    struct executor *executor;
    struct execute_request request; /* input is borrowed; output is made here */
    const char *daemon;             /* "local", whose words those about the exec half are */
    const char *execute;            /* the word before a program's name that is not there */
    const char *name;               /* how it is called in reasons */
    int timeout_seconds;
    struct arena *arena;
};

struct program_result {
    const char *dsn;
    const char *reason;             /* why the message was not taken */
    const char *output;             /* what it said, printable */
};

/* False when it did not take the message.  Waits until the program ends or its time is up. */
bool program_run(struct program *program, struct program_result *result) MUST_USE;
