/*
 * The settings of a table that has them in a file of its own, in the format of main.cf
 * (memcache_table(5)); or, for a name without a slash, in main.cf as NAME_setting.
 */
#pragma once

#include "base/str.h"
#include "table/table.h"

struct source_config;

struct source_config *source_config_open(struct table *table, const struct table_context *context,
                                         const char *name, struct error *error) MUST_USE;
void source_config_close(struct source_config *source);

/* The text of a setting, or the one that counts when it is not there; lives as long as source. */
const char *source_config_text(struct source_config *source, const char *setting,
                               const char *otherwise);

/* False with Postfix's words: "FILE: bad numerical configuration: ttl = foo". */
bool source_config_number(struct source_config *source, const char *setting, int64_t low,
                          int64_t high, int64_t *value, struct error *error) MUST_USE;
