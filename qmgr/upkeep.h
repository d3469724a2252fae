/*
 * Keeping the intake log short: messages that wait for long become files, and so does what no
 * note told us of.
 */
#pragma once

#include "active.h"

struct upkeep;

struct upkeep *upkeep_start(struct qmgr *qmgr);
void upkeep_free(struct upkeep *upkeep);

/* Something came into the log. */
void upkeep_expect(struct upkeep *upkeep);

/* Settle everything that is there now, then call intake_settled. */
void upkeep_settle_all(struct upkeep *upkeep);
