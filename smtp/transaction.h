/*
 * One mail transaction over a session: MAIL, RCPT, DATA, the content, and what the
 * server answers (RFC 5321 3.3, RFC 2920, RFC 2033 4.2).
 */
#pragma once

#include "delivery.h"

enum transaction_result {
    TRANSACTION_CLEAN,      /* the session may carry another message */
    TRANSACTION_SPOILT,     /* it may not */
    TRANSACTION_STALE,      /* it had ended in the pool: nothing happened, take another one */
};

/* The recipients that are not done; delivery->failure says why some are not after this. */
enum transaction_result transaction_run(struct delivery *delivery, struct session *session);
