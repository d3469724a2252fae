#include "prepare.h"

#include "base/memory.h"
#include "base/scope.h"
#include "connect.h"
#include "filter.h"
#include "log/log.h"
#include "policy/policy.h"
#include "service/needs.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <time.h>

enum {
    LANE_IDLE_SECONDS = 60,
    ANVIL_LANES = 16,
    ANVIL_IDLE_SECONDS = 30 * 24 * 3600,    /* anvil forgets those whose last lane closes */
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
