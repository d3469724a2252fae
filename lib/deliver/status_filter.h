/*
 * A delivery status filter: tables that are asked with "5.1.1 text" and answer what shall be
 * said instead (default_delivery_status_filter in postconf(5)).
 *
 * service_reporter (service/needs.h) opens the one of the program (smtp_, lmtp_, local_,
 * virtual_, pipe_), and reporter_report applies it: an agent has nothing to do.
 */
#pragma once

#include "deliver/outcome.h"
#include "table/table.h"

struct status_filter;

/*
 * title is the parameter's name, for warnings; value its tables.  NULL when value is empty: there
 * is nothing to filter.  Tables that cannot be opened are as in table_list_open.
 */
struct status_filter *status_filter_open(const struct table_context *tables, const char *title,
                                         const char *value, struct error *error);
void status_filter_close(struct status_filter *filter);

/*
 * Replace dsn and reason, and with them what is done: 4.x.x and 5.x.x make a delay or a failure
 * of each other, a success stays one.  A result that breaks these rules is warned of and ignored.
 * Texts live in the arena.  filter may be NULL.  May wait for network tables.
 */
void status_filter_apply(const struct status_filter *filter, struct arena *arena,
                         struct outcome *outcome);
