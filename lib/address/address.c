#include "address/address.h"

#include "address/external.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "table/fold.h"
#include "table/network.h"

struct address_parts address_split(struct slice internal)
{
    size_t at = slice_find_last(internal, '@');

    if (at == internal.length)
        return (struct address_parts){ internal, SLICE_LITERAL(""), false };
    return (struct address_parts){
        slice_part(internal, 0, at), slice_from(internal, at + 1), true,
    };
}

/* RFC 5322 dot-atom, with bytes above 127 (RFC 6531). */
static bool is_dot_atom(struct slice local)
{
    if (!local.length || local.data[0] == '.' || local.data[local.length - 1] == '.')
        return false;
    for (size_t i = 0; i < local.length; i++) {
        unsigned char c = (unsigned char)local.data[i];

        if (c <= ' ' || c == 127 || strchr("()<>@,;:\\\"[]", c))
            return false;
        if (c == '.' && local.data[i + 1] == '.')
            return false;
    }
    return true;
}

void address_quote_local(struct str *output, struct slice local)
{
    if (is_dot_atom(local)) {
        str_add(output, local);
        return;
    }
    str_byte(output, '"');
    for (size_t i = 0; i < local.length; i++) {
        char c = local.data[i];

        if (c == '"' || c == '\\' || c == '\r')
            str_byte(output, '\\');
        str_byte(output, c);
    }
    str_byte(output, '"');
}

void address_quote(struct str *output, struct slice internal)
{
    size_t route = address_route_length(internal);
    struct slice rest = slice_from(internal, route);
    struct slice local = address_split(rest).local;

    if (!internal.length)
        return;
    str_add(output, slice_part(internal, 0, route));
    address_quote_local(output, local);
    str_add(output, slice_from(rest, local.length));
}

size_t address_route_length(struct slice internal)
{
    size_t colon = external_find(internal, ':');

    return slice_starts(internal, "@") && colon < internal.length ? colon + 1 : 0;
}

bool address_unquote(struct str *output, struct slice external)
{
    return external_unquote(output, external);
}

static bool is_never_split(struct slice local, const char *delimiters)
{
    if (slice_is_nocase(local, "mailer-daemon") || slice_is_nocase(local, "double-bounce"))
        return true;
    if (!strchr(delimiters, '-'))
        return false;
    return slice_starts_nocase(local, "owner-") || slice_ends_nocase(local, "-request");
}

bool address_split_extension(struct slice local, const char *delimiters, struct slice *user,
                             struct slice *extension, struct slice *tail)
{
    if (!delimiters[0] || is_never_split(local, delimiters))
        return false;

    size_t at = slice_find_any(slice_from(local, local.length ? 1 : 0), delimiters) + 1;

    if (at >= local.length)     /* no delimiter, or only at the start: no user is empty */
        return false;
    *user = slice_part(local, 0, at);
    *extension = slice_from(local, at + 1);
    if (tail)
        *tail = slice_from(local, at);
    return true;
}

void address_fold(struct str *output, struct slice text)
{
    fold_text(output, text);
}

struct slice address_strip_route(struct slice external)
{
    size_t colon = external_find(external, ':');

    if (!slice_starts(external, "@") || colon + 1 >= external.length)
        return external;
    return slice_from(external, colon + 1);
}

bool address_domain_is_literal(struct slice domain, struct slice *host)
{
    if (domain.length < 2 || domain.data[0] != '[' || domain.data[domain.length - 1] != ']')
        return false;
    *host = slice_part(domain, 1, domain.length - 2);
    if (slice_starts_nocase(*host, "IPv6:"))
        *host = slice_from(*host, 5);
    return true;
}

bool address_is_ip(struct slice text, int *family)
{
    struct network_address address;

    if (!network_address_parse(text, &address))
        return false;
    if (family)
        *family = address.family;
    return true;
}
