#include "address/resolve.h"

#include "address/address.h"
#include "address/external.h"
#include "address/find.h"
#include "address/rewrite.h"
#include "address/route.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "base/scope.h"
#include "config/config.h"

#include <sys/socket.h>

struct resolver {
    const struct config *config;
    struct lookup *lookup;
    struct lookup *own_lookup;  /* by the rewriter's settings, when they are not the caller's */
    struct routes routes;
    struct match_list *virtual_alias_domains;
    struct match_list *virtual_mailbox_domains;
    struct match_list *relay_domains;
    struct table_list *relocated_maps;
};

void resolution_free(struct resolution *resolution)
{
    str_free(&resolution->transport);
    str_free(&resolution->nexthop);
    str_free(&resolution->recipient);
}

static bool open_lists(struct resolver *resolver, const struct table_context *context,
                       struct error *error)
{
    const struct config *config = resolver->config;
    unsigned parent = match_parent_flag(config->parent_domain_matches_subdomains,
                                        "relay_domains");

    resolver->virtual_alias_domains = match_list_open(context, "virtual_alias_domains",
        config->virtual_alias_domains, MATCH_STRING, 0, error);
    if (!resolver->virtual_alias_domains)
        return false;
    resolver->virtual_mailbox_domains = match_list_open(context, "virtual_mailbox_domains",
        config->virtual_mailbox_domains, MATCH_STRING, 0, error);
    if (!resolver->virtual_mailbox_domains)
        return false;
    resolver->relay_domains = match_list_open(context, "relay_domains", config->relay_domains,
                                              MATCH_DOMAIN, parent, error);
    if (!resolver->relay_domains)
        return false;
    resolver->relocated_maps = table_list_open(context, "relocated_maps", config->relocated_maps,
                                               TABLE_FOLD, error);
    return resolver->relocated_maps != NULL;
}

struct resolver *resolver_open(const struct config *config, const struct table_context *context,
                               struct lookup *lookup, enum resolve_purpose purpose,
                               struct error *error)
{
    struct resolver *resolver = memory_new(1, sizeof(*resolver));

    resolver->config = config_of_rewriter(config);
    if (resolver->config != config)
        resolver->own_lookup = lookup = lookup_open(resolver->config, context, error);
    resolver->lookup = lookup;
    if (lookup && open_lists(resolver, context, error)
        && routes_open(&resolver->routes, resolver->config, context, lookup, purpose, error))
        return resolver;
    resolver_close(resolver);
    return NULL;
}

void resolver_close(struct resolver *resolver)
{
    if (!resolver)
        return;
    routes_close(&resolver->routes);
    match_list_close(resolver->virtual_alias_domains);
    match_list_close(resolver->virtual_mailbox_domains);
    match_list_close(resolver->relay_domains);
    table_list_close(resolver->relocated_maps);
    if (resolver->own_lookup)
        lookup_close(resolver->own_lookup);
    free(resolver);
}

bool resolver_has_changed(struct resolver *resolver)
{
    return routes_have_changed(&resolver->routes)
        || match_list_has_changed(resolver->virtual_alias_domains)
        || match_list_has_changed(resolver->virtual_mailbox_domains)
        || match_list_has_changed(resolver->relay_domains)
        || table_list_has_changed(resolver->relocated_maps);
}

/* The class of a domain that is not local. */
static enum match_result foreign_class(struct resolver *resolver, struct slice domain,
                                       enum address_class *class, struct error *error)
{
    const struct { struct match_list *list; enum address_class class; } lists[] = {
        { resolver->virtual_alias_domains, ADDRESS_VIRTUAL_ALIAS },
        { resolver->virtual_mailbox_domains, ADDRESS_VIRTUAL_MAILBOX },
        { resolver->relay_domains, ADDRESS_RELAY },
    };

    for (size_t i = 0; i < COUNT(lists); i++) {
        enum match_result result = match_list_get(lists[i].list, domain, error);

        if (result != MATCH_NO) {
            *class = lists[i].class;
            return result;
        }
    }
    *class = ADDRESS_DEFAULT;
    return MATCH_YES;
}

bool resolver_domain_class(struct resolver *resolver, struct slice domain,
                           enum address_class *class, struct error *error)
{
    enum match_result local = lookup_domain_is_local(resolver->lookup, domain, error);

    *class = ADDRESS_LOCAL;
    if (local != MATCH_NO)
        return local == MATCH_YES;
    return foreign_class(resolver, domain, class, error) == MATCH_YES;
}

/* An address as it is peeled: routing within a local domain is followed. */
struct peel {
    struct str local;
    struct str domain;          /* of what is not ours; empty with is_local */
    struct str own_domain;      /* the local domain that was taken off last */
    bool has_at;                /* there is a domain that is not local, maybe an empty one */
};

static void peel_free(struct peel *peel)
{
    str_free(&peel->local);
    str_free(&peel->domain);
    str_free(&peel->own_domain);
}

/*
 * Split at the last @.  The local part is taken as it is; a source route and the domain are
 * read as in a header, without blanks and quotes.  False without an @.
 */
static bool split_address(struct slice internal, struct peel *peel)
{
    struct address_parts parts = address_split(internal);
    size_t route = address_route_length(parts.local);

    if (route)
        external_unquote(&peel->local, slice_part(parts.local, 0, route));
    str_add(&peel->local, slice_from(parts.local, route));
    external_unquote(&peel->domain, parts.domain);
    return parts.has_domain;
}

static bool has_operator(const struct config *config, struct slice local)
{
    return slice_find(local, '@') < local.length
        || (config->swap_bangpath && slice_find(local, '!') < local.length)
        || (config->allow_percent_hack && slice_find(local, '%') < local.length);
}

/* A bang comes before a percent sign, but not in what needs quotes. */
static bool percent_comes_first(const struct config *config, struct slice local)
{
    AUTO_STR struct str quoted = STR_EMPTY;

    if (!config->allow_percent_hack || slice_find(local, '%') == local.length)
        return false;
    address_quote_local(&quoted, local);
    return slice_starts(str_slice(&quoted), "\"") || slice_find(local, '!') == local.length;
}

/* Routing in the local part: into user@host. */
static bool follow_routing(const struct config *config, struct peel *peel)
{
    struct rewrite_settings settings = rewrite_settings_of(config);
    struct slice local = str_slice(&peel->local);
    size_t route = address_route_length(local);
    AUTO_STR struct str internal = STR_EMPTY;
    AUTO_STR struct str external = STR_EMPTY;
    AUTO_STR struct str standard = STR_EMPTY;

    if (!has_operator(config, local))
        return false;
    if (route) {
        address_quote_local(&external, slice_from(local, route));
        rewrite_external(&settings, REWRITE_LOCAL, str_slice(&external), &standard);
        address_unquote(&internal, str_slice(&standard));
    } else if (slice_find(local, '@') < local.length) {
        rewrite_address(&settings, REWRITE_LOCAL, local, &internal);
    } else if (percent_comes_first(config, local)) {
        peel->local.data[slice_find_last(local, '%')] = '@';
        rewrite_address(&settings, REWRITE_LOCAL, local, &internal);
    } else {
        rewrite_external(&settings, REWRITE_LOCAL, local, &standard);
        address_unquote(&internal, str_slice(&standard));
    }

    struct address_parts parts = address_split(str_slice(&internal));

    str_set(&peel->local, parts.local);
    str_set(&peel->domain, parts.domain);
    peel->has_at = parts.has_domain;
    return true;
}

static bool quoted_routing_counts(const struct config *config, struct slice local)
{
    AUTO_STR struct str quoted = STR_EMPTY;

    if (config->resolve_dequoted_address || address_route_length(local))
        return true;
    address_quote_local(&quoted, local);
    return !slice_starts(str_slice(&quoted), "\"");
}

static enum match_result domain_is_ours(struct resolver *resolver, struct slice domain,
                                        struct error *error)
{
    if (!domain.length)     /* "user@": our null domain, or one with routing in front of it */
        return MATCH_YES;
    return lookup_domain_is_local(resolver->lookup, domain, error);
}

static void drop_end_dot(struct str *domain)
{
    if (domain->length > 1 && slice_ends(str_slice(domain), "."))
        str_cut(domain, domain->length - 1);
}

/* Take own domains off until what is left is foreign, or a bare local part. */
static bool peel_address(struct resolver *resolver, struct slice internal, struct peel *peel,
                         struct error *error)
{
    const struct config *config = resolver->config;

    peel->has_at = split_address(internal, peel);
    if (!peel->has_at && quoted_routing_counts(config, str_slice(&peel->local)))
        follow_routing(config, peel);
    while (peel->has_at) {
        drop_end_dot(&peel->domain);

        enum match_result ours = domain_is_ours(resolver, str_slice(&peel->domain), error);

        if (ours == MATCH_TROUBLE)
            return false;
        if (ours == MATCH_NO)
            return true;
        if (peel->domain.length || config->resolve_null_domain)
            str_set(&peel->own_domain, str_slice(&peel->domain));

        bool was_null = !peel->domain.length && !config->resolve_null_domain;
        AUTO_STR struct str before = STR_EMPTY;

        str_add(&before, str_slice(&peel->local));
        str_clear(&peel->domain);
        peel->has_at = false;
        if (quoted_routing_counts(config, str_slice(&before)) && follow_routing(config, peel))
            continue;
        if (was_null)
            peel->has_at = true;        /* a null domain is not valid, and stays */
        return true;
    }
    return true;
}

/* Numbers with dots are no host names; with resolve_numeric_domain an address may be one. */
static bool check_domain(const struct config *config, struct str *domain)
{
    struct slice host;
    struct slice text = str_slice(domain);
    int family;

    if (slice_starts(text, "[")) {
        if (!address_domain_is_literal(text, &host) || !address_is_ip(host, &family))
            return false;
        return (family == AF_INET6) == slice_starts_nocase(text, "[IPv6:");
    }
    if (config->resolve_numeric_domain && address_is_ip(text, &family)) {
        AUTO_STR struct str literal = STR_EMPTY;

        str_format(&literal, family == AF_INET6 ? "[IPv6:%s]" : "[%s]", domain->data);
        str_set(domain, str_slice(&literal));
        return true;
    }
    return address_is_host_name(text);
}

static void set_recipient(struct resolution *resolution, const struct str *local,
                          const struct str *domain)
{
    str_set(&resolution->recipient, str_slice(local));
    str_byte(&resolution->recipient, '@');
    str_add(&resolution->recipient, str_slice(domain));
}

static void set_error(struct resolution *resolution, const char *text)
{
    str_set(&resolution->transport, SLICE_LITERAL("error"));
    str_set(&resolution->nexthop, slice_of(text));
}

static bool refuse(struct resolution *resolution)
{
    resolution->flags |= RESOLVE_BAD;
    set_error(resolution, "5.1.3 bad address syntax");
    return true;
}

static bool resolve_local(struct resolver *resolver, struct peel *peel, struct slice sender,
                          struct resolution *resolution, struct error *error)
{
    const struct config *config = resolver->config;

    resolution->class = ADDRESS_LOCAL;
    if (slice_find_any(str_slice(&peel->local), "@%!") < peel->local.length)
        resolution->flags |= RESOLVE_ROUTED;
    if (!peel->local.length)
        str_set(&peel->local, slice_of(config->empty_address_recipient));
    if (!peel->own_domain.length)
        str_set(&peel->own_domain, slice_of(config->myhostname));
    set_recipient(resolution, &peel->local, &peel->own_domain);
    return routes_choose(&resolver->routes, sender, resolution, error);
}

static bool resolve_foreign(struct resolver *resolver, struct peel *peel, struct slice sender,
                            struct resolution *resolution, struct error *error)
{
    const struct config *config = resolver->config;

    resolution->class = ADDRESS_DEFAULT;
    if (slice_find_any(str_slice(&peel->local), "@%!") < peel->local.length)
        resolution->flags |= RESOLVE_ROUTED;
    if (!peel->domain.length && !peel->local.length)
        str_set(&peel->local, slice_of(config->empty_address_recipient));
    if (!check_domain(config, &peel->domain)) {
        set_recipient(resolution, &peel->local, &peel->domain);
        return refuse(resolution);
    }
    set_recipient(resolution, &peel->local, &peel->domain);
    if (foreign_class(resolver, str_slice(&peel->domain), &resolution->class, error)
        == MATCH_TROUBLE)
        return false;
    if (resolution->class != ADDRESS_VIRTUAL_ALIAS)
        return routes_choose(&resolver->routes, sender, resolution, error);
    set_error(resolution, config->show_user_unknown_table_name
              ? "5.1.1 User unknown in virtual alias table" : "5.1.1 User unknown");
    return true;
}

static bool apply_relocated(struct resolver *resolver, struct resolution *resolution,
                            struct error *error)
{
    AUTO_STR struct str moved = STR_EMPTY;
    AUTO_STR struct str text = STR_EMPTY;
    enum table_result result = lookup_address(resolver->lookup, resolver->relocated_maps,
                                              str_slice(&resolution->recipient), &moved, NULL,
                                              error);

    if (result != TABLE_FOUND)
        return result == TABLE_ABSENT;
    str_format(&text, "%s%s", resolver->config->relocated_prefix_enable
               ? "5.1.6 User has moved to " : "", moved.data);
    set_error(resolution, text.data);
    return true;
}

static bool finish(struct resolver *resolver, struct resolution *resolution, struct error *error)
{
    bool unreachable = slice_is(str_slice(&resolution->transport), "error")
        || slice_is(str_slice(&resolution->transport), "retry");

    if (resolution->flags & RESOLVE_BAD)
        return true;
    if (unreachable && !resolution->nexthop.length)
        str_set(&resolution->nexthop, SLICE_LITERAL("Address is undeliverable"));
    if (!apply_relocated(resolver, resolution, error))
        return false;
    if (!resolver->config->allow_min_user
        && slice_starts(str_slice(&resolution->recipient), "-"))
        return refuse(resolution);
    return true;
}

bool resolver_accepts_syntax(struct resolver *resolver, struct slice internal, bool utf8)
{
    struct peel peel = { STR_EMPTY, STR_EMPTY, STR_EMPTY, false };
    struct error error;
    bool good = true;

    if (peel_address(resolver, internal, &peel, &error) && peel.has_at)
        good = check_domain(resolver->config, &peel.domain)
            && (utf8 || text_is_ascii(str_slice(&peel.domain)));
    if (!resolver->config->allow_min_user && slice_starts(str_slice(&peel.local), "-"))
        good = false;
    peel_free(&peel);
    return good;
}

bool resolver_resolve(struct resolver *resolver, struct slice sender, struct slice internal,
                      struct resolution *resolution, struct error *error)
{
    struct peel peel = { STR_EMPTY, STR_EMPTY, STR_EMPTY, false };

    resolution->flags = 0;
    str_clear(&resolution->transport);
    str_clear(&resolution->nexthop);

    bool good = peel_address(resolver, internal, &peel, error)
        && (peel.has_at ? resolve_foreign(resolver, &peel, sender, resolution, error)
                        : resolve_local(resolver, &peel, sender, resolution, error));

    peel_free(&peel);
    return good && finish(resolver, resolution, error);
}
