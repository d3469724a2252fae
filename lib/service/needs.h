/*
 * What the prepare of many services opens alike.
 */
#pragma once

#include "deliver/outcome.h"
#include "deliver/verify.h"
#include "service/service.h"
#include "table/table.h"

/* For opening tables: files that are read are registered. Lives as long as the process. */
const struct table_context *service_tables(struct service_context *context) MUST_USE;

/*
 * Where an agent records what happened to recipients, with the program's delivery status filter
 * and the verify service; the process keeps it.
 */
struct reporter *service_reporter(struct service_context *context) MUST_USE;

/* The verify service, to ask and to tell; the process keeps it. */
struct verifier *service_verifier(const struct service_context *context) MUST_USE;
