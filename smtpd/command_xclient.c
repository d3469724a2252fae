/*
 * XCLIENT and XFORWARD: what a trusted proxy says of the client behind it (XCLIENT_README,
 * XFORWARD_README).
 *
 * XCLIENT replaces what we know of the client, for all that follows; XFORWARD says whom
 * the log is to name, for one mail.
 */
#include "state.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "log/log.h"
#include "smtp/replies.h"

#include <arpa/inet.h>

enum { VALUE_LIMIT = 255, PROTOCOL_LIMIT = 64, PORT_LIMIT = 5, SESSION_MEMORY_LIMIT = 64 * 1024 };

/* --- Values. ---------------------------------------------------------------------- */

/* What a command has gathered so far: nothing of it counts before all of it is read. */
struct changes {
    struct session *session;
    struct facts facts;             /* XCLIENT */
    struct upstream upstream;       /* XFORWARD */
};

typedef bool attribute_setter(struct changes *changes, struct slice value, bool available);

static bool is_unavailable(struct slice value)
{
    return slice_is_nocase(value, "[UNAVAILABLE]");
}

static bool is_temporary(struct slice value)
{
    return slice_is_nocase(value, "[TEMPUNAVAIL]");
}

static bool is_name(struct slice value)
{
    return text_is_ascii(value) && address_is_host_name(value);
}

static bool is_port(struct slice value)
{
    uint64_t port;

    return value.length <= PORT_LIMIT && slice_number(value, 99999, &port);
}

static const char *keep(struct changes *changes, struct slice value)
{
    return arena_text(changes->session->arena, value);
}

/* An address as it is written everywhere; NULL when it is none, or of a protocol we do not use. */
static const char *read_address(struct changes *changes, struct slice value, int *family)
{
    const struct server *server = changes->session->server;
    bool six = slice_starts_nocase(value, "IPV6:");
    struct sockaddr_in6 address6 = { .sin6_family = AF_INET6 };
    struct sockaddr_in address4 = { .sin_family = AF_INET };
    AUTO_STR struct str text = STR_EMPTY;

    str_add(&text, six ? slice_from(value, 5) : value);
    *family = six ? AF_INET6 : AF_INET;
    if (six && server->protocols != AF_INET &&
        inet_pton(AF_INET6, text.data, &address6.sin6_addr) == 1) {
        if (!IN6_IS_ADDR_V4MAPPED(&address6.sin6_addr))
            return dns_address_text((const struct sockaddr *)&address6, changes->session->arena);
        *family = AF_INET;
        memcpy(&address4.sin_addr, (const char *)&address6.sin6_addr + 12, 4);
    } else if (six || inet_pton(AF_INET, text.data, &address4.sin_addr) != 1)
        return NULL;
    if (server->protocols == AF_INET6)
        return NULL;
    return dns_address_text((const struct sockaddr *)&address4, changes->session->arena);
}

/* --- XCLIENT's attributes. -------------------------------------------------------- */

static bool set_some_name(struct changes *changes, struct slice value, bool available,
                          const char **name, enum dns_status *status)
{
    if (is_temporary(value))
        *status = DNS_TROUBLE;
    else if (!available)
        *status = DNS_NO_DOMAIN;
    else if (is_name(value)) {
        *status = DNS_FOUND;
        *name = keep(changes, value);
        return true;
    } else
        return false;
    *name = "unknown";
    return true;
}

static bool set_name(struct changes *changes, struct slice value, bool available)
{
    struct facts *facts = &changes->facts;

    if (!set_some_name(changes, value, available, &facts->name, &facts->name_status))
        return false;
    facts->forward_status = facts->name_status;
    /* A name that is confirmed is the address's own. */
    if (facts->name_status == DNS_FOUND) {
        facts->reverse_name = facts->name;
        facts->reverse_status = DNS_FOUND;
    }
    return true;
}

static bool set_reverse_name(struct changes *changes, struct slice value, bool available)
{
    return set_some_name(changes, value, available, &changes->facts.reverse_name,
                         &changes->facts.reverse_status);
}

static bool set_address(struct changes *changes, struct slice value, bool available)
{
    const char *address = available ? read_address(changes, value, &changes->facts.family)
                                    : "unknown";

    if (address)
        changes->facts.address = address;
    return address != NULL;
}

static bool set_some_port(struct changes *changes, struct slice value, bool available,
                          const char **port)
{
    if (available && !is_port(value))
        return false;
    *port = available ? keep(changes, value) : "unknown";
    return true;
}

static bool set_port(struct changes *changes, struct slice value, bool available)
{
    return set_some_port(changes, value, available, &changes->facts.port);
}

static bool set_protocol(struct changes *changes, struct slice value, UNUSED bool available)
{
    bool extended = slice_is_nocase(value, "ESMTP");

    changes->facts.protocol = extended ? "ESMTP" : "SMTP";
    return extended || slice_is_nocase(value, "SMTP");
}

static bool set_helo(struct changes *changes, struct slice value, bool available)
{
    changes->facts.helo = available ? neutral_name(changes->session->arena, value) : NULL;
    return true;
}

static bool set_login(struct changes *changes, struct slice value, bool available)
{
    changes->facts.sasl_method = available ? "XCLIENT" : NULL;
    changes->facts.sasl_username = available ? keep(changes, value) : NULL;
    return true;
}

static bool set_server_address(struct changes *changes, struct slice value, bool available)
{
    int family;
    const char *address = available ? read_address(changes, value, &family) : "unknown";

    if (address)
        changes->facts.server_address = address;
    return address != NULL;
}

static bool set_server_port(struct changes *changes, struct slice value, bool available)
{
    return set_some_port(changes, value, available, &changes->facts.server_port);
}

/* --- XFORWARD's attributes: unknown is "". ---------------------------------------- */

static bool forward_name(struct changes *changes, struct slice value, bool available)
{
    changes->upstream.name = available ? keep(changes, value) : "";
    return !available || is_name(value);
}

static bool forward_address(struct changes *changes, struct slice value, bool available)
{
    changes->upstream.address = available ? read_address(changes, value,
                                                         &changes->upstream.family) : "";
    return changes->upstream.address != NULL;
}

static bool forward_port(struct changes *changes, struct slice value, bool available)
{
    changes->upstream.port = available ? keep(changes, value) : "";
    return !available || is_port(value);
}

static bool forward_protocol(struct changes *changes, struct slice value, bool available)
{
    changes->upstream.protocol = available ? keep(changes, value) : "";
    return value.length <= PROTOCOL_LIMIT;
}

static bool forward_helo(struct changes *changes, struct slice value, bool available)
{
    changes->upstream.helo = available ? keep(changes, value) : "";
    return true;
}

static bool forward_ident(struct changes *changes, struct slice value, bool available)
{
    changes->upstream.ident = available ? keep(changes, value) : "";
    return true;
}

static bool forward_source(struct changes *changes, struct slice value, bool available)
{
    bool local = slice_is_nocase(value, "LOCAL");

    changes->upstream.source = !available ? SOURCE_UNKNOWN : local ? SOURCE_LOCAL : SOURCE_REMOTE;
    return !available || local || slice_is_nocase(value, "REMOTE");
}

/* --- The commands. ---------------------------------------------------------------- */

static const struct attribute_row {
    const char *name;
    attribute_setter *set;
} client_rows[] = {
    { "NAME", set_name }, { "ADDR", set_address }, { "PROTO", set_protocol },
    { "HELO", set_helo }, { "REVERSE_NAME", set_reverse_name }, { "PORT", set_port },
    { "LOGIN", set_login }, { "DESTADDR", set_server_address }, { "DESTPORT", set_server_port },
    { NULL, NULL },
}, forward_rows[] = {
    { "NAME", forward_name }, { "ADDR", forward_address }, { "PROTO", forward_protocol },
    { "HELO", forward_helo }, { "SOURCE", forward_source }, { "PORT", forward_port },
    { "IDENT", forward_ident }, { NULL, NULL },
};

static bool set_attribute(struct changes *changes, const char *command, struct slice word,
                          const struct attribute_row *rows)
{
    struct session *session = changes->session;
    size_t equal = slice_find(word, '=');
    struct slice name = slice_part(word, 0, equal), value = slice_from(word, equal + 1);
    AUTO_STR struct str decoded = STR_EMPTY;

    if (!value.length) {
        reply(session, REPLY_NO_ATTRIBUTE);
        return false;
    }
    /* Old clients do not encode. */
    if (xtext_decode(&decoded, value))
        value = str_slice(&decoded);
    if (value.length > VALUE_LIMIT) {
        reply(session, REPLY_LONG_ATTRIBUTE);
        return false;
    }
    while (rows->name && !slice_is_nocase(name, rows->name))
        rows++;
    if (!rows->name) {
        reply(session, REPLY_BAD_ATTRIBUTE, command, SLICE_ARGS(name));
        return false;
    }

    AUTO_STR struct str clean = STR_EMPTY;

    if (rows->set == forward_name || rows->set == forward_helo || rows->set == forward_ident ||
        rows->set == forward_protocol) {
        neutral_text(&clean, value);
        value = is_unavailable(value) ? value : str_slice(&clean);
    }
    if (rows->set(changes, value, !is_unavailable(value))) {
        changes->upstream.told = true;
        changes->upstream.has_client |= rows->set != forward_ident && rows->set != forward_source;
        return true;
    }
    reply(session, REPLY_BAD_VALUE, rows->name, SLICE_ARGS(value));
    return false;
}

static bool read_attributes(struct changes *changes, const char *command, struct slice arguments,
                            const struct attribute_row *rows)
{
    struct slice word;

    while ((word = slice_take_word(&arguments)).length > 0)
        if (!set_attribute(changes, command, word, rows))
            return false;
    return true;
}

/* The command may be obeyed now. */
static bool may_change(struct session *session, const char *command, struct slice arguments,
                       bool allowed)
{
    if (session->mail)
        reply(session, REPLY_IN_TRANSACTION);
    else if (!arguments.length)
        reply(session, REPLY_ATTRIBUTE_SYNTAX, command);
    else if (!allowed)
        reply(session, REPLY_NOT_AUTHORIZED);
    else if (arena_size(session->arena) > SESSION_MEMORY_LIMIT) {
        reply(session, REPLY_LOCAL_TROUBLE, session->server->config->myhostname);
        session->mode = SESSION_OVER;
    } else
        return true;
    return false;
}

/* The conversation begins anew, as another client's.  That is no error, and no success either. */
bool obey_xclient(struct session *session, struct slice arguments)
{
    struct changes changes = { .session = session, .facts = session->facts };

    if (!may_change(session, "XCLIENT", arguments, session->xclient_allowed))
        return false;
    changes.facts.helo = NULL;
    changes.facts.protocol = "SMTP";
    changes.facts.sasl_method = changes.facts.sasl_username = NULL;
    if (!read_attributes(&changes, "XCLIENT", arguments, client_rows))
        return false;
    mail_reset(session);
    changes.facts.transaction = session->facts.transaction;
    session->facts = changes.facts;
    session->errors--;
    session->pipelining = false;
    session_identify(session);
    session_greet_again(session);
    return false;
}

bool obey_xforward(struct session *session, struct slice arguments)
{
    struct changes changes = { .session = session, .upstream = session->upstream };

    if (!may_change(session, "XFORWARD", arguments, session->xforward_allowed))
        return false;
    if (!read_attributes(&changes, "XFORWARD", arguments, forward_rows)) {
        session->upstream.told = changes.upstream.told;
        return false;
    }
    session->upstream = changes.upstream;
    reply(session, REPLY_OK);
    return true;
}

static void announce(const struct session *session, const char *command,
                     const struct attribute_row *rows)
{
    str_format(session->output, "250-%s", command);
    for (; rows->name; rows++)
        str_format(session->output, " %s", rows->name);
    str_text(session->output, "\r\n");
}

void announce_xclient(const struct session *session)
{
    announce(session, "XCLIENT", client_rows);
}

void announce_xforward(const struct session *session)
{
    announce(session, "XFORWARD", forward_rows);
}

void upstream_origin(const struct session *session, struct str *output)
{
    const struct upstream *upstream = &session->upstream;

    str_text(output, *upstream->name ? upstream->name : "unknown");
    if (!*upstream->address)
        return;
    str_format(output, "[%s]", upstream->address);
    if (session->server->config->smtpd_client_port_logging)
        str_format(output, ":%s", *upstream->port ? upstream->port : "unknown");
}
