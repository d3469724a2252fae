/*
 * One parameter: its text found, expanded, checked; errors say where it was set.
 */
#pragma once

#include "config/names.h"
#include "config/parameter.h"

/*
 * The expanded text is put into text (as it stands for PARAMETER_RAW), the value at place when
 * the type has one.  name and default_text are those of the row, or of its lmtp_ twin.  False
 * with Postfix's words, and behind them in parentheses the file, the line, what was expected.
 */
bool evaluate_parameter(const struct names *names, const struct parameter *parameter,
                        const char *name, const char *default_text, struct str *text,
                        void *place, struct error *error) MUST_USE;
