/*
 * The lmtp_ twins of smtp_ parameters: same type, same limits, and the same
 * default with lmtp_ for smtp_ in it, but for the exceptions in twin.c.
 */
#pragma once

#include "config/parameter.h"

/* The lmtp_ name of a row is put into name; false when the row has no twin. */
bool twin_name(const struct parameter *parameter, struct str *name);

/* The smtp_ row that speaks for an lmtp_ name; NULL when none does. */
const struct parameter *twin_find(struct slice lmtp_name);

/* The default of the lmtp_ twin of a row. */
void twin_default(const struct parameter *parameter, struct str *text);
