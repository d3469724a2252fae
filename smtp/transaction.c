#include "transaction.h"

#include "body.h"
#include "envelope.h"
#include "log/log.h"
#include "marks.h"
#include "pix.h"
#include "transcript.h"
#include "xforward.h"

#include <strings.h>
#include <unistd.h>

/*
 * How many RCPT commands stand in one write: replies of a hundred bytes each must fit into the
 * socket buffers of both sides, or both would wait for the other to read.
 */
enum { GROUP_LIMIT = 100 };

struct transaction {
    struct delivery *delivery;
    struct session *session;
    size_t *order;              /* indexes of the recipients of this transaction */
    size_t count;
    bool *accepted;             /* of order */
    size_t accepted_count;
    int forwards[XFORWARD_COMMANDS];    /* commands without an answer so far */
    size_t forward_count, forward_answered;
    size_t sent, answered;      /* RCPT commands */
    bool mail_answered;
    bool data_sent;
    bool over;                  /* a failure concerns the whole transaction: it is told already */
    bool stale;
};

static const struct config *config_of(const struct transaction *transaction)
{
    return transaction->delivery->agent->config;
}

static bool is_pipelining(const struct transaction *transaction)
{
    return transaction->session->extensions & EXTENSION_PIPELINING;
}

static bool is_probe(const struct transaction *transaction)
{
    return transaction->delivery->request->flags & REQUEST_PROBE;
}

/* smtp_address_verify_target: whether RCPT tells enough about a recipient. */
static bool stops_at_rcpt(const struct transaction *transaction)
{
    return is_probe(transaction)
           && strcasecmp(config_of(transaction)->smtp_address_verify_target, "data") != 0;
}

/* The whole transaction fails; but a session that had died while it waited was never used. */
static bool fail(struct transaction *transaction, const struct failure *failure)
{
    struct session *session = transaction->session;

    transaction->over = true;
    transaction->stale = session->fresh && session->uses > 1;
    if (!transaction->stale)
        delivery_fail_all(transaction->delivery, failure, session);
    return false;
}

static bool flush(struct transaction *transaction, int timeout, const char *doing)
{
    struct failure failure;

    return session_flush(transaction->session, timeout, doing, transaction->delivery->arena,
                         &failure)
           || fail(transaction, &failure);
}

static bool read_reply(struct transaction *transaction, int timeout, const char *doing)
{
    struct session *session = transaction->session;
    bool waited = session->fresh && session->uses > 1;
    struct failure failure;

    if (!session_read(session, timeout, doing, transaction->delivery->arena, &failure))
        return fail(transaction, &failure);
    /* "Idle for too long" is said about the time in the pool, whatever command it meets. */
    transaction->stale = waited && session->reply.code == 421;
    transaction->over |= transaction->stale;
    return !transaction->stale;
}

static bool is_success(const struct transaction *transaction)
{
    return transaction->session->reply.code / 100 == 2;
}

static struct failure said(const struct transaction *transaction, const char *what)
{
    transcript_judge(transaction->session);
    return session_said(transaction->session, what, transaction->delivery->arena);
}

/* --- Replies to MAIL, RCPT, DATA. ---------------------------------------------------- */

static bool read_mail_reply(struct transaction *transaction)
{
    struct session *session = transaction->session;

    if (!read_reply(transaction, config_of(transaction)->smtp_mail_timeout, "sending MAIL FROM"))
        return false;
    transaction->mail_answered = true;
    if (is_success(transaction))
        return true;

    struct failure failure = said(transaction, "MAIL FROM command");

    delivery_fail_all(transaction->delivery, &failure, session);
    transaction->over = true;
    return !session->broken;
}

static bool read_rcpt_reply(struct transaction *transaction)
{
    size_t place = transaction->answered, index = transaction->order[place];

    if (!read_reply(transaction, config_of(transaction)->smtp_rcpt_timeout, "sending RCPT TO"))
        return false;
    transaction->answered++;
    if (transaction->over)
        return true;    /* MAIL was refused: this says nothing new */
    if (is_success(transaction)) {
        transaction->accepted[place] = true;
        transaction->accepted_count++;
        if (stops_at_rcpt(transaction))
            delivery_succeed(transaction->delivery, index, transaction->session);
        return true;
    }

    struct failure failure = said(transaction, "RCPT TO command");

    if (!transaction->session->broken) {
        delivery_fail(transaction->delivery, index, &failure, transaction->session);
        return true;
    }
    delivery_fail_all(transaction->delivery, &failure, transaction->session);
    transaction->over = true;
    return false;
}

/* What the server makes of XFORWARD concerns its log only. */
static bool read_forward_replies(struct transaction *transaction)
{
    while (transaction->forward_answered < transaction->forward_count) {
        int command = transaction->forwards[transaction->forward_answered++];

        if (!read_reply(transaction, config_of(transaction)->smtp_xforward_timeout,
                        "sending XFORWARD command"))
            return false;
        if (!is_success(transaction))
            log_warn("host %s said: %s (in reply to %s)", transaction->session->relay,
                     failure_reply_text(transaction->delivery->arena,
                                        &transaction->session->reply),
                     xforward_title(command));
    }
    return true;
}

/* All replies that are due.  False when the conversation is over. */
static bool read_replies(struct transaction *transaction)
{
    if (!read_forward_replies(transaction))
        return false;
    if (!transaction->mail_answered && !read_mail_reply(transaction))
        return false;
    while (transaction->answered < transaction->sent)
        if (!read_rcpt_reply(transaction))
            return false;
    return true;
}

/* --- Commands. ------------------------------------------------------------------------ */

static bool send_forwards(struct transaction *transaction)
{
    const struct config *config = config_of(transaction);

    if (!config->smtp_send_xforward_command || !transaction->session->forwards)
        return true;
    for (int part = 0; part < XFORWARD_COMMANDS; part++) {
        if (!xforward_write(transaction->session, part,
                            &transaction->delivery->request->envelope))
            continue;
        transaction->forwards[transaction->forward_count++] = part;
        if (!is_pipelining(transaction)
            && !(flush(transaction, config->smtp_xforward_timeout, "sending XFORWARD command")
                 && read_forward_replies(transaction)))
            return false;
    }
    return true;
}

static bool send_mail(struct transaction *transaction)
{
    if (!send_forwards(transaction))
        return false;
    envelope_write_mail(transaction->session, transaction->delivery->agent,
                        transaction->delivery->request, transaction->delivery->arena);
    if (is_pipelining(transaction))
        return true;
    return flush(transaction, config_of(transaction)->smtp_mail_timeout, "sending MAIL FROM")
           && read_replies(transaction) && !transaction->over;
}

static bool send_rcpt(struct transaction *transaction, size_t place)
{
    const struct delivery *delivery = transaction->delivery;

    envelope_write_rcpt(transaction->session, delivery->agent, delivery->request,
                        transaction->order[place], delivery->arena);
    transaction->sent++;
    if (is_pipelining(transaction)
        && transaction->sent - transaction->answered < GROUP_LIMIT)
        return true;
    return flush(transaction, config_of(transaction)->smtp_rcpt_timeout, "sending RCPT TO")
           && read_replies(transaction) && !transaction->over;
}

static bool send_commands(struct transaction *transaction)
{
    int timeout = config_of(transaction)->smtp_data_init_timeout;

    if (!send_mail(transaction))
        return false;
    for (size_t i = 0; i < transaction->count; i++)
        if (!send_rcpt(transaction, i))
            return false;
    if (is_pipelining(transaction) && !stops_at_rcpt(transaction)) {
        session_say(transaction->session, SLICE_LITERAL("DATA"));
        transaction->data_sent = true;
    }
    return flush(transaction, timeout, "sending DATA command") && read_replies(transaction);
}

/* --- The content. ----------------------------------------------------------------------- */

/* Together with what stands in the stream already. */
static void say_goodbye(struct session *session)
{
    session_say(session, SLICE_LITERAL("QUIT"));
    session->quitting = true;
}

/*
 * RFC 2920 3.1: DATA was accepted although nobody is there to get it.  True when the transaction
 * is over and the session fit for another one.
 */
static bool abort_data(struct transaction *transaction)
{
    struct session *session = transaction->session;
    struct arena *arena = transaction->delivery->arena;
    int timeout = config_of(transaction)->smtp_data_init_timeout;
    struct failure ignored;

    if (!session_read(session, timeout, "sending DATA command", arena, &ignored))
        return false;
    if (session->reply.code / 100 != 3) {
        transaction->data_sent = false;
        return false;
    }
    if (is_probe(transaction)) {
        session->broken = true;     /* an empty message would be one all the same */
        return false;
    }
    session_say(session, SLICE_LITERAL("."));
    /* An LMTP server has nothing to answer to this: its goodbye is what is read then. */
    if (transaction->delivery->agent->lmtp || !session_may_stay(session))
        say_goodbye(session);
    return session_flush(session, timeout, "sending message body", arena, &ignored)
           && session_read(session, timeout, "sending end of data", arena, &ignored);
}

/* Back to the start, so that the session may carry another message. */
static bool reset(struct transaction *transaction)
{
    struct session *session = transaction->session;
    struct arena *arena = transaction->delivery->arena;
    int timeout = config_of(transaction)->smtp_rset_timeout;
    struct failure ignored;

    if (session->broken)
        return false;
    session_say(session, SLICE_LITERAL("RSET"));
    if (is_pipelining(transaction) && !session_may_stay(session))
        say_goodbye(session);
    return session_flush(session, timeout, "sending RSET", arena, &ignored)
           && session_read(session, timeout, "sending RSET", arena, &ignored)
           && is_success(transaction);
}

static bool start_data(struct transaction *transaction)
{
    int timeout = config_of(transaction)->smtp_data_init_timeout;

    if (!transaction->data_sent) {
        session_say(transaction->session, SLICE_LITERAL("DATA"));
        transaction->data_sent = true;
        if (!flush(transaction, timeout, "sending DATA command"))
            return false;
    }
    if (!read_reply(transaction, timeout, "sending DATA command"))
        return false;
    if (transaction->session->reply.code / 100 == 3)
        return true;

    struct failure failure = said(transaction, "DATA command");

    if (transaction->session->reply.code / 100 == 2)
        failure.reason = arena_format(transaction->delivery->arena, "Protocol error: %s",
                                      failure.reason);
    if (failure.dsn[0] == '2')
        failure.dsn = "5.5.0";
    delivery_fail_all(transaction->delivery, &failure, transaction->session);
    transaction->data_sent = false;     /* the transaction is still open, and there is no content */
    return false;
}

static enum body_result write_content(const struct transaction *transaction, struct error *error)
{
    const struct config *config = config_of(transaction);
    struct delivery *delivery = transaction->delivery;
    const struct envelope *envelope = &delivery->request->envelope;
    struct text text = {
        .stream = transaction->session->stream, .queue_id = envelope->queue_id,
        .line_length_limit = (size_t)config->smtp_line_length_limit,
        .timeout_seconds = config->smtp_data_xfer_timeout,
        .rate = config->smtp_per_request_deadline ? config->smtp_min_data_rate : 0,
    };
    struct body_settings settings = {
        .agent = delivery->agent, .arena = delivery->arena, .queue_id = envelope->queue_id,
        .downgrade = envelope_needs_downgrade(transaction->session, envelope),
    };
    struct content *content = delivery_content(delivery->request, delivery->file);

    text_begin(&text);
    if (delivery->agent->marks)
        marks_write(delivery->agent->marks, delivery->request, &text);

    enum body_result result = body_write(&text, content, &settings, error);

    content_free(content);
    return result;
}

/* delay_dotcrlf: the firewall must not see the end in the same packet as what is before it. */
static bool wait_before_end(struct transaction *transaction)
{
    const struct config *config = config_of(transaction);

    if (!(transaction->session->workarounds & PIX_DELAY_DOTCRLF))
        return true;
    if (!flush(transaction, config->smtp_data_xfer_timeout, "sending message body"))
        return false;
    sleep((unsigned)config->smtp_pix_workaround_delay_time);
    return true;
}

static bool send_content(struct transaction *transaction)
{
    struct delivery *delivery = transaction->delivery;
    struct error error = ERROR_NONE;
    enum body_result result = write_content(transaction, &error);

    if (result == BODY_UNREADABLE || result == BODY_UNMAPPED) {
        bool damaged = result == BODY_UNREADABLE;
        struct failure failure =
            failure_of(delivery->arena, "4.3.0",
                       damaged ? "queue file read error" : "unable to look up header rewriting");

        if (damaged)
            log_warn("%s: %s", delivery->request->envelope.queue_id, error.text);
        transaction->session->broken = true;
        return fail(transaction, &failure);
    }
    if (!wait_before_end(transaction))
        return false;
    session_say(transaction->session, SLICE_LITERAL("."));
    /* RFC 2920 3.1: the last message takes the goodbye along. */
    if (is_pipelining(transaction) && !session_may_stay(transaction->session)) {
        say_goodbye(transaction->session);
    }
    return flush(transaction, config_of(transaction)->smtp_data_xfer_timeout,
                 "sending message body");
}

static bool read_end(struct transaction *transaction)
{
    return read_reply(transaction, config_of(transaction)->smtp_data_done_timeout,
                      "sending end of data -- message may be sent more than once");
}

/* One reply for each recipient that was accepted (LMTP), or one for all of them. */
static bool read_verdicts(struct transaction *transaction)
{
    bool each = transaction->delivery->agent->lmtp, known = false;

    for (size_t i = 0; i < transaction->count; i++) {
        if (!transaction->accepted[i])
            continue;
        if ((each || !known) && !read_end(transaction))
            return false;
        known = true;
        if (is_success(transaction)) {
            delivery_succeed(transaction->delivery, transaction->order[i],
                             transaction->session);
            continue;
        }

        struct failure failure = said(transaction, "end of DATA command");

        delivery_fail(transaction->delivery, transaction->order[i], &failure,
                      transaction->session);
    }
    return true;
}

/* DATA was accepted, which is all that was to be found out: nothing must be sent now. */
static bool end_probe(struct transaction *transaction)
{
    for (size_t i = 0; i < transaction->count; i++)
        if (transaction->accepted[i])
            delivery_succeed(transaction->delivery, transaction->order[i],
                             transaction->session);
    transaction->session->broken = true;
    return false;
}

/* --- The whole. --------------------------------------------------------------------------- */

static bool is_acceptable(struct transaction *transaction)
{
    struct session *session = transaction->session;
    struct failure failure;

    if (envelope_fits(session, transaction->delivery->request, transaction->delivery->arena,
                      &failure))
        return true;
    delivery_fail_all(transaction->delivery, &failure, session);
    return false;
}

/* As far as the content never began, RSET makes the session fit for another message. */
static enum transaction_result give_up(struct transaction *transaction)
{
    return !transaction->data_sent && reset(transaction) ? TRANSACTION_CLEAN
                                                         : TRANSACTION_SPOILT;
}

static enum transaction_result run(struct transaction *transaction)
{
    if (!is_acceptable(transaction))
        return TRANSACTION_CLEAN;

    bool live = send_commands(transaction);

    if (transaction->stale)
        return TRANSACTION_STALE;
    if (stops_at_rcpt(transaction) || transaction->over || transaction->accepted_count == 0) {
        if (live && transaction->data_sent && abort_data(transaction))
            return TRANSACTION_CLEAN;
        return give_up(transaction);
    }
    if (live && start_data(transaction)
        && (is_probe(transaction) ? end_probe(transaction)
                                  : send_content(transaction) && read_verdicts(transaction)))
        return TRANSACTION_CLEAN;
    return give_up(transaction);
}

enum transaction_result transaction_run(struct delivery *delivery, struct session *session)
{
    const struct recipient_list *recipients = &delivery->request->envelope.recipients;
    struct transaction transaction = {
        .delivery = delivery, .session = session,
        .order = arena_take(delivery->arena, delivery->left * sizeof(size_t)),
        .accepted = arena_take(delivery->arena, delivery->left * sizeof(bool)),
    };

    for (size_t i = 0; i < recipients->count; i++)
        if (!delivery->done[i])
            transaction.order[transaction.count++] = i;
    return run(&transaction);
}
