#include "transaction.h"

#include "body.h"
#include "envelope.h"
#include "log/log.h"

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
    struct failure failure;

    return session_read(transaction->session, timeout, doing,
                        transaction->delivery->request->envelope.queue_id,
                        transaction->delivery->arena, &failure)
           || fail(transaction, &failure);
}

static bool is_success(const struct transaction *transaction)
{
    return transaction->session->reply.code / 100 == 2;
}

static struct failure said(const struct transaction *transaction, const char *what)
{
    return session_said(transaction->session, what, transaction->delivery->arena);
}

/* --- Replies to MAIL, RCPT, DATA. ---------------------------------------------------- */

static bool read_mail_reply(struct transaction *transaction)
{
    struct session *session = transaction->session;
    bool waited = session->fresh && session->uses > 1;

    if (!read_reply(transaction, config_of(transaction)->smtp_mail_timeout, "sending MAIL FROM"))
        return false;
    transaction->mail_answered = true;
    if (is_success(transaction))
        return true;
    if (session->reply.code == 421 && waited) {
        transaction->stale = transaction->over = true;     /* "idle for too long" */
        return false;
    }

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
        if (is_probe(transaction))
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

/* All replies that are due.  False when the conversation is over. */
static bool read_replies(struct transaction *transaction)
{
    if (!transaction->mail_answered && !read_mail_reply(transaction))
        return false;
    while (transaction->answered < transaction->sent)
        if (!read_rcpt_reply(transaction))
            return false;
    return true;
}

/* --- Commands. ------------------------------------------------------------------------ */

static bool send_mail(struct transaction *transaction)
{
    envelope_write_mail(transaction->session, transaction->delivery->agent,
                        transaction->delivery->request);
    if (is_pipelining(transaction))
        return true;
    return flush(transaction, config_of(transaction)->smtp_mail_timeout, "sending MAIL FROM")
           && read_replies(transaction) && !transaction->over;
}

static bool send_rcpt(struct transaction *transaction, size_t place)
{
    const struct envelope *envelope = &transaction->delivery->request->envelope;

    envelope_write_rcpt(transaction->session, transaction->delivery->agent,
                        &envelope->recipients.items[transaction->order[place]]);
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
    if (is_pipelining(transaction) && !is_probe(transaction)) {
        stream_write(transaction->session->stream, SLICE_LITERAL("DATA\r\n"));
        transaction->data_sent = true;
    }
    return flush(transaction, timeout, "sending DATA command") && read_replies(transaction);
}

/* --- The content. ----------------------------------------------------------------------- */

/* RFC 2920 3.1: DATA was accepted although nobody is there to get it. */
static void abort_data(struct transaction *transaction)
{
    struct session *session = transaction->session;
    struct failure ignored;

    if (!session_read(session, config_of(transaction)->smtp_data_init_timeout,
                      "sending DATA command",
                      transaction->delivery->request->envelope.queue_id,
                      transaction->delivery->arena, &ignored))
        return;
    if (session->reply.code / 100 == 3)
        stream_write(session->stream, SLICE_LITERAL(".\r\n"));
}

static bool start_data(struct transaction *transaction)
{
    int timeout = config_of(transaction)->smtp_data_init_timeout;

    if (!transaction->data_sent) {
        stream_write(transaction->session->stream, SLICE_LITERAL("DATA\r\n"));
        if (!flush(transaction, timeout, "sending DATA command"))
            return false;
    }
    if (!read_reply(transaction, timeout, "sending DATA command"))
        return false;
    if (transaction->session->reply.code / 100 == 3)
        return true;

    struct failure failure = said(transaction, "DATA command");

    delivery_fail_all(transaction->delivery, &failure, transaction->session);
    return false;
}

static bool send_content(struct transaction *transaction)
{
    struct delivery *delivery = transaction->delivery;
    const struct envelope *envelope = &delivery->request->envelope;
    struct body_settings settings = {
        .line_length_limit = config_of(transaction)->smtp_line_length_limit,
        .timeout_seconds = config_of(transaction)->smtp_data_xfer_timeout,
        .queue_id = envelope->queue_id,
    };
    struct error error = ERROR_NONE;
    struct content *content = delivery_content(delivery->request, delivery->file);
    enum body_result result =
        body_write(transaction->session->stream, content, &settings, &error);

    content_free(content);
    if (result == BODY_UNREADABLE) {
        struct failure failure = failure_of(delivery->arena, "4.3.0", "queue file read error");

        log_warn("%s: %s", envelope->queue_id, error.text);
        transaction->session->broken = true;
        return fail(transaction, &failure);
    }
    stream_write(transaction->session->stream, SLICE_LITERAL(".\r\n"));
    return flush(transaction, settings.timeout_seconds, "sending message body");
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

static enum transaction_result run(struct transaction *transaction)
{
    if (!is_acceptable(transaction))
        return TRANSACTION_CLEAN;

    bool live = send_commands(transaction);

    if (transaction->stale)
        return TRANSACTION_STALE;
    if (!live && !transaction->data_sent)
        return TRANSACTION_SPOILT;
    if (is_probe(transaction))
        return TRANSACTION_SPOILT;
    if (transaction->over || transaction->accepted_count == 0) {
        if (live && transaction->data_sent)
            abort_data(transaction);
        return TRANSACTION_SPOILT;
    }
    if (!live || !start_data(transaction) || !send_content(transaction)
        || !read_verdicts(transaction))
        return TRANSACTION_SPOILT;
    return TRANSACTION_CLEAN;
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
