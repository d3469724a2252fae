/*
 * How the mail in queues spreads over domains and ages: the table that qshape(1) prints.
 */
#pragma once

#include "base/slice.h"

#include <stdint.h>
#include <stdio.h>

struct shape_settings {
    int buckets;            /* columns of ages; the last one has no end */
    int minutes;            /* where the first one ends */
    bool linear;            /* all as long as the first; else each twice the one before */
    bool parents;           /* lines for parent domains too */
    int least_children;     /* of a parent that has a line */
    int width;              /* of the terminal */
};

struct shape;

struct shape *shape_new(const struct shape_settings *settings);
void shape_free(struct shape *shape);

/* An address of that age, in internal form; negative ages count as none. */
void shape_add(struct shape *shape, struct slice address, int64_t age_seconds);

/* The busiest first, at most so many lines below the heading (0: all). */
void shape_print(const struct shape *shape, size_t limit, FILE *output);
