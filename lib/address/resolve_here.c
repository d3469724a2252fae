#include "address/resolve_here.h"

#include "address/find.h"
#include "address/peel.h"
#include "address/route.h"
#include "base/memory.h"
#include "base/scope.h"
#include "config/config.h"

struct resolver_here {
    const struct config *config;
    struct lookup *lookup;
    struct routes routes;
    struct match_list *virtual_alias_domains;
    struct match_list *virtual_mailbox_domains;
    struct match_list *relay_domains;
    struct table_list *relocated_maps;
};

static bool open_lists(struct resolver_here *resolver, const struct table_context *context,
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

struct resolver_here *resolver_here_open(const struct table_context *context,
                                         struct lookup *lookup, enum resolve_purpose purpose,
                                         struct error *error)
{
    struct resolver_here *resolver = memory_new(1, sizeof(*resolver));

    resolver->config = lookup_config(lookup);
    resolver->lookup = lookup;
    if (open_lists(resolver, context, error)
        && routes_open(&resolver->routes, resolver->config, context, lookup, purpose, error))
        return resolver;
    resolver_here_close(resolver);
    return NULL;
}

void resolver_here_close(struct resolver_here *resolver)
{
    if (!resolver)
        return;
    routes_close(&resolver->routes);
    match_list_close(resolver->virtual_alias_domains);
    match_list_close(resolver->virtual_mailbox_domains);
    match_list_close(resolver->relay_domains);
    table_list_close(resolver->relocated_maps);
    free(resolver);
}

/* The class of a domain that is not local. */
static enum match_result foreign_class(struct resolver_here *resolver, struct slice domain,
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

bool resolver_here_class(struct resolver_here *resolver, struct slice domain,
                         enum address_class *class, struct error *error)
{
    enum match_result local = lookup_domain_is_local(resolver->lookup, domain, error);

    *class = ADDRESS_LOCAL;
    if (local != MATCH_NO)
        return local == MATCH_YES;
    return foreign_class(resolver, domain, class, error) == MATCH_YES;
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

static bool resolve_local(struct resolver_here *resolver, struct peel *peel, struct slice sender,
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

static bool resolve_foreign(struct resolver_here *resolver, struct peel *peel, struct slice sender,
                            struct resolution *resolution, struct error *error)
{
    const struct config *config = resolver->config;

    resolution->class = ADDRESS_DEFAULT;
    if (slice_find_any(str_slice(&peel->local), "@%!") < peel->local.length)
        resolution->flags |= RESOLVE_ROUTED;
    if (!peel->domain.length && !peel->local.length)
        str_set(&peel->local, slice_of(config->empty_address_recipient));
    if (!peel_check_domain(config, &peel->domain)) {
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

static bool apply_relocated(struct resolver_here *resolver, struct resolution *resolution,
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

static bool finish(struct resolver_here *resolver, struct resolution *resolution,
                   struct error *error)
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

bool resolver_here_resolve(struct resolver_here *resolver, struct slice sender,
                           struct slice internal, struct resolution *resolution,
                           struct error *error)
{
    struct peel peel = PEEL_EMPTY;

    resolution->flags = 0;
    str_clear(&resolution->transport);
    str_clear(&resolution->nexthop);
    str_clear(&resolution->recipient);

    bool good = peel_address(resolver->lookup, internal, &peel, error)
        && (peel.has_at ? resolve_foreign(resolver, &peel, sender, resolution, error)
                        : resolve_local(resolver, &peel, sender, resolution, error));

    peel_free(&peel);
    return good && finish(resolver, resolution, error);
}
