#include "table/substitute.h"

#include "log/log.h"

enum reference { REFERENCE_LITERAL, REFERENCE_DOLLAR, REFERENCE_NUMBER, REFERENCE_BAD };

static bool is_name_byte(char c)
{
    return byte_is_alnum(c) || c == '_';
}

/* The name of a reference, behind its $; false when the brackets are not closed. */
static bool take_name(struct slice *rest, struct slice *name)
{
    char open = rest->length ? rest->data[0] : '\0';

    if (open == '{' || open == '(') {
        size_t close = slice_find(*rest, open == '{' ? '}' : ')');

        if (close == rest->length)
            return false;
        *name = slice_part(*rest, 1, close - 1);
        *rest = slice_from(*rest, close + 1);
        return true;
    }

    size_t length = 0;

    while (length < rest->length && is_name_byte(rest->data[length]))
        length++;
    *name = slice_part(*rest, 0, length);
    *rest = slice_from(*rest, length);
    return true;
}

/* Take literal text or one reference off the template. */
static enum reference take_piece(struct slice *rest, struct slice *piece, uint64_t *number)
{
    size_t dollar = slice_find(*rest, '$');

    if (dollar) {
        *piece = slice_part(*rest, 0, dollar);
        *rest = slice_from(*rest, dollar);
        return REFERENCE_LITERAL;
    }

    struct slice start = *rest;

    *rest = slice_from(*rest, 1);
    *piece = start;
    if (slice_starts(*rest, "$")) {
        *rest = slice_from(*rest, 1);
        return REFERENCE_DOLLAR;
    }
    if (!take_name(rest, piece)) {
        *piece = start;
        return REFERENCE_BAD;
    }
    if (!slice_number(*piece, PATTERN_GROUPS - 1, number))
        *number = 0;
    return REFERENCE_NUMBER;
}

static bool complain(const char *where, const char *range_words, struct slice template,
                     struct slice piece)
{
    uint64_t number;

    if (!piece.length)
        log_warn("empty macro name: \"%.*s\"", SLICE_ARGS(template));
    else if (slice_number(piece, UINT32_MAX, &number))
        log_warn("%s: %s replacement index \"%.*s\"", where, range_words, SLICE_ARGS(piece));
    else
        log_warn("%s: non-numeric replacement index \"%.*s\"", where, SLICE_ARGS(piece));
    return false;
}

bool substitute_check(struct slice template, const char *where, const char *range_words,
                      size_t *highest)
{
    struct slice rest = template;

    *highest = 0;
    while (rest.length) {
        struct slice piece;
        uint64_t number = 0;
        enum reference kind = take_piece(&rest, &piece, &number);

        if (kind == REFERENCE_BAD) {
            log_warn("truncated macro reference: \"%.*s\"", SLICE_ARGS(template));
            return false;
        }
        if (kind != REFERENCE_NUMBER)
            continue;
        if (!number)
            return complain(where, range_words, template, piece);
        if (number > *highest)
            *highest = (size_t)number;
    }
    return true;
}

void substitute(struct str *output, struct slice template, struct slice text,
                const struct pattern_group *groups)
{
    while (template.length) {
        struct slice piece;
        uint64_t number = 0;
        enum reference kind = take_piece(&template, &piece, &number);

        if (kind == REFERENCE_LITERAL)
            str_add(output, piece);
        else if (kind == REFERENCE_DOLLAR)
            str_byte(output, '$');
        else if (kind == REFERENCE_NUMBER && groups[number].start >= 0)
            str_add(output, slice_part(text, (size_t)groups[number].start,
                                       (size_t)(groups[number].end - groups[number].start)));
    }
}
