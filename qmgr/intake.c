/*
 * What comes into the active queue: cleanup's notes, and walks over incoming and deferred.
 *
 * A note is a hint.  What it does not bring (the queue was full, cleanup could not reach
 * us, an earlier life) a walk finds.
 */
#include "intake.h"

#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/vector.h"
#include "deliver/arrival.h"
#include "deliver/settle.h"
#include "log/log.h"
#include "upkeep.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum {
    WALK_BATCH = 200,
    /* Deferred mail leaves a fifth of the active queue to what is new. */
    DEFERRED_SHARE_PERCENT = 80,
};

/* A walk over incoming or deferred. */
struct walk {
    struct qmgr *qmgr;
    enum queue_place place;
    bool wanted;                /* once more, from the start */
    bool wanted_all;            /* and then whatever the time stamps say */
    bool wanted_flush;          /* and with transports that defer_transports names */
    bool all, flush;
    bool running;               /* a thread is out with it */
    bool at_end;
    struct queue_scan *scan;
    struct { char **items; size_t count, capacity; } found;
    size_t next;                /* of found */
};

struct intake {
    struct walk incoming, deferred;
    struct note_link *links;
};

struct note_link {
    struct qmgr *qmgr;
    struct channel *channel;
    bool waits;                 /* to be told that the intake log is settled */
    struct note_link *next, *previous;
};

/* --- walks ------------------------------------------------------------------------------- */

static bool is_due(struct walk *walk, const char *id)
{
    struct message_times times;
    struct error error = ERROR_NONE;
    bool complete = false;

    if (!queue_times(walk->qmgr->queue, walk->place, id, &times, &complete, &error) || !complete)
        return false;
    return walk->all || walk->place == QUEUE_INCOMING || times.unthrottle ||
           times.next_attempt <= time(NULL);
}

/* Out of the turn. */
static void walk_on(void *argument)
{
    struct walk *walk = argument;
    const char *id = NULL;

    if (!walk->scan)
        walk->scan = queue_scan_new(walk->qmgr->queue, walk->place);
    while (walk->found.count < WALK_BATCH && (id = queue_scan_next(walk->scan)) != NULL)
        if (is_due(walk, id))
            VECTOR_PUSH(&walk->found, memory_copy(id));
    if (!id && walk->found.count < WALK_BATCH) {
        queue_scan_free(walk->scan);
        walk->scan = NULL;
        walk->at_end = true;
    }
}

static bool has_room(const struct qmgr *qmgr, enum queue_place place)
{
    size_t limit = qmgr->message_limit;

    if (place == QUEUE_DEFERRED)
        limit = limit * DEFERRED_SHARE_PERCENT / 100;
    return !qmgr->stopping && hash_count(qmgr->messages) < (limit > 0 ? limit : 1);
}

/* One that is in hand may yet be given up, and then nobody would come for it. */
static void take_one(struct walk *walk, const char *id)
{
    struct active *active = hash_get(walk->qmgr->messages, slice_of(id));

    if (active) {
        active->met = active->met || walk->place == QUEUE_INCOMING;
        return;
    }
    active = active_new(walk->qmgr, id, walk->place);
    active->flush = walk->flush;
    active_load(active);
}

static void take_found(struct walk *walk)
{
    struct qmgr *qmgr = walk->qmgr;

    while (walk->next < walk->found.count && has_room(qmgr, walk->place)) {
        char *id = walk->found.items[walk->next];

        walk->found.items[walk->next++] = NULL;
        take_one(walk, id);
        free(id);
    }
    if (walk->next == walk->found.count)
        walk->found.count = walk->next = 0;
}

static void walk_feed(struct walk *walk);

static void walked(void *argument)
{
    struct walk *walk = argument;

    walk->running = false;
    walk_feed(walk);
}

static void walk_feed(struct walk *walk)
{
    if (walk->running || walk->qmgr->stopping)
        return;
    take_found(walk);
    if (walk->found.count > 0)
        return;     /* the active queue is full */
    if (walk->at_end) {
        if (!walk->wanted)
            return;
        walk->at_end = false;
        walk->all = walk->wanted_all;
        walk->flush = walk->wanted_flush;
        walk->wanted = walk->wanted_all = walk->wanted_flush = false;
    }
    walk->running = true;
    events_work(walk->qmgr->events, walk_on, walked, walk);
}

static void walk_want(struct walk *walk, bool all, bool flush)
{
    walk->wanted = true;
    walk->wanted_all = walk->wanted_all || all;
    walk->wanted_flush = walk->wanted_flush || flush;
    walk_feed(walk);
}

static void walk_clear(struct walk *walk)
{
    for (size_t i = walk->next; i < walk->found.count; i++)
        free(walk->found.items[i]);
    VECTOR_FREE(&walk->found);
    queue_scan_free(walk->scan);
}

void intake_walk_incoming(struct qmgr *qmgr)
{
    walk_want(&qmgr->intake->incoming, false, false);
}

void intake_feed(struct qmgr *qmgr)
{
    walk_feed(&qmgr->intake->incoming);
    walk_feed(&qmgr->intake->deferred);
}

/* --- notes ------------------------------------------------------------------------------- */

/* False: there is no room for more, and who brings it may wait (in_flow_delay). */
static bool note_arrival(struct qmgr *qmgr, struct slice frame)
{
    struct arena *arena = arena_new();
    struct arrival arrival;
    struct error error = ERROR_NONE;

    if (!frame_read(frame, &arrival_frame, arena, &arrival, &error) ||
        !queue_id_is_valid(slice_of(arrival.envelope.queue_id))) {
        log_warn("public/qmgr: malformed note: %s", error.text);
        arena_free(arena);
    } else if (!has_room(qmgr, QUEUE_INCOMING)) {
        arena_free(arena);
        walk_want(&qmgr->intake->incoming, false, false);
        return false;
    } else if (hash_get(qmgr->messages, slice_of(arrival.envelope.queue_id))) {
        arena_free(arena);
    } else {
        struct active *active = active_new(qmgr, arrival.envelope.queue_id, QUEUE_INCOMING);

        arena_free(active->arena);
        active->arena = arena;
        active->envelope = arrival.envelope;
        active->complete = arrival.complete;
        active->wants_report = arrival.reported;
        active->log_place = arrival.place;
        active->fresh = true;
        if (arrival.place.segment)
            upkeep_expect(qmgr->upkeep);
        active_load(active);
    }
    return true;
}

static void dispose_link(struct note_link *link)
{
    events_forget(link->qmgr->events, link->channel->fd);
    channel_free(link->channel);
    free(link);
}

static void free_link(struct note_link *link)
{
    struct intake *intake = link->qmgr->intake;

    if (link->previous)
        link->previous->next = link->next;
    else
        intake->links = link->next;
    if (link->next)
        link->next->previous = link->previous;
    dispose_link(link);
}

static void ask_to_settle(struct note_link *link)
{
    link->waits = true;
    upkeep_settle_all(link->qmgr->upkeep);
}

void intake_settled(struct qmgr *qmgr)
{
    AUTO_STR struct str answer = STR_EMPTY;

    frame_write(&answer, &settled_frame, &(struct settled){ 1 });
    for (struct note_link *link = qmgr->intake->links; link; link = link->next)
        if (link->waits) {
            link->waits = false;
            (void)channel_send(link->channel, &answer, -1);
        }
}

static void link_ready(void *argument, int fd, unsigned mask)
{
    struct note_link *link = argument;
    enum channel_state state = channel_fill(link->channel);
    struct slice frame;
    size_t start = 0, used = 0;
    bool bad = false;

    if (mask & EVENT_GONE)      /* the end comes after what was read now: no edge tells of it */
        events_watch(link->qmgr->events, fd, EVENT_READ, link_ready, link);
    while (channel_frame(link->channel, start, &frame, &used, &bad)) {
        if (frame_kind(frame) == FRAME_SETTLE)
            ask_to_settle(link);
        else if (!note_arrival(link->qmgr, frame))
            (void)send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        start += used;
    }
    str_drop(&link->channel->input, start);
    if (bad)
        log_warn("public/qmgr: what came is no frame");
    if (bad || state != CHANNEL_OPEN)
        free_link(link);
}

void intake_accepted(struct service_context *context, struct events *events, int fd)
{
    struct qmgr *qmgr = context->state;
    struct note_link *link = memory_new(1, sizeof(*link));

    link->qmgr = qmgr;
    link->channel = channel_new(fd);
    link->next = qmgr->intake->links;
    if (link->next)
        link->next->previous = link;
    qmgr->intake->links = link;
    events_watch(events, fd, EVENT_READ | EVENT_EDGE, link_ready, link);
}

/* --- triggers -------------------------------------------------------------------------------- */

void intake_triggered(struct service_context *context, struct events *events, struct slice bytes)
{
    struct qmgr *qmgr = context->state;
    bool all = slice_find(bytes, 'A') < bytes.length;
    bool flush = slice_find(bytes, 'F') < bytes.length;

    (void)events;
    if (flush)
        scheduler_revive(qmgr->scheduler);
    if (slice_find(bytes, 'D') < bytes.length)
        walk_want(&qmgr->intake->deferred, all, flush);
    if (slice_find_any(bytes, "IW") < bytes.length)
        walk_want(&qmgr->intake->incoming, false, flush);
    qmgr_run(qmgr);
}

static void deferred_is_due(void *argument)
{
    struct qmgr *qmgr = argument;

    walk_want(&qmgr->intake->deferred, false, false);
    events_at(qmgr->events, moment_after(qmgr->config->queue_run_delay), deferred_is_due, qmgr);
}

void intake_close(struct intake *intake)
{
    struct note_link *link = intake->links, *next;

    for (intake->links = NULL; link; link = next) {
        next = link->next;
        dispose_link(link);
    }
}

struct intake *intake_new(struct qmgr *qmgr)
{
    struct intake *intake = memory_new(1, sizeof(*intake));

    intake->incoming = (struct walk){ .qmgr = qmgr, .place = QUEUE_INCOMING, .at_end = true };
    intake->deferred = (struct walk){ .qmgr = qmgr, .place = QUEUE_DEFERRED, .at_end = true };
    return intake;
}

void intake_start(struct qmgr *qmgr)
{
    walk_want(&qmgr->intake->incoming, false, false);
    deferred_is_due(qmgr);
}

void intake_free(struct intake *intake)
{
    if (!intake)
        return;
    intake_close(intake);
    walk_clear(&intake->incoming);
    walk_clear(&intake->deferred);
    free(intake);
}
