#include "transaction.h"

#include "data.h"
#include "envelope.h"
#include "log/log.h"

#include <strings.h>

/*
 * How many RCPT commands stand in one write: replies of a hundred bytes each must fit into the
 * socket buffers of both sides, or both would wait for the other to read.
 */
enum { GROUP_LIMIT = 100 };

/* smtp_address_verify_target: whether RCPT tells enough about a recipient. */
static bool stops_at_rcpt(const struct transaction *transaction)
{
    return transaction_is_probe(transaction)
           && strcasecmp(transaction_config(transaction)->smtp_address_verify_target, "data") != 0;
}

/* --- Replies to MAIL, RCPT, DATA. ---------------------------------------------------- */

static bool read_mail_reply(struct transaction *transaction)
{
    struct session *session = transaction->session;

    if (!transaction_read(transaction, transaction_config(transaction)->smtp_mail_timeout,
                          "sending MAIL FROM"))
        return false;
    transaction->mail_answered = true;
    if (transaction_succeeded(transaction))
        return true;

    struct failure failure = transaction_said(transaction, "MAIL FROM command");

    delivery_fail_all(transaction->delivery, &failure, session);
    transaction->over = true;
    return !session->broken;
}

static bool read_rcpt_reply(struct transaction *transaction)
{
    size_t place = transaction->answered, index = transaction->order[place];

    if (!transaction_read(transaction, transaction_config(transaction)->smtp_rcpt_timeout,
                          "sending RCPT TO"))
        return false;
    transaction->answered++;
    if (transaction->over)
        return true;    /* MAIL was refused: this says nothing new */
    if (transaction_succeeded(transaction)) {
        transaction->accepted[place] = true;
        transaction->accepted_count++;
        if (stops_at_rcpt(transaction))
            delivery_succeed(transaction->delivery, index, transaction->session);
        return true;
    }

    struct failure failure = transaction_said(transaction, "RCPT TO command");

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

        if (!transaction_read(transaction, transaction_config(transaction)->smtp_xforward_timeout,
                        "sending XFORWARD command"))
            return false;
        if (!transaction_succeeded(transaction))
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
    const struct config *config = transaction_config(transaction);

    if (!config->smtp_send_xforward_command || !transaction->session->forwards)
        return true;
    for (int part = 0; part < XFORWARD_COMMANDS; part++) {
        if (!xforward_write(transaction->session, part,
                            &transaction->delivery->request->envelope))
            continue;
        transaction->forwards[transaction->forward_count++] = part;
        if (!transaction_is_pipelined(transaction)
            && !(transaction_flush(transaction, config->smtp_xforward_timeout,
                                   "sending XFORWARD command")
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
    if (transaction_is_pipelined(transaction))
        return true;
    return transaction_flush(transaction, transaction_config(transaction)->smtp_mail_timeout,
                             "sending MAIL FROM")
           && read_replies(transaction) && !transaction->over;
}

static bool send_rcpt(struct transaction *transaction, size_t place)
{
    const struct delivery *delivery = transaction->delivery;

    envelope_write_rcpt(transaction->session, delivery->agent, delivery->request,
                        transaction->order[place], delivery->arena);
    transaction->sent++;
    if (transaction_is_pipelined(transaction)
        && transaction->sent - transaction->answered < GROUP_LIMIT)
        return true;
    return transaction_flush(transaction, transaction_config(transaction)->smtp_rcpt_timeout,
                             "sending RCPT TO")
           && read_replies(transaction) && !transaction->over;
}

static bool send_commands(struct transaction *transaction)
{
    int timeout = transaction_config(transaction)->smtp_data_init_timeout;

    if (!send_mail(transaction))
        return false;
    for (size_t i = 0; i < transaction->count; i++)
        if (!send_rcpt(transaction, i))
            return false;
    if (transaction_is_pipelined(transaction) && !stops_at_rcpt(transaction)) {
        session_say(transaction->session, SLICE_LITERAL("DATA"));
        transaction->data_sent = true;
    }
    return transaction_flush(transaction, timeout, "sending DATA command")
           && read_replies(transaction);
}

/* --- The whole. --------------------------------------------------------------------------- */

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

/* Back to the start, so that the session may carry another message. */
static bool reset(struct transaction *transaction)
{
    struct session *session = transaction->session;
    struct arena *arena = transaction->delivery->arena;
    int timeout = transaction_config(transaction)->smtp_rset_timeout;
    struct failure ignored;

    if (session->broken)
        return false;
    session_say(session, SLICE_LITERAL("RSET"));
    if (transaction_is_pipelined(transaction) && !session_may_stay(session))
        transaction_say_goodbye(session);
    return session_flush(session, timeout, "sending RSET", arena, &ignored)
           && session_read(session, timeout, "sending RSET", arena, &ignored)
           && transaction_succeeded(transaction);
}

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
        if (live && transaction->data_sent && data_abort(transaction))
            return TRANSACTION_CLEAN;
        return give_up(transaction);
    }
    if (live && data_start(transaction)
        && (transaction_is_probe(transaction) ? end_probe(transaction)
                                  : data_send(transaction) && data_read_verdicts(transaction)))
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
