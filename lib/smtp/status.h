/*
 * Enhanced status codes (RFC 3463) as they stand at the start of texts.
 */
#pragma once

#include "base/slice.h"

enum { STATUS_SIZE = 12 };  /* "5.123.123" and a NUL */

/*
 * Take "d.d.d" and the blanks behind it off the front of *text.  False, and nothing taken,
 * when there is none.
 */
bool status_take(struct slice *text, char status[STATUS_SIZE]);

/* How many bytes of text are an enhanced status; 0: none stands there. */
size_t status_length(struct slice text);
