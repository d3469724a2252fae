/*
 * The notes to qmgr that a message has come (deliver/arrival.h): hints over one kept lane,
 * for all threads.  Nobody waits for them: a note that cannot go at once is dropped, since
 * qmgr finds the message in the queue too.
 */
#pragma once

#include "base/arena.h"
#include "queue/intake_log.h"

struct notice;

struct notice *notice_new(const char *qmgr_socket);
void notice_free(struct notice *notice);

/*
 * A lane that broke is opened anew, at most once a second.  reported: the trace log tells of
 * recipients already.  True when qmgr had no room for messages that it was told of lately.
 */
bool notice_send(struct notice *notice, const struct envelope *envelope, bool reported,
                 const struct log_place *place);
