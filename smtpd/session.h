/*
 * One SMTP conversation, from greeting to QUIT (RFC 5321).
 *
 * A session touches no socket: it is given lines, or bytes of a BDAT chunk, and
 * appends its replies to output, so tests and fuzzers need no network.
 */
#pragma once

#include "base/str.h"
#include "facts.h"
#include "server.h"

struct session;

/* Who has connected; texts are copied. */
struct session_client {
    const char *name, *reverse_name, *address, *port;
    const char *server_address, *server_port;
    enum dns_status name_status, reverse_status, forward_status;
    struct sockaddr_storage peer;
};

struct session *session_new(const struct server *server, const struct session_client *client,
                            struct str *output);

/* Abandons a mail under way.  NULL is fine. */
void session_free(struct session *session);

/*
 * The greeting, or the refusal; the session may be over after it.  pending is what the client has
 * said already, which it may not.
 */
void session_greet(struct session *session, struct slice pending);

/* It cannot be served: say so, and it is over. */
void session_turn_away(struct session *session);

/* What the session wants to be given next. */
enum session_mode {
    SESSION_COMMAND,    /* session_obey */
    SESSION_CONTENT,    /* session_content: lines after DATA */
    SESSION_CHUNK,      /* session_chunk: bytes after BDAT */
    SESSION_OVER,       /* write the output, then hang up */
    SESSION_CUT,        /* hang up at once, without the output */
};

enum session_mode session_mode(const struct session *session);

/* Longest line that session_obey and session_content are given in one piece. */
size_t session_line_limit(const struct session *session);

/*
 * Obey one command line, without its line end.  pending is what the client has sent
 * beyond it already; cut says that more of the line was thrown away.
 */
void session_obey(struct session *session, struct slice line, struct slice pending, bool cut);

/*
 * One line of the content, or a part of one: whole is true for the last part, and crlf then
 * says how the line ended.
 */
void session_content(struct session *session, struct slice line, bool whole, bool crlf);

/* Bytes of the chunk, at most session_chunk_left of them. */
size_t session_chunk_left(const struct session *session);
void session_chunk(struct session *session, struct slice bytes);

/* Seconds to wait before the output is written, for clients that make errors; resets it. */
int session_take_pause(struct session *session);

/* The client is gone, or was silent for too long (then the reply is appended), or we stop. */
void session_lost(struct session *session);
void session_expired(struct session *session);
void session_closing(struct session *session);

/* Log the disconnect line with the commands' counts. */
void session_log_end(struct session *session);

const struct facts *session_facts(const struct session *session);
