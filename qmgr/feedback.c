#include "feedback.h"

#include "base/slice.h"

#include <math.h>
#include <stdlib.h>

static bool parse_number(struct slice *rest, double *number)
{
    char *end;

    *number = strtod(rest->data, &end);
    if (end == rest->data)
        return false;
    *rest = slice_trim(slice_from(*rest, (size_t)(end - rest->data)));
    return true;
}

bool feedback_parse(const char *text, struct feedback *feedback)
{
    struct slice rest = slice_of(text);
    double divisor = 1;

    *feedback = (struct feedback){ FEEDBACK_FIXED, 0 };
    if (!parse_number(&rest, &feedback->amount))
        return false;
    if (slice_starts(rest, "/")) {
        rest = slice_trim(slice_from(rest, 1));
        if (slice_is_nocase(rest, "concurrency"))
            feedback->shape = FEEDBACK_BY_CONCURRENCY;
        else if (slice_is_nocase(rest, "sqrt_concurrency"))
            feedback->shape = FEEDBACK_BY_ROOT;
        else if (!parse_number(&rest, &divisor) || rest.length > 0)
            return false;
    } else if (rest.length > 0) {
        return false;
    }
    feedback->amount /= divisor;
    return feedback->amount >= 0 && feedback->amount <= 1;     /* and so no NaN */
}

double feedback_at(const struct feedback *feedback, int window)
{
    switch (feedback->shape) {
    case FEEDBACK_BY_CONCURRENCY:
        return feedback->amount / window;
    case FEEDBACK_BY_ROOT:
        return feedback->amount / sqrt(window);
    default:
        return feedback->amount;
    }
}
