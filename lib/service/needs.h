/*
 * What the prepare of many services opens alike.
 */
#pragma once

#include "deliver/outcome.h"
#include "service/service.h"
#include "table/table.h"

/* For opening tables: files that are read are registered. Lives as long as the process. */
const struct table_context *service_tables(struct service_context *context) MUST_USE;

/* Where an agent records what happened to recipients; the process keeps it. */
struct reporter *service_reporter(const struct service_context *context) MUST_USE;
