/*
 * Settings for the tests of lib/address.
 */
#pragma once

#include "config/config.h"
#include "table/table.h"

#include <string.h>

static const struct table_context test_context = { .queue_directory = "", .default_type = "hash" };

/* All text parameters empty, and what trivial-rewrite has by default on mx.example.test. */
static inline struct config test_config(void)
{
    struct config config;

    memset(&config, 0, sizeof(config));
#define CLEAR_TEXT(name) config.name = ""
#define CLEAR_RAW(name) config.name = ""
#define CLEAR_BOOL(name) config.name = false
#define CLEAR_NUMBER(name) config.name = 0
#define CLEAR_SIZE(name) config.name = 0
#define CLEAR_SECONDS(name) config.name = 0
#define PARAMETER(name, type, ...) CLEAR_##type(name);
#include "config/parameters.def"
#undef PARAMETER
    config.myhostname = "mx.example.test";
    config.relocated_prefix_enable = true;
    config.mydomain = "example.test";
    config.myorigin = "origin.test";
    config.mydestination = "mx.example.test, localhost, local.test";
    config.inet_interfaces = "127.0.0.1";
    config.proxy_interfaces = "192.0.2.7";
    config.inet_protocols = "all";
    config.recipient_delimiter = "+";
    config.empty_address_recipient = "MAILER-DAEMON";
    config.append_at_myorigin = true;
    config.swap_bangpath = true;
    config.allow_percent_hack = true;
    config.virtual_alias_domains = "valias.test";
    config.virtual_mailbox_domains = "vmbox.test";
    config.relay_domains = "relay.test";
    config.parent_domain_matches_subdomains = "relay_domains";
    config.local_transport = "local:mx.example.test";
    config.virtual_transport = "virtual";
    config.relay_transport = "relay";
    config.default_transport = "smtp";
    config.resolve_dequoted_address = true;
    config.show_user_unknown_table_name = true;
    config.propagate_unmatched_extensions = "canonical, virtual";
    config.empty_address_relayhost_maps_lookup_key = "<>";
    config.empty_address_default_transport_maps_lookup_key = "<>";
    return config;
}
