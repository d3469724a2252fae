/*
 * The cache of verify: address_verify_map, or memory.  Trouble with it is logged here, and costs
 * another probe.
 */
#pragma once

#include "base/str.h"
#include "service/service.h"
#include "verify_record.h"

struct verify_cache;

/* For prepare: find the folder, and say that it is written to; the file is not opened yet. */
struct verify_cache *verify_cache_new(struct service_context *context);

/* Confined, when the last generation has ended: open the file; it is cleaned up now and then. */
void verify_cache_open(struct verify_cache *cache, struct events *events);

/* Write out. */
void verify_cache_close(struct verify_cache *cache);

/* False: there is no record of the address.  The record's text lives in value. */
bool verify_cache_get(struct verify_cache *cache, const char *address, struct str *value,
                      struct verify_record *record);
void verify_cache_put(struct verify_cache *cache, const char *address,
                      const struct verify_record *record);
