#include "config/condition.h"

#include "base/compiler.h"

static const struct {
    const char *sign;
    struct condition condition;
} operators[] = {       /* a longer one before its beginning */
    { "==", { false, true, false, false } },
    { "!=", { true, false, true, false } },
    { "<=", { true, true, false, false } },
    { ">=", { false, true, true, false } },
    { "<", { true, false, false, false } },
    { ">", { false, false, true, false } },
};

static const char no_operator[] =
    "\"==\" or \"!=\"\" or \"<\"\" or \"<=\"\" or \">=\"\" or \">\" expected";

static struct slice word_at(struct slice text)
{
    size_t length = 0;

    while (length < text.length && byte_is_alnum(text.data[length]))
        length++;
    return slice_part(text, 0, length);
}

const char *condition_parse(struct slice *rest, struct slice *sign,
                            struct condition *condition)
{
    static const char sign_bytes[] = "<>!=?+-*/~&|%";
    size_t length = 0;

    while (length < rest->length && strchr(sign_bytes, rest->data[length]) &&
           rest->data[length] != '\0')
        length++;

    for (size_t i = 0; i < COUNT(operators); i++) {
        if (!slice_is(slice_part(*rest, 0, length), operators[i].sign))
            continue;
        *condition = operators[i].condition;
        *sign = slice_part(*rest, 0, length);
        *rest = slice_from(*rest, length);

        struct slice suffix = word_at(*rest);

        condition->level = slice_is(suffix, "level");
        if (condition->level) {
            *sign = slice_bytes(sign->data, length + suffix.length);
            *rest = slice_from(*rest, suffix.length);
            return NULL;
        }
        if (suffix.length == 0)
            return NULL;
        *rest = suffix;
        return "bad operator suffix";
    }
    return no_operator;
}

bool compatibility_level_parse(struct slice text, int64_t *level)
{
    static const uint64_t limits[] = { 1 << 15, 1 << 8, 1 << 8 };
    int64_t parts[COUNT(limits)] = { 0 };

    if (slice_ends(text, "."))
        return false;
    for (size_t i = 0; i < COUNT(limits); i++) {
        struct slice part = slice_take_until(&text, ".");
        uint64_t number;

        if (!slice_number(part, limits[i] - 1, &number))
            return false;
        parts[i] = (int64_t)number;
        if (text.length == 0) {
            *level = (parts[0] << 16) + (parts[1] << 8) + parts[2];
            return true;
        }
    }
    return false;
}

static bool is_number(struct slice text)
{
    size_t digits = 0;

    if (text.length > 0 && text.data[0] == '-')
        text = slice_from(text, 1);
    for (; digits < text.length; digits++)
        if (!byte_is_digit(text.data[digits]))
            return false;
    return digits > 0;
}

static int compare_text(struct slice left, struct slice right)
{
    size_t shorter = left.length < right.length ? left.length : right.length;
    int order = shorter > 0 ? memcmp(left.data, right.data, shorter) : 0;

    return order ? order : (left.length > right.length) - (left.length < right.length);
}

static bool to_level(struct slice text, int64_t *level, struct error *error)
{
    return compatibility_level_parse(text, level) ||
           error_set(error, "malformed compatibility level syntax: \"%.*s\"", SLICE_ARGS(text));
}

static bool to_number(struct slice text, int64_t *number, struct error *error)
{
    return slice_integer(text, INT64_MIN, INT64_MAX, number) ||
           error_set(error, "mac_exp_eval: bad conversion: %.*s", SLICE_ARGS(text));
}

bool condition_test(const struct condition *condition, struct slice left, struct slice right,
                    bool *is_true, struct error *error)
{
    bool numbers = condition->level || (is_number(left) && is_number(right));
    bool (*convert)(struct slice, int64_t *, struct error *) =
        condition->level ? to_level : to_number;
    int64_t a = 0, b = 0;

    if (numbers && !(convert(left, &a, error) && convert(right, &b, error)))
        return false;

    int order = numbers ? (a > b) - (a < b) : compare_text(left, right);

    *is_true = order < 0 ? condition->less : order > 0 ? condition->greater : condition->equal;
    return true;
}
