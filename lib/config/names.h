/*
 * Every name of a configuration and its text: what -o and main.cf set, else the
 * default of the table, else what the host decides.
 */
#pragma once

#include "config/expand.h"
#include "config/main_cf.h"

struct names;

/* main_cf is borrowed and must outlive the names. */
struct names *names_new(const struct main_cf *main_cf, const char *program,
                        const char *service) MUST_USE;
void names_free(struct names *names);

const struct main_cf *names_source(const struct names *names);

/* The text of a name as it was set, not expanded.  False when nobody defined it. */
bool names_raw(const struct names *names, struct slice name, struct str *text);

/* The default, whatever main.cf says.  False when the name has none. */
bool names_default(const struct names *names, struct slice name, struct str *text);

/* The expanded value, appended; empty for what nobody defined. */
bool names_value(const struct names *names, struct slice name, struct str *value,
                 struct error *error) MUST_USE;

/* Expand text, appended to output. */
bool names_expand(const struct names *names, struct slice text, struct str *output,
                  struct error *error) MUST_USE;

/* Where main.cf is when nobody says otherwise. */
const char *names_default_directory(void);
