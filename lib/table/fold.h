/*
 * Case folding of keys: ASCII, and all of Unicode when the text is UTF-8 ("ß" becomes "ss").
 */
#pragma once

#include "base/str.h"

/* Append the folded text.  Text that is not UTF-8 is folded as ASCII. */
void fold_text(struct str *output, struct slice text);

/* ASCII letters alone. */
void fold_ascii(struct str *output, struct slice text);
