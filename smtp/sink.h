/*
 * A server that takes mail and forgets it (smtp-sink(1)): one thread for each client.
 */
#pragma once

#include "base/slice.h"

#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

enum sink_command { SINK_CONNECT, SINK_HELO, SINK_EHLO, SINK_LHLO, SINK_XCLIENT, SINK_XFORWARD,
                    SINK_AUTH, SINK_MAIL, SINK_RCPT, SINK_DATA, SINK_DOT, SINK_RSET, SINK_NOOP,
                    SINK_VRFY, SINK_QUIT, SINK_UNKNOWN };

/* What is done about a command instead of obeying it. */
struct sink_mischief {
    bool soft, hard;            /* refuse it */
    bool leave, close;          /* go without a word, or with 421 */
    bool log;
    int delay, odds;            /* seconds before the reply; odds in percent of a further delay */
};

struct sink {
    const char *hostname, *soft_reply, *hard_reply;
    const char *dump_single, *dump_many, *dump_start;  /* NULL without */
    bool lmtp, no_8bitmime, no_auth, no_esmtp, no_enhanced, no_dsn, no_pipelining, no_xclient,
         no_xforward, pix, count, verbose;
    int abort_delay;            /* after DATA; -1: not */
    int read_delay;             /* before the content is read */
    int timeout_seconds, window, connection_limit, message_limit, session_limit;
    struct sink_mischief mischief[SINK_UNKNOWN + 1];
    atomic_int connections, sessions, quits, messages;
};

/* The command of a name; SINK_UNKNOWN for another word. */
enum sink_command sink_find(struct slice name);

/* Serve a client, whose descriptor is now the sink's. */
void sink_serve(struct sink *sink, int fd, const struct sockaddr *peer);

/* The envelope of a message, for dumps. */
struct sink_envelope {
    const char *address, *protocol, *helo, *sender, *recipients;    /* lines "<a>\n<b>\n" */
};

/* Write a message, its lines ended by LF, to the dump files that are wanted. */
void sink_dump(const struct sink *sink, const struct sink_envelope *envelope,
               struct slice message);
