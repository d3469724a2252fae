#include "address/peel.h"

#include "address/address.h"
#include "address/external.h"
#include "address/find.h"
#include "address/rewrite.h"
#include "base/scope.h"
#include "config/config.h"

#include <sys/socket.h>

void peel_free(struct peel *peel)
{
    str_free(&peel->local);
    str_free(&peel->domain);
    str_free(&peel->own_domain);
}

/*
 * Split at the last @.  The local part is taken as if it had quotes; a source route and the domain
 * are read as in a header, without blanks and quotes.  False without an @.
 */
static bool split_address(struct slice internal, struct peel *peel)
{
    struct address_parts parts = address_split(internal);
    size_t route = address_route_length(parts.local);

    if (route)
        external_unquote(&peel->local, slice_part(parts.local, 0, route));
    for (size_t i = route; i < parts.local.length; i++)
        str_byte(&peel->local, external_quoted_byte(parts.local.data[i]));
    external_unquote(&peel->domain, parts.domain);
    if (!peel->domain.length)       /* "" in quotes is not the null domain, and not good */
        str_set(&peel->domain, parts.domain);
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
static void follow_routing(const struct config *config, struct peel *peel)
{
    struct rewrite_settings settings = rewrite_settings_of(config);
    struct slice local = str_slice(&peel->local);
    size_t route = address_route_length(local);
    AUTO_STR struct str internal = STR_EMPTY;
    AUTO_STR struct str external = STR_EMPTY;
    AUTO_STR struct str standard = STR_EMPTY;

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
}

static size_t bytes_but_blanks(struct slice text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.length; i++)
        count += !byte_is_space(text.data[i]);
    return count;
}

/*
 * What follows an open parenthesis or bracket is no routing, though it holds an operator: a step
 * that takes nothing off is none, else there were no end.  (Blanks come and go as it is read.)
 */
static bool take_step(const struct config *config, struct peel *peel)
{
    AUTO_STR struct str before = STR_EMPTY;

    str_add(&before, str_slice(&peel->local));
    follow_routing(config, peel);
    if (bytes_but_blanks(str_slice(&peel->local)) < bytes_but_blanks(str_slice(&before)))
        return true;
    str_set(&peel->local, str_slice(&before));
    str_clear(&peel->domain);
    peel->has_at = false;
    return false;
}

static bool routing_counts(const struct config *config, struct slice local)
{
    AUTO_STR struct str quoted = STR_EMPTY;

    if (!has_operator(config, local))
        return false;
    if (config->resolve_dequoted_address || address_route_length(local))
        return true;
    address_quote_local(&quoted, local);
    return !slice_starts(str_slice(&quoted), "\"");
}

static enum match_result domain_is_ours(struct lookup *lookup, struct slice domain,
                                        struct error *error)
{
    if (!domain.length)     /* "user@": our null domain, or one with routing in front of it */
        return MATCH_YES;
    return lookup_domain_is_local(lookup, domain, error);
}

/* One dot says that the name is complete; two are no name. */
static void drop_end_dot(struct str *domain)
{
    struct slice text = str_slice(domain);

    if (text.length > 1 && slice_ends(text, ".") && !slice_ends(text, ".."))
        str_cut(domain, domain->length - 1);
}

/* Each step reads all that is left: a local part of nothing but operators would take too long. */
enum { MAX_STEPS = 50 };

/* As for a null domain, which is not valid and stays. */
static bool give_up(struct peel *peel)
{
    str_clear(&peel->domain);
    peel->has_at = true;
    return true;
}

bool peel_address(struct lookup *lookup, struct slice internal, struct peel *peel,
                  struct error *error)
{
    const struct config *config = lookup_config(lookup);

    peel->has_at = split_address(internal, peel);
    if (!peel->has_at && routing_counts(config, str_slice(&peel->local)))
        take_step(config, peel);
    for (int steps = 1; peel->has_at; steps++) {
        drop_end_dot(&peel->domain);

        enum match_result ours = domain_is_ours(lookup, str_slice(&peel->domain), error);

        if (ours == MATCH_TROUBLE)
            return false;
        if (ours == MATCH_NO)
            return true;
        if (peel->domain.length || config->resolve_null_domain)
            str_set(&peel->own_domain, str_slice(&peel->domain));

        bool was_null = !peel->domain.length && !config->resolve_null_domain;

        str_clear(&peel->domain);
        peel->has_at = false;
        if (!routing_counts(config, str_slice(&peel->local))) {
            peel->has_at = was_null;    /* a null domain is not valid, and stays */
            return true;
        }
        if (steps > MAX_STEPS)
            return give_up(peel);
        if (!take_step(config, peel))
            return true;
    }
    return true;
}

bool peel_check_domain(const struct config *config, struct str *domain)
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
