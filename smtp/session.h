/*
 * A conversation with one server (RFC 5321, RFC 2033): what is said, and the reading of replies.
 * It may carry many messages; opening.h begins it.
 */
#pragma once

#include "agent.h"
#include "deliver/request.h"
#include "destination.h"
#include "failure.h"
#include "hosts.h"
#include "smtp/esmtp.h"
#include "smtp/reply.h"
#include "stream/stream.h"

struct session {
    const struct agent *agent;
    const char *queue_id, *sender;  /* of the message under way */
    struct str transcript;      /* for the postmaster */
    bool odd;                   /* ... who is to have it: the server broke the protocol */
    struct stream *stream;
    struct smtp_reply reply;    /* the last one that was read */
    char *name;                 /* host[address], as in reasons */
    char *relay;                /* host[address]:port, as in relay= */
    char *host;
    char *address;              /* of the host in text form, or the path of the socket */
    char *key, *nexthop_key;    /* for the pool; nexthop_key "" unless host was a best one */
    unsigned extensions;        /* EXTENSION_ bits that the server offers and we use */
    unsigned forwards;          /* FORWARD_ bits: what the server takes by XFORWARD */
    unsigned workarounds;       /* PIX_ bits */
    int64_t size_limit;         /* of the server's SIZE; 0: none */
    int64_t worn_at;            /* smtp_connection_reuse_time_limit is over; moment */
    int uses;                   /* messages begun */
    bool verbose;               /* the log shows what is said: debug_peer_list, or -v */
    bool cached;                /* its destination is one of smtp_connection_cache_destinations */
    bool fresh;                 /* since it left the pool nothing has been read */
    bool alone;                 /* its next hop has no other host */
    bool quitting;              /* QUIT was sent together with the end of the last message */
    bool broken;                /* no further command makes sense, not even QUIT */
};

/*
 * A session over a connection that has just been made; fd is the session's now.  host is NULL for a
 * Unix socket.  Nothing has been said yet: opening.h.
 */
struct session *session_new(const struct agent *agent, const struct destination *destination,
                            const struct host *host, int fd, struct arena *arena) MUST_USE;

/* QUIT when that makes sense, without waiting unless smtp_skip_quit_response is off. */
void session_close(struct session *session);

/* Another message may go over it, as far as limits and settings say. */
bool session_may_stay(const struct session *session);

/* What the pool looks sessions up by. */
const char *session_host_key(struct arena *arena, const struct destination *destination,
                             const struct host *host);

/*
 * Read a reply.  False with the failure "lost connection with ... while DOING" or
 * "conversation with ... timed out while DOING"; the session is broken then.
 */
bool session_read(struct session *session, int timeout_seconds, const char *doing,
                  struct arena *arena, struct failure *failure) MUST_USE;

/* The session is about a message now; it lives until session_close or the pool has it. */
void session_begin(struct session *session, const struct delivery_request *request);

/* Append a command line, CRLF is added, to what the next flush writes. */
void session_say(struct session *session, struct slice line);

/* Write out what stands in the stream, likewise. */
bool session_flush(struct session *session, int timeout_seconds, const char *doing,
                   struct arena *arena, struct failure *failure) MUST_USE;

/* "host H[A] said: REPLY (in reply to WHAT)". */
struct failure session_said(const struct session *session, const char *what,
                            struct arena *arena);
