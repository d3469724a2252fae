/* The path of MAIL FROM and RCPT TO, RFC 5321 4.1.2, and what clients send instead. */
#include "address/address.h"

#include "address/external.h"
#include "address/header.h"
#include "base/encoding.h"
#include "base/scope.h"

/* The first word of what a client sends. */
struct word {
    struct slice text;
    size_t brackets;            /* < without their > */
    size_t last_close;          /* index of the last > */
    bool closed;                /* no quote is left open */
};

/*
 * White space within < > and quotes does not end it; comments and literals protect nothing, and
 * may go on to the end.
 */
static struct word read_word(struct slice text)
{
    struct word word = { text, 0, text.length, true };
    size_t i = 0;

    while (i < text.length && (word.brackets || !byte_is_space(text.data[i]))) {
        bool closed = true;
        char c = text.data[i];

        if (c == '<') {
            word.brackets++;
        } else if (c == '>') {
            word.last_close = i;
            word.brackets -= word.brackets > 0;
        }
        i += c == '"' || c == '\\' ? external_piece(slice_from(text, i), &closed) : 1;
        word.closed = closed;
    }
    word.text = slice_part(text, 0, i);
    return word;
}

/* VRFY's argument has nothing behind it. */
static struct word whole_text(struct slice text)
{
    text = slice_trim_end(text);

    bool ends = text.length && text.data[text.length - 1] == '>';

    return (struct word){ text, 0, ends ? text.length - 1 : text.length, true };
}

/* One pair of <> around everything. */
static bool strip_brackets(struct word *word)
{
    struct slice text = word->text;

    if (!slice_starts(text, "<") || word->last_close + 1 != text.length)
        return false;
    word->text = slice_part(text, 1, text.length - 2);
    return true;
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

/* A route ends with its first colon, whatever it may stand within. */
static struct slice without_route(struct slice text)
{
    size_t colon = slice_find(text, ':');

    return slice_starts(text, "@") && colon < text.length ? slice_from(text, colon + 1) : text;
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
    if ((flags & PATH_STRICT) && (!parts.local.length || slice_starts(parts.local, "@")))
        return PATH_BAD;
    return bytes_are_allowed(internal, flags) ? PATH_GOOD : PATH_BAD;
}

enum path_result address_parse_path(struct slice *rest, unsigned flags, struct str *internal)
{
    struct slice text = slice_trim_start(*rest);
    struct word word = flags & PATH_WHOLE ? whole_text(text) : read_word(text);
    struct found found = { 0, internal };

    *rest = slice_from(text, word.text.length);
    str_clear(internal);
    if (!word.closed || word.brackets)
        return PATH_BAD;

    bool open = slice_starts(text, "<");    /* a literal may have taken the > */
    bool bracketed = strip_brackets(&word);

    if ((!bracketed && !word.text.length) || (!open && flags & PATH_STRICT))
        return PATH_BAD;

    size_t others = header_find_addresses(without_route(word.text), take_found, &found);

    if (found.count > 1 || ((flags & PATH_STRICT) && others))
        return PATH_BAD;
    return check_address(str_slice(internal), flags);
}
