#include "exchange.h"

#include "transcript.h"

bool transaction_fail(struct transaction *transaction, const struct failure *failure)
{
    struct session *session = transaction->session;

    transaction->over = true;
    transaction->stale = session->fresh && session->uses > 1;
    if (!transaction->stale)
        delivery_fail_all(transaction->delivery, failure, session);
    return false;
}

bool transaction_flush(struct transaction *transaction, int timeout, const char *doing)
{
    struct failure failure;

    return session_flush(transaction->session, timeout, doing, transaction->delivery->arena,
                         &failure)
           || transaction_fail(transaction, &failure);
}

bool transaction_read(struct transaction *transaction, int timeout, const char *doing)
{
    struct session *session = transaction->session;
    bool waited = session->fresh && session->uses > 1;
    struct failure failure;

    if (!session_read(session, timeout, doing, transaction->delivery->arena, &failure))
        return transaction_fail(transaction, &failure);
    /* "Idle for too long" is said about the time in the pool, whatever command it meets. */
    transaction->stale = waited && session->reply.code == 421;
    transaction->over |= transaction->stale;
    return !transaction->stale;
}

struct failure transaction_said(const struct transaction *transaction, const char *what)
{
    transcript_judge(transaction->session);
    return session_said(transaction->session, what, transaction->delivery->arena);
}

void transaction_say_goodbye(struct session *session)
{
    session_say(session, SLICE_LITERAL("QUIT"));
    session->quitting = true;
}
