/*
 * What $user, $home and the like stand for in forward_path, luser_relay and
 * command_execution_directory (local(8)).
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct recipient_names {
    struct slice user, home, shell, local, recipient, extension;
    struct slice delimiter;         /* that stands before the extension; empty without one */
};

/*
 * Append text with its $name, ${name?text} ... expanded.  Bytes of values that are not in filter
 * become "_"; NULL lets all through.  False for a broken expression.
 */
bool names_put(struct slice text, const struct recipient_names *names, const char *filter,
               struct str *output, struct error *error) MUST_USE;

/* Bytes of value that are not in filter become "_". */
void names_filter(struct slice value, const char *filter, struct str *output);
