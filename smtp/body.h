/*
 * The content of a message as it goes over the wire.  It passes as it is, line by line, unless
 * something is to be changed in it: smtp_generic_maps, smtp_header_checks and its kin, 8-bit
 * text for a server of 7 bits.
 */
#pragma once

#include "agent.h"
#include "queue/queue.h"
#include "text.h"

struct body_settings {
    const struct agent *agent;
    struct arena *arena;
    const char *queue_id;
    bool downgrade;             /* the server takes 7 bits only */
};

enum body_result {
    BODY_WRITTEN,               /* all of it is in the stream, but for the final dot; not flushed */
    BODY_UNREADABLE,            /* the queue file is damaged: the receiver must not see an end */
    BODY_REFUSED,               /* the connection is gone: stream_flush says how */
    BODY_UNMAPPED,              /* a table cannot be asked: as BODY_UNREADABLE */
};

enum body_result body_write(struct text *text, struct content *content,
                            const struct body_settings *settings, struct error *error);
