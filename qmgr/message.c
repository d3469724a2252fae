/*
 * The life of a message in the active queue, as the event loop sees it: load, deliver, mark,
 * load more, finish.
 */
#include "active.h"

#include "address/address.h"
#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"

struct active *active_new(struct qmgr *qmgr, const char *id, enum queue_place place)
{
    struct active *active = memory_new(1, sizeof(*active));

    active->qmgr = qmgr;
    active->id = memory_copy(id);
    active->place = place;
    active->arena = arena_new();
    active->fd = -1;
    hash_set(qmgr->messages, slice_of(active->id), active);
    events_set_busy(qmgr->events, true);
    return active;
}

void active_free(struct active *active)
{
    struct qmgr *qmgr = active->qmgr;

    hash_remove(qmgr->messages, slice_of(active->id));
    qmgr->recipients -= active->loaded;
    message_close(active->file);
    arena_free(active->arena);
    VECTOR_FREE(&active->done);
    VECTOR_FREE(&active->marking);
    free(active->id);
    free(active);
    events_set_busy(qmgr->events, hash_count(qmgr->messages) > 0);
}

/* A thread is out with the message until its callback calls take_back. */
static void hand_out(struct active *active, void (*work)(void *argument),
                     void (*then)(void *argument))
{
    active->busy = true;
    active->qmgr->busy++;
    events_work(active->qmgr->events, work, then, active);
}

/* The same, but it may wait for other services for long. */
static void hand_to_loader(struct active *active, void (*work)(void *argument),
                           void (*then)(void *argument))
{
    active->busy = true;
    active->qmgr->busy++;
    loader_submit(active->qmgr->finishes, work, then, active);
}

static void take_back(struct active *active)
{
    active->busy = false;
    active->qmgr->busy--;
}

/* --- loading ------------------------------------------------------------------------- */

/* As many as the limit of all allows, but never less than the minimum for one message. */
static size_t recipient_share(const struct qmgr *qmgr)
{
    size_t limit = (size_t)qmgr->config->qmgr_message_recipient_limit;
    size_t minimum = (size_t)qmgr->config->qmgr_message_recipient_minimum;
    size_t share = limit > qmgr->recipients ? limit - qmgr->recipients : 0;

    return share > minimum ? share : minimum;
}

static void announce(struct active *active)
{
    AUTO_STR struct str sender = STR_EMPTY;

    if (active->announced)
        return;
    active->announced = true;
    address_quote(&sender, slice_of(active->envelope.sender));
    log_info("%s: from=<%s>, size=%lld, nrcpt=%zu (queue active)", active->id, sender.data,
             (long long)active->envelope.content_size, active->envelope.recipients.count);
}

static void revive_destinations(struct active *active)
{
    for (size_t i = 0; i < active->route_count; i++)
        scheduler_revive_destination(active->qmgr->scheduler, active->routes[i].transport,
                                     active->routes[i].destination);
}

/* A recipient limit of 1 makes each recipient a destination of its own. */
static void name_destinations(struct active *active)
{
    for (size_t i = 0; i < active->route_count; i++) {
        struct route *route = &active->routes[i];

        if (scheduler_is_per_recipient(active->qmgr->scheduler, route->transport))
            route->destination = active->envelope.recipients.items[route->recipient].address;
    }
}

static void start_deliveries(struct active *active)
{
    struct qmgr *qmgr = active->qmgr;

    qmgr->recipients -= active->loaded;
    active->loaded = active->envelope.recipients.count;
    qmgr->recipients += active->loaded;
    name_destinations(active);
    if (active->flush)
        revive_destinations(active);
    active->open += scheduler_add(qmgr->scheduler, active, active->routes, active->route_count,
                                  moment_now());
    active_settle(active);
    qmgr_run(qmgr);
}

static void loaded(void *argument)
{
    struct active *active = argument;
    struct qmgr *qmgr = active->qmgr;

    take_back(active);
    if (active->load != LOAD_READY) {
        active_free(active);
        intake_feed(qmgr);
        qmgr_run(qmgr);
        return;
    }
    announce(active);
    start_deliveries(active);
}

void active_load(struct active *active)
{
    active->recipient_limit = recipient_share(active->qmgr);
    hand_out(active, load_message, loaded);
}

static void loaded_more(void *argument)
{
    struct active *active = argument;
    struct qmgr *qmgr = active->qmgr;

    take_back(active);
    if (active->load != LOAD_READY) {
        /* The file was moved away from us; what is done is done. */
        active_free(active);
        qmgr_run(qmgr);
        return;
    }
    start_deliveries(active);
}

/* --- ending --------------------------------------------------------------------------- */

static void finished(void *argument)
{
    struct active *active = argument;
    struct qmgr *qmgr = active->qmgr;

    take_back(active);
    active_free(active);
    intake_feed(qmgr);
    if (qmgr->stopping)
        qmgr_run(qmgr);
}

static void marked(void *argument)
{
    struct active *active = argument;

    take_back(active);
    active_settle(active);
    if (active->qmgr->stopping)
        qmgr_run(active->qmgr);
}

static void start_marking(struct active *active)
{
    struct handle_list marks = active->marking;

    active->marking = active->done;
    active->done = marks;
    active->done.count = 0;
    hand_out(active, mark_message, marked);
}

void active_done(struct active *active, int64_t handle, bool bounced)
{
    VECTOR_PUSH(&active->done, handle);
    if (bounced)
        active->bounced = true;
}

static bool may_wait_for_bounce(const struct active *active)
{
    return active->bounced || active->deferred || !active->fresh || active->wants_report ||
           active->trace_flags;
}

void active_settle(struct active *active)
{
    struct qmgr *qmgr = active->qmgr;

    if (active->busy)
        return;
    if (active->open > 0 || !active->complete) {
        if (active->done.count > 0 && !active->failed) {
            start_marking(active);
            return;
        }
        if (active->open > 0)
            return;
    }
    if (active->given_back || (qmgr->stopping && !active->complete)) {
        hand_out(active, return_message, finished);
        return;
    }
    if (!active->complete && !active->failed) {
        active->recipient_limit = recipient_share(qmgr);
        hand_out(active, load_more, loaded_more);
        return;
    }
    /* Notifications wait for cleanup: they must not hold up what only is to be removed. */
    if (may_wait_for_bounce(active))
        hand_to_loader(active, finish_message, finished);
    else
        hand_out(active, finish_message, finished);
}

void active_retry(struct active *active, const size_t *recipients, size_t count,
                  const char *reason)
{
    struct route *routes = arena_take(active->arena, (count + 1) * sizeof(*routes));
    const char *text = arena_copy(active->arena, reason);

    for (size_t i = 0; i < count; i++)
        routes[i] = (struct route){ "retry", text, text, recipients[i] };
    active->open += scheduler_add(active->qmgr->scheduler, active, routes, count, moment_now());
}
