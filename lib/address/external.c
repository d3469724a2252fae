#include "address/external.h"

static size_t quoted_length(struct slice text, char end, bool *closed)
{
    for (size_t i = 1; i < text.length; i++) {
        if (text.data[i] == '\\' && i + 1 < text.length)
            i++;
        else if (text.data[i] == end)
            return i + 1;
    }
    *closed = false;
    return text.length;
}

static size_t comment_length(struct slice text, bool *closed)
{
    size_t depth = 0;

    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '\\' && i + 1 < text.length)
            i++;
        else if (text.data[i] == '(')
            depth++;
        else if (text.data[i] == ')' && --depth == 0)
            return i + 1;
    }
    *closed = false;
    return text.length;
}

size_t external_piece(struct slice external, bool *closed)
{
    *closed = true;
    switch (external.data[0]) {
    case '"': return quoted_length(external, '"', closed);
    case '[': return quoted_length(external, ']', closed);
    case '(': return comment_length(external, closed);
    case '\\': return external.length > 1 ? 2 : 1;
    default: return 1;
    }
}

size_t external_find(struct slice external, char c)
{
    size_t i = 0;
    bool closed;

    while (i < external.length && external.data[i] != c)
        i += external_piece(slice_from(external, i), &closed);
    return i;
}

size_t external_find_last(struct slice external, char c)
{
    size_t found = external.length, i = 0;
    bool closed;

    while (i < external.length) {
        if (external.data[i] == c)
            found = i;
        i += external_piece(slice_from(external, i), &closed);
    }
    return found;
}

/* A quoted string without its quotes and backslashes. */
static void append_quoted(struct str *output, struct slice piece, bool closed)
{
    struct slice inside = slice_part(piece, 1, piece.length - (closed ? 2 : 1));

    for (size_t i = 0; i < inside.length; i++) {
        if (inside.data[i] == '\\' && i + 1 < inside.length)
            i++;
        str_byte(output, external_quoted_byte(inside.data[i]));
    }
}

void external_unquote_literal(struct str *output, struct slice piece, bool closed)
{
    for (size_t i = 0; i < piece.length; i++) {
        if (piece.data[i] == '\\' && ++i == piece.length)
            break;
        str_byte(output, external_quoted_byte(piece.data[i]));
    }
    if (!closed)
        str_byte(output, ']');
}

static void append_piece(struct str *output, struct slice piece, bool closed)
{
    switch (piece.data[0]) {
    case '"':
        append_quoted(output, piece, closed);
        break;
    case '\\':
        if (piece.length > 1)
            str_byte(output, external_quoted_byte(piece.data[1]));
        break;
    case '[':
        external_unquote_literal(output, piece, closed);
        break;
    default:
        str_add(output, piece);
        if (piece.data[0] == ',')
            str_byte(output, ' ');
    }
}

/* Where one word ends and the next begins; an atom goes on byte by byte. */
enum place { PLACE_SPECIAL, PLACE_ATOM, PLACE_WORD_ENDED };

static enum place place_of(char c)
{
    if (strchr(".@,:;<>)]%!", c) && c)
        return PLACE_SPECIAL;
    return c == '"' || c == '[' || c == '(' ? PLACE_WORD_ENDED : PLACE_ATOM;
}

/* Between two words; an atom goes on byte by byte. */
static bool needs_blank(enum place before, enum place place)
{
    return before != PLACE_SPECIAL && place != PLACE_SPECIAL
        && (place != PLACE_ATOM || before != PLACE_ATOM);
}

bool external_unquote(struct str *output, struct slice external)
{
    enum place before = PLACE_SPECIAL;
    size_t start = output->length;
    bool good = true;

    while (external.length) {
        bool closed;

        if (byte_is_space(external.data[0])) {
            if (before == PLACE_ATOM)
                before = PLACE_WORD_ENDED;
            external = slice_from(external, 1);
            continue;
        }

        struct slice piece = slice_part(external, 0, external_piece(external, &closed));
        enum place place = place_of(piece.data[0]);

        if (needs_blank(before, place) || (piece.data[0] == '<' && output->length > start
                                             && output->data[output->length - 1] != ' '))
            str_byte(output, ' ');
        append_piece(output, piece, closed);
        good = good && closed;
        before = place;
        external = slice_from(external, piece.length);
    }
    return good;
}
