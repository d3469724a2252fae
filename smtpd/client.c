#include "client.h"

#include "base/memory.h"
#include "base/scope.h"
#include "connect.h"
#include "filter.h"
#include "log/log.h"
#include "peer.h"
#include "policy/policy.h"
#include "service/needs.h"
#include "session.h"
#include "upstream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/statvfs.h>
#include <time.h>

enum {
    CHUNK_PIECE = 64 * 1024,
    LANE_IDLE_SECONDS = 60,
    ANVIL_LANES = 16,
    ANVIL_IDLE_SECONDS = 30 * 24 * 3600,    /* anvil forgets those whose last lane closes */
};

/* What prepare opened, for all threads. */
struct smtpd {
    struct server server;
    struct dns *dns;
    struct dns *filtered_dns;   /* for records that restrictions ask for; else what hosts are */
    struct lane_pool *cleanup, *anvil;
    struct verifier *verifier;
    const char *queue_directory;
    const char *flush;          /* socket of the flush service */
};

/* What a client has here while it is connected. */
struct visitor {
    struct session *session;
    struct str output;
};

/* --- Whom sessions ask. ----------------------------------------------------------- */

static void *submit(void *argument, struct submission *submission)
{
    struct smtpd *smtpd = argument;

    return submitter_new(smtpd->cleanup, submission, smtpd->server.config->ipc_timeout);
}

static bool submit_add(void *submitter, struct slice content, struct error *error)
{
    return submitter_add(submitter, content, error);
}

static bool submit_end(void *submitter, struct arena *arena, struct submission_reply *reply,
                       struct error *error)
{
    return submitter_end(submitter, arena, reply, error);
}

static void submit_abandon(void *submitter)
{
    submitter_abandon(submitter);
}

/* A mail is small beside a disk: a figure that is a second old will do. */
static int64_t queue_free(void *argument)
{
    struct smtpd *smtpd = argument;
    static _Thread_local struct { int64_t until, bytes; } known;
    int64_t now = moment_now();
    struct statvfs status;

    if (now < known.until)
        return known.bytes;
    known.until = now + 1000;
    known.bytes = statvfs(smtpd->queue_directory, &status) < 0
                      ? -1 : (int64_t)status.f_bavail * (int64_t)status.f_frsize;
    return known.bytes;
}

static void query(void *argument, const char *name, enum dns_type type, struct arena *arena,
                  struct dns_answer *answer)
{
    struct smtpd *smtpd = argument;

    dns_query(smtpd->filtered_dns, name, type, arena, answer);
    if (answer->status == DNS_BAD_FILTER)
        answer->status = DNS_TROUBLE;
}

/* smtpd_dns_reply_filter. */
static enum dns_choice keep_record(void *argument, const char *record)
{
    const struct smtpd *smtpd = argument;
    AUTO_STR struct str action = STR_EMPTY;
    struct error error;
    enum table_result result = table_list_get(smtpd->server.dns_filter, slice_of(record), &action,
                                              NULL, &error);

    if (result == TABLE_ABSENT)
        return DNS_KEEP;
    if (result == TABLE_FOUND && slice_is_nocase(str_slice(&action), "ignore")) {
        log_info("ignoring DNS RR: %s", record);
        return DNS_DROP;
    }
    if (result == TABLE_FOUND)
        log_warn("smtpd_dns_reply_filter: unknown DNS filter action: \"%s\"", action.data);
    return DNS_NO_CHOICE;
}

static void addresses(void *argument, const char *host, struct arena *arena,
                      struct dns_answer *answer)
{
    struct smtpd *smtpd = argument;

    dns_addresses(smtpd->dns, host, smtpd->server.protocols, true, arena, answer);
}

static void wait_seconds(UNUSED void *argument, int seconds)
{
    struct timespec span = { seconds, 0 };

    nanosleep(&span, NULL);
}

static struct stream *connect_server(void *argument, bool is_unix, const char *name,
                                     int timeout_seconds, struct error *error)
{
    struct smtpd *smtpd = argument;

    return connect_to_server(smtpd->dns, is_unix, name, timeout_seconds, error);
}

static enum flush_answer flush_site(void *argument, struct slice site)
{
    struct smtpd *smtpd = argument;

    return flush_ask_site(smtpd->flush, site, smtpd->server.config->ipc_timeout);
}

/* The end of a connection needs no answer; when that cannot be told, anvil is gone too. */
static bool tell_anvil(struct smtpd *smtpd, const struct anvil_request *request, int64_t deadline,
                       struct error *error)
{
    AUTO_STR struct str output = STR_EMPTY;
    bool reused;
    struct lane *lane = lane_pool_take(smtpd->anvil, &reused, deadline, error);

    if (!lane)
        return false;
    frame_write(&output, &anvil_request_frame, request);

    bool sent = lane_send(lane, &output, -1, deadline, error);

    lane_pool_give(smtpd->anvil, lane, sent);
    return sent || reused;
}

static bool verify(void *argument, const char *address, int64_t wait_milliseconds,
                   struct arena *arena, struct verify_reply *reply, struct error *error)
{
    struct smtpd *smtpd = argument;

    return verifier_query(smtpd->verifier, address, wait_milliseconds, arena, reply, error);
}

static bool count_event(void *argument, const struct anvil_request *request,
                        struct anvil_reply *reply)
{
    struct smtpd *smtpd = argument;
    AUTO_ARENA struct arena *arena = arena_new();
    int64_t deadline = moment_after(smtpd->server.config->ipc_timeout);
    struct error error = ERROR_NONE;

    if (request->event == ANVIL_DISCONNECT
            ? tell_anvil(smtpd, request, deadline, &error)
            : lane_pool_call(smtpd->anvil, &anvil_request_frame, request, &anvil_reply_frame,
                             arena, reply, deadline, &error))
        return true;
    log_warn("anvil service: %s", error.text);
    return false;
}

bool smtpd_prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    struct smtpd *smtpd = memory_new(1, sizeof(*smtpd));
    const struct table_context *tables = service_tables(context);

    tzset();
    context->state = smtpd;
    smtpd->server.service_name = context->service_name;
    if (config->line_length_limit < 512)
        return error_set(error, "invalid line_length_limit parameter value %d < 512",
                         config->line_length_limit);
    if (*config->smtpd_upstream_proxy_protocol &&
        strcmp(config->smtpd_upstream_proxy_protocol, "haproxy") != 0)
        return error_set(error, "unsupported smtpd_upstream_proxy_protocol value: %s",
                         config->smtpd_upstream_proxy_protocol);
    smtpd->queue_directory = config->queue_directory;

    struct dns_settings dns = { .idna2003 = config->enable_idna2003_compatibility };

    smtpd->dns = smtpd->filtered_dns = dns_new(&dns, error);
    dns.keep = keep_record;
    dns.keep_argument = smtpd;
    if (smtpd->dns && *config->smtpd_dns_reply_filter)
        smtpd->filtered_dns = dns_new(&dns, error);
    if (!smtpd->dns || !smtpd->filtered_dns)
        return false;
    smtpd->cleanup = lane_pool_new(service_socket(context, "public",
                                                  config->cleanup_service_name),
                                   64, LANE_IDLE_SECONDS);
    smtpd->anvil = lane_pool_new(service_socket(context, "private", "anvil"), ANVIL_LANES,
                                 ANVIL_IDLE_SECONDS);
    smtpd->verifier = service_verifier(context);
    smtpd->flush = service_socket(context, "public", config->flush_service_name);
    smtpd->server.calls = (struct server_calls){
        .argument = smtpd,
        .submit = submit,
        .submit_add = submit_add,
        .submit_end = submit_end,
        .submit_abandon = submit_abandon,
        .queue_free = queue_free,
        .query = query,
        .addresses = addresses,
        .pause = wait_seconds,
        .connect = connect_server,
        .flush_site = flush_site,
        .verify = verify,
        .count_event = count_event,
    };
    return server_open(&smtpd->server, config, tables, error);
}

unsigned smtpd_rights(const struct service_context *context, unsigned rights)
{
    const struct smtpd *smtpd = context->state;
    const char *filter = context->config->smtpd_proxy_filter;
    bool is_unix = true;

    if (*filter)
        (void)filter_destination(filter, &is_unix);
    return !is_unix || policy_connects_tcp(smtpd->server.policy) ? rights | RIGHT_CONNECT_TCP
                                                                 : rights;
}

/* --- Turns. ----------------------------------------------------------------------- */

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
    int pause = session_take_pause(visitor->session);

    if (pause)
        wait_seconds(NULL, pause);
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
