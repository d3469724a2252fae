/*
 * The life of a message in the active queue, as the event loop sees it: load, deliver, mark,
 * load more, finish.
 */
#include "active.h"
#include "intake.h"

#include "address/address.h"
#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/vector.h"
#include "deliver/request.h"
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
    return active;
}

static void free_batch(struct active *active, struct batch *batch)
{
    struct batch **place = &active->batches;

    while (*place != batch)
        place = &(*place)->next;
    *place = batch->next;
    active->qmgr->recipients -= batch->recipients.count;
    if (batch->owns_arena)
        arena_free(batch->arena);
    VECTOR_FREE(&batch->skipped);
    free(batch);
}

void active_free(struct active *active)
{
    struct qmgr *qmgr = active->qmgr;
    bool met = active->met;

    hash_remove(qmgr->messages, slice_of(active->id));
    qmgr->probes -= active->trace_flags & REQUEST_VERIFY ? 1 : 0;
    scheduler_leave(qmgr->scheduler, active->mail);
    while (active->batches)
        free_batch(active, active->batches);
    message_close(active->file);
    arena_free(active->arena);
    VECTOR_FREE(&active->done);
    VECTOR_FREE(&active->marking);
    free(active->id);
    free(active);
    if (met)
        intake_walk_incoming(qmgr);
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

    address_quote(&sender, slice_of(active->envelope.sender));
    log_info("%s: from=<%s>, size=%lld, nrcpt=%lld (queue active)", active->id, sender.data,
             (long long)active->envelope.content_size,
             (long long)active->envelope.recipient_count);
}

static void revive_destinations(struct active *active, const struct batch *batch)
{
    for (size_t i = 0; i < batch->route_count; i++)
        scheduler_revive_destination(active->qmgr->scheduler, batch->routes[i].transport,
                                     batch->routes[i].destination);
}

/* A recipient limit of 1 makes each recipient a destination of its own. */
static void name_destinations(struct active *active, const struct batch *batch)
{
    for (size_t i = 0; i < batch->route_count; i++) {
        struct route *route = &batch->routes[i];

        if (scheduler_is_per_recipient(active->qmgr->scheduler, route->transport))
            route->destination = route->recipient->address;
    }
}

/* How many recipients the file may still have, done or not; what the size record says is right but
 * for a file that somebody else wrote. */
static size_t count_unread(const struct active *active)
{
    int64_t count = active->envelope.recipient_count;

    if (active->complete)
        return 0;
    return count > (int64_t)active->seen ? (size_t)count - active->seen : 1;
}

static void queue_deliveries(struct active *active, struct batch *batch)
{
    struct scheduler *scheduler = active->qmgr->scheduler;
    int64_t now = moment_now();

    name_destinations(active, batch);
    if (active->flush)
        revive_destinations(active, batch);
    scheduler_set_unread(scheduler, active->mail, count_unread(active), now);
    batch->open = scheduler_add(scheduler, active->mail, batch, batch->routes,
                                batch->route_count, now);
    active->open += batch->open;
}

static void start_deliveries(struct active *active)
{
    struct qmgr *qmgr = active->qmgr;
    struct batch *batch = active->loading;

    active->loading = NULL;
    active->seen += batch->recipients.count;
    qmgr->recipients += batch->recipients.count;
    for (size_t i = 0; i < batch->skipped.count; i++)
        VECTOR_PUSH(&active->done, batch->skipped.items[i]);
    queue_deliveries(active, batch);
    if (batch->open == 0)
        free_batch(active, batch);
    active_settle(active);
    qmgr_run(qmgr);
}

/* The first one lies with the envelope, in the message's own arena. */
static struct batch *batch_new(struct active *active)
{
    struct batch *batch = memory_new(1, sizeof(*batch));

    batch->owns_arena = active->mail != NULL;
    batch->arena = batch->owns_arena ? arena_new() : active->arena;
    batch->next = active->batches;
    return active->batches = active->loading = batch;
}

/* It has not become one of those that are delivered. */
static void drop_loading(struct active *active)
{
    if (active->loading) {
        active->loading->recipients.count = 0;      /* they were never counted */
        active->loading = NULL;
    }
}

static void loaded(void *argument)
{
    struct active *active = argument;
    struct qmgr *qmgr = active->qmgr;

    take_back(active);
    if (active->load != LOAD_READY) {
        drop_loading(active);
        active_free(active);
        intake_feed(qmgr);
        qmgr_run(qmgr);
        return;
    }
    active->met = false;        /* it has left incoming */
    if (active->envelope.recipient_count == 0)      /* cleanup's note does not say */
        active->envelope.recipient_count = (int64_t)active->loading->recipients.count;
    announce(active);
    active->mail = scheduler_enter(qmgr->scheduler, active, moment_now());
    start_deliveries(active);
}

void active_load(struct active *active)
{
    active->recipient_limit = recipient_share(active->qmgr);
    (void)batch_new(active);
    hand_out(active, load_message, loaded);
}

static void loaded_more(void *argument)
{
    struct active *active = argument;

    take_back(active);
    if (active->load != LOAD_READY) {
        /* The file was moved away from us: what is under way ends, and nothing comes after it. */
        drop_loading(active);
        active->failed = true;
        scheduler_set_unread(active->qmgr->scheduler, active->mail, 0, moment_now());
        active_settle(active);
        return;
    }
    start_deliveries(active);
}

static void load_next(struct active *active)
{
    size_t room = scheduler_room(active->qmgr->scheduler, active->mail);

    active->recipient_limit = active->room > 0 ? active->room : room;
    active->room = 0;
    (void)batch_new(active);
    hand_out(active, load_more, loaded_more);
}

void active_refill(void *owner, void *message, size_t room)
{
    struct active *active = message;

    (void)owner;
    active->room = room;
    if (!active->busy)
        active_settle(active);
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

void active_make_file(struct active *active)
{
    if (!active->busy && active->file && message_is_logged(active->file))
        hand_out(active, settle_message, marked);
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
    if (active->room > 0 && !active->complete && !active->failed && !qmgr->stopping) {
        load_next(active);
        return;
    }
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
        load_next(active);
        return;
    }
    /* Notifications wait for cleanup: they must not hold up what only is to be removed. */
    if (may_wait_for_bounce(active))
        hand_to_loader(active, finish_message, finished);
    else
        hand_out(active, finish_message, finished);
}

void active_ended(struct active *active, struct batch *batch)
{
    active->open--;
    if (--batch->open == 0)
        free_batch(active, batch);
    active_settle(active);
}

void active_retry(struct active *active, struct batch *batch, struct recipient **recipients,
                  size_t count, const char *reason)
{
    AUTO_FREE struct route *routes = memory_new(count, sizeof(*routes));
    const char *text = arena_copy(batch->arena, reason);

    for (size_t i = 0; i < count; i++)
        routes[i] = (struct route){ "retry", text, text, recipients[i], false };

    size_t deliveries = scheduler_add(active->qmgr->scheduler, active->mail, batch, routes, count,
                                      moment_now());

    batch->open += deliveries;
    active->open += deliveries;
}
