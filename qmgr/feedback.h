/*
 * What one delivery adds to or takes from the window of a destination (SCHEDULER_README:
 * concurrency feedback; man 5 postconf: default_destination_concurrency_positive_feedback).
 */
#pragma once

#include "base/compiler.h"

#include <stdbool.h>

enum feedback_shape { FEEDBACK_FIXED, FEEDBACK_BY_CONCURRENCY, FEEDBACK_BY_ROOT };

struct feedback {
    enum feedback_shape shape;
    double amount;              /* 0 to 1 */
};

/*
 * "1", "1/4", "1/concurrency", "0.5 / sqrt_concurrency"; false for anything else, and for what is
 * not between 0 and 1.
 */
bool feedback_parse(const char *text, struct feedback *feedback) MUST_USE;

/* The amount at a window of that many deliveries, at least 1. */
double feedback_at(const struct feedback *feedback, int window);
