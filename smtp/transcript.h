/*
 * What was said in a session, for the postmaster: sent when a message is done with in which the
 * server broke the protocol, as far as notify_classes has that class.
 */
#pragma once

#include "session.h"

/* Remember a command, without its CRLF. */
void transcript_command(struct session *session, struct slice line);

/* Remember a line of a reply, and what smtp_reply_filter made of it (NULL: nothing). */
void transcript_reply(struct session *session, struct slice line, const struct str *instead);

/* The last reply was none that a client hopes for: is it one that a sound server gives? */
void transcript_judge(struct session *session);

/*
 * The message is done with: tell the postmaster, if there is something to tell, and forget.
 * Waits for cleanup.
 */
void transcript_end(struct session *session);
