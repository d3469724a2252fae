/*
 * The record of a message in bounce/, defer/ or trace/, in Postfix's text format (one block
 * of name=value lines for each recipient): showq and Debian's programs read it too.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "deliver/bounce.h"
#include "queue/queue.h"

/* Text of one record; human says whether the line of old goes before it. */
void record_write(struct str *output, const struct bounce_append *record, bool human);

/* All records of a log; what cannot be understood is passed over. Items belong to the arena. */
void record_parse(struct slice text, struct arena *arena, struct bounce_append_list *records);

/* Append and sync; after false the log is as it was. */
bool record_log_append(const struct queue *queue, const char *log,
                       const struct bounce_append *record, bool human,
                       struct error *error) MUST_USE;

/* False with code ENOENT when there is no log. */
bool record_log_read(const struct queue *queue, const char *log, const char *id,
                     struct arena *arena, struct bounce_append_list *records,
                     struct error *error) MUST_USE;

/* True also when there was none. */
bool record_log_remove(const struct queue *queue, const char *log, const char *id,
                       struct error *error) MUST_USE;
