#include "limits.h"

#include "base/scope.h"
#include "log/log.h"
#include "smtp/replies.h"
#include "state.h"

#include <arpa/inet.h>

/* --- Whom anvil counts. ----------------------------------------------------------- */

static bool something_is_limited(const struct config *config)
{
    return config->smtpd_client_connection_count_limit > 0 ||
           config->smtpd_client_connection_rate_limit > 0 ||
           config->smtpd_client_message_rate_limit > 0 ||
           config->smtpd_client_recipient_rate_limit > 0 ||
           config->smtpd_client_auth_rate_limit > 0;
}

static bool client_is_exempt(const struct session *session)
{
    const struct facts *facts = &session->facts;
    struct error error = ERROR_NONE;

    return session->xclient_allowed ||
           match_list_client(session->server->limit_exceptions, slice_of(facts->name),
                             slice_of(facts->address), &error) != MATCH_NO;
}

/* "192.0.2.0/24": clients of one network count as one. */
static void add_network(struct str *ident, const struct facts *facts, const struct config *config)
{
    bool six = facts->family == AF_INET6;
    int bits = six ? config->smtpd_client_ipv6_prefix_length
                   : config->smtpd_client_ipv4_prefix_length;
    unsigned char bytes[16];
    char text[INET6_ADDRSTRLEN];

    if (bits >= (six ? 128 : 32) || inet_pton(facts->family, facts->address, bytes) != 1) {
        str_text(ident, facts->address);
        return;
    }
    for (int i = 0; i < (six ? 16 : 4); i++) {
        int kept = bits - 8 * i < 0 ? 0 : bits - 8 * i > 8 ? 8 : bits - 8 * i;

        bytes[i] = (unsigned char)(bytes[i] & (0xff00u >> kept));
    }
    str_format(ident, "%s/%d", inet_ntop(facts->family, bytes, text, sizeof(text)), bits);
}

static bool ask(const struct session *session, enum anvil_event event, struct anvil_reply *reply)
{
    const struct server_calls *calls = &session->server->calls;
    struct anvil_request request = { event, 0, session->anvil_ident };

    return calls->count_event(calls->argument, &request, reply);
}

/* --- Limits. ---------------------------------------------------------------------- */

static void warn(const struct session *session, const char *what, int64_t value)
{
    log_warn("%s limit exceeded: %lld from %s for service %s", what, (long long)value,
             session->facts.client, session->server->service_name);
}

static bool refuse_connection(struct session *session)
{
    reply(session, REPLY_CONNECTIONS, session->server->config->myhostname,
          session->facts.address);
    session->mode = SESSION_OVER;
    return false;
}

bool limits_connect(struct session *session)
{
    const struct config *config = session->server->config;
    int count_limit = config->smtpd_client_connection_count_limit;
    int rate_limit = config->smtpd_client_connection_rate_limit;
    AUTO_STR struct str ident = STR_EMPTY;
    struct anvil_reply numbers = { 0 };

    if (!session->server->calls.count_event || !something_is_limited(config) ||
        client_is_exempt(session))
        return true;
    str_format(&ident, "%s:", session->server->service_name);
    add_network(&ident, &session->facts, config);
    session->anvil_ident = arena_text(session->arena, str_slice(&ident));
    if (!ask(session, ANVIL_CONNECT, &numbers))
        return true;
    if (count_limit > 0 && numbers.count > count_limit) {
        warn(session, "Connection concurrency", numbers.count);
        return refuse_connection(session);
    }
    if (rate_limit > 0 && numbers.rate > rate_limit) {
        warn(session, "Connection rate", numbers.rate);
        return refuse_connection(session);
    }
    return true;
}

/* True while the rate of an event is within its limit. */
static bool is_within(struct session *session, enum anvil_event event, int limit,
                      const char *what)
{
    struct anvil_reply numbers = { 0 };

    if (!session->anvil_ident || limit <= 0 || !ask(session, event, &numbers) ||
        numbers.rate <= limit)
        return true;
    warn(session, what, numbers.rate);
    return false;
}

bool limits_message(struct session *session)
{
    if (is_within(session, ANVIL_MESSAGE, session->server->config->smtpd_client_message_rate_limit,
                  "Message delivery request rate"))
        return true;
    reply(session, REPLY_MUCH_MAIL, session->facts.address);
    return false;
}

bool limits_recipient(struct session *session)
{
    if (is_within(session, ANVIL_RECIPIENT,
                  session->server->config->smtpd_client_recipient_rate_limit,
                  "Recipient address rate"))
        return true;
    reply(session, REPLY_FAST_RECIPIENTS, session->facts.address);
    return false;
}

bool limits_auth(struct session *session)
{
    if (is_within(session, ANVIL_AUTH, session->server->config->smtpd_client_auth_rate_limit,
                  "AUTH command rate"))
        return true;
    reply(session, REPLY_MANY_AUTH, session->facts.address);
    return false;
}

void limits_disconnect(struct session *session)
{
    struct anvil_reply nothing;

    if (session->anvil_ident)
        (void)ask(session, ANVIL_DISCONNECT, &nothing);
}
