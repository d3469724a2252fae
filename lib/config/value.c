#include "config/value.h"

#include "config/config.h"

#include <limits.h>

bool value_parse_bool(struct slice text, bool *value)
{
    *value = slice_is_nocase(text, "yes");
    return *value || slice_is_nocase(text, "no");
}

static int unit_seconds(char unit)
{
    switch (byte_lower(unit)) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 60 * 60;
    case 'd': return 24 * 60 * 60;
    case 'w': return 7 * 24 * 60 * 60;
    default: return 0;
    }
}

bool config_parse_seconds(struct slice text, char unit, int *seconds)
{
    int64_t total = 0;

    if (text.length == 0)
        return false;
    while (text.length > 0) {
        size_t digits = 0;
        uint64_t number;

        while (digits < text.length && byte_is_digit(text.data[digits]))
            digits++;
        if (!slice_number(slice_part(text, 0, digits), INT_MAX, &number))
            return false;
        text = slice_from(text, digits);

        int factor = unit_seconds(text.length > 0 ? text.data[0] : unit);

        total += (int64_t)number * factor;
        if (factor == 0 || total > INT_MAX)
            return false;
        text = slice_from(text, 1);
    }
    *seconds = (int)total;
    return true;
}

/* "300s", "${stress?{10}:{300}}s" name a unit; "$other_delay" does not. */
static char unit_of_default(const char *text)
{
    size_t length = strlen(text);
    char last = length > 1 ? text[length - 1] : '\0';
    char before = length > 1 ? text[length - 2] : '\0';

    return (byte_is_digit(before) || before == '}') && unit_seconds(last) ? last : 's';
}

static bool check_limits(const struct parameter *parameter, const char *name, int64_t number,
                         struct error *error)
{
    if (parameter->type == PARAMETER_SECONDS && parameter->lowest && number < parameter->lowest)
        return error_set(error, "invalid %s: %lld (min %lld)", name, (long long)number,
                         (long long)parameter->lowest);
    if (parameter->lowest && number < parameter->lowest)
        return error_set(error, "invalid %s parameter value %lld < %lld", name,
                         (long long)number, (long long)parameter->lowest);
    if (parameter->highest && number > parameter->highest)
        return error_set(error, "invalid %s parameter value %lld > %lld", name,
                         (long long)number, (long long)parameter->highest);
    return true;
}

static bool bad_value(const char *kind, const char *name, struct slice text,
                      struct error *error)
{
    return error_set(error, "bad %s configuration: %s = %.*s", kind, name, SLICE_ARGS(text));
}

bool value_store(const struct parameter *parameter, const char *name, struct slice text,
                 const char *default_text, void *place, struct error *error)
{
    int64_t number;
    int seconds;

    switch ((enum parameter_type)parameter->type) {
    case PARAMETER_TEXT:
    case PARAMETER_RAW:
        return true;
    case PARAMETER_BOOL:
        return value_parse_bool(text, place) || bad_value("boolean", name, text, error);
    case PARAMETER_NUMBER:
        if (!slice_integer(text, INT_MIN, INT_MAX, &number))
            return bad_value("numerical", name, text, error);
        *(int *)place = (int)number;
        return check_limits(parameter, name, number, error);
    case PARAMETER_SIZE:
        if (!slice_integer(text, INT64_MIN, INT64_MAX, &number))
            return bad_value("numerical", name, text, error);
        *(int64_t *)place = number;
        return check_limits(parameter, name, number, error);
    case PARAMETER_SECONDS:
        if (!config_parse_seconds(text, unit_of_default(default_text), &seconds))
            return error_set(error, "parameter %s: bad time value or unit: %.*s", name,
                             SLICE_ARGS(text));
        *(int *)place = seconds;
        return check_limits(parameter, name, seconds, error);
    }
    return false;
}
