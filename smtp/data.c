#include "data.h"

#include "body.h"
#include "envelope.h"
#include "log/log.h"
#include "marks.h"
#include "pix.h"

#include <unistd.h>

bool data_start(struct transaction *transaction)
{
    int timeout = transaction_config(transaction)->smtp_data_init_timeout;

    if (!transaction->data_sent) {
        session_say(transaction->session, SLICE_LITERAL("DATA"));
        transaction->data_sent = true;
        if (!transaction_flush(transaction, timeout, "sending DATA command"))
            return false;
    }
    if (!transaction_read(transaction, timeout, "sending DATA command"))
        return false;
    if (transaction->session->reply.code / 100 == 3)
        return true;

    struct failure failure = transaction_said(transaction, "DATA command");

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
    const struct config *config = transaction_config(transaction);
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
    const struct config *config = transaction_config(transaction);

    if (!(transaction->session->workarounds & PIX_DELAY_DOTCRLF))
        return true;
    if (!transaction_flush(transaction, config->smtp_data_xfer_timeout, "sending message body"))
        return false;
    sleep((unsigned)config->smtp_pix_workaround_delay_time);
    return true;
}

bool data_send(struct transaction *transaction)
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
        return transaction_fail(transaction, &failure);
    }
    if (!wait_before_end(transaction))
        return false;
    session_say(transaction->session, SLICE_LITERAL("."));
    /* RFC 2920 3.1: the last message takes the goodbye along. */
    if (transaction_is_pipelined(transaction) && !session_may_stay(transaction->session)) {
        transaction_say_goodbye(transaction->session);
    }
    return transaction_flush(transaction, transaction_config(transaction)->smtp_data_xfer_timeout,
                 "sending message body");
}

static bool read_end(struct transaction *transaction)
{
    return transaction_read(transaction, transaction_config(transaction)->smtp_data_done_timeout,
                      "sending end of data -- message may be sent more than once");
}

/* One reply for each recipient that was accepted (LMTP), or one for all of them. */
bool data_read_verdicts(struct transaction *transaction)
{
    bool each = transaction->delivery->agent->lmtp, known = false;

    for (size_t i = 0; i < transaction->count; i++) {
        if (!transaction->accepted[i])
            continue;
        if ((each || !known) && !read_end(transaction))
            return false;
        known = true;
        if (transaction_succeeded(transaction)) {
            delivery_succeed(transaction->delivery, transaction->order[i],
                             transaction->session);
            continue;
        }

        struct failure failure = transaction_said(transaction, "end of DATA command");

        delivery_fail(transaction->delivery, transaction->order[i], &failure,
                      transaction->session);
    }
    return true;
}

bool data_abort(struct transaction *transaction)
{
    struct session *session = transaction->session;
    struct arena *arena = transaction->delivery->arena;
    int timeout = transaction_config(transaction)->smtp_data_init_timeout;
    struct failure ignored;

    if (!session_read(session, timeout, "sending DATA command", arena, &ignored))
        return false;
    if (session->reply.code / 100 != 3) {
        transaction->data_sent = false;
        return false;
    }
    if (transaction_is_probe(transaction)) {
        session->broken = true;     /* an empty message would be one all the same */
        return false;
    }
    session_say(session, SLICE_LITERAL("."));
    /* An LMTP server has nothing to answer to this: its goodbye is what is read then. */
    if (transaction->delivery->agent->lmtp || !session_may_stay(session))
        transaction_say_goodbye(session);
    return session_flush(session, timeout, "sending message body", arena, &ignored)
           && session_read(session, timeout, "sending end of data", arena, &ignored);
}
