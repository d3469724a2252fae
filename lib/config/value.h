/*
 * From the text of a parameter to its value, with Postfix's words for what is wrong.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "config/parameter.h"

bool value_parse_bool(struct slice text, bool *value) MUST_USE;

/*
 * Check text against the row and store it at place, the member's.  Texts are not stored.
 * name is what main.cf calls it (a twin's name differs from the row's), default_text gives the
 * unit of a time span that has none.
 */
bool value_store(const struct parameter *parameter, const char *name, struct slice text,
                 const char *default_text, void *place, struct error *error) MUST_USE;
