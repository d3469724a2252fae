/*
 * Loading a message into the active queue; runs in a thread that is out (events_work).
 */
#include "active.h"

#include "address/address.h"
#include "address/resolve.h"
#include "base/scope.h"
#include "base/vector.h"
#include "deliver/request.h"
#include "log/log.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

static enum load_result load_corrupt(struct active *active, const struct error *why)
{
    struct error error = ERROR_NONE;

    log_warn("%s: %s", active->id, why->text);
    log_warn("%s: saving corrupt file to the corrupt queue", active->id);
    if ((active->file && !message_settle(active->file, &error)) ||
        !queue_move(active->qmgr->queue, active->id, QUEUE_ACTIVE, QUEUE_CORRUPT, &error))
        log_warn("%s: %s", active->id, error.text);
    return LOAD_CORRUPT;
}

/* Trouble of our own: later. */
static enum load_result load_trouble(struct active *active, const struct error *why)
{
    struct error error = ERROR_NONE;

    log_warn("%s: %s", active->id, why->text);
    if ((active->file && !message_settle(active->file, &error)) ||
        !queue_defer(active->qmgr->queue, active->id,
                     time(NULL) + active->qmgr->config->minimal_backoff_time, &error))
        log_warn("%s: %s", active->id, error.text);
    return LOAD_TROUBLE;
}

/* What the mode of the file asks, before the move: a scan may meet one that is not complete. */
static bool look_before(struct active *active)
{
    struct message_times times;
    struct error error = ERROR_NONE;
    bool complete = false;

    if (active->place == QUEUE_INCOMING && active->fresh && active->complete)
        return true;    /* cleanup has just told us */
    if (!queue_times(active->qmgr->queue, active->place, active->id, &times, &complete, &error))
        return false;
    active->expire = times.expire;
    active->flush = active->flush || times.unthrottle;
    return complete;
}

/* cleanup has just committed it: it is nobody's yet but when it was settled meanwhile. */
static enum load_result open_logged(struct active *active)
{
    struct error error = ERROR_NONE;

    switch (message_open_logged(active->qmgr->log, &active->log_place, active->id,
                                &active->file, &error)) {
    case MESSAGE_READY:
        return LOAD_READY;
    case MESSAGE_MISSING:
        return LOAD_GONE;
    default:
        log_warn("%s: %s", active->id, error.text);
        return LOAD_GONE;
    }
}

static enum load_result open_message(struct active *active)
{
    struct queue *queue = active->qmgr->queue;
    struct error error = ERROR_NONE;

    if (active->log_place.segment)
        return open_logged(active);
    if (!look_before(active))
        return LOAD_GONE;
    if (!queue_move(queue, active->id, active->place, QUEUE_ACTIVE, &error)) {
        if (error.code == ENOENT)
            return LOAD_GONE;
        log_warn("%s: %s", active->id, error.text);
        return LOAD_TROUBLE;
    }
    switch (message_open(queue, QUEUE_ACTIVE, active->id, &active->file, &error)) {
    case MESSAGE_READY:
        active->fd = message_descriptor(active->file);
        return LOAD_READY;
    case MESSAGE_CORRUPT:
        return load_corrupt(active, &error);
    case MESSAGE_TROUBLE:
        return load_trouble(active, &error);
    default:
        return LOAD_GONE;
    }
}

static enum load_result read_recipients(struct active *active)
{
    struct batch *batch = active->loading;
    struct envelope envelope = active->envelope;
    struct error error = ERROR_NONE;
    bool more = false;

    if (!message_envelope(active->file, batch->arena, &envelope, active->recipient_limit, &more,
                          &error))
        return error.code == EIO || error.code == ENOMEM ? load_trouble(active, &error)
                                                         : load_corrupt(active, &error);
    if (!batch->owns_arena)
        active->envelope = envelope;
    batch->recipients = envelope.recipients;
    active->complete = !more;
    return LOAD_READY;
}

/* --- where recipients go ------------------------------------------------------------------ */

static void set_route(struct active *active, struct route *route, struct slice transport,
                      struct slice nexthop)
{
    route->transport = arena_text(active->loading->arena, transport);
    route->nexthop = arena_text(active->loading->arena, nexthop);
    route->destination = route->nexthop;
}

/* content_filter: "transport:nexthop". */
static void route_to_filter(struct active *active, struct route *route,
                            const struct recipient *recipient)
{
    struct slice nexthop = slice_of(active->envelope.content_filter);
    struct slice transport = slice_take_until(&nexthop, ":");

    if (nexthop.length == 0)
        nexthop = slice_of(active->qmgr->config->default_filter_nexthop);
    if (nexthop.length == 0)
        nexthop = address_split(slice_of(recipient->address)).domain;
    set_route(active, route, transport, nexthop);
}

/* Notices to the postmaster that could not be delivered end here. */
static bool is_double_bounce(const struct active *active, const struct resolution *resolution)
{
    struct address_parts parts = address_split(str_slice(&resolution->recipient));

    return resolution->class == ADDRESS_LOCAL &&
           slice_is_nocase(parts.local, active->qmgr->config->double_bounce_sender);
}

static bool is_deferred_transport(const struct active *active, struct slice transport)
{
    struct slice rest = slice_of(active->qmgr->config->defer_transports), member;

    while (slice_take_token(&rest, ", \t\r\n", &member))
        if (slice_equal(member, transport))
            return true;
    return false;
}

static void set_address(struct active *active, struct recipient *recipient,
                        const struct resolution *resolution)
{
    recipient->address = arena_text(active->loading->arena, str_slice(&resolution->recipient));
}

/* False when the recipient needs no delivery. */
static bool resolve_recipient(struct active *active, struct recipient *recipient,
                              struct route *route)
{
    struct resolution resolution = RESOLUTION_EMPTY;
    struct error error = ERROR_NONE;
    bool needed = true;
    struct slice retry = SLICE_LITERAL("retry");

    bool probe = active->trace_flags & REQUEST_VERIFY;
    struct resolver *resolver = probe ? active->qmgr->probe_resolver : active->qmgr->resolver;

    if (!resolver_resolve(resolver, slice_of(active->envelope.sender),
                          slice_of(recipient->address), &resolution, &error)) {
        log_warn("%s: %s", active->id, error.text);
        set_route(active, route, retry, SLICE_LITERAL("4.3.0 address resolver failure"));
        if (resolution.recipient.length)
            set_address(active, recipient, &resolution);
    } else if (active->too_many) {
        set_route(active, route, retry,
                  SLICE_LITERAL("4.3.2 Too many address verification requests"));
    } else if (probe && is_double_bounce(active, &resolution)) {
        set_route(active, route, SLICE_LITERAL("discard"),
                  SLICE_LITERAL("undeliverable postmaster notification discarded"));
    } else if (is_double_bounce(active, &resolution)) {
        log_info("%s: undeliverable postmaster notification discarded", active->id);
        needed = false;
    } else if (!active->flush &&
               is_deferred_transport(active, str_slice(&resolution.transport))) {
        set_route(active, route, retry, SLICE_LITERAL("4.3.2 deferred transport"));
    } else {
        set_route(active, route, str_slice(&resolution.transport),
                  str_slice(&resolution.nexthop));
        set_address(active, recipient, &resolution);
    }
    resolution_free(&resolution);
    return needed;
}

static void note_wishes(struct active *active)
{
    const struct recipient_list *list = &active->loading->recipients;

    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].notify & NOTIFY_SUCCESS)
            active->wants_report = true;
}

static void route_recipients(struct active *active)
{
    struct batch *batch = active->loading;
    struct recipient_list *list = &batch->recipients;
    const char *redirect = active->envelope.redirect;

    note_wishes(active);
    batch->routes = arena_take(batch->arena, (list->count + 1) * sizeof(*batch->routes));
    for (size_t i = 0; i < list->count; i++) {
        struct route *route = &batch->routes[batch->route_count];
        bool needed = true;

        if (*redirect)
            list->items[i].address = redirect;
        if (*redirect && i + active->seen > 0)
            needed = false;     /* one copy goes to the new address */
        else if (active->expire)
            set_route(active, route, SLICE_LITERAL("retry"),
                      SLICE_LITERAL("4.7.0 message is administratively expired"));
        else if (*active->envelope.content_filter)
            route_to_filter(active, route, &list->items[i]);
        else
            needed = resolve_recipient(active, &list->items[i], route);
        route->recipient = &list->items[i];
        route->alone = *active->envelope.verp_delimiters;
        if (needed)
            batch->route_count++;
        else
            VECTOR_PUSH(&batch->skipped, list->items[i].handle);
    }
}

static void find_flags(struct active *active)
{
    uint64_t bits = 0;

    if (active->envelope.warned && active->qmgr->config->confirm_delay_cleared)
        active->trace_flags |= REQUEST_RELIEF;
    if (!slice_number(slice_of(envelope_attribute(&active->envelope, "trace_flags")),
                      INT32_MAX, &bits))
        return;
    if (bits & TRACE_VERIFY_MTA) {
        active->trace_flags |= REQUEST_PROBE | REQUEST_VERIFY;
        active->too_many = ++active->qmgr->probes >
                           active->qmgr->config->address_verify_pending_request_limit;
    }
    if (bits & TRACE_VERIFY)
        active->trace_flags |= REQUEST_PROBE | REQUEST_TRACE;
    if (bits & TRACE_RECORD && active->place != QUEUE_DEFERRED)     /* of the first attempt */
        active->trace_flags |= REQUEST_TRACE;
}

static bool has_delays(const struct active *active)
{
    AUTO_STR struct str path = STR_EMPTY;

    queue_log_path(active->qmgr->queue, "defer", active->id, &path);
    return access(path.data, F_OK) == 0;
}

void load_message(void *argument)
{
    struct active *active = argument;
    struct timeval now;

    active->load = open_message(active);
    active->loading->recipients = active->envelope.recipients;
    if (active->load == LOAD_READY && !active->complete)
        active->load = read_recipients(active);
    if (active->load != LOAD_READY)
        return;
    now = wall_now();
    active->active_at = (int64_t)now.tv_sec * 1000000 + now.tv_usec;
    find_flags(active);
    if (active->expire && has_delays(active)) {
        active->deferred = active->complete = true;     /* its end: why it waited is known */
        note_wishes(active);
        return;
    }
    if (active->place == QUEUE_DEFERRED)
        forget_delays(active);
    route_recipients(active);
}

void load_more(void *argument)
{
    struct active *active = argument;

    active->load = read_recipients(active);
    if (active->load == LOAD_READY)
        route_recipients(active);
}
