#include "safety.h"

#include "address/address.h"
#include "address/rewrite.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "config/legacy.h"
#include "config/networks.h"
#include "facts.h"
#include "log/log.h"
#include "policy/policy.h"
#include "server.h"
#include "table/match.h"

static const char words[] = "using backwards-compatible default setting";

static bool open_networks(struct server *server, struct error *error)
{
    const struct config *config = server->config;
    AUTO_STR struct str networks = STR_EMPTY, interfaces = STR_EMPTY;

    if (!config_is_default(config, "mynetworks") ||
        !config_has_old_default(config, "mynetworks_style", "2"))
        return true;
    if (!config_lookup(config, "inet_interfaces", &interfaces, error) ||
        !networks_default("host", interfaces.data, config->inet_protocols, &networks, error))
        return false;
    server->safety.host_networks = match_list_open(&server->tables, "mynetworks", networks.data,
                                                   MATCH_HOST, 0, error);
    return server->safety.host_networks != NULL;
}

bool safety_open(struct server *server, struct error *error)
{
    const struct config *config = server->config;
    struct safety *safety = &server->safety;

    safety->relay_domains = config_has_old_default(config, "relay_domains", "2");
    safety->relay_list = config_has_old_default(config, "smtpd_relay_restrictions", "1");
    safety->no_utf8 = config_has_old_default(config, "smtputf8_enable", "1");
    safety->completion = config_has_old_default(config, "append_dot_mydomain", "1");
    safety->relay_order =
        config_has_old_default(config, "smtpd_relay_before_recipient_restrictions", "3.6");
    return open_networks(server, error);
}

void safety_close(struct server *server)
{
    if (server->safety.host_networks)
        match_list_close(server->safety.host_networks);
}

void safety_network(const struct server *server, const struct facts *facts)
{
    struct error error;

    if (server->safety.host_networks &&
        match_list_client(server->safety.host_networks, slice_of(facts->name),
                          slice_of(facts->address), &error) == MATCH_NO)
        log_info("%s mynetworks_style=%s to permit request from client \"%s\"", words,
                 server->config->mynetworks_style, facts->client);
}

void safety_relay_domain(const struct server *server, struct slice address)
{
    struct slice domain = address_split(address).domain;

    if (server->safety.relay_domains)
        log_info("%s relay_domains=$mydestination to accept mail for domain \"%.*s\"", words,
                 SLICE_ARGS(domain));
}

void safety_relay_address(const struct server *server, const char *address)
{
    if (server->safety.relay_domains)
        log_info("%s relay_domains=$mydestination to accept mail for address \"%s\"", words,
                 address);
}

void safety_flush(const struct server *server, struct slice domain)
{
    struct error error;

    if (server->safety.relay_domains &&
        config_is_default(server->config, "fast_flush_domains") &&
        match_list_get(server->fast_flush_domains, domain, &error) == MATCH_YES)
        log_info("%s relay_domains=$mydestination to flush mail for domain \"%.*s\"", words,
                 SLICE_ARGS(domain));
}

void safety_order(const struct server *server, const struct facts *facts,
                  const struct verdict *verdict)
{
    if (server->safety.relay_order && verdict->result == VERDICT_REJECT &&
        verdict->evidence.list &&
        !strcmp(verdict->evidence.list, "smtpd_recipient_restrictions"))
        log_info("%s smtpd_relay_before_recipient_restrictions=no to reject recipient \"%s\" from "
                 "client \"%s\"", words, facts->recipient, facts->client);
}

void safety_relay(const struct facts *facts)
{
    log_info("%s \"smtpd_relay_restrictions = (empty)\" to avoid \"Relay access denied\" error for "
             "recipient \"%s\" from client \"%s\"", words, facts->recipient, facts->client);
}

void safety_address(const struct server *server, const char *which, struct slice address,
                    const char *client)
{
    AUTO_STR struct str shown = STR_EMPTY;

    if (!server->safety.no_utf8 || text_is_ascii(address))
        return;
    for (size_t i = 0; i < address.length; i++)
        str_byte(&shown, (unsigned char)address.data[i] < 0x80 ? address.data[i] : '?');
    log_info("%s smtputf8_enable=no to accept non-ASCII %s address \"%s\" from %s", words, which,
             shown.data, client);
}

void safety_completion(const struct server *server, struct slice address)
{
    if (!server->safety.completion)
        return;

    struct rewrite_settings settings = server->rewrite;
    AUTO_STR struct str rewritten = STR_EMPTY;

    rewrite_tell_completion(&settings, server->config);
    rewrite_address(&settings, REWRITE_LOCAL, address, &rewritten);
}
