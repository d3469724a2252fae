/*
 * A mail transaction: its envelope as cleanup gets it, and cleanup's answer.
 */
#include "state.h"

#include "address/address.h"
#include "base/memory.h"
#include "base/scope.h"
#include "deliver/postmaster.h"
#include "log/log.h"
#include "smtp/replies.h"
#include "transcript.h"

#include <netinet/in.h>
#include <time.h>

struct mail *mail_new(struct session *session)
{
    struct arena *arena = arena_new();
    struct mail *mail = arena_take(arena, sizeof(*mail));

    mail->arena = arena;
    envelope_clear(&mail->submission.envelope);
    mail->submission.received = "";
    mail->submission.prepended = "";
    session->facts.recipient_count = 0;
    return mail;
}

void mail_free(struct mail *mail)
{
    proxy_close(mail->proxy);
    arena_free(mail->arena);
}

void mail_reset(struct session *session)
{
    struct mail *mail = session->mail;

    session->mail = NULL;
    session->chunking = CHUNKING_NONE;
    session->facts.sender = NULL;
    session->facts.recipient = NULL;
    session->facts.recipient_count = 0;
    session->facts.queue_id = "";
    session->facts.size = 0;
    session->upstream = UPSTREAM_NONE;
    if (!mail)
        return;
    session->facts.transaction++;
    if (mail->submitter)
        session->server->calls.submit_abandon(mail->submitter);
    mail_free(mail);
}

/* --- Received: -------------------------------------------------------------------- */

static void add_date(struct str *text)
{
    char date[64];
    struct tm local;
    time_t now = wall_now().tv_sec;

    localtime_r(&now, &local);
    /* Names of days and months are English: no daemon of ours calls setlocale. */
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S %z (%Z)", &local);
    /* RFC 5322 3.3 allows one digit, and that is how it is written here. */
    const char *day = date + 5;

    str_bytes(text, date, 5);
    str_text(text, *day == '0' ? day + 1 : day);
}

static const char *protocol_word(const struct session *session)
{
    bool extended = session->facts.protocol[0] == 'E';

    if (session->mail->smtputf8)
        return extended ? "UTF8SMTP" : "SMTP";
    return extended ? "ESMTP" : "SMTP";
}

const char *received_text(const struct session *session)
{
    const struct config *config = session->server->config;
    const struct envelope *envelope = &session->mail->submission.envelope;
    const struct facts *facts = &session->facts;
    AUTO_STR struct str text = STR_EMPTY;

    if (!config->smtpd_hide_client_session) {
        bool literal = strchr(facts->address, ':') != NULL;

        str_format(&text, "from %s (%s [%s%s])\n\t", facts->helo ? facts->helo : facts->name,
                   facts->name, literal ? "IPv6:" : "", facts->address);
    }
    str_format(&text, "by %s (%s) with %s", config->myhostname, config->mail_name,
               protocol_word(session));
    /* What goes through a filter has none here. */
    if (*envelope->queue_id)
        str_format(&text, " id %s", envelope->queue_id);
    if (envelope->recipients.count == 1) {
        str_text(&text, "\n\tfor <");
        address_quote(&text, slice_of(envelope->recipients.items[0].address));
        str_text(&text, ">; ");
    } else
        str_text(&text, ";\n\t");
    add_date(&text);
    return arena_text(session->mail->arena, str_slice(&text));
}

/* --- The envelope. ---------------------------------------------------------------- */

bool mail_is_local(const struct session *session)
{
    if (session->upstream.source != SOURCE_UNKNOWN)
        return session->upstream.source == SOURCE_LOCAL;
    return policy_rewrites_locally(session->server->policy, &session->facts);
}

static const char *or_unknown(const char *value)
{
    return *value ? value : "unknown";
}

static void set(struct session *session, const char *name, const char *value)
{
    struct mail *mail = session->mail;

    if (value && *value)
        envelope_set_attribute(&mail->submission.envelope, mail->arena, name, value);
}

/* For the log lines of all who handle the mail: XFORWARD's client, or ours. */
static void set_log_attributes(struct session *session)
{
    const struct upstream *upstream = &session->upstream;
    const struct facts *facts = &session->facts;
    const struct upstream own = {
        .name = facts->name, .address = facts->address, .port = facts->port,
        .protocol = facts->protocol, .helo = facts->helo ? facts->helo : "", .ident = "",
    };
    const struct upstream *shown = upstream->has_client ? upstream : &own;
    AUTO_STR struct str origin = STR_EMPTY;

    if (upstream->has_client)
        upstream_origin(session, &origin);
    else
        str_text(&origin, facts->client);
    set(session, "log_client_name", or_unknown(shown->name));
    set(session, "log_client_address",
        arena_format(session->mail->arena, "%s%s",
                     strchr(shown->address, ':') ? "IPv6:" : "", or_unknown(shown->address)));
    set(session, "log_client_port", or_unknown(shown->port));
    set(session, "log_message_origin", arena_text(session->mail->arena, str_slice(&origin)));
    set(session, "log_helo_name", shown->helo);
    set(session, "log_protocol_name", or_unknown(shown->protocol));
}

/* In the order in which they stand in a queue file of Postfix's. */
static void set_attributes(struct session *session)
{
    const struct facts *facts = &session->facts;
    const struct upstream *upstream = &session->upstream;

    set(session, "log_ident", *upstream->ident ? upstream->ident : facts->queue_id);
    set(session, "rewrite_context", mail_is_local(session) ? "local" : "remote");
    set(session, "sasl_method", facts->sasl_method);
    set(session, "sasl_username", facts->sasl_username);
    set_log_attributes(session);
    set(session, "client_name", facts->name);
    set(session, "reverse_client_name", facts->reverse_name);
    set(session, "client_address", facts->address);
    set(session, "client_port", facts->port);
    set(session, "server_address", facts->server_address);
    set(session, "server_port", facts->server_port);
    set(session, "helo_name", facts->helo);
    set(session, "protocol_name", facts->protocol);
    set(session, "client_address_type", facts->family == AF_INET6 ? "10" : "2");
}

/* What access tables asked for: filters, copies, headers. */
static void apply_effects(struct session *session)
{
    struct mail *mail = session->mail;
    struct envelope *envelope = &mail->submission.envelope;
    const struct effects *effects = &mail->effects;
    const char *filter = effects->filter ? effects->filter
                                         : session->server->config->content_filter;

    envelope->content_filter = filter ? filter : "";
    envelope->redirect = effects->redirect ? effects->redirect : "";
    mail->submission.prepended = effects->prepend ? effects->prepend : "";
    mail->submission.flags |= (effects->hold ? SUBMIT_HOLD : 0) |
                              (effects->discard ? SUBMIT_DISCARD : 0);
    for (const struct bcc *bcc = effects->bcc; bcc; bcc = bcc->next) {
        struct recipient *recipient = envelope_add_recipient(envelope, mail->arena);

        recipient->address = bcc->address;
        recipient->notify = NOTIFY_NEVER;
    }
}

/* The filter has its own way of telling who the client is: XFORWARD. */
static bool start_proxy(struct session *session)
{
    const struct mail *mail = session->mail;
    AUTO_STR struct str header = STR_EMPTY;

    str_text(&header, mail->effects.prepend ? mail->effects.prepend : "");
    if (!session->upstream.told)
        str_format(&header, "Received: %s\n", received_text(session));
    return proxy_data(session, header.data);
}

bool mail_submit(struct session *session)
{
    struct mail *mail = session->mail;
    const struct server *server = session->server;

    if (mail->proxy)
        return start_proxy(session);

    mail->submission.flags = (SUBMIT_FILTER | SUBMIT_MAP | SUBMIT_BCC | SUBMIT_MILTER) &
                             ~(int64_t)server->overrides;
    if (mail->smtputf8 || server->detects_smtputf8)
        mail->submission.flags |= SUBMIT_SMTPUTF8;
    mail->submission.received = received_text(session);
    set_attributes(session);
    apply_effects(session);
    mail->submitter = server->calls.submit(server->calls.argument, &mail->submission);
    return true;
}

/* --- Content. --------------------------------------------------------------------- */

void mail_give_up(struct session *session)
{
    struct mail *mail = session->mail;

    if (mail)
        proxy_abandon(mail->proxy);
    if (!mail || !mail->submitter)
        return;
    session->server->calls.submit_abandon(mail->submitter);
    mail->submitter = NULL;
}

void mail_add(struct session *session, struct slice content)
{
    struct mail *mail = session->mail;
    const struct server *server = session->server;
    int64_t limit = server->config->message_size_limit;
    struct error error;     /* not cleared: this is called for each line */

    if (mail->too_large || mail->broken)
        return;
    if (limit > 0 && mail->received_bytes > limit) {
        log_warn("%s: queue file size limit exceeded",
                 *session->facts.queue_id ? session->facts.queue_id : "NOQUEUE");
        mail->too_large = true;
        mail_give_up(session);
        return;
    }
    if (mail->proxy)
        proxy_add(mail->proxy, content);
    else if (content.length && !server->calls.submit_add(mail->submitter, content, &error)) {
        log_warn("%s: cleanup service: %s", mail->submission.envelope.queue_id, error.text);
        mail->broken = true;
        mail_give_up(session);
    }
}

/* --- The answer. ------------------------------------------------------------------ */

static bool answer_queued(struct session *session, int64_t bytes)
{
    const char *id = session->facts.queue_id;

    /* Whoever brings mail is forgiven (smtpd_soft_error_limit, smtpd_junk_command_limit). */
    session_forgive(session);
    if (bytes < 0)
        reply(session, REPLY_QUEUED, id);
    else
        reply(session, REPLY_BDAT_QUEUED, (long long)bytes, id);
    return true;
}

/* "5.7.1 text" of a header check or a milter; the text may begin with an SMTP code. */
static void answer_rejected(struct session *session, const char *text)
{
    struct slice rest = slice_of(text);
    char status[STATUS_SIZE] = "5.7.1";
    uint64_t code = 550;

    if (rest.length > 4 && rest.data[3] == ' ' &&
        slice_number(slice_part(rest, 0, 3), 599, &code))
        rest = slice_from(rest, 4);
    if (status_take(&rest, status) && status[0] == '4' && code / 100 != 4)
        code = 451;
    if (!rest.length)
        rest = slice_of("Error: message content rejected");
    session->blame = NOTIFY_POLICY;
    reply(session, (int)code, status, "%.*s", SLICE_ARGS(rest));
    session->blame = 0;
}

static void answer_refused(struct session *session, const struct submission_reply *answer)
{
    switch ((enum submission_status)answer->status) {
    case SUBMISSION_TOO_LARGE:
        reply(session, REPLY_CLEANUP_TOO_BIG);
        return;
    case SUBMISSION_HOPS:
        session->blame = NOTIFY_BOUNCE;
        reply(session, REPLY_CLEANUP_HOPS);
        session->blame = 0;
        return;
    case SUBMISSION_NO_SPACE:
        reply(session, REPLY_CLEANUP_NO_SPACE);
        return;
    case SUBMISSION_REJECTED:
        answer_rejected(session, answer->text);
        return;
    case SUBMISSION_NO_RECIPIENTS:
        reply(session, REPLY_CLEANUP_NO_RCPT);
        return;
    case SUBMISSION_BAD:
        reply(session, REPLY_CLEANUP_BAD);
        return;
    case SUBMISSION_DEFER:
        reply(session, REPLY_CLEANUP_DEFER);
        return;
    default:
        reply(session, REPLY_CLEANUP_WRITE);
    }
}

static bool submit(struct session *session, int64_t bytes)
{
    struct mail *mail = session->mail;
    struct submission_reply answer = { 0 };
    struct error error = ERROR_NONE;
    void *submitter = mail->submitter;

    mail->submitter = NULL;
    if (!session->server->calls.submit_end(submitter, mail->arena, &answer, &error)) {
        log_warn("%s: cleanup service: %s", mail->submission.envelope.queue_id, error.text);
        reply(session, REPLY_CLEANUP_WRITE);
        return false;
    }
    if (answer.status == SUBMISSION_QUEUED || answer.status == SUBMISSION_DISCARDED)
        return answer_queued(session, bytes);
    answer_refused(session, &answer);
    return false;
}

static bool end_is_allowed(struct session *session)
{
    struct mail *mail = session->mail;
    struct envelope *envelope = &mail->submission.envelope;

    session->facts.stage = "END-OF-MESSAGE";
    session->facts.size = mail->received_bytes;
    if (session->facts.recipient_count == 1)
        session->facts.recipient = envelope->recipients.items[0].address;

    struct verdict verdict = policy_end_of_data(session->server->policy, &session->facts,
                                                mail->arena, &mail->effects);

    if (verdict.result == VERDICT_REJECT)
        reply_refused(session, &verdict);
    return verdict.result != VERDICT_REJECT;
}

bool mail_finish(struct session *session, int64_t bytes)
{
    session->place = PLACE_END_OF_MAIL;

    struct mail *mail = session->mail;
    bool queued = false;

    if (mail->too_large) {
        if (mail->proxy)
            proxy_log_refusal(session);
        reply(session, REPLY_CLEANUP_TOO_BIG);
    } else if (mail->broken)
        reply(session, REPLY_CLEANUP_WRITE);
    else if (mail->bare_lf && session->strict_lines &&
             session->server->bare_newline == BARE_LF_REJECTED)
        reply(session, session->server->config->smtpd_forbid_bare_newline_reject_code, "5.5.2",
              "%s Error: bare <LF> received", session->server->config->myhostname);
    else if (end_is_allowed(session))
        queued = mail->proxy ? proxy_finish(session) : submit(session, bytes);
    transcript_flush(session);
    mail_reset(session);
    return queued;
}
