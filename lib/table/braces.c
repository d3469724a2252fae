#include "table/braces.h"

static const char separators[] = ", \t\r\n";

/* Length of the balanced { } at the start, or of everything when it is not closed. */
static size_t balanced(struct slice text, bool *closed)
{
    size_t depth = 0;

    *closed = true;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '{')
            depth++;
        else if (text.data[i] == '}' && --depth == 0)
            return i + 1;
    }
    *closed = false;
    return text.length;
}

static void skip_separators(struct slice *rest)
{
    while (rest->length && strchr(separators, rest->data[0]) && rest->data[0])
        *rest = slice_from(*rest, 1);
}

bool braces_next(struct slice *rest, struct slice *member)
{
    size_t length = 0;
    bool closed;

    skip_separators(rest);
    if (!rest->length)
        return false;
    while (length < rest->length && !(rest->data[length] && strchr(separators, rest->data[length])))
        if (rest->data[length] == '{')
            length += balanced(slice_from(*rest, length), &closed);
        else
            length++;
    *member = slice_part(*rest, 0, length);
    *rest = slice_from(*rest, length);
    return true;
}

bool braces_strip(struct slice text, struct slice *inside, struct error *error)
{
    bool closed;

    if (!slice_starts(text, "{"))
        return error_set(error, "no '{' at start of text in \"%.*s\"", SLICE_ARGS(text));

    size_t length = balanced(text, &closed);

    *inside = slice_trim(slice_part(text, 1, length - (closed ? 2 : 1)));
    if (!closed)
        return error_set(error, "missing '}' in \"%.*s\"", SLICE_ARGS(text));
    if (slice_trim(slice_from(text, length)).length)
        return error_set(error, "syntax error after '}' in \"%.*s\"", SLICE_ARGS(text));
    return true;
}
