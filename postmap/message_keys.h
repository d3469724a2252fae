/*
 * The keys of a message for postmap -q - with -h, -b and -m: its logical headers, and the
 * lines of its body (header_checks(5)).
 */
#pragma once

#include "table/command.h"

/* Reads standard input to its end. */
void message_keys(const struct table_job *job, struct source *keys);
