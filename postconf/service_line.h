/*
 * A service of master.cf as postconf writes it.
 */
#pragma once

#include "config/master_cf.h"
#include "print.h"

/* An argument with blanks stands in braces. */
void service_argument(struct str *text, struct slice argument);

/* Command and arguments in one line, as the field "command" has them. */
void service_command(const struct master_service *service, struct str *text);

/* The same over several lines: behind what stands in line already. */
void service_fold_command(const struct master_service *service, struct line *line);

/* The whole line in its columns; with fold, each -o begins a line of its own. */
void service_line(const struct master_service *service, bool fold, struct str *output);
