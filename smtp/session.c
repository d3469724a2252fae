#include "session.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "transcript.h"

#include <stdlib.h>

enum { LINE_LIMIT = 2048 };

static struct failure broken_by(struct session *session, enum stream_result result,
                                const char *doing, struct arena *arena)
{
    session->broken = true;

    struct failure failure =
        result == STREAM_TIMEOUT
            ? failure_of(arena, "4.4.2", "conversation with %s timed out while %s",
                         session->name, doing)
            : failure_of(arena, "4.4.2", "lost connection with %s while %s", session->name,
                         doing);

    failure.relay = arena_copy(arena, session->relay);
    failure.remote = arena_copy(arena, session->host);
    return failure;
}

void session_begin(struct session *session, const struct delivery_request *request)
{
    session->queue_id = request->envelope.queue_id;
    session->sender = request->envelope.sender;
}

/* smtp_per_request_deadline: for all of it, or for each read and write. */
static void set_time(struct session *session, int seconds)
{
    if (session->agent->config->smtp_per_request_deadline)
        stream_set_deadline(session->stream, moment_after(seconds));
    else
        stream_set_patience(session->stream, seconds);
}

void session_say(struct session *session, struct slice line)
{
    stream_write(session->stream, line);
    stream_write(session->stream, SLICE_LITERAL("\r\n"));
    transcript_command(session, line);
    if (session->verbose)
        debug_peer_log(DEBUG_SAID, session->relay, line);
}

bool session_flush(struct session *session, int timeout_seconds, const char *doing,
                   struct arena *arena, struct failure *failure)
{
    set_time(session, timeout_seconds);

    enum stream_result result = stream_flush(session->stream);

    if (result == STREAM_OK)
        return true;
    *failure = broken_by(session, result, doing, arena);
    return false;
}

static void warn_garbage(const struct session *session, struct slice line)
{
    if (!(session->extensions & EXTENSION_PIPELINING))
        return;
    log_warn("%s: non-%s response from %s: %.*s", session->queue_id,
             session->agent->lmtp ? "LMTP" : "ESMTP", session->relay,
             SLICE_ARGS(slice_part(line, 0, 100)));
    log_warn("to prevent loss of mail, turn off command pipelining for %s with the "
             "smtp_discard_ehlo_keyword_address_maps parameter", session->address);
}

/* smtp_reply_filter: the line as it shall be; in *changed when it is another one. */
static struct slice filter_line(const struct session *session, struct slice line,
                                struct str *changed)
{
    struct table_list *filter = session->agent->tables.reply_filter;
    AUTO_STR struct str shown = STR_EMPTY;
    AUTO_STR struct str instead = STR_EMPTY;
    struct error error;

    if (table_list_is_empty(filter)
        || table_list_get(filter, line, changed, NULL, &error) != TABLE_FOUND)
        return line;
    printable_text(&shown, line);
    printable_text(&instead, str_slice(changed));
    log_info("%s: replacing server reply \"%s\" with \"%s\"", session->relay, shown.data,
             instead.data);
    return str_slice(changed);
}

/* One line of a reply. */
static enum smtp_reply_state add_line(struct session *session, struct slice line)
{
    AUTO_STR struct str changed = STR_EMPTY;
    struct slice said = line;

    if (session->verbose)
        debug_peer_log(DEBUG_HEARD, session->relay, line);
    line = filter_line(session, line, &changed);
    transcript_reply(session, said, line.data == said.data ? NULL : &changed);

    enum smtp_reply_state state = smtp_reply_add(&session->reply, line);

    if (state == SMTP_REPLY_GARBAGE) {
        warn_garbage(session, line);
        session->odd = true;
    }
    return state;
}

bool session_read(struct session *session, int timeout_seconds, const char *doing,
                  struct arena *arena, struct failure *failure)
{
    enum smtp_reply_state state = SMTP_REPLY_MORE;
    bool middle = false;        /* of a line that is too long: the rest of it is dropped */

    smtp_reply_clear(&session->reply);
    set_time(session, timeout_seconds);
    while (state != SMTP_REPLY_COMPLETE || middle) {
        struct slice line;
        enum stream_result result = stream_line(session->stream, LINE_LIMIT, &line, NULL);
        bool dropped = middle;

        if (result != STREAM_OK && result != STREAM_TOO_LONG) {
            *failure = broken_by(session, result, doing, arena);
            return false;
        }
        middle = result == STREAM_TOO_LONG;
        if (dropped)
            continue;
        state = add_line(session, line);
    }
    session->fresh = false;
    return true;
}

struct failure session_said(const struct session *session, const char *what,
                            struct arena *arena)
{
    const char *text = failure_reply_text(arena, &session->reply);
    struct failure failure =
        failure_of(arena, failure_reply_status(arena, &session->reply),
                   "host %s said: %s (in reply to %s)", session->name, text, what);

    failure.diagnostic = text;
    failure.relay = arena_copy(arena, session->relay);
    failure.remote = arena_copy(arena, session->host);
    return failure;
}

const char *session_host_key(struct arena *arena, const struct destination *destination,
                             const struct host *host)
{
    if (!host)
        return arena_format(arena, "unix:%s", destination->host);
    return arena_format(arena, "%s[%s]:%d", host->name,
                        dns_address_text((const struct sockaddr *)&host->address, arena),
                        host->port);
}

/* smtp_connection_cache_destinations: the domain, the relay host, or the path of the socket. */
static bool is_cached(const struct agent *agent, const struct destination *destination)
{
    struct error error;

    return *agent->config->smtp_connection_cache_destinations
           && match_list_get(agent->tables.cached_destinations, slice_of(destination->host),
                             &error) == MATCH_YES;
}

/* The server or the next hop is one of debug_peer_list, or -v wants to see everything. */
static bool is_debugged(const struct agent *agent, const struct destination *destination,
                        const char *name, const char *address)
{
    struct debug_peer *debug_peer = agent->tables.debug_peer;

    return log_is_verbose()
           || debug_peer_level(debug_peer, slice_of(name), slice_of(address)) > 0
           || debug_peer_level(debug_peer, slice_of(destination->text), SLICE_LITERAL("")) > 0;
}

/* host[address]:port, or host[path] for a socket. */
struct session *session_new(const struct agent *agent, const struct destination *destination,
                            const struct host *host, int fd, struct arena *arena)
{
    struct session *session = memory_new(1, sizeof(*session));
    const char *name = host ? host->name : agent->config->myhostname;
    const char *address =
        host ? dns_address_text((const struct sockaddr *)&host->address, arena)
             : destination->host;
    const char *full = arena_format(arena, "%s[%s]", name, address);

    session->agent = agent;
    session->stream = stream_new(fd);
    session->reply = SMTP_REPLY_EMPTY;
    session->transcript = STR_EMPTY;
    session->host = memory_copy(name);
    session->address = memory_copy(address);
    session->name = memory_copy(full);
    session->relay = memory_copy(host ? arena_format(arena, "%s:%d", full, host->port)
                                      : full);
    session->key = memory_copy(session_host_key(arena, destination, host));
    session->nexthop_key = memory_copy(!host || host->best ? destination->text : "");
    session->verbose = is_debugged(agent, destination, name, address);
    session->cached = is_cached(agent, destination);
    session->worn_at = moment_after(agent->config->smtp_connection_reuse_time_limit);
    session->fresh = true;
    return session;
}

static void session_free(struct session *session)
{
    stream_close(session->stream);
    smtp_reply_free(&session->reply);
    str_free(&session->transcript);
    free(session->host);
    free(session->address);
    free(session->name);
    free(session->relay);
    free(session->key);
    free(session->nexthop_key);
    free(session);
}

void session_close(struct session *session)
{
    struct failure ignored;

    if (!session->broken) {
        AUTO_ARENA struct arena *arena = arena_new();

        if (!session->quitting)
            session_say(session, SLICE_LITERAL("QUIT"));
        if (session_flush(session, 1, "sending QUIT", arena, &ignored)
            && !session->agent->config->smtp_skip_quit_response)
            (void)!session_read(session, session->agent->config->smtp_quit_timeout,
                                "sending QUIT", arena, &ignored);
    }
    transcript_end(session);
    session_free(session);
}

bool session_may_stay(const struct session *session)
{
    const struct config *config = session->agent->config;

    return (config->smtp_connection_cache_on_demand || session->cached) && !session->broken
           && !session->quitting
           && (config->smtp_connection_reuse_count_limit == 0
               || session->uses <= config->smtp_connection_reuse_count_limit)
           && moment_now() < session->worn_at;
}
