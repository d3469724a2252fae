/*
 * What a taken-over daemon might try.
 */
#pragma once

#include "base/slice.h"

/* Try what word says; "done", the name of an error, or "unknown". */
const char *attempt(struct slice word, const char *argument);
