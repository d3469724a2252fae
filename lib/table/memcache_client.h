/*
 * A client of memcached, as memcache_table(5) configures it: the text protocol, and the format
 * of keys.  Thread-safe.
 */
#pragma once

#include "table/table.h"

struct memcache;

/* table may be NULL (then the file is not watched). */
struct memcache *memcache_new(struct table *table, const struct table_context *context,
                              const char *name, struct error *error) MUST_USE;
void memcache_free(struct memcache *memcache);

/* The setting "backup", or NULL. */
const char *memcache_backup(const struct memcache *memcache);

/*
 * True when the key is one for this table (domain, key_format); *sent is what the server is
 * asked for.  TABLE_TROUBLE when the list of domains could not be asked.
 */
enum table_result memcache_key(struct memcache *memcache, struct slice key, struct str *sent,
                               struct error *error) MUST_USE;

enum table_result memcache_get(struct memcache *memcache, struct slice sent, struct str *value,
                               struct error *error) MUST_USE;
bool memcache_set(struct memcache *memcache, struct slice sent, struct slice value,
                  struct error *error) MUST_USE;
enum table_result memcache_delete(struct memcache *memcache, struct slice sent,
                                  struct error *error) MUST_USE;
