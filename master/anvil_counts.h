/*
 * What anvil knows of clients: how many connections each has, and how often it did what in
 * this time unit; and the highest of these figures, for the log.
 *
 * Moments are the caller's, in seconds, so that tests need not wait.
 */
#pragma once

#include "base/slice.h"
#include "smtp/anvil.h"

#include <time.h>

struct anvil_counts;

struct anvil_counts *anvil_counts_new(int time_unit_seconds);
void anvil_counts_free(struct anvil_counts *counts);

/* Count an event (unless look) and fill the reply. */
void anvil_count(struct anvil_counts *counts, struct slice ident, enum anvil_event event,
                 bool look, time_t now, struct anvil_reply *reply);

/* Forget clients without connections whose time unit has passed. */
void anvil_counts_expire(struct anvil_counts *counts, time_t now);

size_t anvil_counts_size(const struct anvil_counts *counts);

/* Log the highest figures since the last time, each with its client and moment. */
void anvil_counts_log(struct anvil_counts *counts);
