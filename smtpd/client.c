#include "client.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "peer.h"
#include "prepare.h"
#include "session.h"
#include "upstream.h"

#include <netinet/tcp.h>

enum { CHUNK_PIECE = 64 * 1024 };

/* What a client has here while it is connected. */
struct visitor {
    struct session *session;
    struct str output;
};

static void renew_deadline(struct client *client)
{
    int seconds = client->context->config->smtpd_timeout;

    client->deadline = moment_after(seconds);
    stream_set_deadline(client->stream, client->deadline);
}

/*
 * With smtpd_per_request_deadline the time for content is not given anew with each read: bytes earn
 * time, at smtpd_min_data_rate.
 */
static void earn_time(struct client *client, size_t bytes)
{
    const struct config *config = client->context->config;

    if (!config->smtpd_per_request_deadline)
        return;

    int64_t most = moment_after(config->smtpd_timeout);

    client->deadline += (int64_t)bytes * 1000 / config->smtpd_min_data_rate;
    if (client->deadline > most)
        client->deadline = most;
    stream_set_deadline(client->stream, client->deadline);
}

static enum stream_result write_output(struct client *client, struct visitor *visitor)
{
    const struct smtpd *smtpd = client->context->state;
    int pause = session_take_pause(visitor->session);

    if (pause)
        smtpd->server.calls.pause(smtpd->server.calls.argument, pause);
    if (!visitor->output.length)
        return STREAM_OK;
    renew_deadline(client);
    stream_write(client->stream, str_slice(&visitor->output));
    str_clear(&visitor->output);
    return stream_flush(client->stream);
}

/* What a failed read or write means for the session. */
static void end_session(struct client *client, struct visitor *visitor,
                        enum stream_result result)
{
    if (result == STREAM_TIMEOUT) {
        session_expired(visitor->session);
        write_output(client, visitor);
    } else
        session_lost(visitor->session);
}

/* The whole of a line that may be longer than the limit: the rest is thrown away. */
static enum stream_result read_command(struct client *client, struct visitor *visitor, bool *cut)
{
    size_t limit = session_line_limit(visitor->session);
    AUTO_STR struct str first = STR_EMPTY;
    struct slice line;
    enum stream_result result = stream_line(client->stream, limit, &line, NULL);

    *cut = result == STREAM_TOO_LONG;
    if (*cut)
        str_set(&first, line);
    while (result == STREAM_TOO_LONG)
        result = stream_line(client->stream, limit, &line, NULL);
    if (result == STREAM_OK)
        session_obey(visitor->session, *cut ? str_slice(&first) : line,
                     stream_peek(client->stream), *cut);
    return result;
}

static enum stream_result read_content(struct client *client, struct visitor *visitor)
{
    struct slice line;
    bool crlf = false;
    enum stream_result result = stream_line(client->stream,
                                            session_line_limit(visitor->session), &line, &crlf);

    if (result == STREAM_OK || result == STREAM_TOO_LONG) {
        earn_time(client, line.length);
        session_content(visitor->session, line, result == STREAM_OK, crlf);
        return STREAM_OK;
    }
    return result;
}

static enum stream_result read_chunk(struct client *client, struct visitor *visitor)
{
    size_t left = session_chunk_left(visitor->session);
    struct slice bytes;
    enum stream_result result = stream_read(client->stream,
                                            left < CHUNK_PIECE ? left : CHUNK_PIECE, &bytes);

    if (result == STREAM_OK) {
        earn_time(client, bytes.length);
        session_chunk(visitor->session, bytes);
    }
    return result;
}

/* True while there is something to do without waiting for the client. */
static bool has_work(struct client *client, struct visitor *visitor)
{
    switch (session_mode(visitor->session)) {
    case SESSION_COMMAND:
        return stream_has_line(client->stream) ||
               stream_buffered(client->stream) > session_line_limit(visitor->session);
    case SESSION_CONTENT:
    case SESSION_CHUNK:
        return true;
    default:
        return false;
    }
}

/* One step; what the session has said is written before we wait for the client. */
static enum stream_result step(struct client *client, struct visitor *visitor)
{
    enum session_mode mode = session_mode(visitor->session);
    bool cut;

    if (mode == SESSION_COMMAND)
        return read_command(client, visitor, &cut);
    if (visitor->output.length &&
        !(mode == SESSION_CONTENT ? stream_has_line(client->stream)
                                  : stream_buffered(client->stream) > 0)) {
        enum stream_result result = write_output(client, visitor);

        if (result != STREAM_OK)
            return result;
    }
    if (!stream_buffered(client->stream) && !client->context->config->smtpd_per_request_deadline)
        renew_deadline(client);
    return mode == SESSION_CONTENT ? read_content(client, visitor) : read_chunk(client, visitor);
}

static enum turn converse(struct client *client)
{
    struct visitor *visitor = client->session;
    enum stream_result result = STREAM_OK;

    while (result == STREAM_OK && has_work(client, visitor))
        result = step(client, visitor);
    if (result == STREAM_OK && session_mode(visitor->session) != SESSION_CUT)
        result = write_output(client, visitor);
    if (result != STREAM_OK && session_mode(visitor->session) != SESSION_OVER)
        end_session(client, visitor, result);
    if (session_mode(visitor->session) >= SESSION_OVER)
        return TURN_LEAVE;
    str_free(&visitor->output);
    stream_rest(client->stream);
    return TURN_STAY;
}

/* False when a proxy should have said who the client is and has not. */
static bool find_upstream(struct client *client)
{
    const struct config *config = client->context->config;
    struct upstream_addresses addresses;

    if (!*config->smtpd_upstream_proxy_protocol)
        return true;
    stream_set_deadline(client->stream, moment_after(config->smtpd_upstream_proxy_timeout));
    if (!upstream_read(client->stream, &addresses))
        return false;
    if (addresses.known) {
        client->peer = addresses.client;
        client->local = addresses.server;
    }
    return true;
}

enum turn client_greet(struct client *client)
{
    struct smtpd *smtpd = client->context->state;
    struct visitor *visitor = memory_new(1, sizeof(*visitor));
    AUTO_ARENA struct arena *arena = arena_new();
    struct session_client who = { 0 };

    client->session = visitor;
    visitor->output = STR_EMPTY;
    log_number(client->number);
    bool welcome = find_upstream(client);

    peer_find(smtpd->dns, client->context->config->smtpd_peername_lookup, &client->peer,
              &client->local, arena, &who);
    visitor->session = session_new(&smtpd->server, &who, &visitor->output);
    renew_deadline(client);
    if (welcome)
        session_greet(visitor->session, stream_peek(client->stream));
    else
        session_turn_away(visitor->session);
    return converse(client);
}

enum turn client_turn(struct client *client)
{
    struct visitor *visitor = client->session;

    log_number(client->number);

    enum stream_result result = stream_has_line(client->stream) ? STREAM_OK
                                                                : stream_fill(client->stream);

    if (result != STREAM_OK && !stream_has_line(client->stream)) {
        end_session(client, visitor, result);
        return TURN_LEAVE;
    }
    return converse(client);
}

void client_expired(struct client *client)
{
    log_number(client->number);
    end_session(client, client->session, STREAM_TIMEOUT);
}

void client_closing(struct client *client)
{
    struct visitor *visitor = client->session;

    log_number(client->number);
    session_closing(visitor->session);
    write_output(client, visitor);
}

void client_leave(struct client *client)
{
    struct visitor *visitor = client->session;

    if (!visitor)
        return;
    log_number(client->number);
    session_log_end(visitor->session);
    session_free(visitor->session);
    str_free(&visitor->output);
    free(visitor);
    client->session = NULL;
}
