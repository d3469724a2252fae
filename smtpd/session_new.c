/*
 * The start of a session: who the client is, and what it may do.
 */
#include "session.h"

#include "base/memory.h"
#include "base/scope.h"
#include "limits.h"
#include "log/log.h"
#include "smtp/esmtp.h"
#include "state.h"

#include <unistd.h>

static bool client_is_listed(struct match_list *list, const struct facts *facts)
{
    struct error error;

    return list && match_list_client(list, slice_of(facts->name), slice_of(facts->address),
                                     &error) == MATCH_YES;
}

static void take_facts(struct session *session, const struct session_client *client)
{
    struct arena *arena = session->arena;

    session->peer = client->peer;
    struct timeval now = wall_now();

    session->facts = (struct facts){
        .name = arena_copy(arena, client->name),
        .reverse_name = arena_copy(arena, client->reverse_name),
        .address = arena_copy(arena, client->address),
        .port = arena_copy(arena, client->port),
        .name_status = client->name_status,
        .reverse_status = client->reverse_status,
        .forward_status = client->forward_status,
        .peer = (const struct sockaddr *)&session->peer,
        .family = session->peer.ss_family == AF_INET6 ? AF_INET6 : AF_INET,
        .server_address = arena_copy(arena, client->server_address),
        .server_port = arena_copy(arena, client->server_port),
        .session_id = arena_format(arena, "%x.%llx.%lx", session->server->process_id,
                                   (unsigned long long)now.tv_sec, (unsigned long)now.tv_usec),
        .internal_addresses =
            !strcasecmp(session->server->config->info_log_address_format, "internal"),
        .protocol = "SMTP",
        .stage = "CONNECT",
        .queue_id = "",
    };
}

void session_identify(struct session *session)
{
    const struct server *server = session->server;
    struct facts *facts = &session->facts;
    bool port = server->config->smtpd_client_port_logging;

    facts->client = arena_format(session->arena, "%s[%s]%s%s", facts->name, facts->address,
                                 port ? ":" : "", port ? facts->port : "");
    session->xclient_allowed = client_is_listed(server->xclient_hosts, facts);
}

static void warn_keyword(UNUSED void *argument, struct slice word)
{
    log_warn("unknown EHLO keyword in smtpd_discard_ehlo_keyword_address_maps: %.*s",
             SLICE_ARGS(word));
}

/* The table for the client's address, or the same for all. */
static void find_discarded(struct session *session)
{
    AUTO_STR struct str keywords = STR_EMPTY;
    struct error error = ERROR_NONE;

    session->discarded = session->server->discarded_extensions;
    if (table_list_is_empty(session->server->discarded_keywords))
        return;
    switch (table_list_get(session->server->discarded_keywords, slice_of(session->facts.address),
                           &keywords, NULL, &error)) {
    case TABLE_FOUND:
        session->discarded = extension_list(str_slice(&keywords), warn_keyword, NULL);
        break;
    case TABLE_TROUBLE:
        log_warn("smtpd_discard_ehlo_keyword_address_maps: %s", error.text);
        break;
    default:
        break;
    }
}

/* What -v asks for of all sessions, and debug_peer_list of this one. */
static int verbosity_for(const struct session *session)
{
    struct debug_peer *debug_peer = session->server->debug_peer;
    const struct facts *facts = &session->facts;

    return log_is_verbose() + (debug_peer ? debug_peer_level(debug_peer, slice_of(facts->name),
                                                             slice_of(facts->address)) : 0);
}

struct session *session_new(const struct server *server, const struct session_client *client,
                            struct str *output)
{
    struct session *session = memory_new(1, sizeof(*session));

    session->server = server;
    session->output = output;
    session->arena = arena_new();
    session->place = "CONNECT";
    session->transcript = STR_EMPTY;
    session->aborted = "";
    session->upstream = UPSTREAM_NONE;
    take_facts(session, client);
    session_identify(session);
    find_discarded(session);
    session->verbosity = verbosity_for(session);
    session->verp_allowed = client_is_listed(server->verp_clients, &session->facts);
    session->xforward_allowed = client_is_listed(server->xforward_hosts, &session->facts);
    session->strict_lines = server->bare_newline != BARE_LF_ALLOWED &&
                            !client_is_listed(server->bare_newline_exclusions, &session->facts);
    return session;
}

void session_free(struct session *session)
{
    if (!session)
        return;
    limits_disconnect(session);
    mail_reset(session);
    arena_free(session->arena);
    str_free(&session->transcript);
    free(session);
}
