/*
 * The way of a message from maildrop to cleanup.
 */
#pragma once

#include "base/error.h"
#include "config/config.h"

struct collector;

/* NULL when the queue is not there. */
struct collector *collector_new(const struct config *config, const char *cleanup_socket,
                                struct error *error) MUST_USE;

/* Hand over all that is there.  What cannot be taken now stays for the next run. */
void collector_run(struct collector *collector);
