/*
 * DATA and what follows: the content, its end, and the verdicts of the server (RFC 5321 4.1.1.4,
 * RFC 2920 3.1, RFC 2033 4.2).
 */
#pragma once

#include "exchange.h"

/* False when the server does not want the content. */
bool data_start(struct transaction *transaction) MUST_USE;

/* The content and its end.  False when the transaction has failed. */
bool data_send(struct transaction *transaction) MUST_USE;

/* What the server says of each recipient.  False when it says nothing any more. */
bool data_read_verdicts(struct transaction *transaction) MUST_USE;

/*
 * DATA went out although no recipient was accepted in the end.  True when the transaction is over
 * and the session fit for another one.
 */
bool data_abort(struct transaction *transaction) MUST_USE;
