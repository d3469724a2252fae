/*
 * Lists whose members may stand in { } to keep blanks and commas together.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

/*
 * The next member, separated by commas and white space outside of { }, wherever in the member
 * they stand ("inline:{...}", "name={...}"); braces stay.  False at the end.
 */
bool braces_next(struct slice *rest, struct slice *member);

/*
 * What stands within { }, trimmed.  False: "no '{' at start of text in ..." and the like,
 * in Postfix's words; behind a '{' inside is set all the same, as far as can be told.
 */
bool braces_strip(struct slice text, struct slice *inside, struct error *error) MUST_USE;
