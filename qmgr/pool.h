/*
 * How many recipients of which message may be in memory (SCHEDULER_README: dealing with
 * memory resource limits).
 *
 * A transport has a pool of places.  The first job in the order of arrival whose message is not
 * completely read has all the free ones; what a job with all its recipients in memory needs no
 * more goes on to that one.  A job that overtakes gets some of a second pool.
 */
#pragma once

#include "transport.h"

/* A job begins, or its message has more to read again. */
void pool_enter(struct job *job);

/* Recipients of the job came into memory, or have left it. */
void pool_count(struct job *job, size_t came, size_t left);

/* Its message is completely read, or the job ends. */
void pool_leave(struct job *job);

/* The job has overtaken another one. */
void pool_lend(struct job *job);

/* How many more recipients of the message may come; minimum is what each may have. */
size_t pool_room(const struct mail *mail, size_t minimum);
