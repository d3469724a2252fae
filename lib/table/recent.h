/*
 * Answers of the last second, for tables whose every lookup is dear (name services read files
 * and ask other services each time).
 *
 * Nothing is remembered for longer than RECENT_MILLISECONDS, so a user who was added or removed
 * is noticed as soon as a person can ask.  Thread-safe.
 */
#pragma once

#include "base/str.h"

enum { RECENT_MILLISECONDS = 1000 };

struct recent;

struct recent *recent_new(void) MUST_USE;
void recent_free(struct recent *recent);

/* True when the key was looked up lately: *found, and then its value is appended. */
bool recent_get(struct recent *recent, struct slice key, bool *found, struct str *value) MUST_USE;

/* Remember that the key was absent, or found with this value. */
void recent_set(struct recent *recent, struct slice key, bool found, struct slice value);
