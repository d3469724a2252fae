/*
 * qmgr: decides what is delivered when.  A few threads share the event loop and schedule by
 * turns; whoever has to wait for the disk or a table does so outside the turn (events_work).
 * What may wait for bounce, and so for cleanup, is done by loader threads of its own.
 */
#include "active.h"
#include "clog.h"
#include "intake.h"
#include "limits.h"
#include "succession.h"
#include "upkeep.h"

#include "address/lookup.h"
#include "address/resolve.h"
#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "log/log.h"
#include "service/needs.h"

#include <sys/resource.h>
#include <unistd.h>

enum {
    LOAD_THREADS = 2,
    FINISH_THREADS = 4,
    POOL_LANES = 4,
    POOL_IDLE_SECONDS = 100,
    SPARE_DESCRIPTORS = 1000,       /* beside one for each active message */
    STOP_SECONDS = 30,              /* agents may end what they have in hand */
};

static void find_limits(void *owner, const char *transport, struct transport_limits *limits)
{
    const struct qmgr *qmgr = owner;

    limits_find(qmgr->config, transport, limits);
}

/* --- running ----------------------------------------------------------------------------- */

static void alarm_rings(void *argument)
{
    struct qmgr *qmgr = argument;

    qmgr->alarm = NULL;
    qmgr_run(qmgr);
}

static bool is_finished(const struct qmgr *qmgr)
{
    return qmgr->under_way == 0 && qmgr->busy == 0;
}

void qmgr_run(struct qmgr *qmgr)
{
    if (qmgr->stopping) {
        scheduler_withdraw(qmgr->scheduler);
        if (is_finished(qmgr))
            events_stop(qmgr->events);
        return;
    }
    scheduler_run(qmgr->scheduler, moment_now());

    int64_t next = scheduler_next(qmgr->scheduler);

    if (qmgr->alarm)
        events_cancel(qmgr->events, qmgr->alarm);
    qmgr->alarm = next == INT64_MAX ? NULL
                                    : events_at(qmgr->events, next, alarm_rings, qmgr);
}

/* --- start and stop ------------------------------------------------------------------------ */

static bool open_queue(struct qmgr *qmgr, struct error *error)
{
    const struct config *config = qmgr->config;
    const struct queue_settings settings = {
        .hash_queue_names = config->hash_queue_names,
        .hash_queue_depth = config->hash_queue_depth,
        .long_ids = config->enable_long_queue_ids,
        .line_length_limit = config->line_length_limit,
    };

    qmgr->queue = queue_open(&settings, error);
    if (qmgr->queue)
        qmgr->log = log_reader_new(qmgr->queue);
    return qmgr->queue != NULL;
}

/* Probes are routed by parameters of their own, which mostly are the ordinary ones. */
static bool probes_go_elsewhere(const struct config *config)
{
    const char *const pairs[][2] = {
        { config->address_verify_transport_maps, config->transport_maps },
        { config->address_verify_local_transport, config->local_transport },
        { config->address_verify_virtual_transport, config->virtual_transport },
        { config->address_verify_relay_transport, config->relay_transport },
        { config->address_verify_default_transport, config->default_transport },
        { config->address_verify_relayhost, config->relayhost },
        { config->address_verify_sender_dependent_relayhost_maps,
          config->sender_dependent_relayhost_maps },
        { config->address_verify_sender_dependent_default_transport_maps,
          config->sender_dependent_default_transport_maps },
    };

    for (size_t i = 0; i < COUNT(pairs); i++)
        if (strcmp(pairs[i][0], pairs[i][1]) != 0)
            return true;
    return false;
}

static bool open_tables(struct qmgr *qmgr, struct error *error)
{
    const struct table_context *tables = service_tables(qmgr->context);

    qmgr->lookup = lookup_open(qmgr->config, tables, error);
    if (!qmgr->lookup)
        return false;
    qmgr->resolver = resolver_open(qmgr->config, tables, qmgr->lookup, RESOLVE_MAIL, error);
    if (!qmgr->resolver)
        return false;
    qmgr->probe_resolver = qmgr->resolver;
    if (!probes_go_elsewhere(config_of_rewriter(qmgr->config)))
        return true;
    qmgr->probe_resolver = resolver_open(qmgr->config, tables, qmgr->lookup, RESOLVE_PROBE,
                                         error);
    return qmgr->probe_resolver != NULL;
}

/* One descriptor for each active message; more of them than allowed must wait. */
static size_t find_message_limit(const struct config *config)
{
    struct rlimit limit;
    size_t wanted = (size_t)config->qmgr_message_active_limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wanted;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > wanted + SPARE_DESCRIPTORS)
        return wanted;
    return limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? limit.rlim_cur - SPARE_DESCRIPTORS
                                                  : limit.rlim_cur / 2;
}

static struct lane_pool *pool_of(const struct service_context *context, const char *service)
{
    return lane_pool_new(service_socket(context, "private", service), POOL_LANES,
                         POOL_IDLE_SECONDS);
}

static bool qmgr_prepare(struct service_context *context, struct error *error)
{
    struct qmgr *qmgr = memory_new(1, sizeof(*qmgr));

    context->state = qmgr;
    qmgr->context = context;
    qmgr->config = context->config;
    qmgr->message_limit = find_message_limit(qmgr->config);
    qmgr->bounce = pool_of(context, qmgr->config->bounce_service_name);
    qmgr->defer = pool_of(context, qmgr->config->defer_service_name);
    qmgr->trace = pool_of(context, qmgr->config->trace_service_name);
    if (qmgr->config->bounce_queue_lifetime > qmgr->config->maximal_queue_lifetime)
        log_warn("bounce_queue_lifetime is larger than maximal_queue_lifetime - "
                 "adjusting bounce_queue_lifetime");
    qmgr->succession = succession_open(qmgr, error);
    return qmgr->succession && open_queue(qmgr, error) && open_tables(qmgr, error);
}

static bool qmgr_start(struct service_context *context, struct events *events,
                       struct error *error)
{
    struct qmgr *qmgr = context->state;
    const struct scheduler_actions actions = { find_limits, dispatch_delivery, dispatch_give_up,
                                               dispatch_give_back, clog_warn, active_refill,
                                               qmgr };
    const struct scheduler_settings settings = {
        .transport_retry = 1000 * (int64_t)qmgr->config->transport_retry_time,
        .destination_retry = 1000 * (int64_t)qmgr->config->minimal_backoff_time,
        .retry_transport = "retry",
        .least_recipients = (size_t)qmgr->config->qmgr_message_recipient_minimum,
        .dead_limit = (size_t)qmgr->config->qmgr_message_recipient_limit,
        .clog_load = qmgr->message_limit / CLOG_PART,
        .clog_pause = qmgr->config->helpful_warnings
                          ? 1000 * (int64_t)qmgr->config->qmgr_clog_warn_time : 0,
    };

    log_number((unsigned long)getpid());
    qmgr->events = events;
    /* As Postfix's it never ends for being idle: the last life may yet leave it mail. */
    events_set_busy(events, true);
    qmgr->messages = hash_new();
    qmgr->scheduler = scheduler_new(&settings, &actions);
    if (!succession_begin(qmgr->succession, error))
        return false;
    events_share(events, LOAD_THREADS);
    qmgr->finishes = loader_new(events, FINISH_THREADS);
    qmgr->intake = intake_new(qmgr);
    intake_start(qmgr);
    qmgr->upkeep = upkeep_start(qmgr);
    return true;
}

static void out_of_time(void *argument)
{
    struct qmgr *qmgr = argument;

    qmgr->out_of_time = true;
    events_stop(qmgr->events);
}

/* A reload waits for agents as long as it takes, the end of the whole house does not. */
static void finish_deliveries(struct qmgr *qmgr, struct events *events)
{
    bool limited = false;

    while (!is_finished(qmgr) && !qmgr->out_of_time) {
        if (service_is_stopping(qmgr->context) && !limited) {
            limited = true;
            events_at(events, moment_after(STOP_SECONDS), out_of_time, qmgr);
        }
        events_run(events);
    }
}

/*
 * What agents have in hand, and what we heard of it and have not written yet, is waited for:
 * else it would be delivered again.  Everything else goes back to incoming, for the next life.
 */
static void qmgr_stop(struct service_context *context, struct events *events)
{
    struct qmgr *qmgr = context->state;

    qmgr->stopping = true;
    intake_close(qmgr->intake);
    scheduler_withdraw(qmgr->scheduler);
    finish_deliveries(qmgr, events);
    /* A message whose delivery was reported must leave the queue, or it is delivered again. */
    loader_drain(qmgr->finishes);
}

static int watchdog_seconds(const struct config *config)
{
    return config->qmgr_daemon_timeout;
}

int main(int argc, char **argv)
{
    static const struct service qmgr = {
        .name = "qmgr",
        .pattern = SERVICE_EVENTS,
        .rights = RIGHT_WRITE_QUEUE | RIGHT_CONNECT_UNIX | RIGHT_READ_TABLES,
        .prepare = qmgr_prepare,
        .start = qmgr_start,
        .accepted = intake_accepted,
        .triggered = intake_triggered,
        .overlaps = true,
        .watchdog_seconds = watchdog_seconds,
        .stop = qmgr_stop,
    };

    return service_main(&qmgr, argc, argv);
}
