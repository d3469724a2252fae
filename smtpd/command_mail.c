/*
 * MAIL: the start of an envelope (RFC 5321 4.1.1.2, RFC 3461, RFC 6531); and the paths of MAIL
 * and RCPT.
 */
#include "state.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "deliver/postmaster.h"
#include "limits.h"
#include "log/log.h"
#include "queue/queue.h"
#include "smtp/esmtp.h"
#include "smtp/replies.h"

/* --- Paths. ----------------------------------------------------------------------- */

/* The length of the word; *closed: every quote and bracket in it has found its end. */
static size_t path_length(struct slice text, bool *closed)
{
    bool quoted = false;
    int depth = 0;
    size_t i = 0;

    for (; i < text.length; i++) {
        char c = text.data[i];

        if (c == '\\' && i + 1 < text.length)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == '<')
            depth++;
        else if (!quoted && c == '>' && depth)
            depth--;
        else if (!quoted && !depth && byte_is_space(c))
            break;
    }
    *closed = !quoted && !depth;
    return i;
}

struct slice path_word(struct slice text)
{
    bool closed;

    text = slice_trim_start(text);
    return slice_part(text, 0, path_length(text, &closed));
}

struct slice take_option(struct slice *arguments)
{
    struct slice word = path_word(*arguments);

    *arguments = slice_from(slice_trim_start(*arguments), word.length);
    return word;
}

void warn_bad_path(const struct session *session, const char *command, struct slice path)
{
    AUTO_STR struct str shown = STR_EMPTY;

    printable_text(&shown, path);
    log_warn("Illegal address syntax from %s in %s command: %s", session->facts.client, command,
             shown.data);
}

/* A word without its end is not spoken of. */
void warn_bad_word(const struct session *session, const char *command, struct slice path)
{
    bool closed;

    (void)path_length(path, &closed);
    if (closed)
        warn_bad_path(session, command, path);
}

bool take_keyword(struct slice *arguments, const char *keyword)
{
    if (!slice_starts_nocase(*arguments, keyword))
        return false;
    *arguments = slice_trim_start(slice_from(*arguments, strlen(keyword)));
    return arguments->length > 0;
}

unsigned path_flags(const struct session *session, bool utf8)
{
    const struct config *config = session->server->config;

    return (config->strict_rfc821_envelopes ? PATH_STRICT : 0u) |
           (utf8 ? PATH_UTF8 : 0u) |
           (!config->smtputf8_enable || !config->strict_smtputf8 ? PATH_NO_ASCII_CHECK : 0u);
}

bool path_has_good_route(const struct server *server, struct slice address, bool utf8)
{
    AUTO_STR struct str rewritten = STR_EMPTY;

    if (!address.length || !server->resolver)
        return true;
    rewrite_address(&server->rewrite, REWRITE_LOCAL, address, &rewritten);
    return resolver_accepts_syntax(server->resolver, str_slice(&rewritten), utf8);
}

bool take_path(const struct session *session, struct slice *arguments, unsigned flags,
               struct str *address)
{
    struct slice word = path_word(*arguments);
    struct slice rest = word;

    if (address_parse_path(&rest, flags, address) != PATH_GOOD || slice_trim(rest).length
        || !path_has_good_route(session->server, str_slice(address), flags & PATH_UTF8))
        return false;
    *arguments = slice_from(*arguments, (size_t)(word.data - arguments->data) + word.length);
    return true;
}

/* --- MAIL. ------------------------------------------------------------------------ */

/* What the parameters of MAIL said. */
struct mail_options {
    const char *verp_delimiters;
    const char *encoding;
    const char *envelope_id;
    int64_t return_flags;
    uint64_t size;
    bool smtputf8;
};

static bool parse_size(struct session *session, struct slice value, struct mail_options *options)
{
    if (slice_number(value, INT64_MAX / 4, &options->size))
        return true;
    reply(session, REPLY_BAD_SIZE);
    return false;
}

static bool parse_ret(struct session *session, struct slice value, struct mail_options *options)
{
    bool full = slice_is_nocase(value, "FULL"), headers = slice_is_nocase(value, "HDRS");

    if (session->discarded & EXTENSION_DSN) {
        reply(session, REPLY_DSN_DISABLED);
        return false;
    }
    if (options->return_flags || (!full && !headers)) {
        reply(session, REPLY_BAD_RET);
        return false;
    }
    options->return_flags = full ? RET_FULL : RET_HEADERS;
    return true;
}

static bool parse_envid(struct session *session, struct slice value, struct arena *arena,
                        struct mail_options *options)
{
    AUTO_STR struct str decoded = STR_EMPTY;

    if (session->discarded & EXTENSION_DSN) {
        reply(session, REPLY_DSN_DISABLED);
        return false;
    }
    if (*options->envelope_id || !xtext_decode(&decoded, value) || !decoded.length ||
        !text_is_ascii(str_slice(&decoded))) {
        reply(session, REPLY_BAD_ENVID);
        return false;
    }
    options->envelope_id = arena_text(arena, str_slice(&decoded));
    return true;
}

/* XVERP or XVERP=xy (VERP_README). */
static bool parse_verp(struct session *session, struct slice word, struct arena *arena,
                       struct mail_options *options)
{
    const struct config *config = session->server->config;
    struct slice value = slice_of(config->default_verp_delimiters);

    (void)parameter_is(word, "XVERP", &value);
    if (value.length != 2 || !strchr(config->verp_delimiter_filter, value.data[0]) ||
        !strchr(config->verp_delimiter_filter, value.data[1])) {
        reply(session, REPLY_BAD_VERP, config->verp_delimiter_filter);
        return false;
    }
    options->verp_delimiters = arena_text(arena, value);
    return true;
}

static bool parse_mail_option(struct session *session, struct slice word, struct arena *arena,
                              struct mail_options *options)
{
    struct slice value;

    if (slice_is_nocase(word, "BODY=8BITMIME"))
        options->encoding = "8bit";
    else if (slice_is_nocase(word, "BODY=7BIT"))
        options->encoding = "7bit";
    else if (session->server->config->smtputf8_enable && slice_is_nocase(word, "SMTPUTF8"))
        options->smtputf8 = true;
    else if (parameter_is(word, "SIZE", &value))
        return parse_size(session, value, options);
    else if (parameter_is(word, "RET", &value))
        return parse_ret(session, value, options);
    else if (parameter_is(word, "ENVID", &value))
        return parse_envid(session, value, arena, options);
    else if (session->verp_allowed && !(session->discarded & EXTENSION_XVERP) &&
             (slice_is_nocase(word, "XVERP") || parameter_is(word, "XVERP", &value)))
        return parse_verp(session, word, arena, options);
    else if (!parameter_is(word, "AUTH", &value)) {
        /* AUTH= is taken and ignored, as RFC 4954 5 allows. */
        reply(session, 555, "5.5.4", "Unsupported option: %.*s", SLICE_ARGS(word));
        return false;
    }
    return true;
}

/* Log it and say it. */
static void refuse(struct session *session, unsigned blame, int code, const char *status,
                   const char *text)
{
    struct verdict verdict = { VERDICT_REJECT, .code = code, .text = text, .blame = blame };

    memcpy(verdict.status, status, strlen(status) + 1);
    reply_refused(session, &verdict);
}

/* True when the queue may take a mail of that size. */
static bool has_room(struct session *session, int64_t size)
{
    const struct config *config = session->server->config;
    int64_t limit = config->message_size_limit, wanted = config->queue_minfree;

    if (limit > 0 && size > limit) {
        refuse(session, NOTIFY_POLICY, REPLY_TOO_LARGE);
        return false;
    }

    int64_t spare = session->server->calls.queue_free(session->server->calls.argument);

    if (wanted < limit + limit / 2)
        wanted = limit + limit / 2;
    if (spare < 0 || (spare >= wanted && spare >= size))
        return true;
    log_warn("not enough free space in mail queue: %lld bytes < 1.5*message size limit",
             (long long)spare);
    refuse(session, NOTIFY_RESOURCE, REPLY_DISK_FULL);
    return false;
}

static void keep_sender(struct session *session, struct mail *mail, const char *sender,
                        const struct mail_options *options)
{
    struct envelope *envelope = &mail->submission.envelope;

    envelope->sender = sender;
    envelope->encoding = options->encoding;
    envelope->envelope_id = options->envelope_id;
    envelope->verp_delimiters = options->verp_delimiters;
    envelope->return_flags = options->return_flags;
    envelope->arrival = wall_now();
    mail->smtputf8 = options->smtputf8;
    if (options->smtputf8)
        envelope->send_options |= SENDOPT_SMTPUTF8;
    if (options->smtputf8 && !text_is_ascii(slice_of(sender)))
        envelope->send_options |= SENDOPT_SMTPUTF8_SENDER;
    session->mail = mail;
}

/* The first line about a mail: who has brought it, and whom a proxy before us names. */
void log_client(const struct session *session)
{
    const struct facts *facts = &session->facts;
    const struct upstream *upstream = &session->upstream;
    AUTO_STR struct str line = STR_EMPTY;

    str_format(&line, "%s: client=%s", *facts->queue_id ? facts->queue_id : "NOQUEUE",
               facts->client);
    if (facts->sasl_method)
        str_format(&line, ", sasl_method=%s", facts->sasl_method);
    if (facts->sasl_username)
        str_format(&line, ", sasl_username=%s", facts->sasl_username);
    if (*upstream->ident)
        str_format(&line, ", orig_queue_id=%s", upstream->ident);
    if (upstream->has_client) {
        str_text(&line, ", orig_client=");
        upstream_origin(session, &line);
    }
    log_info("%s", line.data);
}

void name_mail(struct session *session)
{
    AUTO_STR struct str id = STR_EMPTY;
    struct envelope *envelope = &session->mail->submission.envelope;

    queue_id_new(&id, session->server->config->enable_long_queue_ids);
    envelope->queue_id = arena_text(session->mail->arena, str_slice(&id));
    session->facts.queue_id = envelope->queue_id;
    log_client(session);
}

/* The place where the mail will go may wait for a recipient. */
static bool open_mail(struct session *session)
{
    bool waits = session->server->config->smtpd_delay_open_until_valid_rcpt;

    if (proxy_is_used(session)) {
        proxy_remember(session);
        return waits || proxy_start(session);
    }
    if (!waits)
        name_mail(session);
    return true;
}

static bool start_mail(struct session *session, struct mail *mail, const char *sender,
                       const struct mail_options *options)
{
    session->facts.sender = sender;
    session->facts.size = (int64_t)options->size;

    struct verdict verdict = policy_sender(session->server->policy, &session->facts, mail->arena,
                                           &mail->effects);

    if (verdict.result == VERDICT_REJECT)
        reply_refused(session, &verdict);
    else if (has_room(session, (int64_t)options->size)) {
        keep_sender(session, mail, sender, options);
        if (open_mail(session)) {
            reply(session, REPLY_SENDER_OK);
            return true;
        }
        session->mail = NULL;
    }
    session->facts.sender = NULL;
    session->facts.size = 0;
    return false;
}

/* Without it a mail could not be told from its neighbours. */
static bool read_mail(struct session *session, struct slice arguments, struct mail *mail)
{
    AUTO_STR struct str address = STR_EMPTY;
    struct mail_options options = { .encoding = "", .envelope_id = "", .verp_delimiters = "" };
    struct slice path = path_word(arguments), word;

    if (!take_path(session, &arguments, path_flags(session, true) | PATH_EMPTY, &address)) {
        warn_bad_word(session, "MAIL", path);
        reply(session, REPLY_BAD_SENDER);
        return false;
    }
    while ((word = take_option(&arguments)).length > 0)
        if (!parse_mail_option(session, word, mail->arena, &options))
            return false;
    if (*options.verp_delimiters && !address.length) {
        reply(session, REPLY_NULL_VERP);
        return false;
    }
    if (session->server->config->strict_smtputf8 && !options.smtputf8 &&
        !text_is_ascii(str_slice(&address))) {
        reply(session, REPLY_NEED_SMTPUTF8);
        return false;
    }
    if (!options.smtputf8 && !path_has_good_route(session->server, str_slice(&address), false)) {
        reply(session, REPLY_BAD_SENDER);
        return false;
    }
    if (!options.smtputf8)
        safety_address(session->server, "sender", str_slice(&address), session->facts.client);
    return start_mail(session, mail, arena_text(mail->arena, str_slice(&address)), &options);
}

bool obey_mail(struct session *session, struct slice arguments)
{
    if (session->server->config->smtpd_helo_required && !session->facts.helo)
        reply(session, REPLY_HELO_FIRST);
    else if (session->mail)
        reply(session, REPLY_NESTED_MAIL);
    else if (session->chunking)
        reply(session, REPLY_MAIL_AFTER_BDAT);
    else if (!take_keyword(&arguments, "FROM:"))
        reply(session, REPLY_MAIL_SYNTAX);
    else if (limits_message(session)) {
        struct mail *mail = mail_new(session);

        if (read_mail(session, arguments, mail))
            return true;
        mail_free(mail);
    }
    return false;
}
