/*
 * A mail transaction under way: what is known of it, and how it speaks over its session.  Private
 * to transaction.c and data.c.
 */
#pragma once

#include "delivery.h"
#include "xforward.h"

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

static inline const struct config *transaction_config(const struct transaction *transaction)
{
    return transaction->delivery->agent->config;
}

static inline bool transaction_is_pipelined(const struct transaction *transaction)
{
    return transaction->session->extensions & EXTENSION_PIPELINING;
}

static inline bool transaction_is_probe(const struct transaction *transaction)
{
    return transaction->delivery->request->flags & REQUEST_PROBE;
}

/* The last reply was 2xx. */
static inline bool transaction_succeeded(const struct transaction *transaction)
{
    return transaction->session->reply.code / 100 == 2;
}

/*
 * The whole transaction fails, which the delivery is told; always false.  But a session that had
 * died while it waited was never used: the transaction is stale then.
 */
bool transaction_fail(struct transaction *transaction, const struct failure *failure);

/* As session_flush and session_read; false when the transaction has failed or is stale. */
bool transaction_flush(struct transaction *transaction, int timeout, const char *doing) MUST_USE;
bool transaction_read(struct transaction *transaction, int timeout, const char *doing) MUST_USE;

/* The failure that the last reply is, to a command or to the content. */
struct failure transaction_said(const struct transaction *transaction, const char *what);

/* QUIT, together with what stands in the stream already. */
void transaction_say_goodbye(struct session *session);
