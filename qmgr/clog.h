/*
 * Warnings that the mail for one destination fills the active queue (qmgr_clog_warn_time).
 */
#pragma once

#include "scheduler.h"

/* Who has more than the active queue's limit divided by this is warned of. */
enum { CLOG_PART = 5 };

/* An action of the scheduler; owner is struct qmgr. */
void clog_warn(void *owner, const struct delivery *delivery);
