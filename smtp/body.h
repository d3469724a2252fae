/*
 * The content of a message as it goes over the wire: CRLF line ends, leading dots doubled
 * (RFC 5321 4.5.2), lines above smtp_line_length_limit broken.
 */
#pragma once

#include "queue/queue.h"
#include "stream/stream.h"

struct body_settings {
    int line_length_limit;      /* 0: none */
    int timeout_seconds;        /* for each 64 KB */
    const char *queue_id;       /* for the log */
};

enum body_result {
    BODY_WRITTEN,               /* all of it is in the stream, but for the final dot; not flushed */
    BODY_UNREADABLE,            /* the queue file is damaged: the receiver must not see an end */
    BODY_REFUSED,               /* the connection is gone: stream_flush says how */
};

enum body_result body_write(struct stream *stream, struct content *content,
                            const struct body_settings *settings, struct error *error);
