#include "server.h"

#include "deliver/postmaster.h"
#include "expansion.h"
#include "log/log.h"
#include "policy/policy.h"
#include "smtp/esmtp.h"

#include <unistd.h>

static bool open_lists(struct server *server, struct error *error)
{
    const struct config *config = server->config;
    const struct {
        struct table_list **list;
        const char *title, *value;
    } rows[] = {
        { &server->local_recipients, "local_recipient_maps", config->local_recipient_maps },
        { &server->relay_recipients, "relay_recipient_maps", config->relay_recipient_maps },
        { &server->virtual_aliases, "virtual_alias_maps", config->virtual_alias_maps },
        { &server->virtual_mailboxes, "virtual_mailbox_maps", config->virtual_mailbox_maps },
        { &server->canonical, "canonical_maps", config->canonical_maps },
        { &server->recipient_canonical, "recipient_canonical_maps",
          config->recipient_canonical_maps },
        { &server->sender_canonical, "sender_canonical_maps", config->sender_canonical_maps },
        { &server->rbl_replies, "rbl_reply_maps", config->rbl_reply_maps },
        { &server->command_filter, "smtpd_command_filter", config->smtpd_command_filter },
        { &server->dns_filter, "smtpd_dns_reply_filter", config->smtpd_dns_reply_filter },
        { &server->footers, "smtpd_reject_footer_maps", config->smtpd_reject_footer_maps },
        { &server->discarded_keywords, "smtpd_discard_ehlo_keyword_address_maps",
          config->smtpd_discard_ehlo_keyword_address_maps },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        *rows[i].list = table_list_open(&server->tables, rows[i].title,
                                        server->alone ? "" : rows[i].value, TABLE_FOLD, error);
        if (!*rows[i].list)
            return false;
    }
    return true;
}

static bool open_matches(struct server *server, struct error *error)
{
    const struct config *config = server->config;
    const char *parents = config->parent_domain_matches_subdomains;
    const struct {
        struct match_list **list;
        const char *title, *value;
        enum match_kind kind;
    } rows[] = {
        { &server->mynetworks, "mynetworks", config->mynetworks, MATCH_HOST },
        { &server->bare_newline_exclusions, "smtpd_forbid_bare_newline_exclusions",
          config->smtpd_forbid_bare_newline_exclusions, MATCH_HOST },
        { &server->limit_exceptions, "smtpd_client_event_limit_exceptions",
          config->smtpd_client_event_limit_exceptions, MATCH_HOST },
        { &server->verp_clients, "smtpd_authorized_verp_clients",
          config->smtpd_authorized_verp_clients, MATCH_HOST },
        { &server->noop_commands, "smtpd_noop_commands", config->smtpd_noop_commands,
          MATCH_STRING },
        { &server->permit_actions, "smtpd_log_access_permit_actions",
          config->smtpd_log_access_permit_actions, MATCH_STRING },
        { &server->backup_networks, "permit_mx_backup_networks",
          config->permit_mx_backup_networks, MATCH_HOST },
        { &server->xclient_hosts, "smtpd_authorized_xclient_hosts",
          config->smtpd_authorized_xclient_hosts, MATCH_HOST },
        { &server->xforward_hosts, "smtpd_authorized_xforward_hosts",
          config->smtpd_authorized_xforward_hosts, MATCH_HOST },
        { &server->fast_flush_domains, "fast_flush_domains", config->fast_flush_domains,
          MATCH_DOMAIN },
        { &server->forbidden_commands, "smtpd_forbidden_commands",
          config->smtpd_forbidden_commands, MATCH_STRING },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        *rows[i].list = match_list_open(&server->tables, rows[i].title,
                                        server->alone ? "" : rows[i].value, rows[i].kind,
                                        match_parent_flag(parents, rows[i].title),
                                        error);
        if (!*rows[i].list)
            return false;
    }
    return true;
}

static void warn_keyword(UNUSED void *argument, struct slice word)
{
    log_warn("unknown EHLO keyword in smtpd_discard_ehlo_keywords: %.*s", SLICE_ARGS(word));
}

static bool read_overrides(struct server *server, struct error *error)
{
    struct slice rest = slice_of(server->config->receive_override_options), word;

    server->check_recipients = true;
    while (config_list_next(&rest, false, &word)) {
        if (slice_is_nocase(word, "no_unknown_recipient_checks"))
            server->check_recipients = false;
        else if (slice_is_nocase(word, "no_address_mappings"))
            server->overrides |= SUBMIT_MAP | SUBMIT_BCC;
        else if (slice_is_nocase(word, "no_header_body_checks"))
            server->overrides |= SUBMIT_FILTER;
        else if (slice_is_nocase(word, "no_milters"))
            server->overrides |= SUBMIT_MILTER;
        else
            return error_set(error, "unknown receive_override_options value \"%.*s\"",
                             SLICE_ARGS(word));
    }
    return true;
}

static bool read_bare_newline(struct server *server, struct error *error)
{
    struct slice value = slice_of(server->config->smtpd_forbid_bare_newline);

    if (slice_is_nocase(value, "no"))
        server->bare_newline = BARE_LF_ALLOWED;
    else if (slice_is_nocase(value, "yes") || slice_is_nocase(value, "normalize"))
        server->bare_newline = BARE_LF_NORMALIZED;
    else if (slice_is_nocase(value, "reject"))
        server->bare_newline = BARE_LF_REJECTED;
    else
        return error_set(error, "invalid configuration: smtpd_forbid_bare_newline = %.*s",
                         SLICE_ARGS(value));
    return true;
}

static bool read_proxy_options(struct server *server, struct error *error)
{
    struct slice rest = slice_of(server->config->smtpd_proxy_options), word;

    while (config_list_next(&rest, false, &word)) {
        if (!slice_is_nocase(word, "speed_adjust"))
            return error_set(error, "unknown smtpd_proxy_options value \"%.*s\"",
                             SLICE_ARGS(word));
        server->proxy_waits = true;
    }
    return true;
}

static int read_protocols(const struct config *config)
{
    struct slice rest = slice_of(config->inet_protocols), word;
    bool four = false, six = false;

    while (config_list_next(&rest, false, &word)) {
        bool all = slice_is_nocase(word, "all");

        four = four || all || slice_is_nocase(word, "ipv4");
        six = six || all || slice_is_nocase(word, "ipv6");
    }
    return four == six ? AF_UNSPEC : six ? AF_INET6 : AF_INET;
}

static bool read_settings(struct server *server, const struct config *config,
                          const struct table_context *tables, struct error *error)
{
    server->config = config;
    server->process_id = (unsigned)getpid();
    if (!server->service_name)
        server->service_name = "smtp";
    server->tables = *tables;
    server->protocols = read_protocols(config);
    expansion_read_filter(server, slice_of(config->smtpd_expansion_filter));
    server->rewrite = rewrite_settings_of(config);
    server->discarded_extensions =
        extension_list(slice_of(config->smtpd_discard_ehlo_keywords), warn_keyword, NULL);
    server->notified = postmaster_classes(config->notify_classes);
    server->detects_smtputf8 = config->smtputf8_enable
        && submission_detects_smtputf8(config->smtputf8_autodetect_classes, "smtpd");
    return read_overrides(server, error) && read_bare_newline(server, error) &&
           read_proxy_options(server, error);
}

bool server_open_alone(struct server *server, const struct config *config,
                       const struct table_context *tables, struct error *error)
{
    server->alone = true;
    return read_settings(server, config, tables, error) && open_lists(server, error) &&
           open_matches(server, error);
}

bool server_open(struct server *server, const struct config *config,
                 const struct table_context *tables, struct error *error)
{
    if (!read_settings(server, config, tables, error)
        || !encryption_open(&server->encryption, config, error))
        return false;
    server->lookup = lookup_open(config, &server->tables, error);
    if (!server->lookup)
        return false;
    server->resolver = resolver_open(config, &server->tables, server->lookup, RESOLVE_MAIL, error);
    if (!server->resolver || !open_lists(server, error) || !open_matches(server, error) ||
        !safety_open(server, error))
        return false;
    server->debug_peer = debug_peer_open(&server->tables, config, error);
    if (!server->debug_peer)
        return false;
    server->policy = policy_open(server, error);
    return server->policy != NULL;
}

void server_close(struct server *server)
{
    struct table_list *lists[] = {
        server->local_recipients, server->relay_recipients, server->virtual_aliases,
        server->virtual_mailboxes, server->canonical, server->recipient_canonical,
        server->sender_canonical, server->rbl_replies, server->command_filter,
        server->footers, server->discarded_keywords, server->dns_filter,
    };
    struct match_list *matches[] = {
        server->mynetworks, server->bare_newline_exclusions, server->fast_flush_domains,
        server->forbidden_commands, server->xclient_hosts, server->xforward_hosts,
        server->limit_exceptions, server->backup_networks, server->verp_clients,
        server->noop_commands, server->permit_actions,
    };

    policy_close(server->policy);
    safety_close(server);
    debug_peer_close(server->debug_peer);
    if (server->resolver)
        resolver_close(server->resolver);
    if (server->lookup)
        lookup_close(server->lookup);
    for (size_t i = 0; i < COUNT(lists); i++)
        if (lists[i])
            table_list_close(lists[i]);
    for (size_t i = 0; i < COUNT(matches); i++)
        if (matches[i])
            match_list_close(matches[i]);
}
