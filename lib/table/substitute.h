/*
 * $1, ${1}, $(1) and $$ in the results of regexp: and pcre: tables.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "table/pattern.h"

/*
 * Look at the template: the highest number it asks for is put into *highest, 0 for none.  False
 * when the syntax is wrong; then a warning with what was wrong has been given, where stands in
 * front of it ("regexp map FILE, line 3"), range_words is "out of range" or "out-of-range".
 */
bool substitute_check(struct slice template, const char *where, const char *range_words,
                      size_t *highest);

/* Append the template with the groups of text in it. */
void substitute(struct str *output, struct slice template, struct slice text,
                const struct pattern_group *groups);
