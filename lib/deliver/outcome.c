#include "deliver/outcome.h"

#include "address/address.h"
#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "deliver/bounce.h"
#include "deliver/status_filter.h"
#include "deliver/verify.h"
#include "log/log.h"

#include <strings.h>

enum { POOL_IDLE_LANES = 10, POOL_IDLE_SECONDS = 100 };

enum record_log { LOG_BOUNCE, LOG_DEFER, LOG_TRACE, LOG_COUNT };

struct reporter {
    struct lane_pool *logs[LOG_COUNT];
    const struct status_filter *filter;
    struct verifier *verifier;
    bool soft_bounce;
    bool verify_negative_cache;
    int delay_resolution_limit;
    int timeout_seconds;
};

struct reporter *reporter_new(const struct reporter_settings *settings)
{
    struct reporter *reporter = memory_new(1, sizeof(*reporter));
    const char *const sockets[LOG_COUNT] = {
        settings->bounce_socket, settings->defer_socket, settings->trace_socket,
    };

    for (size_t i = 0; i < LOG_COUNT; i++)
        reporter->logs[i] = lane_pool_new(sockets[i], POOL_IDLE_LANES, POOL_IDLE_SECONDS);
    reporter->filter = settings->filter;
    reporter->verifier = settings->verifier;
    reporter->soft_bounce = settings->soft_bounce;
    reporter->verify_negative_cache = settings->verify_negative_cache;
    reporter->delay_resolution_limit = settings->delay_resolution_limit;
    reporter->timeout_seconds = settings->timeout_seconds;
    return reporter;
}

void reporter_free(struct reporter *reporter)
{
    if (!reporter)
        return;
    for (size_t i = 0; i < LOG_COUNT; i++)
        lane_pool_free(reporter->logs[i]);
    free(reporter);
}

/* --- delay= and delays= ---------------------------------------------------------- */

void outcome_delay_text(struct str *output, double seconds, int resolution_limit)
{
    AUTO_STR struct str text = STR_EMPTY;
    int decimals = 0;

    if (seconds < 0)
        seconds = 0;
    /* 9.95 has two significant digits as "10", not as "9.9" or "10.0". */
    for (double shown = seconds; shown < 9.95 && decimals < resolution_limit; shown *= 10)
        decimals++;
    str_format(&text, "%.*f", decimals, seconds);
    if (decimals > 0) {
        while (text.data[text.length - 1] == '0')
            str_cut(&text, text.length - 1);
        if (text.data[text.length - 1] == '.')
            str_cut(&text, text.length - 1);
    }
    str_add(output, str_slice(&text));
}

static double span_seconds(int64_t from, int64_t to)
{
    return from > 0 && to > from ? (double)(to - from) / 1e6 : 0;
}

struct delays {
    double before_qmgr, in_qmgr, connecting, transmission;
};

/*
 * Without a connection all of the agent's time is transmission, unless it tried to connect
 * (transmission_at is set, connected_at is not): then all of it is connecting.
 */
static struct delays find_delays(const struct delivery_request *request,
                                 const struct outcome *outcome, int64_t now)
{
    int64_t arrival = (int64_t)request->envelope.arrival.tv_sec * 1000000 +
                      request->envelope.arrival.tv_usec;
    struct delays delays = {
        .before_qmgr = span_seconds(arrival, request->active_at),
        .in_qmgr = span_seconds(request->active_at, request->requested_at),
    };

    if (outcome->connected_at) {
        delays.connecting = span_seconds(request->requested_at, outcome->connected_at);
        delays.transmission = span_seconds(outcome->connected_at, now);
    } else if (outcome->transmission_at) {
        delays.connecting = span_seconds(request->requested_at, now);
    } else {
        delays.transmission = span_seconds(request->requested_at, now);
    }
    return delays;
}

static void add_delays(struct str *line, const struct delays *delays, int limit)
{
    const double parts[] = { delays->before_qmgr, delays->in_qmgr, delays->connecting,
                             delays->transmission };

    str_text(line, ", delay=");
    outcome_delay_text(line, parts[0] + parts[1] + parts[2] + parts[3], limit);
    for (size_t i = 0; i < COUNT(parts); i++) {
        str_text(line, i == 0 ? ", delays=" : "/");
        outcome_delay_text(line, parts[i], limit);
    }
}

static void log_delivery(const struct reporter *reporter, const struct delivery_request *request,
                         const struct recipient *recipient, const struct outcome *outcome,
                         const char *status)
{
    struct timeval wall = wall_now();
    int64_t now = (int64_t)wall.tv_sec * 1000000 + wall.tv_usec;
    struct delays delays = find_delays(request, outcome, now);
    AUTO_STR struct str line = STR_EMPTY;

    str_format(&line, "%s: to=<", request->envelope.queue_id);
    address_quote(&line, slice_of(recipient->address));
    if (*recipient->original && strcasecmp(recipient->original, recipient->address) != 0) {
        str_text(&line, ">, orig_to=<");
        address_quote(&line, slice_of(recipient->original));
    }
    str_format(&line, ">, relay=%s", outcome->relay);
    if (outcome->connection_use > 1)
        str_format(&line, ", conn_use=%lld", (long long)outcome->connection_use);
    add_delays(&line, &delays, reporter->delay_resolution_limit);
    str_format(&line, ", dsn=%s, status=%s (%s)", outcome->dsn, status, outcome->reason);
    log_info("%s", line.data);
}

/* --- records --------------------------------------------------------------------- */

/* The notification goes out at once, to a sender who is not the message's. */
static bool tell_now(const struct reporter *reporter, const struct delivery_request *request,
                     struct bounce_append *record, struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct bounce_reply reply = { 0, "" };
    struct bounce_send send = {
        .envelope = request->envelope, .kind = BOUNCE_SEND_ONE, .records = { record, 1, 0 },
    };

    send.envelope.recipients.count = 0;
    if (!lane_pool_call(reporter->logs[LOG_BOUNCE], &bounce_send_frame, &send,
                        &bounce_reply_frame, arena, &reply,
                        moment_after(reporter->timeout_seconds), error))
        return false;
    if (reply.status != BOUNCE_OK)
        return error_set(error, "%s", reply.text);
    return true;
}

static bool add_record(const struct reporter *reporter, enum record_log log, const char *action,
                       const struct delivery_request *request,
                       const struct recipient *recipient, const struct outcome *outcome)
{
    static const char *const services[] = { "bounce", "defer", "trace" };
    struct error error = ERROR_NONE;
    struct bounce_append record = {
        .queue_id = request->envelope.queue_id,
        .recipient = recipient->address,
        .original = recipient->original,
        .dsn_original = recipient->dsn_original,
        .notify = recipient->notify,
        .handle = recipient->handle,
        .action = action,
        .dsn = outcome->dsn,
        .reason = outcome->reason,
        .diagnostic_type = outcome->diagnostic_type,
        .diagnostic_text = outcome->diagnostic_text,
        .remote_mta_type = outcome->remote_mta && *outcome->remote_mta ? "dns" : "",
        .remote_mta = outcome->remote_mta,
    };

    bool now = log == LOG_BOUNCE && (request->flags & REQUEST_OTHER_SENDER);

    if (now ? tell_now(reporter, request, &record, &error)
            : bounce_append(reporter->logs[log], &record, reporter->timeout_seconds, &error))
        return true;
    log_warn("%s: %s service failure: %s", request->envelope.queue_id, services[log], error.text);
    return false;
}

/* Who watches a delivery reads which way it went. */
static bool add_trace(const struct reporter *reporter, const char *action,
                      const struct delivery_request *request, const struct recipient *recipient,
                      const struct outcome *outcome)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct outcome told = *outcome;

    if (strcmp(outcome->relay, "none") != 0)
        told.reason = arena_format(arena, "delivery via %s: %s", outcome->relay, outcome->reason);
    return add_record(reporter, LOG_TRACE, action, request, recipient, &told);
}

/* --- what an outcome leads to ------------------------------------------------------ */

/* The same outcome with another first digit of the status: a failure that is to be retried. */
static const char *temporary_dsn(struct arena *arena, const char *dsn)
{
    return *dsn == '4' ? dsn : arena_format(arena, "4%s", *dsn ? dsn + 1 : ".0.0");
}

static enum delivery_status report_delay(const struct reporter *reporter,
                                         const struct delivery_request *request,
                                         const struct recipient *recipient,
                                         const struct outcome *outcome, const char *status)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct outcome delayed = *outcome;

    delayed.dsn = temporary_dsn(arena, outcome->dsn);
    if (request->flags & REQUEST_TRACE && !(request->flags & REQUEST_PROBE))
        (void)add_trace(reporter, "delayed", request, recipient, &delayed);
    /* Without its record the recipient is tried again all the same; the reason is in the log. */
    (void)add_record(reporter, LOG_DEFER, "delayed", request, recipient, &delayed);
    log_delivery(reporter, request, recipient, &delayed, status);
    return DELIVERY_DEFERRED;
}

static enum delivery_status report_failure(const struct reporter *reporter,
                                           const struct delivery_request *request,
                                           const struct recipient *recipient,
                                           const struct outcome *outcome)
{
    if (reporter->soft_bounce)
        return report_delay(reporter, request, recipient, outcome, "SOFTBOUNCE");
    if (!add_record(reporter, LOG_BOUNCE, "failed", request, recipient, outcome))
        return report_delay(reporter, request, recipient, outcome, "deferred");
    if (request->flags & REQUEST_TRACE)
        (void)add_trace(reporter, "failed", request, recipient, outcome);
    log_delivery(reporter, request, recipient, outcome, "bounced");
    return DELIVERY_BOUNCED;
}

static const char *success_action(enum outcome_action action)
{
    if (action == OUTCOME_RELAYED)
        return "relayed";
    return action == OUTCOME_EXPANDED ? "expanded" : "delivered";
}

static enum delivery_status report_success(const struct reporter *reporter,
                                           const struct delivery_request *request,
                                           const struct recipient *recipient,
                                           const struct outcome *outcome)
{
    struct recipient told = *recipient;

    /* As if it had been asked for, here and not further on. */
    if (request->flags & REQUEST_RELIEF && !(told.notify & NOTIFY_NEVER))
        told.notify |= NOTIFY_SUCCESS;

    const char *action = success_action(outcome->action);

    /*
     * What is delivered stays delivered: a lost report must not make it happen twice.  Who asked in
     * two ways is told twice, as by Postfix.
     */
    if (request->flags & REQUEST_TRACE)
        (void)add_trace(reporter, action, request, &told, outcome);
    if (told.notify & NOTIFY_SUCCESS)
        (void)add_trace(reporter, action, request, &told, outcome);
    log_delivery(reporter, request, recipient, outcome, "sent");
    return DELIVERY_SENT;
}

/* Address verification: the one who asks learns it from the verify service. */
static bool tell_verifier(const struct reporter *reporter, const struct delivery_request *request,
                          const struct recipient *recipient, const struct outcome *outcome)
{
    enum verify_status status = *outcome->dsn == '2'   ? VERIFY_DELIVERABLE
                                : *outcome->dsn == '4' ? VERIFY_DEFERRED
                                                       : VERIFY_BOUNCED;
    const char *address = *recipient->original ? recipient->original : recipient->address;
    struct error error = ERROR_NONE;

    if (status != VERIFY_DELIVERABLE && !reporter->verify_negative_cache)
        return true;
    if (reporter->verifier &&
        verifier_update(reporter->verifier, address, status, outcome->reason, &error))
        return true;
    log_warn("%s: verify service failure: %s", request->envelope.queue_id,
             reporter->verifier ? error.text : "it is not known here");
    return false;
}

/* Nothing was delivered, whatever came of it is only told. */
static enum delivery_status report_probe(const struct reporter *reporter,
                                         const struct delivery_request *request,
                                         const struct recipient *recipient,
                                         const struct outcome *outcome)
{
    bool cached = reporter->verify_negative_cache || !(request->flags & REQUEST_VERIFY);
    const char *action = *outcome->dsn == '2' ? "deliverable" : "undeliverable";
    bool told = request->flags & REQUEST_VERIFY
                    ? tell_verifier(reporter, request, recipient, outcome)
                    : add_trace(reporter, action, request, recipient, outcome);

    if (!told)
        return report_delay(reporter, request, recipient, outcome, "deferred");
    log_delivery(reporter, request, recipient, outcome,
                 *outcome->dsn == '2' || cached ? action : "undeliverable-but-not-cached");
    return DELIVERY_SENT;
}

static enum delivery_status report(struct reporter *reporter,
                                   const struct delivery_request *request,
                                   const struct recipient *recipient,
                                   const struct outcome *outcome)
{
    if ((request->flags & REQUEST_PROBE) || outcome->action == OUTCOME_DELIVERABLE ||
        outcome->action == OUTCOME_UNDELIVERABLE)
        return report_probe(reporter, request, recipient, outcome);
    switch (outcome->action) {
    case OUTCOME_FAILED:
        return report_failure(reporter, request, recipient, outcome);
    case OUTCOME_DELAYED:
        return report_delay(reporter, request, recipient, outcome, "deferred");
    default:
        return report_success(reporter, request, recipient, outcome);
    }
}

enum delivery_status reporter_report(struct reporter *reporter,
                                     const struct delivery_request *request,
                                     const struct recipient *recipient,
                                     const struct outcome *outcome)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct outcome filtered = *outcome;

    status_filter_apply(reporter->filter, arena, &filtered);
    return report(reporter, request, recipient, &filtered);
}

void reporter_expanded(const struct reporter *reporter, const struct delivery_request *request,
                       const struct recipient *recipient, bool list)
{
    const struct outcome outcome = {
        .dsn = "2.0.0", .relay = "local", .reason = "alias expanded",
        .diagnostic_type = "", .diagnostic_text = "", .remote_mta = "",
    };

    if ((recipient->notify & NOTIFY_SUCCESS) && !(request->flags & REQUEST_PROBE))
        (void)add_trace(reporter, list ? "delivered" : "expanded", request, recipient, &outcome);
}
