/*
 * A command that is given a message on its standard input (local(8), "EXTERNAL COMMAND
 * DELIVERY").
 */
#pragma once

#include "job.h"

struct command_request {
    const char *command;            /* for /bin/sh -c */
    const struct identity *identity;
    const struct mailbox_message *message;
    const struct job *job;
    const char *member;
    bool has_account;               /* not default_privs: it is told of HOME and SHELL */
    bool for_mailbox;               /* mailbox_command: USER is the account */
    struct slice extension;
    int timeout_seconds;
};

struct command_result {
    const char *dsn;
    const char *reason;             /* in the job's arena */
};

/* False with the result when the command did not take the message. */
bool command_run(const struct command_request *request, struct command_result *result) MUST_USE;
