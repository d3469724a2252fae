/*
 * The quoted-printable encoding of text (RFC 2045 6.7), line by line.
 *
 * Encoded lines are at most 76 bytes long; "=" at the end of one says that the line goes on.
 */
#pragma once

#include "base/str.h"

/*
 * Takes a line that was encoded: without its line end, which follows.
 */
typedef void quoted_line(void *argument, struct slice line);

struct quoted_printable {
    struct str line;            /* what of the line has not been given out */
    quoted_line *give;
    void *argument;
};

void quoted_printable_begin(struct quoted_printable *encoder, quoted_line *give, void *argument);

/* Bytes of a line; ends says that a line end stands behind them. */
void quoted_printable_add(struct quoted_printable *encoder, struct slice bytes, bool ends);

/* Give out what is left of a line without end. */
void quoted_printable_end(struct quoted_printable *encoder);
