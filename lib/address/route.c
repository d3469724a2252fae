#include "address/route.h"

#include "address/address.h"
#include "address/find.h"
#include "base/scope.h"
#include "config/config.h"
#include "log/log.h"

static void use_mail_parameters(struct routes *routes)
{
    const struct config *config = routes->config;

    routes->local_transport = config->local_transport;
    routes->virtual_transport = config->virtual_transport;
    routes->relay_transport = config->relay_transport;
    routes->default_transport = config->default_transport;
    routes->relayhost = config->relayhost;
}

static void use_probe_parameters(struct routes *routes)
{
    const struct config *config = routes->config;

    routes->local_transport = config->address_verify_local_transport;
    routes->virtual_transport = config->address_verify_virtual_transport;
    routes->relay_transport = config->address_verify_relay_transport;
    routes->default_transport = config->address_verify_default_transport;
    routes->relayhost = config->address_verify_relayhost;
}

static struct table_list *open_maps(const struct table_context *context, const char *name,
                                    const char *value, struct error *error)
{
    return table_list_open(context, name, value, TABLE_FOLD | TABLE_NO_SUBSTITUTION, error);
}

bool routes_open(struct routes *routes, const struct config *config,
                 const struct table_context *context, struct lookup *lookup,
                 enum resolve_purpose purpose, struct error *error)
{
    bool probe = purpose == RESOLVE_PROBE;

    routes->config = config;
    routes->lookup = lookup;
    routes->transport_steps = FIND_FULL | FIND_DOMAIN
        | (match_parent_flag(config->parent_domain_matches_subdomains, "transport_maps")
           ? FIND_PARENTS : FIND_DOT_PARENTS);
    if (probe)
        use_probe_parameters(routes);
    else
        use_mail_parameters(routes);
    routes->transport_maps = open_maps(context, "transport_maps",
        probe ? config->address_verify_transport_maps : config->transport_maps, error);
    routes->sender_relayhost_name = probe ? "address_verify_sender_dependent_relayhost_maps"
                                          : "sender_dependent_relayhost_maps";
    routes->sender_relayhost_maps = open_maps(context, routes->sender_relayhost_name,
        probe ? config->address_verify_sender_dependent_relayhost_maps
              : config->sender_dependent_relayhost_maps, error);
    routes->sender_transport_name = probe
        ? "address_verify_sender_dependent_default_transport_maps"
        : "sender_dependent_default_transport_maps";
    routes->sender_transport_maps = open_maps(context, routes->sender_transport_name,
        probe ? config->address_verify_sender_dependent_default_transport_maps
              : config->sender_dependent_default_transport_maps, error);
    return routes->transport_maps && routes->sender_relayhost_maps
        && routes->sender_transport_maps;
}

void routes_close(struct routes *routes)
{
    table_list_close(routes->transport_maps);
    table_list_close(routes->sender_relayhost_maps);
    table_list_close(routes->sender_transport_maps);
}

/* "transport:nexthop" taken apart at its first colon. */
static struct slice split_route(struct slice route, struct slice *nexthop)
{
    size_t colon = slice_find(route, ':');

    *nexthop = slice_trim_start(slice_from(route, colon + 1));
    return slice_part(route, 0, colon);
}

/* Ask a table of senders; DUNNO stands for no entry. */
static enum table_result find_sender(struct routes *routes, struct table_list *maps,
                                     const char *null_key, struct slice sender, struct str *value,
                                     struct error *error)
{
    struct slice key = sender.length ? sender : slice_of(null_key);
    enum table_result result = find_address(routes->lookup, maps, FIND_FULL | FIND_AT_DOMAIN, key,
                                            value, NULL, error);

    if (result == TABLE_FOUND && slice_is_nocase(str_slice(value), "DUNNO"))
        return TABLE_ABSENT;
    return result;
}

static bool refuse_null_transport(const struct routes *routes, const char *parameter,
                                  struct error *error)
{
    error_set(error, "file %s/main.cf: parameter %s: null transport is not allowed",
              routes->config->config_directory, parameter);
    log_warn("%s", error->text);
    return false;
}

static bool set_route(const struct routes *routes, const char *parameter, struct slice route,
                      struct resolution *resolution, struct error *error)
{
    struct slice nexthop;
    struct slice transport = split_route(route, &nexthop);

    if (!transport.length)
        return refuse_null_transport(routes, parameter, error);
    str_set(&resolution->transport, transport);
    str_set(&resolution->nexthop, nexthop);
    return true;
}

/* The default transport, or the one for this sender. */
static bool set_default_route(struct routes *routes, struct slice sender,
                              struct resolution *resolution, struct error *error)
{
    AUTO_STR struct str route = STR_EMPTY;
    enum table_result result = find_sender(routes, routes->sender_transport_maps,
        routes->config->empty_address_default_transport_maps_lookup_key, sender, &route, error);

    if (result == TABLE_TROUBLE)
        return false;
    if (result == TABLE_FOUND)
        return set_route(routes, routes->sender_transport_name, str_slice(&route), resolution,
                         error);
    return set_route(routes, "default_transport", slice_of(routes->default_transport), resolution,
                     error);
}

/* Without a nexthop of the transport: the relay host of the sender, or of all. */
static bool set_relay_host(struct routes *routes, struct slice sender,
                           struct resolution *resolution, struct error *error)
{
    AUTO_STR struct str host = STR_EMPTY;
    enum table_result result = find_sender(routes, routes->sender_relayhost_maps,
        routes->config->empty_address_relayhost_maps_lookup_key, sender, &host, error);

    if (result == TABLE_TROUBLE)
        return false;
    str_set(&resolution->nexthop, result == TABLE_FOUND ? str_slice(&host)
                                                        : slice_of(routes->relayhost));
    return true;
}

static bool is_relayed(const struct resolution *resolution)
{
    return resolution->class == ADDRESS_RELAY || resolution->class == ADDRESS_DEFAULT;
}

static bool is_error_transport(const struct resolution *resolution)
{
    return slice_is(str_slice(&resolution->transport), "error")
        || slice_is(str_slice(&resolution->transport), "retry");
}

static bool set_class_route(struct routes *routes, struct slice sender,
                            struct resolution *resolution, struct error *error)
{
    switch (resolution->class) {
    case ADDRESS_LOCAL:
        return set_route(routes, "local_transport", slice_of(routes->local_transport), resolution,
                         error);
    case ADDRESS_VIRTUAL_MAILBOX:
        return set_route(routes, "virtual_transport", slice_of(routes->virtual_transport),
                         resolution, error);
    case ADDRESS_RELAY:
        return set_route(routes, "relay_transport", slice_of(routes->relay_transport), resolution,
                         error);
    default:
        return set_default_route(routes, sender, resolution, error);
    }
}

static enum table_result find_transport(struct routes *routes, const struct resolution *resolution,
                                        struct str *route, struct error *error)
{
    enum table_result result = find_address(routes->lookup, routes->transport_maps,
        routes->transport_steps, str_slice(&resolution->recipient), route, NULL, error);

    if (result != TABLE_ABSENT)
        return result;
    return find_key(routes->transport_maps, SLICE_LITERAL("*"), true, route, error);
}

/* An entry may change the transport (the nexthop goes back to the domain), or the nexthop. */
static bool apply_transport_maps(struct routes *routes, struct slice domain,
                                 struct resolution *resolution, struct error *error)
{
    AUTO_STR struct str route = STR_EMPTY;
    struct slice nexthop;

    if (table_list_is_empty(routes->transport_maps))
        return true;

    enum table_result result = find_transport(routes, resolution, &route, error);

    if (result != TABLE_FOUND)
        return result == TABLE_ABSENT;

    struct slice transport = split_route(str_slice(&route), &nexthop);

    if (transport.length) {
        str_set(&resolution->transport, transport);
        str_set(&resolution->nexthop, nexthop.length || is_error_transport(resolution)
                ? nexthop : domain);
    } else if (nexthop.length) {
        str_set(&resolution->nexthop, nexthop);
    }
    return true;
}

bool routes_choose(struct routes *routes, struct slice sender, struct resolution *resolution,
                   struct error *error)
{
    AUTO_STR struct str domain = STR_EMPTY;

    str_set(&domain, address_split(str_slice(&resolution->recipient)).domain);
    if (!set_class_route(routes, sender, resolution, error))
        return false;
    if (!resolution->nexthop.length && is_relayed(resolution)
        && !set_relay_host(routes, sender, resolution, error))
        return false;
    if (!resolution->nexthop.length)
        str_set(&resolution->nexthop, str_slice(&domain));
    return apply_transport_maps(routes, str_slice(&domain), resolution, error);
}
