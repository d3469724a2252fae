/*
 * Why a host, a session or a transaction did not take the message: what becomes
 * the outcome of recipients when no other host takes it either.
 */
#pragma once

#include "smtp/reply.h"
#include "base/arena.h"

struct failure {
    const char *dsn;            /* "4.4.1"; the first digit says whether to try again */
    const char *reason;         /* "connect to mx[192.0.2.1]:25: Connection refused" */
    const char *relay;          /* who said so, "mx[192.0.2.1]:25"; "none" */
    const char *remote;         /* host name of the same, ""  without */
    const char *diagnostic;     /* the reply; "" when there was none */
    bool unreachable;           /* the destination as a whole: nobody talks to us there */
    bool loop;                  /* the host is this one: no fallback relay helps */
};

static inline bool failure_is_permanent(const struct failure *failure)
{
    return failure->dsn[0] == '5';
}

/* A failure that nobody said: relay "none". */
struct failure failure_of(struct arena *arena, const char *dsn, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The text of a reply on one line. */
const char *failure_reply_text(struct arena *arena, const struct smtp_reply *reply);

/* The enhanced status of a reply, made from its code when it has none. */
const char *failure_reply_status(struct arena *arena, const struct smtp_reply *reply);
