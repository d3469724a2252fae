#include "config/lines.h"

bool lines_next_physical(struct lines *lines, struct slice *line)
{
    if (lines->rest.length == 0)
        return false;
    *line = slice_take_until(&lines->rest, "\n");
    lines->number++;
    return true;
}

static bool says_nothing(struct slice line)
{
    struct slice text = slice_trim_start(line);

    return text.length == 0 || text.data[0] == '#';
}

bool lines_next(struct lines *lines, struct str *text, int *first)
{
    struct slice line;
    bool found = false;

    str_clear(text);
    for (struct lines next = *lines; lines_next_physical(&next, &line); *lines = next) {
        if (says_nothing(line))
            continue;
        if (found && !byte_is_space(line.data[0]))
            break;
        if (!found)
            *first = next.number;
        found = true;
        str_add(text, line);
    }
    return found;
}
