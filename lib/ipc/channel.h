/*
 * A connection of the event loop that carries frames: as a lane (ipc/lane.h), but it
 * never waits.  What does not fit into the socket is kept and sent when it does.
 */
#pragma once

#include "base/str.h"

struct channel {
    int fd;
    struct str input;       /* what has come and is not taken yet */
    struct str output;      /* what the socket would not take yet */
};

struct channel *channel_new(int fd);    /* owns fd */
void channel_free(struct channel *channel);     /* NULL is fine; closes */

/* False with errno when the other side is gone: then nothing of bytes was taken. */
bool channel_send(struct channel *channel, const struct str *bytes, int passed_fd);

/* Send more of what waits; false with errno when the other side is gone. */
bool channel_flush(struct channel *channel);

enum channel_state { CHANNEL_OPEN, CHANNEL_CLOSED, CHANNEL_RESET /* with what we sent unread */ };

/* Read what there is; the end behind it only when nothing else comes any more. */
enum channel_state channel_fill(struct channel *channel);

/*
 * The next whole frame in the input, without its length; it counts *used bytes, to be dropped
 * with str_drop when the frame has been read.  False when there is none yet; *bad when what
 * came cannot be a frame.
 */
bool channel_frame(const struct channel *channel, size_t start, struct slice *frame,
                   size_t *used, bool *bad);

/* True while the other side has not read all that was sent to it. */
bool channel_is_unread(const struct channel *channel);
