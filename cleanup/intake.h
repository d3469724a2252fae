/*
 * A message on its way in: the envelope first, then the content piece by piece, in one pass.
 * It touches no socket.  What goes wrong is kept until the end, since the client waits for
 * one answer behind the content.
 */
#pragma once

#include "incoming.h"

/* Rewrites the envelope and starts the queue file.  The submission is changed. */
void intake_begin(struct intake *intake, const struct cleanup *cleanup, struct arena *arena,
                  struct submission *submission);

void intake_add(struct intake *intake, struct slice content);

/*
 * Commits, and fills the reply.  True when qmgr is to be told: submission->envelope is that of
 * the queued message then, *reported says that it has a trace log, and place where it lies.
 * Waits for the disk.
 */
bool intake_end(struct intake *intake, struct submission_reply *reply, bool *reported);

/* The client is gone: nothing remains. */
void intake_abandon(struct intake *intake);
