/*
 * Which transport and nexthop an address of a known class gets (transport(5)).  For
 * lib/address/resolve.c.
 */
#pragma once

#include "address/lookup.h"
#include "address/resolve.h"

struct routes {
    const struct config *config;
    struct lookup *lookup;
    bool probe;             /* address_verify_ parameters */
    unsigned transport_steps;
    struct table_list *transport_maps;
    struct table_list *sender_relayhost_maps;
    struct table_list *sender_transport_maps;
    const char *sender_relayhost_name, *sender_transport_name;
    const char *local_transport, *virtual_transport, *relay_transport, *default_transport;
    const char *relayhost;
};

bool routes_open(struct routes *routes, const struct config *config,
                 const struct table_context *context, struct lookup *lookup,
                 enum resolve_purpose purpose, struct error *error) MUST_USE;
void routes_close(struct routes *routes);

/*
 * Set transport and nexthop from class and recipient, which are set.  False: a table could not
 * be asked, or has a wrong value.
 */
bool routes_choose(struct routes *routes, struct slice sender, struct resolution *resolution,
                   struct error *error) MUST_USE;
