/* The keys of access(5). */
#include "address/lookup.h"

#include "address/address.h"
#include "address/find.h"
#include "base/scope.h"
#include "base/vector.h"
#include "config/config.h"

static void add_key(struct access_keys *keys, struct slice text, bool whole)
{
    VECTOR_PUSH(keys, ((struct access_key){ text, whole }));
}

/* The external form of local@domain and, when that is another, the internal one. */
static void add_address(struct access_keys *keys, struct arena *arena, struct slice local,
                        struct slice domain, bool whole)
{
    AUTO_STR struct str internal = STR_EMPTY;
    AUTO_STR struct str external = STR_EMPTY;

    str_add(&internal, local);
    str_byte(&internal, '@');
    str_add(&internal, domain);
    address_quote(&external, str_slice(&internal));
    add_key(keys, (struct slice){ arena_text(arena, str_slice(&external)), external.length },
            whole);
    if (!slice_equal(str_slice(&external), str_slice(&internal)))
        add_key(keys, (struct slice){ arena_text(arena, str_slice(&internal)), internal.length },
                whole);
}

static void add_parents(struct access_keys *keys, struct slice domain, bool parent, bool whole)
{
    add_key(keys, domain, whole);
    for (;;) {
        size_t dot = domain.length ? slice_find(slice_from(domain, 1), '.') + 1 : 0;

        if (dot >= domain.length)
            return;
        domain = slice_from(domain, parent ? dot + 1 : dot);
        if (domain.length)
            add_key(keys, domain, false);
    }
}

void access_keys_of_address(const struct lookup *lookup, struct slice internal, bool parent,
                            struct arena *arena, struct access_keys *keys)
{
    struct address_parts parts = address_split(internal);
    struct slice user, extension;
    bool extended = address_split_extension(parts.local,
                                            lookup_config(lookup)->recipient_delimiter, &user,
                                            &extension, NULL);

    if (!parts.has_domain) {
        add_key(keys, internal, true);
        return;
    }
    add_address(keys, arena, parts.local, parts.domain, true);
    if (extended)
        add_address(keys, arena, user, parts.domain, false);
    if (parts.domain.length)
        add_parents(keys, parts.domain, parent, false);
    add_address(keys, arena, parts.local, SLICE_LITERAL(""), false);
    if (extended)
        add_address(keys, arena, user, SLICE_LITERAL(""), false);
}

void access_keys_of_domain(struct slice domain, bool parent, UNUSED struct arena *arena,
                           struct access_keys *keys)
{
    add_parents(keys, domain, parent, true);
}

void access_keys_of_network(struct slice address, UNUSED struct arena *arena,
                            struct access_keys *keys)
{
    char separator = slice_find(address, ':') < address.length ? ':' : '.';

    add_key(keys, address, true);
    for (;;) {
        size_t end = slice_find_last(address, separator);

        if (end == address.length)
            return;
        /* "2001:db8::1": both colons go at once, so that no key ends in one. */
        while (end && address.data[end - 1] == separator)
            end--;
        address = slice_part(address, 0, end);
        if (!address.length)
            return;
        add_key(keys, address, false);
    }
}
