/* The path of MAIL FROM and RCPT TO, RFC 5321 4.1.2, and what clients send instead. */
#include "address/address.h"

#include "address/external.h"
#include "address/header.h"
#include "base/encoding.h"
#include "base/scope.h"

/* Length of the first word; white space within < >, quotes and comments does not end it. */
static size_t word_length(struct slice text)
{
    bool in_brackets = false, closed;
    size_t i = 0;

    while (i < text.length && (in_brackets || !byte_is_space(text.data[i]))) {
        if (text.data[i] == '<')
            in_brackets = true;
        else if (text.data[i] == '>')
            in_brackets = false;
        i += external_piece(slice_from(text, i), &closed);
    }
    return i;
}

static bool is_closed(struct slice word)
{
    bool closed = true;

    for (size_t i = 0; i < word.length && closed;) {
        bool literal = word.data[i] == '[';

        i += external_piece(slice_from(word, i), &closed);
        closed = closed || literal;     /* [1.2.3.4 is taken as [1.2.3.4] */
    }
    return closed;
}

/* One pair of <> around everything; false when a < at the front is left open. */
static bool strip_brackets(struct slice *word, bool *bracketed)
{
    *bracketed = slice_starts(*word, "<") && slice_ends(*word, ">")
        && !slice_ends(*word, "\\>");
    if (*bracketed)
        *word = slice_part(*word, 1, word->length - 2);
    return *bracketed || !slice_starts(*word, "<") || external_find(*word, '>') < word->length;
}

struct found {
    size_t count;
    struct str *internal;
};

static void take_found(void *argument, struct slice internal)
{
    struct found *found = argument;

    found->count++;
    str_set(found->internal, internal);
}

/* Nothing but an address: no comment, no group; for strict_rfc821_envelopes. */
static bool is_plain(struct slice address)
{
    return external_find(address, '(') == address.length
        && external_find(address, ';') == address.length;
}

static bool bytes_are_allowed(struct slice internal, unsigned flags)
{
    if (text_is_ascii(internal))
        return true;
    if (!text_is_utf8(internal))
        return (flags & PATH_NO_ASCII_CHECK) && text_is_ascii(address_split(internal).domain);
    if (flags & PATH_UTF8)
        return true;
    return (flags & PATH_NO_ASCII_CHECK) && text_is_ascii(address_split(internal).domain);
}

static enum path_result check_address(struct slice internal, unsigned flags)
{
    struct address_parts parts = address_split(internal);

    if (!internal.length)
        return flags & PATH_EMPTY ? PATH_GOOD : PATH_BAD;
    if ((flags & PATH_STRICT) && !parts.local.length)
        return PATH_BAD;
    return bytes_are_allowed(internal, flags) ? PATH_GOOD : PATH_BAD;
}

/* Nothing but comments and <>, or nothing at all. */
static bool is_null(struct slice word)
{
    AUTO_STR struct str bare = STR_EMPTY;

    external_strip_comments(&bare, word);

    struct slice rest = slice_trim(str_slice(&bare));

    return !rest.length || slice_is(rest, "<>");
}

static bool has_open_bracket(struct slice word)
{
    size_t open = external_find(word, '<');

    return open < word.length && external_find(word, '>') == word.length;
}

enum path_result address_parse_path(struct slice *rest, unsigned flags, struct str *internal)
{
    struct slice text = slice_trim_start(*rest);
    struct slice word = slice_part(text, 0, word_length(text));
    struct found found = { 0, internal };
    bool bracketed;

    *rest = slice_from(text, word.length);
    str_clear(internal);
    if (!is_closed(word))
        return PATH_BAD;
    if (!strip_brackets(&word, &bracketed))
        return PATH_BAD;
    if ((flags & PATH_STRICT) && (!bracketed || !is_plain(word)))
        return PATH_BAD;
    if ((!bracketed && !word.length) || has_open_bracket(word))
        return PATH_BAD;
    header_find_addresses(address_strip_route(word), take_found, &found);
    if (found.count > 1 || (!found.count && !is_null(word)))
        return PATH_BAD;
    return check_address(str_slice(internal), flags);
}
