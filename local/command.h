/*
 * A command that is given a message on its standard input (local(8), "EXTERNAL COMMAND
 * DELIVERY").
 */
#pragma once

#include "job.h"
#include "program.h"

struct command_request {
    const char *command;
    const struct identity *identity;
    const struct mailbox_message *message;
    const struct job *job;
    const char *member;
    bool has_account;               /* not default_privs: it is told of HOME and SHELL */
    struct slice user, extension, delimiter;
};

/* False with the result when the command did not take the message. */
bool command_run(const struct command_request *request, struct program_result *result) MUST_USE;
