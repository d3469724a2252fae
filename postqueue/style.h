/*
 * How messages and recipients look in each style of a listing.
 */
#pragma once

#include "report.h"

#include <stdlib.h>

struct report_output {
    enum report_style style;
    FILE *file;
    int64_t messages, bytes;    /* listed so far */
    struct str last_reason;     /* of this message, as last printed */
    int64_t recipients;         /* of this message */
};

struct report_message {
    struct str queue, id, sender;
    int64_t arrival, size;
    bool forced_expire;
};

void report_message(struct report_output *output, const struct report_message *message);

/* reason is empty when none is known. */
void report_recipient(struct report_output *output, struct slice address, struct slice reason);
void report_message_end(struct report_output *output);
void report_total(struct report_output *output);
