/*
 * Tables opened on demand and kept, for a process that serves many others (proxymap).
 * A table whose source has changed is opened anew.  Any number of threads.
 */
#pragma once

#include "table/table.h"

struct table_cache;

/* The context must live as long as the cache. */
struct table_cache *table_cache_new(const struct table_context *context) MUST_USE;
void table_cache_free(struct table_cache *cache);

/* As table_open, once, and table_get. */
enum table_result table_cache_get(struct table_cache *cache, const char *type_name,
                                  unsigned flags, struct slice key, struct str *value,
                                  struct error *error) MUST_USE;
