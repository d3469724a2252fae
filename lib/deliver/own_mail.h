/*
 * Mail that the house writes itself: notifications, notices to the postmaster, probes.
 */
#pragma once

#include "config/config.h"
#include "deliver/submission.h"

/*
 * A submission from sender to one recipient, with an id, the present as its arrival and the text
 * of its Received: header.  Everything lives in the arena.  The flags are the caller's.
 */
void own_mail_begin(struct submission *submission, const struct config *config,
                    const char *sender, const char *recipient, struct arena *arena);

/* The flags, as internal_mail_filter_classes says for the class ("bounce", "notify"). */
int64_t own_mail_flags(const struct config *config, const char *class);

/*
 * End the submission and wait for cleanup.  False when it is not queued and not thrown away on
 * purpose.  The submitter is gone; queue_id (may be NULL) is what cleanup called the message.
 */
bool own_mail_end(struct submitter *submitter, struct str *queue_id, struct error *error) MUST_USE;

/*
 * Add text as lines of at most 79 characters, where there is a blank to break them at; the prefix
 * stands before each of them, and all but the first are indented.
 */
void own_mail_wrap(struct str *output, const char *prefix, struct slice text);
