/*
 * The commands that carry no mail: HELO, EHLO, RSET, NOOP, VRFY, ETRN, QUIT, and
 * those that are refused.
 */
#include "state.h"
#include "transcript.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "limits.h"
#include "log/log.h"
#include "smtp/esmtp.h"
#include "smtp/replies.h"

/* Characters that would spoil the Received: header and the log become '?'. */
void neutral_text(struct str *output, struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];

        str_byte(output, (unsigned char)c < ' ' || c == 127 || strchr(" <>()\\\";@", c) ? '?' : c);
    }
}

const char *neutral_name(struct arena *arena, struct slice name)
{
    AUTO_STR struct str text = STR_EMPTY;

    neutral_text(&text, name);
    return arena_text(arena, str_slice(&text));
}

/* The old name stays in the arena: a client that sends many is stopped by its ceiling. */
enum { SESSION_MEMORY_LIMIT = 64 * 1024 };

/* protocol NULL: as it was. */
static bool greet_client(struct session *session, struct slice name, const char *protocol)
{
    AUTO_ARENA struct arena *arena = arena_new();

    if (arena_size(session->arena) > SESSION_MEMORY_LIMIT) {
        reply(session, REPLY_LOCAL_TROUBLE, session->server->config->myhostname);
        session->mode = SESSION_OVER;
        return false;
    }
    /* Restrictions judge the name as it was given. */
    session->facts.helo = arena_text(arena, name);

    struct verdict verdict = policy_helo(session->server->policy, &session->facts, arena);

    if (verdict.result == VERDICT_REJECT)
        reply_refused(session, &verdict);
    else {
        transcript_flush(session);
        mail_reset(session);
        /* HELO behind EHLO takes nothing back. */
        if (protocol)
            session->facts.protocol = protocol;
    }
    session->facts.helo = verdict.result == VERDICT_REJECT ? NULL
                                                           : neutral_name(session->arena, name);
    return verdict.result != VERDICT_REJECT;
}

bool obey_helo(struct session *session, struct slice arguments)
{
    if (!arguments.length) {
        reply(session, REPLY_HELO_SYNTAX);
        return false;
    }
    if (!greet_client(session, arguments, NULL))
        return false;
    reply(session, REPLY_HELLO, session->server->config->myhostname);
    return true;
}

static void announce(struct session *session)
{
    const struct config *config = session->server->config;
    const struct {
        unsigned extension;
        bool offered;
        const char *keyword;
        void (*write)(const struct session *session);
    } rows[] = {
        { EXTENSION_PIPELINING, true, "PIPELINING", NULL },
        { EXTENSION_SIZE, config->message_size_limit > 0, "SIZE ", NULL },
        { EXTENSION_SIZE, config->message_size_limit == 0, "SIZE", NULL },
        { EXTENSION_VRFY, !config->disable_vrfy_command, "VRFY", NULL },
        { EXTENSION_ETRN, true, "ETRN", NULL },
        { EXTENSION_XVERP, session->verp_allowed, "XVERP", NULL },
        { EXTENSION_XCLIENT, session->xclient_allowed, "XCLIENT", announce_xclient },
        { EXTENSION_XFORWARD, session->xforward_allowed, "XFORWARD", announce_xforward },
        { EXTENSION_ENHANCEDSTATUSCODES, true, "ENHANCEDSTATUSCODES", NULL },
        { EXTENSION_8BITMIME, true, "8BITMIME", NULL },
        { EXTENSION_DSN, true, "DSN", NULL },
        { EXTENSION_SMTPUTF8, config->smtputf8_enable, "SMTPUTF8", NULL },
        { EXTENSION_CHUNKING, true, "CHUNKING", NULL },
    };
    size_t start = session->output->length, last = start;

    str_format(session->output, "250-%s\r\n", config->myhostname);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!rows[i].offered || (session->discarded & rows[i].extension))
            continue;
        last = session->output->length;
        if (rows[i].write) {
            rows[i].write(session);
            continue;
        }
        str_format(session->output, "250-%s", rows[i].keyword);
        if (rows[i].keyword[strlen(rows[i].keyword) - 1] == ' ')
            str_format(session->output, "%lld", (long long)config->message_size_limit);
        str_text(session->output, "\r\n");
    }
    session->output->data[last + 3] = ' ';
    if (session->errors >= config->smtpd_soft_error_limit)
        session->pause += config->smtpd_error_sleep_time;
}

static void log_discarded(const struct session *session)
{
    static const char *const names[] = {
        "8BITMIME", "AUTH", "ETRN", "PIPELINING", "SIZE", "VERP", "VRFY", "XCLIENT", "XFORWARD",
        "ENHANCEDSTATUSCODES", "DSN", "STARTTLS", "SMTPUTF8", "CHUNKING",
    };
    AUTO_STR struct str list = STR_EMPTY;

    if (!session->discarded || (session->discarded & EXTENSION_SILENT))
        return;
    for (size_t i = 0; i < COUNT(names); i++)
        if (session->discarded & extension_find(slice_of(names[i])))
            str_format(&list, " %s", names[i]);
    log_info("discarding EHLO keywords:%s", list.data);
}

bool obey_ehlo(struct session *session, struct slice arguments)
{
    if (!arguments.length) {
        reply(session, REPLY_EHLO_SYNTAX);
        return false;
    }
    if (!greet_client(session, arguments, "ESMTP"))
        return false;
    session->pipelining = !(session->discarded & EXTENSION_PIPELINING);
    log_discarded(session);

    size_t before = session->output->length;

    announce(session);
    transcript_reply(session, 250, slice_from(str_slice(session->output), before));
    return true;
}

bool obey_rset(struct session *session, struct slice arguments)
{
    if (arguments.length) {
        reply(session, REPLY_RSET_SYNTAX);
        return false;
    }
    transcript_flush(session);
    mail_reset(session);
    reply(session, REPLY_OK);
    return true;
}

bool obey_noop(struct session *session, UNUSED struct slice arguments)
{
    reply(session, REPLY_OK);
    return true;
}

bool obey_quit(struct session *session, UNUSED struct slice arguments)
{
    reply(session, REPLY_BYE);
    session->mode = SESSION_OVER;
    return true;
}

/* --- VRFY. ------------------------------------------------------------------------ */

static bool take_vrfy_option(struct session *session, struct slice *arguments, bool *utf8)
{
    size_t blank = slice_find_last(*arguments, ' ');

    *utf8 = false;
    if (!session->server->config->smtputf8_enable || blank >= arguments->length)
        return true;
    if (slice_is_nocase(slice_from(*arguments, blank + 1), "SMTPUTF8")) {
        *arguments = slice_trim_end(slice_part(*arguments, 0, blank));
        *utf8 = true;
    }
    return true;
}

static bool verify_address(struct session *session, struct slice argument, bool utf8)
{
    AUTO_STR struct str address = STR_EMPTY;
    AUTO_ARENA struct arena *arena = arena_new();
    struct mail *mail = session->mail;
    struct effects effects = { 0 };

    struct slice rest = argument;
    unsigned flags = PATH_WHOLE | PATH_NO_ASCII_CHECK;

    if (address_parse_path(&rest, flags, &address) != PATH_GOOD ||
        !path_has_good_route(session->server, str_slice(&address), utf8)) {
        warn_bad_path(session, "VRFY", argument);
        reply(session, REPLY_BAD_RECIPIENT);
        return false;
    }

    struct facts facts = session->facts;

    session->facts.recipient = address.data;

    /* What an access table wants done is done with the mail that is under way. */
    struct verdict verdict = policy_recipient(session->server->policy, &session->facts,
                                              mail ? mail->arena : arena,
                                              mail ? &mail->effects : &effects);

    if (verdict.result == VERDICT_REJECT)
        reply_refused(session, &verdict);
    else
        reply(session, 252, "2.0.0", "%.*s", SLICE_ARGS(argument));
    safety_order(session->server, &session->facts, &verdict);
    session->facts = facts;
    return verdict.result != VERDICT_REJECT;
}

bool obey_vrfy(struct session *session, struct slice arguments)
{
    const struct config *config = session->server->config;
    bool utf8;

    if (config->disable_vrfy_command) {
        reply(session, REPLY_VRFY_DISABLED);
        return false;
    }
    if (!arguments.length || !take_vrfy_option(session, &arguments, &utf8)) {
        reply(session, REPLY_VRFY_SYNTAX, config->smtputf8_enable ? " [SMTPUTF8]" : "");
        return false;
    }
    if (!text_is_ascii(arguments) && !utf8 && config->strict_smtputf8) {
        reply(session, REPLY_NEED_SMTPUTF8);
        return false;
    }
    return limits_recipient(session) && verify_address(session, arguments, utf8);
}

/* --- ETRN. ------------------------------------------------------------------------ */

static bool etrn_is_allowed(struct session *session, struct slice domain)
{
    struct error error;

    return session->server->fast_flush_domains &&
           match_list_get(session->server->fast_flush_domains, domain, &error) == MATCH_YES;
}

static bool refuse_etrn(struct session *session, struct slice domain)
{
    log_warn("reject: ETRN %.*s... from %s", SLICE_ARGS(slice_part(domain, 0, 100)),
             session->facts.client);
    reply(session, REPLY_ETRN_REFUSED, SLICE_ARGS(domain));
    return false;
}

static bool start_queue(struct session *session, struct slice domain)
{
    const struct server_calls *calls = &session->server->calls;

    switch (calls->flush_site(calls->argument, domain)) {
    case FLUSH_STARTED:
        reply(session, REPLY_ETRN_STARTED);
        return true;
    case FLUSH_NOT_SERVED:
        return refuse_etrn(session, domain);
    case FLUSH_BAD_SITE:
        reply(session, REPLY_ETRN_BAD);
        return false;
    default:
        reply(session, REPLY_ETRN_TROUBLE);
        return false;
    }
}

static bool etrn_domain(struct session *session, struct slice domain)
{
    AUTO_ARENA struct arena *arena = arena_new();

    session->facts.etrn_domain = arena_text(arena, domain);

    struct verdict verdict = policy_etrn(session->server->policy, &session->facts, arena);

    session->facts.etrn_domain = NULL;
    if (verdict.result == VERDICT_REJECT) {
        reply_refused(session, &verdict);
        return false;
    }
    if (!session->server->alone && !etrn_is_allowed(session, domain))
        return refuse_etrn(session, domain);
    if (!session->server->alone)
        safety_flush(session->server, domain);
    return start_queue(session, domain);
}

bool obey_etrn(struct session *session, struct slice arguments)
{
    if (session->server->config->smtpd_helo_required && !session->facts.helo) {
        reply(session, REPLY_ETRN_HELO_FIRST);
        return false;
    }
    if (session->mail) {
        reply(session, REPLY_ETRN_IN_MAIL);
        return false;
    }

    struct slice domain = slice_take_word(&arguments), host;

    if (!domain.length || slice_trim(arguments).length) {
        reply(session, REPLY_ETRN_SYNTAX);
        return false;
    }
    if (domain.data[0] == '@' || domain.data[0] == '#')
        domain = slice_from(domain, 1);
    if (address_domain_is_literal(domain, &host) ? !address_is_ip(host, NULL)
                                                 : !address_is_host_name(domain)) {
        reply(session, REPLY_ETRN_BAD);
        return false;
    }
    return etrn_domain(session, domain);
}

/* --- What is not served is refused. ----------------------------------------------- */

bool obey_starttls(struct session *session, struct slice arguments)
{
    if (arguments.length)
        reply(session, REPLY_STARTTLS_SYNTAX);
    else if (session->server->encryption.known)
        reply(session, REPLY_NO_TLS);
    else
        reply(session, REPLY_NOT_IMPLEMENTED);
    return false;
}

bool obey_auth(struct session *session, UNUSED struct slice arguments)
{
    const struct config *config = session->server->config;

    if (config->smtpd_helo_required && !session->facts.helo)
        reply(session, REPLY_HELO_FIRST);
    else if (limits_auth(session))
        reply(session, REPLY_NO_AUTH);
    return false;
}
