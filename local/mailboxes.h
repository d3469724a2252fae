/*
 * Putting a message into a mailbox, a file, a command of this host, as its owner.
 */
#pragma once

#include "job.h"

/* mailbox_command, home_mailbox, mail_spool_directory: whatever is configured. */
void deliver_to_mailbox(struct job *job, const char *member, const struct identity *identity);

/* A /file/name; a path that ends in "/" is a Maildir. */
void deliver_to_file(struct job *job, const char *member, const char *path,
                     const struct identity *identity);

/* has_account: the rights are somebody's, and not those of default_privs. */
void deliver_to_command(struct job *job, const char *member, const char *command,
                        const struct identity *identity, bool has_account);
