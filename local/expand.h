/*
 * From an address to its deliveries: aliases(5), then the user's .forward, then the
 * mailbox (local(8)).
 */
#pragma once

#include "job.h"
#include "targets.h"

/* Deliver to a local address: internal form, with or without its domain. */
void expand_local(struct job *job, const char *address, const struct origin *origin);

/* It goes out in a message of our own when all is done; delivered led to it.  Twice is once. */
void expand_forward(struct job *job, const char *address, const char *delivered,
                    const struct origin *origin);

/* Deliver to one target of a list. */
void expand_target(struct job *job, const struct target *target, const char *member,
                   const struct origin *origin);
