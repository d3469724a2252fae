/*
 * What client and server have said.  For the postmaster: sent to error_notice_recipient at the end
 * of a session in which something has happened that notify_classes names.  For the log: at once,
 * of a session whose client is listed in debug_peer_list.
 */
#pragma once

#include "state.h"

/*
 * Remember a command.  What proves who the client is stays out; that may be a whole line, which no
 * command begins, when the client goes on as if AUTH had been taken.
 */
void transcript_command(struct session *session, struct slice line, bool is_command);

/* Remember a reply (lines with CRLF), and what it means when it is a refusal. */
void transcript_reply(struct session *session, int code, struct slice lines);

/*
 * Where a new mail may begin: a transcript of more than smtpd_history_flush_threshold lines ends
 * here; it is sent, if it has to be, and the next one begins.
 */
void transcript_flush(struct session *session);

/* Send it, if it has to be.  aborted is "lost connection", "timeout", or "" after a good end. */
void transcript_send(struct session *session, const char *aborted);
