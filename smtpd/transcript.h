/*
 * What client and server have said, for the postmaster: sent to error_notice_recipient at the end
 * of a session in which something has happened that notify_classes names.
 */
#pragma once

#include "state.h"

/* Remember a command.  What it says to prove who the client is stays out. */
void transcript_command(struct session *session, struct slice line);

/* Remember a reply (lines with CRLF), and what it means when it is a refusal. */
void transcript_reply(struct session *session, int code, struct slice lines);

/* Send it, if it has to be.  aborted is "lost connection", "timeout", or "" after a good end. */
void transcript_send(struct session *session, const char *aborted);
