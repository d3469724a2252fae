#include "delivery.h"

#include "base/scope.h"
#include "handover.h"
#include "log/log.h"
#include "marks.h"
#include "opening.h"
#include "pool.h"
#include "transaction.h"
#include "transcript.h"

#include <strings.h>

static int64_t wall_microseconds(void)
{
    struct timeval now = wall_now();

    return (int64_t)now.tv_sec * 1000000 + now.tv_usec;
}

/* --- What becomes of recipients. ------------------------------------------------ */

static void settle(struct delivery *delivery, size_t index, struct outcome *outcome,
                   const struct session *session)
{
    const struct agent *agent = delivery->agent;
    struct recipient recipient = delivery->request->envelope.recipients.items[index];
    struct recipient_report *report = &delivery->reports.items[delivery->reports.count++];

    outcome->connected_at = delivery->connected_at;
    outcome->transmission_at = delivery->started_at;
    if (session) {
        outcome->relay = session->relay;
        outcome->remote_mta = session->host;
        outcome->connection_use = session->uses;
    }
    /* RFC 3461 5.2.2: who was asked for the notification sends it. */
    if (outcome->action == OUTCOME_RELAYED && session
        && (session->extensions & EXTENSION_DSN))
        recipient.notify &= ~(int64_t)NOTIFY_SUCCESS;
    report->handle = recipient.handle;
    report->status = reporter_report(agent->reporter, delivery->request, &recipient, outcome);
    delivery->done[index] = true;
    delivery->left--;
}

/*
 * Whether the server is where the mail stays (flags=X; RFC 2033 servers as lmtp_assume_final).  One
 * that was asked for the notification says itself what became of the mail.
 */
static bool is_final(const struct agent *agent, const struct session *session)
{
    return !(session->extensions & EXTENSION_DSN)
           && (agent->marks & MARK_FINAL
               || (agent->lmtp && agent->config->lmtp_assume_final));
}

void delivery_succeed(struct delivery *delivery, size_t index, const struct session *session)
{
    bool probe = delivery->request->flags & REQUEST_PROBE;
    struct outcome outcome = {
        .action = probe ? OUTCOME_DELIVERABLE
                        : is_final(delivery->agent, session) ? OUTCOME_DELIVERED
                                                             : OUTCOME_RELAYED,
        .dsn = failure_reply_status(delivery->arena, &session->reply),
        .reason = failure_reply_text(delivery->arena, &session->reply),
    };

    if (probe && session->reply.code / 100 == 3)
        outcome.dsn = "2.0.0";      /* DATA, for smtp_address_verify_target = data */
    outcome.diagnostic_type = "smtp";
    outcome.diagnostic_text = outcome.reason;
    settle(delivery, index, &outcome, session);
}

static void settle_failure(struct delivery *delivery, size_t index,
                           const struct failure *failure, const struct session *session)
{
    struct outcome outcome = {
        .action = failure_is_permanent(failure) ? OUTCOME_FAILED : OUTCOME_DELAYED,
        .dsn = failure->dsn, .reason = failure->reason, .relay = failure->relay,
        .remote_mta = failure->remote,
        .diagnostic_type = *failure->diagnostic ? "smtp" : "",
        .diagnostic_text = failure->diagnostic,
    };

    settle(delivery, index, &outcome, session);
}

static bool is_settled_by(const struct delivery *delivery, const struct failure *failure)
{
    return delivery->final || failure_is_permanent(failure);
}

static void put_off(struct delivery *delivery, const struct failure *failure)
{
    log_info("%s: %s", delivery->request->envelope.queue_id, failure->reason);
    delivery->failure = *failure;
}

void delivery_fail(struct delivery *delivery, size_t index, const struct failure *failure,
                   const struct session *session)
{
    if (is_settled_by(delivery, failure)) {
        settle_failure(delivery, index, failure, session);
        return;
    }

    struct failure *own = arena_take(delivery->arena, sizeof(*own));

    *own = *failure;
    delivery->own[index] = own;
    put_off(delivery, failure);
}

static void settle_all(struct delivery *delivery, const struct failure *failure,
                       const struct session *session)
{
    for (size_t i = 0; i < delivery->request->envelope.recipients.count; i++)
        if (!delivery->done[i])
            settle_failure(delivery, i, delivery->own[i] ? delivery->own[i] : failure, session);
}

static void forget_own(struct delivery *delivery)
{
    memset(delivery->own, 0,
           delivery->request->envelope.recipients.count * sizeof(*delivery->own));
}

void delivery_fail_all(struct delivery *delivery, const struct failure *failure,
                       const struct session *session)
{
    delivery->failure = *failure;
    forget_own(delivery);
    if (is_settled_by(delivery, failure))
        settle_all(delivery, failure, session);
    else if (delivery->left > 0)
        put_off(delivery, failure);
}

/* --- Sessions. ------------------------------------------------------------------- */

static void give_back(struct delivery *delivery, struct session *session, bool clean)
{
    if (!clean || !session_may_stay(session)) {
        session_close(session);
        return;
    }
    transcript_end(session);
    pool_give(delivery->agent->pool, session);
}

/* Carry the message over the session.  False when the session had died in the pool. */
static bool use_session(struct delivery *delivery, struct session *session)
{
    session->uses++;
    session_begin(session, delivery->request);
    delivery->connected_at = wall_microseconds();

    enum transaction_result result = transaction_run(delivery, session);

    delivery->reached |= result != TRANSACTION_STALE;
    give_back(delivery, session, result == TRANSACTION_CLEAN);
    return result != TRANSACTION_STALE;
}

/* Over a connection that waits in the pool, while there is one that lives. */
static bool use_pooled(struct delivery *delivery, const char *nexthop, const char *host_key,
                       bool last)
{
    for (;;) {
        struct session *session = pool_take(delivery->agent->pool, nexthop, host_key);

        if (!session)
            return false;
        if (nexthop)
            delivery->final = last && session->alone;
        delivery->used = arena_copy(delivery->arena, session->key);
        if (use_session(delivery, session))
            return true;
        delivery->used = NULL;
    }
}

/* True when a session took place, whatever came of it. */
static bool try_host(struct delivery *delivery, const struct destination *destination,
                     const struct host *host, bool alone)
{
    const struct agent *agent = delivery->agent;
    const char *key = session_host_key(delivery->arena, destination, host);
    struct failure failure;

    if (delivery->used && strcmp(delivery->used, key) == 0)
        return true;    /* it was asked over a pooled connection a moment ago */
    delivery->connected_at = 0;
    /* Another next hop may have let a connection to this server pass in the clear. */
    if (!tls_demand_holds(&agent->tls_demand, destination,
                                host ? host->name : destination->host)
        && use_pooled(delivery, NULL, key, false))
        return true;

    struct session *session =
        session_open(agent, destination, host, delivery->request, delivery->arena, &failure);

    if (session) {
        session->alone = alone;
        return use_session(delivery, session);
    }
    if (strcmp(failure.relay, "none") == 0) {
        delivery->failure = failure;    /* connecting failed, and was logged */
        forget_own(delivery);
        return false;
    }
    delivery->connected_at = wall_microseconds();
    delivery_fail_all(delivery, &failure, NULL);
    return true;
}

static void try_hosts(struct delivery *delivery, const struct destination *destination,
                      bool last)
{
    int limit = delivery->agent->config->smtp_mx_session_limit, sessions = 0;
    struct host_list hosts = { NULL, 0, 0 };

    if (destination->unix_socket) {
        delivery->final = last;
        (void)try_host(delivery, destination, NULL, true);
        return;
    }
    if (!hosts_find(delivery->agent, destination, delivery->arena, &hosts, &delivery->failure))
        return;
    for (size_t i = 0; i < hosts.count && delivery->left > 0; i++) {
        if (limit > 0 && sessions >= limit)
            return;
        delivery->final =
            last && (i + 1 == hosts.count || (limit > 0 && sessions + 1 >= limit));
        sessions += try_host(delivery, destination, &hosts.items[i], hosts.count == 1);
        if (delivery->failure.loop)
            return;
    }
}

/* --- Next hops: those of the request, then the fallback relays. ------------------- */

struct nexthop {
    const char *text;
    bool fallback;              /* one of smtp_fallback_relay */
};

/* The parameter that a next hop stands in, or NULL: it comes from the mail. */
static const char *parameter_of(const struct delivery *delivery, const struct nexthop *nexthop)
{
    const char *relayhost = delivery->agent->config->relayhost;

    if (nexthop->fallback)
        return "smtp_fallback_relay";
    return *relayhost && strcasecmp(nexthop->text, relayhost) == 0 ? "relayhost"
                                                                                : NULL;
}

/* A next hop that the administrator wrote: what is wrong with it is no fault of the mail. */
static void excuse_configuration(struct delivery *delivery, const struct nexthop *nexthop)
{
    struct failure *failure = &delivery->failure;
    const char *parameter = parameter_of(delivery, nexthop);

    if (delivery->left == 0 || !failure_is_permanent(failure)
        || strcmp(failure->relay, "none") != 0 || !parameter)
        return;
    log_warn("%s configuration problem", parameter);
    failure->dsn = "4.3.5";
}

static void try_nexthop(struct delivery *delivery, const struct nexthop *nexthop, bool last)
{
    struct destination destination;
    struct error error = ERROR_NONE;

    if (use_pooled(delivery, nexthop->text, NULL, last) && delivery->left == 0)
        return;
    if (!destination_parse(&destination, nexthop->text, delivery->agent->config->smtp_tcp_port,
                           delivery->agent->lmtp, delivery->arena, &error)) {
        log_warn("%s", error.text);
        delivery->failure = failure_of(delivery->arena, "4.3.5", "%s", error.text);
        return;
    }
    try_hosts(delivery, &destination, last);
    excuse_configuration(delivery, nexthop);
}

/* The next of the request's list (smtp(8), "multiple destinations"), then of the relays. */
static bool next_nexthop(struct slice *own, struct slice *relays, struct arena *arena,
                         struct nexthop *nexthop)
{
    struct slice member;

    nexthop->fallback = !slice_take_token(own, ", \t\r\n", &member);
    if (nexthop->fallback && !config_list_next(relays, false, &member))
        return false;
    nexthop->text = arena_text(arena, member);
    return true;
}

static void try_all(struct delivery *delivery)
{
    struct slice own = slice_of(delivery->request->nexthop);
    struct slice relays = slice_of(delivery->agent->config->smtp_fallback_relay);
    struct nexthop nexthop, following;
    bool more = next_nexthop(&own, &relays, delivery->arena, &nexthop);

    while (more && delivery->left > 0 && !delivery->failure.loop) {
        more = next_nexthop(&own, &relays, delivery->arena, &following);
        try_nexthop(delivery, &nexthop, !more);
        nexthop = following;
    }
}

void delivery_run(struct delivery *delivery)
{
    const struct agent *agent = delivery->agent;

    delivery->started_at = wall_microseconds();
    if (!agent->marks || marks_permit(agent, delivery->request, delivery->file, delivery->arena,
                                      &delivery->failure))
        try_all(delivery);
    if (delivery->left > 0 && delivery->failure.loop && *agent->config->best_mx_transport
        && handover(delivery, agent->config->best_mx_transport))
        return;
    delivery->final = true;
    settle_all(delivery, &delivery->failure, NULL);
}
