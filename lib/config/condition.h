/*
 * The comparisons of main.cf's expressions: == != < <= > >=, of whole numbers when
 * both sides are, else of text; with "level" behind, of compatibility levels.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct condition {
    bool less, equal, greater;  /* the orders that make it true */
    bool level;
};

/*
 * Take the operator off the front; sign is what was taken, untouched when there is none.
 * NULL, or what was expected at rest.
 */
const char *condition_parse(struct slice *rest, struct slice *sign,
                            struct condition *condition) MUST_USE;

/* False when a side is not what the operator compares. */
bool condition_test(const struct condition *condition, struct slice left, struct slice right,
                    bool *is_true, struct error *error) MUST_USE;

/*
 * "3.6" or "3.6.2" as one number that orders the levels; false when it is malformed.
 */
bool compatibility_level_parse(struct slice text, int64_t *level) MUST_USE;
