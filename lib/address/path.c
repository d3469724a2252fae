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

/* "<...>" around everything, once or more; false when a < is left open. */
static bool strip_brackets(struct slice *word, bool *bracketed)
{
    *bracketed = slice_starts(*word, "<");
    if (*bracketed && !slice_ends(*word, ">"))
        return false;
    while (slice_starts(*word, "<"))
        *word = slice_trim_start(slice_from(*word, 1));
    while (slice_ends(*word, ">"))
        *word = slice_trim_end(slice_part(*word, 0, word->length - 1));
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

/* What a resolver would refuse is refused at once: "u@x..", "u@1.2.3.4". */
static bool domain_is_good(struct slice domain)
{
    if (domain.length && domain.data[0] == '[')
        return true;
    if (domain.length > 1 && slice_ends(domain, "."))
        domain = slice_part(domain, 0, domain.length - 1);
    return address_is_host_name(domain);
}

static enum path_result check_address(struct slice internal, unsigned flags)
{
    struct address_parts parts = address_split(internal);

    if (!internal.length)
        return flags & PATH_EMPTY ? PATH_GOOD : PATH_BAD;
    if (internal.data[0] == '-')    /* an option, for the programs that get the address */
        return PATH_BAD;
    if (parts.has_domain && !domain_is_good(parts.domain))
        return PATH_BAD;
    if ((flags & PATH_STRICT) && !parts.local.length)
        return PATH_BAD;
    return bytes_are_allowed(internal, flags) ? PATH_GOOD : PATH_BAD;
}

/* Nothing but comments, or nothing at all. */
static bool is_comment(struct slice word)
{
    AUTO_STR struct str bare = STR_EMPTY;

    external_strip_comments(&bare, word);
    return !slice_trim(str_slice(&bare)).length;
}

/* "words<a@b>(comment)", as in a header field. */
static bool has_words(struct slice word)
{
    size_t end = external_find(word, '>');

    return (!slice_starts(word, "<") || !slice_ends(word, ">"))
        && external_find(word, '<') < end && end < word.length
        && is_comment(slice_from(word, end + 1));
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
    if (!(flags & PATH_STRICT) && has_words(word)) {
        header_find_addresses(word, take_found, &found);
        return found.count > 1 ? PATH_BAD : check_address(str_slice(internal), flags);
    }
    if (!strip_brackets(&word, &bracketed))
        return PATH_BAD;
    if ((flags & PATH_STRICT) && (!bracketed || !is_plain(word)))
        return PATH_BAD;
    if (external_find(word, '<') < word.length)
        return PATH_BAD;
    if (!bracketed && !word.length)
        return PATH_BAD;
    header_find_addresses(address_strip_route(word), take_found, &found);
    if (found.count > 1 || (!found.count && !is_comment(word)))
        return PATH_BAD;
    return check_address(str_slice(internal), flags);
}
