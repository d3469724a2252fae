/*
 * The message's own headers: addresses rewritten, and what is missing added.
 */
#pragma once

#include "incoming.h"

/* One logical header. */
void headers_take(struct intake *intake, struct slice line);

/* The last one was there. */
void headers_finish(struct intake *intake);
