/*
 * A queue listing for people and programs, made from the answer of showq
 * (mail_queue_list_protocol, queue/listing.h).
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>
#include <stdio.h>

enum report_style {
    REPORT_SHORT,       /* postqueue -p */
    REPORT_LONG,        /* -p with enable_long_queue_ids */
    REPORT_JSON,        /* -j */
};

struct report;

struct report *report_new(enum report_style style, FILE *output);
void report_free(struct report *report);

/* The next bytes of the answer; false when they make no sense. */
bool report_feed(struct report *report, struct slice bytes, struct error *error) MUST_USE;

/* The answer has ended: the last line.  False when it came too early. */
bool report_end(struct report *report, struct error *error) MUST_USE;
