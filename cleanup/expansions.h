/*
 * The sender's report of the aliases that were expanded.
 */
#pragma once

#include "incoming.h"

/*
 * Tell the trace log of the aliases that were expanded, when their senders want to know (RFC 3461
 * 5.2.7.3).  False: it cannot be told.  Waits for the bounce service.
 */
bool expansions_report(struct intake *intake) MUST_USE;
