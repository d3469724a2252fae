/*
 * RCPT: the recipients of an envelope (RFC 5321 4.1.1.3, RFC 3461).
 */
#include "state.h"

#include "base/encoding.h"
#include "base/scope.h"
#include "limits.h"
#include "log/log.h"
#include "smtp/esmtp.h"
#include "smtp/replies.h"

struct rcpt_options {
    int64_t notify;
    const char *original;   /* of ORCPT; "" without */
};

/* "type;xtext" to "type;text". */
static bool decode_orcpt(struct slice value, struct str *output)
{
    size_t semicolon = slice_find(value, ';');

    if (semicolon == 0 || semicolon >= value.length)
        return false;
    str_add(output, slice_part(value, 0, semicolon + 1));
    return xtext_decode(output, slice_from(value, semicolon + 1)) &&
           text_is_utf8(str_slice(output));
}

/* Say which word of NOTIFY= nobody knows. */
static void warn_notify(struct slice value)
{
    struct slice rest = value;

    while (rest.length) {
        struct slice word = slice_take_until(&rest, ",");
        int64_t bit;

        if (word.length && !notify_parse(word, &bit)) {
            log_warn("unknown DSN NOTIFY command value \"%.*s\" in \"%.*s\"", SLICE_ARGS(word),
                     SLICE_ARGS(value));
            return;
        }
    }
}

static bool parse_rcpt_option(struct session *session, struct slice word,
                              struct rcpt_options *options)
{
    AUTO_STR struct str decoded = STR_EMPTY;
    struct slice value;
    bool notify = parameter_is(word, "NOTIFY", &value);
    bool original = !notify && parameter_is(word, "ORCPT", &value);

    if (!notify && !original)
        reply(session, 555, "5.5.4", "Unsupported option: %.*s", SLICE_ARGS(word));
    else if (session->discarded & EXTENSION_DSN)
        reply(session, REPLY_DSN_DISABLED);
    else if (notify && (options->notify || !notify_parse(value, &options->notify))) {
        if (!options->notify)
            warn_notify(value);
        reply(session, REPLY_BAD_NOTIFY);
    } else if (original && (*options->original || !decode_orcpt(value, &decoded)))
        reply(session, REPLY_BAD_ORCPT);
    else {
        if (original)
            options->original = arena_text(session->mail->arena, str_slice(&decoded));
        return true;
    }
    return false;
}

static bool too_many_recipients(struct session *session, bool *forgiven)
{
    const struct config *config = session->server->config;
    struct mail *mail = session->mail;

    if (session->facts.recipient_count < (size_t)config->smtpd_recipient_limit)
        return false;
    /* Who goes on after that is in error (smtpd_recipient_overshoot_limit). */
    reply(session, REPLY_MANY_RECIPIENTS);
    *forgiven = mail->refused_recipients++ < (size_t)config->smtpd_recipient_overshoot_limit;
    return true;
}

static void keep_recipient(struct session *session, const char *address,
                           const struct rcpt_options *options)
{
    struct mail *mail = session->mail;
    struct envelope *envelope = &mail->submission.envelope;

    if (!*envelope->queue_id && !mail->proxy)
        name_mail(session);

    struct recipient *recipient = envelope_add_recipient(envelope, mail->arena);

    recipient->address = address;
    recipient->notify = options->notify;
    recipient->dsn_original = options->original;
    if (mail->smtputf8 && !text_is_ascii(slice_of(address)))
        envelope->send_options |= SENDOPT_SMTPUTF8_RECIPIENT;
    session->facts.recipient_count++;
}

/* "postmaster" alone must be taken, whoever it is here (RFC 5321 4.5.1). */
static bool accept_recipient(struct session *session, const char *address,
                             const struct rcpt_options *options)
{
    struct mail *mail = session->mail;

    session->facts.recipient = address;

    struct verdict verdict = policy_recipient(session->server->policy, &session->facts,
                                              mail->arena, &mail->effects);

    bool taken = verdict.result != VERDICT_REJECT;

    if (!taken)
        reply_refused(session, &verdict);
    safety_order(session->server, &session->facts, &verdict);
    session->facts.recipient = NULL;
    if (taken && mail->proxy)
        taken = proxy_recipient(session);
    if (taken) {
        keep_recipient(session, address, options);
        reply(session, REPLY_RECIPIENT_OK);
    }
    return taken;
}

/* What stands for an ORCPT that was not given: the path as the client wrote it. */
static const char *original_of_path(struct mail *mail, struct slice path)
{
    if (slice_starts(path, "<") && slice_ends(path, ">"))
        path = slice_trim_end(slice_part(path, 1, path.length - 2));
    return arena_format(mail->arena, "rfc822;%.*s", SLICE_ARGS(path));
}

static bool read_rcpt(struct session *session, struct slice arguments)
{
    AUTO_STR struct str address = STR_EMPTY;
    struct rcpt_options options = { .original = "" };
    struct slice path = path_word(arguments), word;

    if (!take_path(session, &arguments, path_flags(session, session->mail->smtputf8), &address)) {
        warn_bad_word(session, "RCPT", path);
        reply(session, REPLY_BAD_RECIPIENT);
        return false;
    }
    while ((word = take_option(&arguments)).length > 0)
        if (!parse_rcpt_option(session, word, &options))
            return false;
    if (!*options.original)
        options.original = original_of_path(session->mail, path);
    if (session->server->config->strict_smtputf8 && !session->mail->smtputf8 &&
        !text_is_ascii(str_slice(&address))) {
        reply(session, REPLY_NEED_SMTPUTF8);
        return false;
    }

    if (!session->mail->smtputf8)
        safety_address(session->server, "recipient", str_slice(&address),
                       session->facts.client);

    safety_completion(session->server, str_slice(&address));

    bool forgiven;

    if (too_many_recipients(session, &forgiven))
        return forgiven;
    return accept_recipient(session, arena_text(session->mail->arena, str_slice(&address)),
                            &options);
}

bool obey_rcpt(struct session *session, struct slice arguments)
{
    if (!session->mail)
        reply(session, REPLY_NEED_MAIL);
    else if (session->chunking)
        reply(session, REPLY_RCPT_AFTER_BDAT);
    else if (!take_keyword(&arguments, "TO:"))
        reply(session, REPLY_RCPT_SYNTAX);
    else if (limits_recipient(session))
        return read_rcpt(session, arguments);
    return false;
}
