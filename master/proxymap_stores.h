/*
 * The tables that a proxywrite service has open: opened with the first request, kept open, as
 * they may have no second writer.
 */
#pragma once

#include "table/store.h"

struct proxymap_stores;

/* The context must live as long. */
struct proxymap_stores *proxymap_stores_new(const struct table_context *context) MUST_USE;

/* NULL: it cannot be opened now; the next call tries again. */
struct store *proxymap_store(struct proxymap_stores *stores, const char *type_name,
                             struct error *error) MUST_USE;
