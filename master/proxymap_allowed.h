/*
 * The tables that proxymap may open: the members of proxy_read_maps (proxy_write_maps) that
 * begin with "proxy:".
 */
#pragma once

#include "base/slice.h"

#include <stdbool.h>

struct proxymap_allowed;

struct proxymap_allowed *proxymap_allowed_new(const char *maps);
void proxymap_allowed_free(struct proxymap_allowed *allowed);

/* name is "type:name", without "proxy:". */
bool proxymap_allows(const struct proxymap_allowed *allowed, struct slice name);

/* Calls take with the name of each; for those that are files. */
void proxymap_allowed_each(const struct proxymap_allowed *allowed,
                           void (*take)(void *argument, const char *name), void *argument);
