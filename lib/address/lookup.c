#include "address/lookup.h"

#include "address/address.h"
#include "address/find.h"
#include "address/header.h"
#include "address/rewrite.h"
#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "config/config.h"

struct lookup {
    const struct config *config;
    struct match_list *destinations;
    struct interfaces *interfaces;
};

struct lookup *lookup_open(const struct config *config, const struct table_context *context,
                           struct error *error)
{
    struct lookup *lookup = memory_new(1, sizeof(*lookup));

    lookup->config = config;
    lookup->destinations = match_list_open(context, "mydestination", config->mydestination,
                                           MATCH_STRING, 0, error);
    if (lookup->destinations)
        lookup->interfaces = interfaces_open(config, error);
    if (lookup->interfaces)
        return lookup;
    lookup_close(lookup);
    return NULL;
}

void lookup_close(struct lookup *lookup)
{
    if (!lookup)
        return;
    match_list_close(lookup->destinations);
    interfaces_close(lookup->interfaces);
    free(lookup);
}

const struct interfaces *lookup_interfaces(const struct lookup *lookup)
{
    return lookup->interfaces;
}

const struct config *lookup_config(const struct lookup *lookup)
{
    return lookup->config;
}

enum match_result lookup_domain_is_local(struct lookup *lookup, struct slice domain,
                                         struct error *error)
{
    struct slice host;

    if (domain.length > 1 && slice_ends(domain, "."))
        domain = slice_part(domain, 0, domain.length - 1);

    enum match_result result = match_list_get(lookup->destinations, domain, error);

    if (result != MATCH_NO || !address_domain_is_literal(domain, &host))
        return result;
    return interfaces_have_text(lookup->interfaces, host)
        || interfaces_have_proxy_text(lookup->interfaces, host) ? MATCH_YES : MATCH_NO;
}

enum table_result find_key(struct table_list *maps, struct slice key, bool partial,
                           struct str *value, struct error *error)
{
    for (size_t i = 0; i < table_list_count(maps); i++) {
        struct table *table = table_list_at(maps, i);

        if (partial && table_is_pattern(table))
            continue;

        enum table_result result = table_get(table, key, value, error);

        if (result != TABLE_ABSENT)
            return result;
    }
    return TABLE_ABSENT;
}

/* What one lookup is about. */
struct search {
    struct lookup *lookup;
    struct table_list *maps;
    struct address_parts parts;
    struct slice user, tail;    /* the local part without and the extension with delimiter */
    bool has_extension;
    bool only_external;
    struct str *value;
    struct str *extension;
    struct error *error;
};

/* An address key: the external form, then the internal one when it is another and counts. */
static enum table_result find_form(const struct search *search, struct slice local,
                                   struct slice domain, bool partial)
{
    AUTO_STR struct str external = STR_EMPTY;
    AUTO_STR struct str internal = STR_EMPTY;

    address_quote_local(&external, local);
    str_add(&external, domain);

    enum table_result result = find_key(search->maps, str_slice(&external), partial,
                                        search->value, search->error);

    if (result != TABLE_ABSENT || search->only_external)
        return result;
    str_add(&internal, local);
    str_add(&internal, domain);
    if (slice_equal(str_slice(&internal), str_slice(&external)))
        return TABLE_ABSENT;
    return find_key(search->maps, str_slice(&internal), partial, search->value, search->error);
}

static void set_extension(const struct search *search)
{
    if (search->extension)
        str_set(search->extension, search->tail);
}

static enum table_result find_full(const struct search *search, struct slice address)
{
    struct slice domain = slice_from(address, search->parts.local.length);
    enum table_result result = find_form(search, search->parts.local, domain, false);

    if (result != TABLE_ABSENT || !search->has_extension)
        return result;
    result = find_form(search, search->user, domain, true);
    if (result == TABLE_FOUND)
        set_extension(search);
    return result;
}

static enum table_result find_local_part(const struct search *search)
{
    struct slice origin = slice_of(search->lookup->config->myorigin);

    if (!slice_equal_nocase(search->parts.domain, origin)) {
        enum match_result local = lookup_domain_is_local(search->lookup, search->parts.domain,
                                                         search->error);

        if (local != MATCH_YES)
            return local == MATCH_TROUBLE ? TABLE_TROUBLE : TABLE_ABSENT;
    }

    struct slice none = SLICE_LITERAL("");
    enum table_result result = find_form(search, search->parts.local, none, true);

    if (result != TABLE_ABSENT || !search->has_extension)
        return result;
    result = find_form(search, search->user, none, true);
    if (result == TABLE_FOUND)
        set_extension(search);
    return result;
}

static enum table_result find_at_domain(const struct search *search)
{
    AUTO_STR struct str key = STR_EMPTY;

    str_byte(&key, '@');
    str_add(&key, search->parts.domain);
    return find_key(search->maps, str_slice(&key), true, search->value, search->error);
}

static enum table_result find_parents(const struct search *search, bool with_dot)
{
    struct slice name = search->parts.domain;

    for (;;) {
        size_t dot = name.length ? slice_find(slice_from(name, 1), '.') + 1 : 0;

        if (dot >= name.length)
            return TABLE_ABSENT;
        name = slice_from(name, with_dot ? dot : dot + 1);

        enum table_result result = find_key(search->maps, name, true, search->value,
                                            search->error);

        if (result != TABLE_ABSENT)
            return result;
    }
}

static enum table_result find_steps(const struct search *search, unsigned steps,
                                    struct slice address)
{
    enum table_result result = TABLE_ABSENT;

    if (steps & FIND_FULL)
        result = find_full(search, address);
    if (result != TABLE_ABSENT || !search->parts.has_domain)
        return result;
    if (steps & FIND_LOCAL_PART)
        result = find_local_part(search);
    if (result == TABLE_ABSENT && (steps & FIND_AT_DOMAIN))
        result = find_at_domain(search);
    if (result == TABLE_ABSENT && (steps & FIND_DOMAIN))
        result = find_key(search->maps, search->parts.domain, true, search->value, search->error);
    if (result == TABLE_ABSENT && (steps & (FIND_PARENTS | FIND_DOT_PARENTS)))
        result = find_parents(search, (steps & FIND_DOT_PARENTS) != 0);
    return result;
}

enum table_result find_address(struct lookup *lookup, struct table_list *maps, unsigned steps,
                               struct slice address, struct str *value, struct str *extension,
                               struct error *error)
{
    struct search search = {
        .lookup = lookup, .maps = maps, .parts = address_split(address),
        .only_external = steps & FIND_QUOTED, .value = value, .extension = extension,
        .error = error,
    };
    struct slice ignored;

    if (extension)
        str_clear(extension);
    if (table_list_is_empty(maps) || !address.length)
        return TABLE_ABSENT;
    search.has_extension = address_split_extension(search.parts.local,
                                                   lookup->config->recipient_delimiter,
                                                   &search.user, &ignored, &search.tail);
    return find_steps(&search, steps, address);
}

enum table_result lookup_address(struct lookup *lookup, struct table_list *maps,
                                 struct slice address, struct str *value, struct str *extension,
                                 struct error *error)
{
    return find_address(lookup, maps, FIND_FULL | FIND_LOCAL_PART | FIND_AT_DOMAIN, address,
                        value, extension, error);
}

struct mapping {
    struct rewrite_settings rewrite;
    struct slice original;
    struct slice extension;     /* to be put back, or empty */
    struct arena *arena;
    struct address_list *results;
};

/* The extension goes behind the user part of the standard form. */
static void add_result(void *argument, struct slice internal)
{
    const struct mapping *mapping = argument;
    struct address_parts parts = address_split(internal);
    AUTO_STR struct str standard = STR_EMPTY;
    AUTO_STR struct str made = STR_EMPTY;

    if (!internal.length)
        return;
    if (parts.has_domain && !parts.local.length) {
        parts.local = address_split(mapping->original).local;
        str_add(&made, parts.local);
    } else {
        rewrite_address(&mapping->rewrite, REWRITE_LOCAL, internal, &standard);
        parts = address_split(str_slice(&standard));
        str_add(&made, parts.local);
        str_add(&made, mapping->extension);
    }
    if (parts.has_domain) {
        str_byte(&made, '@');
        str_add(&made, parts.domain);
    }
    VECTOR_PUSH(mapping->results, ((struct slice){
        arena_text(mapping->arena, str_slice(&made)), made.length }));
}

enum table_result lookup_map(struct lookup *lookup, struct table_list *maps, struct slice address,
                             bool propagate, struct arena *arena, struct address_list *results,
                             struct error *error)
{
    AUTO_STR struct str value = STR_EMPTY;
    AUTO_STR struct str extension = STR_EMPTY;
    enum table_result result = find_address(lookup, maps, FIND_FULL | FIND_LOCAL_PART
                                            | FIND_AT_DOMAIN | FIND_QUOTED, address, &value,
                                            &extension, error);

    if (result != TABLE_FOUND)
        return result;

    struct mapping mapping = {
        rewrite_settings_of(lookup->config), address,
        propagate ? str_slice(&extension) : SLICE_LITERAL(""), arena, results,
    };

    header_find_addresses(str_slice(&value), add_result, &mapping);
    return TABLE_FOUND;
}

bool lookup_propagates(const struct lookup *lookup, const char *class)
{
    return slice_list_has(slice_of(lookup->config->propagate_unmatched_extensions), class);
}
