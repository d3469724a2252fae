#include "alias_line.h"

#include "address/external.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "log/log.h"

static bool is_special(char c)
{
    return c && strchr(".@,:;<>)]|!%", c);
}

static bool begins_word(char c)
{
    return !is_special(c) && !byte_is_space(c) && c != '"' && c != '(' && c != '[';
}

/* The length of a word, in which a backslash may stand before what would end it, or of a piece. */
static size_t unit_length(struct slice text, bool *closed)
{
    size_t length = external_piece(text, closed);

    if (begins_word(text.data[0]))
        while (length < text.length && begins_word(text.data[length]))
            length += external_piece(slice_from(text, length), closed);
    return length;
}

static void append_without_backslashes(struct str *output, struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '\\' && i + 1 < text.length)
            i++;
        str_byte(output, text.data[i]);
    }
}

/* With the quotes of a string, and only the backslashes that it needs. */
static void append_quoted(struct str *value, struct slice text)
{
    str_byte(value, '"');
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            str_byte(value, '\\');
        str_byte(value, text.data[i]);
    }
    str_byte(value, '"');
}

static bool needs_quotes(struct slice word)
{
    for (size_t i = 0; i < word.length; i++)
        if (!begins_word(word.data[i]) || word.data[i] == '\\')
            return true;
    return false;
}

static void append_unit(struct str *value, struct slice unit, bool closed)
{
    AUTO_STR struct str plain = STR_EMPTY;
    bool string = unit.data[0] == '"';

    if (unit.data[0] == '(') {
        str_add(value, unit);
        return;
    }
    if (string)
        unit = slice_part(unit, 1, unit.length - (closed ? 2 : 1));
    append_without_backslashes(&plain, unit);
    if (string || (begins_word(unit.data[0]) && needs_quotes(str_slice(&plain))))
        append_quoted(value, str_slice(&plain));
    else
        str_add(value, str_slice(&plain));
    if (!string && unit.data[0] == ',')
        str_byte(value, ' ');
}

/* Words are separated by one blank, whatever stood between them; commas are followed by one. */
static void normalize(struct str *value, struct slice text)
{
    bool after_word = false, blank = false;
    char before = ',';

    while (text.length) {
        bool closed;

        if (byte_is_space(text.data[0])) {
            blank = true;
            text = slice_from(text, 1);
            continue;
        }

        struct slice unit = slice_part(text, 0, unit_length(text, &closed));
        char c = unit.data[0];
        bool whole = c == '"' || c == '(' || c == '[' || before == '"' || before == '(';

        if (after_word && (!is_special(c) || c == '<') && (blank || whole || c == '<'))
            str_byte(value, ' ');
        append_unit(value, unit, closed);
        after_word = !is_special(c) || c == '>';
        before = c;
        blank = false;
        text = slice_from(text, unit.length);
    }
}

static bool refuse(const struct source_line *line, const char *path, const char *reason)
{
    log_warn("%s, line %d: %s", path, line->number, reason);
    return false;
}

bool alias_line_parse(const struct source_line *line, const char *path, bool utf8,
                      struct str *name, struct str *value)
{
    size_t colon = external_find(line->text, ':');
    struct slice left = slice_trim(slice_part(line->text, 0, colon));
    struct slice right = slice_trim(slice_from(line->text, colon + 1));

    if (utf8 && !text_is_utf8(line->text)) {
        AUTO_STR struct str shown = STR_EMPTY;

        printable_text(&shown, line->text);
        log_warn("%s, line %d: non-UTF-8 input \"%s\" -- ignoring this line", path, line->number,
                 shown.data);
        return false;
    }
    if (!left.length || !right.length || external_find(left, ',') < left.length)
        return refuse(line, path, "need name:value pair");
    if (external_find(left, '@') < left.length)
        return refuse(line, path, "name must be local");
    str_clear(name);
    str_clear(value);
    external_unquote(name, left);
    normalize(value, right);
    return true;
}
