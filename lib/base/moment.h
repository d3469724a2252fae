/*
 * Moments and spans.
 *
 * A moment of the monotonic clock bounds waits (deadlines) and is never
 * shown; the wall clock stamps mail and is never waited for.
 */
#pragma once

#include <stdint.h>
#include <sys/time.h>

/* Monotonic milliseconds. */
int64_t moment_now(void);

/* The deadline that many seconds from now, in monotonic milliseconds. */
int64_t moment_after(int64_t seconds);

/* Milliseconds until the deadline; 0 when it has passed. */
int64_t moment_left(int64_t deadline);

/* The wall clock. */
struct timeval wall_now(void);

/* later - earlier, in seconds with a fraction. */
double wall_span(struct timeval earlier, struct timeval later);
