/*
 * Moments as they stand in headers (RFC 5322 3.3).
 */
#pragma once

#include "base/str.h"

#include <time.h>

/* Append "Sun, 22 Nov 2026 06:30:17 +0000 (UTC)", in the local time zone. */
void message_date(struct str *output, time_t when);

/* Append "20261122063017" in UTC, as it stands in a Message-Id that we make. */
void message_stamp(struct str *output, time_t when);
