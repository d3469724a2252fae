#include "base/slice.h"

#include "base/compiler.h"

bool slice_equal(struct slice a, struct slice b)
{
    PROMISED(a.data || !a.length);
    return a.length == b.length && (!a.length || memcmp(a.data, b.data, a.length) == 0);
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
    PROMISED(a.data || !a.length);
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (byte_lower(a.data[i]) != byte_lower(b.data[i]))
            return false;
    return true;
}

bool slice_is(struct slice slice, const char *text)
{
    return slice_equal(slice, slice_of(text));
}

bool slice_is_nocase(struct slice slice, const char *text)
{
    return slice_equal_nocase(slice, slice_of(text));
}

bool slice_starts(struct slice slice, const char *prefix)
{
    size_t length = strlen(prefix);

    return slice.length >= length && slice_is(slice_part(slice, 0, length), prefix);
}

bool slice_starts_nocase(struct slice slice, const char *prefix)
{
    size_t length = strlen(prefix);

    return slice.length >= length && slice_is_nocase(slice_part(slice, 0, length), prefix);
}

bool slice_ends(struct slice slice, const char *suffix)
{
    size_t length = strlen(suffix);

    return slice.length >= length && slice_is(slice_from(slice, slice.length - length), suffix);
}

bool slice_ends_nocase(struct slice slice, const char *suffix)
{
    size_t length = strlen(suffix);

    return slice.length >= length &&
           slice_is_nocase(slice_from(slice, slice.length - length), suffix);
}

size_t slice_find(struct slice slice, char c)
{
    const char *found = slice.length ? memchr(slice.data, c, slice.length) : NULL;

    return found ? (size_t)(found - slice.data) : slice.length;
}

size_t slice_find_last(struct slice slice, char c)
{
    const char *found = slice.length ? memrchr(slice.data, c, slice.length) : NULL;

    return found ? (size_t)(found - slice.data) : slice.length;
}

size_t slice_find_any(struct slice slice, const char *set)
{
    bool wanted[256] = { false };

    if (set[0] && !set[1])
        return slice_find(slice, set[0]);
    for (const char *c = set; *c; c++)
        wanted[(unsigned char)*c] = true;
    for (size_t i = 0; i < slice.length; i++)
        if (wanted[(unsigned char)slice.data[i]])
            return i;
    return slice.length;
}

struct slice slice_trim_start(struct slice slice)
{
    size_t start = 0;

    while (start < slice.length && byte_is_space(slice.data[start]))
        start++;
    return slice_from(slice, start);
}

struct slice slice_trim_end(struct slice slice)
{
    while (slice.length && byte_is_space(slice.data[slice.length - 1]))
        slice.length--;
    return slice;
}

struct slice slice_trim(struct slice slice)
{
    return slice_trim_end(slice_trim_start(slice));
}

struct slice slice_take_until(struct slice *rest, const char *set)
{
    size_t end = slice_find_any(*rest, set);
    struct slice taken = slice_part(*rest, 0, end);

    *rest = slice_from(*rest, end < rest->length ? end + 1 : end);
    return taken;
}

bool slice_take_token(struct slice *rest, const char *separators, struct slice *token)
{
    size_t start = 0;

    while (start < rest->length && rest->data[start] && strchr(separators, rest->data[start]))
        start++;
    *rest = slice_from(*rest, start);
    if (!rest->length)
        return false;
    *token = slice_take_until(rest, separators);
    return true;
}

bool slice_list_has(struct slice list, const char *name)
{
    struct slice member;

    while (slice_take_token(&list, ", \t\r\n", &member))
        if (slice_is_nocase(member, name))
            return true;
    return false;
}

struct slice slice_take_word(struct slice *rest)
{
    struct slice word = slice_part(*rest, 0, 0);

    slice_take_token(rest, " \t\r\n\v\f", &word);
    return word;
}

bool slice_number(struct slice slice, uint64_t limit, uint64_t *number)
{
    uint64_t value = 0;

    PROMISED(slice.data || !slice.length);
    if (!slice.length)
        return false;
    for (size_t i = 0; i < slice.length; i++) {
        uint64_t digit = (uint64_t)(slice.data[i] - '0');

        if (!byte_is_digit(slice.data[i]) || digit > limit || value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

bool slice_integer(struct slice slice, int64_t low, int64_t high, int64_t *number)
{
    bool negative = slice_starts(slice, "-");
    uint64_t size;

    if (!slice_number(slice_from(slice, negative ? 1 : 0), INT64_MAX, &size))
        return false;

    int64_t value = negative ? -(int64_t)size : (int64_t)size;

    if (value < low || value > high)
        return false;
    *number = value;
    return true;
}
