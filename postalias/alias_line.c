#include "alias_line.h"

#include "address/external.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "log/log.h"

static bool is_special(char c)
{
    return c && strchr(".@,:;<>)]", c);
}

/* A quoted string keeps only the backslashes that it needs. */
static void append_quoted(struct str *value, struct slice piece, bool closed)
{
    struct slice inside = slice_part(piece, 1, piece.length - (closed ? 2 : 1));

    str_byte(value, '"');
    for (size_t i = 0; i < inside.length; i++) {
        if (inside.data[i] == '\\' && i + 1 < inside.length)
            i++;
        if (inside.data[i] == '"' || inside.data[i] == '\\')
            str_byte(value, '\\');
        str_byte(value, inside.data[i]);
    }
    str_byte(value, '"');
}

static void append_piece(struct str *value, struct slice piece, bool closed)
{
    if (piece.data[0] == '\\') {
        str_add(value, slice_from(piece, piece.length - 1));
        return;
    }
    if (piece.data[0] == '"') {
        append_quoted(value, piece, closed);
        return;
    }
    str_add(value, piece);
    if (piece.data[0] == ',')
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

        struct slice piece = slice_part(text, 0, external_piece(text, &closed));
        char c = piece.data[0];
        bool whole = c == '"' || c == '(' || c == '[' || before == '"' || before == '(';

        if (after_word && (!is_special(c) || c == '<') && (blank || whole || c == '<'))
            str_byte(value, ' ');
        append_piece(value, piece, closed);
        after_word = !is_special(c) || c == '>';
        before = c;
        blank = false;
        text = slice_from(text, piece.length);
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
