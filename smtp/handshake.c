#include "handshake.h"

#include "base/scope.h"
#include "log/log.h"
#include "pix.h"
#include "transcript.h"
#include "xforward.h"

static struct failure refused(struct session *session, bool retry, struct arena *arena)
{
    const char *text = failure_reply_text(arena, &session->reply);
    const char *dsn = failure_reply_status(arena, &session->reply);
    struct failure failure = failure_of(arena, dsn, "host %s refused to talk to me: %s",
                                        session->name, text);

    transcript_judge(session);
    if (retry && session->reply.code / 100 == 5)
        failure.dsn = arena_format(arena, "4%s", dsn + 1);
    failure.unreachable = !failure_is_permanent(&failure);
    failure.diagnostic = text;
    failure.relay = arena_copy(arena, session->relay);
    failure.remote = arena_copy(arena, session->host);
    return failure;
}

/* The host name that a server calls itself: the first word of its text. */
static bool is_my_name(const struct agent *agent, const struct smtp_reply *reply)
{
    struct slice rest = str_slice(&reply->text), line;

    return smtp_reply_next(&rest, &line)
           && slice_is_nocase(slice_take_word(&line), agent->config->myhostname);
}

static bool read_greeting(const struct destination *destination, struct session *session,
                          struct arena *arena, struct failure *failure)
{
    const struct agent *agent = session->agent;

    if (!session_read(session, agent->config->smtp_helo_timeout,
                      "receiving the initial server greeting", arena, failure)) {
        failure->unreachable = true;
        return false;
    }
    if (session->reply.code / 100 != 2) {
        *failure = refused(session, agent->config->smtp_skip_5xx_greeting, arena);
        return false;
    }
    if (destination->default_port && is_my_name(agent, &session->reply))
        log_warn("host %s greeted me with my own hostname %s", session->relay,
                 agent->config->myhostname);
    return true;
}

/* One extension line of an EHLO reply. */
static void note_extension(struct session *session, struct slice line)
{
    struct slice keyword = slice_take_word(&line);
    unsigned extension = extension_find(keyword);
    uint64_t limit;

    session->extensions |= extension;
    if (extension == EXTENSION_XFORWARD)
        session->forwards |= xforward_read(line);
    if (extension == EXTENSION_SIZE
        && slice_number(slice_take_word(&line), INT64_MAX, &limit))
        session->size_limit = (int64_t)limit;
}

/* What the server offers and we are told not to see. */
static void log_discarded(unsigned discarded)
{
    static const char *const names[] = { "PIPELINING", "SIZE", "STARTTLS", "AUTH", "XFORWARD",
                                         "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8",
                                         "CHUNKING" };
    AUTO_STR struct str list = STR_EMPTY;

    for (size_t i = 0; i < COUNT(names); i++)
        if (discarded & extension_find(slice_of(names[i])))
            str_format(&list, " %s", names[i]);
    if (list.length > 0)
        log_info("discarding EHLO keywords:%s", list.data);
}

/* smtp_discard_ehlo_keyword_address_maps, else smtp_discard_ehlo_keywords. */
static void discard_extensions(struct session *session, struct arena *arena)
{
    const struct agent *agent = session->agent;
    const char *own = tables_find(agent->tables.discarded_keywords, session->address, arena);
    unsigned discarded = own ? agent_discarded(agent, own) : agent->discarded;
    bool silent = own ? strcasestr(own, "silent-discard") != NULL : agent->silent_discard;

    if (!silent)
        log_discarded(session->extensions & discarded);
    session->extensions &= ~discarded;
    if (!(session->extensions & EXTENSION_SIZE))
        session->size_limit = 0;
    if (!(session->extensions & EXTENSION_XFORWARD))
        session->forwards = 0;
}

static void note_extensions(struct session *session, struct arena *arena)
{
    struct slice rest = str_slice(&session->reply.text), line;

    session->extensions = session->forwards = 0;
    session->size_limit = 0;
    if (!smtp_reply_next(&rest, &line))
        return;
    while (smtp_reply_next(&rest, &line))
        note_extension(session, line);
    discard_extensions(session, arena);
    if ((session->extensions & EXTENSION_SMTPUTF8)
        && !(session->extensions & EXTENSION_8BITMIME)) {
        log_info("host %s offers SMTPUTF8 support, but not 8BITMIME", session->name);
        session->extensions |= EXTENSION_8BITMIME;  /* RFC 6531 3.1 demands it */
    }
}

static bool say_hello(struct session *session, const char *verb, struct arena *arena,
                      struct failure *failure)
{
    const struct config *config = session->agent->config;
    const char *doing = arena_format(arena, "performing the %s handshake", verb);

    session_say(session, slice_of(arena_format(arena, "%s %s", verb, config->smtp_helo_name)));
    if (session_flush(session, config->smtp_helo_timeout, doing, arena, failure)
        && session_read(session, config->smtp_helo_timeout, doing, arena, failure))
        return true;
    failure->unreachable = true;
    return false;
}

/* smtp_always_send_ehlo; without it the greeting must say ESMTP. */
static bool wants_ehlo(const struct session *session)
{
    const struct config *config = session->agent->config;
    struct slice greeting = str_slice(&session->reply.text), word;

    if (config->smtp_never_send_ehlo || session->workarounds & PIX_DISABLE_ESMTP)
        return false;
    if (config->smtp_always_send_ehlo)
        return true;
    while (slice_take_token(&greeting, " \t\n", &word))
        if (slice_is_nocase(word, "ESMTP"))
            return true;
    return false;
}

static bool introduce(struct session *session, struct arena *arena, struct failure *failure)
{
    bool lmtp = session->agent->lmtp;

    if (lmtp || wants_ehlo(session)) {
        if (!say_hello(session, lmtp ? "LHLO" : "EHLO", arena, failure))
            return false;
        if (session->reply.code / 100 == 2) {
            note_extensions(session, arena);
            return true;
        }
    }
    if (!lmtp && !session->broken && session->reply.code != 421) {
        if (!say_hello(session, "HELO", arena, failure))
            return false;
        if (session->reply.code / 100 == 2)
            return true;
    }
    *failure = refused(session, false, arena);
    return false;
}

static bool loops_back(const struct destination *destination, const struct session *session,
                       struct arena *arena, struct failure *failure)
{
    const struct agent *agent = session->agent;

    if (!destination->default_port || !is_my_name(agent, &session->reply))
        return false;
    log_warn("host %s replied to HELO/EHLO with my own hostname %s", session->relay,
             agent->config->myhostname);
    *failure = failure_of(arena, "5.4.6", "mail for %s loops back to myself", destination->host);
    failure->relay = arena_copy(arena, session->relay);
    failure->remote = arena_copy(arena, session->host);
    failure->loop = true;
    return true;
}

bool handshake(const struct agent *agent, const struct destination *destination,
               struct session *session, const struct delivery_request *request,
               struct arena *arena, struct failure *failure)
{
    if (!read_greeting(destination, session, arena, failure))
        return false;
    pix_look(agent, session, request, arena);
    if (!introduce(session, arena, failure) || loops_back(destination, session, arena, failure))
        return false;
    if (tls_demand_holds(&agent->tls_demand, destination, session->host)) {
        *failure = failure_of(arena, "4.7.4", "TLS is required, but this client has none");
        return false;
    }
    if (agent->require_auth && !destination->unix_socket) {
        *failure = failure_of(arena, "4.7.0", "SASL authentication is required, but this "
                              "client has none");
        return false;
    }
    return true;
}
