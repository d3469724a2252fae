/*
 * Lines of a message on their way into a stream: CRLF line ends, leading dots doubled
 * (RFC 5321 4.5.2), lines above smtp_line_length_limit broken.
 */
#pragma once

#include "stream/stream.h"

struct text {
    struct stream *stream;
    const char *queue_id;       /* for the log */
    size_t line_length_limit;   /* 0: none */
    int timeout_seconds;        /* for each write; with a rate, for all of it */
    int64_t rate;               /* bytes that add a second to the time; 0: none */
    size_t column;              /* bytes of the line so far, without a doubled dot */
    size_t unarmed;             /* bytes since the deadline was set */
    int64_t deadline;
    bool warned;
};

/* Sets the time limit of the stream too. */
void text_begin(struct text *text);

/* A piece of a line; ends says that the line ends behind it. */
void text_put(struct text *text, struct slice bytes, bool ends);

/* Ends a line that has none. */
void text_end(struct text *text);
