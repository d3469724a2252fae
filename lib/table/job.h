/*
 * The four things that postmap(1) and postalias(1) do; for lib/table/command.c.
 * What goes wrong is fatal, in Postfix's words.
 */
#pragma once

#include "table/command.h"

/* Make the table, or add to it (-i). */
void job_make(const struct table_job *job, const char *name);

/* Print all entries. */
void job_list(const struct table_job *job, const char *name);

/* Exit statuses: 0 when something was found. */
int job_query(const struct table_job *job, char **names, int count);
int job_delete(const struct table_job *job, char **names, int count);

/* The flags of table_open that the options stand for; how keys are folded. */
unsigned job_table_flags(const struct table_job *job);

/* "type:path" taken apart; the default type for a bare path. */
struct slice job_split_name(const struct table_job *job, const char *name, const char **path);
