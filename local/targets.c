#include "targets.h"

#include "address/address.h"
#include "base/scope.h"

/* A member up to a comma (or newline) outside quotes, brackets and comments. */
static struct slice take_member(struct slice *rest)
{
    bool quoted = false, angle = false;
    int depth = 0;
    size_t i = 0;

    for (; i < rest->length; i++) {
        char c = rest->data[i];

        if (c == '\\' && i + 1 < rest->length) {
            i++;
            continue;
        }
        if (c == '"' && depth == 0)
            quoted = !quoted;
        else if (quoted)
            continue;
        else if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (c == '<' || c == '>')
            angle = c == '<';
        else if ((c == ',' || c == '\n') && depth == 0 && !angle)
            break;
    }

    struct slice member = slice_part(*rest, 0, i);

    *rest = slice_from(*rest, i + 1);
    return slice_trim(member);
}

/* "text": without the quotes and the backslashes within. */
static struct slice strip_quotes(struct slice text, struct arena *arena)
{
    AUTO_STR struct str plain = STR_EMPTY;

    if (text.length < 2 || !slice_starts(text, "\"") || !slice_ends(text, "\""))
        return text;
    text = slice_part(text, 1, text.length - 2);
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '\\' && i + 1 < text.length)
            i++;
        str_byte(&plain, text.data[i]);
    }
    return (struct slice){ arena_text(arena, str_slice(&plain)), plain.length };
}

/* "Full Name <user@dom>" is user@dom. */
static struct slice strip_phrase(struct slice text)
{
    size_t open = slice_find(text, '<'), end = slice_find(text, '>');

    if (open < end && end < text.length)
        return slice_part(text, open + 1, end - open - 1);
    return text;
}

/* Without (comments), which may be nested, but not within quotes (RFC 5322 3.2.2). */
static void add_without_comments(struct str *output, struct slice text)
{
    bool quoted = false;
    int depth = 0;

    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];

        if (c == '"' && depth == 0)
            quoted = !quoted;
        if (c == '(' && !quoted)
            depth++;
        if (depth == 0)
            str_byte(output, c);
        if (c == ')' && !quoted && depth > 0)
            depth--;
    }
}

static void read_address(struct slice member, struct arena *arena, struct target *target)
{
    AUTO_STR struct str internal = STR_EMPTY, plain = STR_EMPTY;
    bool escaped = slice_starts(member, "\\");

    /* The backslash of \user must outlive the unquoting. */
    if (escaped) {
        str_byte(&internal, '\\');
        member = slice_from(member, 1);
    }
    add_without_comments(&plain, strip_phrase(member));
    (void)!address_unquote(&internal, slice_trim(str_slice(&plain)));
    target->kind = TARGET_ADDRESS;
    target->text = arena_text(arena, str_slice(&internal));
}

static bool read_special(struct slice plain, struct arena *arena, struct target *target)
{
    if (slice_starts(plain, ":include:")) {
        target->kind = TARGET_INCLUDE;
        plain = slice_from(plain, 9);
    } else if (slice_starts(plain, "|")) {
        target->kind = TARGET_COMMAND;
        plain = slice_trim(slice_from(plain, 1));
    } else if (slice_starts(plain, "/")) {
        target->kind = TARGET_FILE;
    } else {
        return false;
    }
    target->text = arena_text(arena, slice_trim(plain));
    return true;
}

bool target_next(struct slice *rest, struct arena *arena, struct target *target)
{
    while (rest->length > 0) {
        struct slice member = take_member(rest);

        if (member.length == 0)
            continue;
        if (!read_special(strip_quotes(member, arena), arena, target))
            read_address(member, arena, target);
        if (*target->text)
            return true;
    }
    return false;
}

bool target_next_in_file(struct slice *rest, struct arena *arena, struct target *target)
{
    for (;;) {
        struct slice line = slice_trim_start(*rest);

        if (!slice_starts(line, "#"))
            return target_next(rest, arena, target);
        *rest = slice_from(line, slice_find(line, '\n') + 1);
    }
}
