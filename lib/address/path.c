/*
 * The paths of MAIL FROM and RCPT TO (RFC 5321 4.1.2), and what clients send in
 * their place.
 */
#include "address/address.h"
#include "address/external.h"
#include "base/encoding.h"

/* Blanks, and comments, which mean nothing. */
static bool means_nothing(struct slice text)
{
    bool closed;

    while ((text = slice_trim_start(text)).length) {
        if (text.data[0] != '(')
            return false;
        text = slice_from(text, external_piece(text, &closed));
        if (!closed)
            return false;
    }
    return true;
}

/* Repeat of one character only. */
static bool is_all(struct slice text, char c)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] != c)
            return false;
    return true;
}

/* What stands between the angle brackets; without any, the text itself when strict is not. */
static bool take_brackets(struct slice text, bool strict, struct slice *inside)
{
    size_t open = external_find(text, '<');

    *inside = text;
    if (open >= text.length)
        return !strict && external_find(text, '>') >= text.length;
    if (strict ? open != 0 : !means_nothing(slice_part(text, 0, open)))
        return false;

    struct slice rest = slice_from(text, open + 1);

    while (!strict && rest.length && rest.data[0] == '<')
        rest = slice_from(rest, 1);

    size_t end = external_find(rest, '>');

    if (end >= rest.length || !is_all(slice_from(rest, end), '>') ||
        (strict && end + 1 != rest.length))
        return false;
    *inside = slice_part(rest, 0, end);
    return true;
}

/* One address: words are joined by "." and "@" only; a comment may stand at the end. */
static bool is_one_address(struct slice text)
{
    bool word_before = false, ended = false, closed;

    while (text.length) {
        char c = text.data[0];
        size_t length = external_piece(text, &closed);
        bool joins = c == '.' || c == '@' || c == ':';

        if (strchr(",;<>", c) || !closed)
            return c == '[' && !closed;
        if (byte_is_space(c) || c == '(')
            ended = ended || word_before;
        else if (joins)
            word_before = ended = false;
        else {
            bool whole = c == '"' || c == '[';

            if (ended || (whole && word_before))
                return false;
            word_before = true;
            ended = whole;
        }
        text = slice_from(text, length);
    }
    return true;
}

static bool domain_is_good(struct slice domain)
{
    if (domain.length && domain.data[0] == '[')
        return true;
    if (domain.length > 1 && domain.data[domain.length - 1] == '.')
        domain.length--;
    return address_is_host_name(domain);
}

static bool is_good(struct slice internal, unsigned flags)
{
    if (!internal.length)
        return (flags & PATH_EMPTY) != 0;

    struct address_parts parts = address_split(internal);

    /* A dash at the start would be an option for the programs that get the address. */
    return internal.data[0] != '-' && (!parts.has_domain || domain_is_good(parts.domain)) &&
           ((flags & (PATH_UTF8 | PATH_NO_ASCII_CHECK)) || text_is_ascii(internal));
}

/* Where the first word ends: at a blank outside of quotes and brackets. */
static size_t word_length(struct slice text)
{
    size_t i = 0, depth = 0;
    bool closed;

    while (i < text.length && (depth || !byte_is_space(text.data[i]))) {
        if (text.data[i] == '<')
            depth++;
        else if (text.data[i] == '>' && depth)
            depth--;
        i += external_piece(slice_from(text, i), &closed);
    }
    return i;
}

enum path_result address_parse_path(struct slice *rest, unsigned flags, struct str *internal)
{
    struct slice text = slice_trim_start(*rest), inside;

    text = slice_part(text, 0, word_length(text));
    *rest = slice_from(*rest, (size_t)(text.data - rest->data) + text.length);
    str_clear(internal);
    if (!text.length || !take_brackets(text, flags & PATH_STRICT, &inside))
        return PATH_BAD;
    inside = address_strip_route(slice_trim(inside));
    if (!is_one_address(inside))
        return PATH_BAD;
    address_unquote(internal, inside);
    return is_good(str_slice(internal), flags) ? PATH_GOOD : PATH_BAD;
}
