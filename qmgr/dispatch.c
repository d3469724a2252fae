/*
 * Lanes to the delivery agents.
 *
 * A lane is kept when its delivery has ended, and takes the next delivery for the same
 * destination if there is one.  An idle lane occupies a place in the agent, so it is given up
 * as soon as a request on another lane lies unread: that one waits for a place.
 */
#include "active.h"
#include "ipc/channel.h"

#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "deliver/request.h"
#include "deliver/verp.h"
#include "log/log.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    UNANSWERED_LIMIT = 50,      /* new lanes whose first request nobody has answered yet */
    DESTINATION_BYTES = 256,
};

struct agent_lane {
    struct qmgr *qmgr;
    struct transport *transport;
    struct channel *channel;
    struct delivery *delivery;      /* NULL: idle */
    struct active *message;
    bool answered;                  /* it has carried a delivery before */
    bool reported;                  /* something of this delivery was reported */
    struct str destination;         /* of the last delivery */
    bool *seen;                     /* recipients of the delivery that were reported */
    struct agent_lane *next, *previous;
};

/* The lanes of a transport. */
struct lane_set {
    const char *path;
    struct agent_lane *idle, *busy;
    size_t unanswered;
};

static struct lane_set *lanes_of(struct transport *transport)
{
    return transport_owner_data(transport);
}

static void link_lane(struct agent_lane **list, struct agent_lane *lane)
{
    lane->previous = NULL;
    lane->next = *list;
    if (lane->next)
        lane->next->previous = lane;
    *list = lane;
}

static void unlink_lane(struct agent_lane **list, struct agent_lane *lane)
{
    if (lane->previous)
        lane->previous->next = lane->next;
    else
        *list = lane->next;
    if (lane->next)
        lane->next->previous = lane->previous;
}

static void free_lane(struct agent_lane *lane)
{
    struct lane_set *set = lanes_of(lane->transport);

    unlink_lane(lane->delivery ? &set->busy : &set->idle, lane);
    if (!lane->answered)
        set->unanswered--;
    events_forget(lane->qmgr->events, lane->channel->fd);
    channel_free(lane->channel);
    str_free(&lane->destination);
    free(lane->seen);
    free(lane);
}

/* --- reports ----------------------------------------------------------------------------- */

/* Agents report in the order of the request, so the search begins behind the last one. */
static bool find_reported(const struct agent_lane *lane, int64_t handle, size_t *place)
{
    size_t count = lane->delivery->count;

    for (size_t tried = 0; tried < count; tried++) {
        size_t at = (*place + tried) % count;

        if (lane->delivery->recipients[at]->handle == handle && !lane->seen[at]) {
            *place = at;
            return true;
        }
    }
    return false;
}

static void take_report(struct agent_lane *lane, const struct delivery_report *report)
{
    size_t place = 0;

    for (size_t i = 0; i < report->recipients.count; i++) {
        const struct recipient_report *one = &report->recipients.items[i];

        if (!find_reported(lane, one->handle, &place)) {
            log_warn("%s: transport %s reports a recipient that it was not given",
                     lane->message->id, transport_name(lane->transport));
            continue;
        }
        lane->seen[place] = true;
        lane->reported = true;
        if (one->status == DELIVERY_SENT || one->status == DELIVERY_BOUNCED)
            active_done(lane->message, one->handle, one->status == DELIVERY_BOUNCED);
        else
            lane->message->deferred = true;
    }
}

/* Those of whom nothing was heard. */
static size_t collect_unseen(const struct agent_lane *lane, struct recipient **recipients)
{
    size_t count = 0;

    for (size_t i = 0; i < lane->delivery->count; i++)
        if (!lane->seen[i])
            recipients[count++] = lane->delivery->recipients[i];
    return count;
}

static void retry_unseen(struct agent_lane *lane, const char *reason)
{
    AUTO_FREE struct recipient **recipients = memory_new(lane->delivery->count,
                                                         sizeof(struct recipient *));
    size_t count = collect_unseen(lane, recipients);

    if (count > 0)
        active_retry(lane->message, lane->delivery->batch, recipients, count, reason);
}

/* The lane is idle from here on, its delivery is the scheduler's. */
static struct delivery *release(struct agent_lane *lane)
{
    struct lane_set *set = lanes_of(lane->transport);
    struct delivery *delivery = lane->delivery;

    unlink_lane(&set->busy, lane);
    lane->delivery = NULL;
    lane->message = NULL;
    free(lane->seen);
    lane->seen = NULL;
    lane->qmgr->under_way--;
    link_lane(&set->idle, lane);
    return delivery;
}

static void end_delivery(struct agent_lane *lane, enum delivery_result result,
                         const char *reason)
{
    struct qmgr *qmgr = lane->qmgr;
    struct active *message = lane->message;
    struct delivery *delivery = release(lane);
    struct batch *batch = delivery->batch;

    scheduler_done(qmgr->scheduler, delivery, result, reason, moment_now());
    if (result != RESULT_AGAIN)
        active_ended(message, batch);
}

static void give_up_a_place(struct lane_set *set)
{
    if (!set->idle || set->unanswered == 0)
        return;
    for (struct agent_lane *lane = set->busy; lane; lane = lane->next)
        if (!lane->answered && channel_is_unread(lane->channel)) {
            free_lane(set->idle);
            return;
        }
}

static void end_by_report(struct agent_lane *lane, const struct delivery_report *report)
{
    struct lane_set *set = lanes_of(lane->transport);
    struct qmgr *qmgr = lane->qmgr;
    AUTO_STR struct str reason = STR_EMPTY;

    if (!lane->answered) {
        lane->answered = true;
        set->unanswered--;
    }
    str_format(&reason, "%s %s", *report->dsn ? report->dsn : "4.0.0", report->text);
    retry_unseen(lane, "4.3.0 the delivery agent did not report this recipient");
    end_delivery(lane, report->unreachable ? RESULT_UNREACHABLE : RESULT_GOOD, reason.data);
    qmgr_run(qmgr);
    give_up_a_place(set);
}

/* --- the other side is gone ----------------------------------------------------------------- */

/*
 * An agent that ends between deliveries (idle, reload) may leave a request unread: the kernel
 * says so, and it goes down another lane.  So does master for those that no agent has accepted
 * when the mail system ends.  When the request was read, nobody knows what came of it: the rest
 * is tried later.
 */
static bool may_go_again(const struct agent_lane *lane, bool unread)
{
    return unread && !lane->reported &&
           (lane->answered || service_must_stop(lane->qmgr->context));
}

static void lane_broke(struct agent_lane *lane, bool unread)
{
    struct qmgr *qmgr = lane->qmgr;

    if (lane->delivery && may_go_again(lane, unread)) {
        end_delivery(lane, RESULT_AGAIN, "");
    } else if (lane->delivery) {
        log_warn("%s: transport private/%s: the delivery agent ended without a report",
                 lane->message->id, transport_name(lane->transport));
        retry_unseen(lane, "4.3.0 unknown mail transport error");
        end_delivery(lane, RESULT_BROKEN, "4.3.0 unknown mail transport error");
    }
    free_lane(lane);
    qmgr_run(qmgr);
}

static void read_reports(struct agent_lane *lane);

static void lane_ready(void *argument, int fd, unsigned mask)
{
    struct agent_lane *lane = argument;

    if (mask & EVENT_WRITE) {
        (void)channel_flush(lane->channel);
        if (lane->channel->output.length == 0)
            events_watch(lane->qmgr->events, fd, EVENT_READ | EVENT_EDGE, lane_ready, lane);
    }
    if (!(mask & EVENT_READ))
        return;
    if (mask & EVENT_GONE)      /* the end comes after what is read now: no edge tells of it */
        events_watch(lane->qmgr->events, fd, EVENT_READ, lane_ready, lane);
    switch (channel_fill(lane->channel)) {
    case CHANNEL_OPEN:
        read_reports(lane);
        break;
    case CHANNEL_RESET:
        lane_broke(lane, true);
        break;
    case CHANNEL_CLOSED:
        lane_broke(lane, false);
        break;
    }
}

static void read_reports(struct agent_lane *lane)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct slice frame;
    size_t used = 0;
    bool bad = false;

    while (lane->delivery && channel_frame(lane->channel, 0, &frame, &used, &bad)) {
        struct delivery_report report;
        struct error error = ERROR_NONE;

        if (!frame_read(frame, &delivery_report_frame, arena, &report, &error)) {
            bad = true;
            break;
        }
        str_drop(&lane->channel->input, used);
        take_report(lane, &report);
        if (report.last) {
            end_by_report(lane, &report);
            return;     /* the lane may be gone */
        }
        active_settle(lane->message);
    }
    if (bad || (!lane->delivery && lane->channel->input.length > 0)) {
        log_warn("transport private/%s: malformed report", transport_name(lane->transport));
        lane_broke(lane, false);
    }
}

/* --- requests ----------------------------------------------------------------------------- */

/* A message without a file sends its content along. */
static void add_content(struct delivery_request *request, const struct active *message,
                        struct str *content)
{
    struct error error = ERROR_NONE;

    if (message->fd >= 0)
        return;
    if (!message_content(message->file, &message->envelope, content, &error))
        log_warn("%s: %s", message->id, error.text);
    request->content = str_slice(content);
}

/* With VERP the sender is another for each recipient. */
static const char *sender_for(const struct envelope *envelope, const struct recipient *recipient,
                              struct arena *arena)
{
    AUTO_STR struct str sender = STR_EMPTY;

    verp_sender(&sender, envelope->verp_delimiters, slice_of(envelope->sender),
                slice_of(*recipient->original ? recipient->original : recipient->address));
    return arena_text(arena, str_slice(&sender));
}

static void write_request(struct str *output, const struct agent_lane *lane)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str content = STR_EMPTY;
    const struct active *message = lane->message;
    struct timeval now = wall_now();
    struct delivery_request request = {
        .envelope = message->envelope,
        .nexthop = lane->delivery->nexthop,
        .transport = lane->delivery->transport_name,
        .flags = message->trace_flags | (message->expire ? REQUEST_EXPIRE : 0),
        .active_at = message->active_at,
        .requested_at = (int64_t)now.tv_sec * 1000000 + now.tv_usec,
    };
    struct recipient_list *list = &request.envelope.recipients;

    list->items = arena_take(arena, lane->delivery->count * sizeof(*list->items));
    list->count = lane->delivery->count;
    for (size_t i = 0; i < list->count; i++)
        list->items[i] = *lane->delivery->recipients[i];
    if (*request.envelope.verp_delimiters && *request.envelope.sender && list->count == 1)
        request.envelope.sender = sender_for(&request.envelope, &list->items[0], arena);
    add_content(&request, message, &content);
    frame_write(output, &delivery_request_frame, &request);
}

static bool send_request(struct agent_lane *lane)
{
    AUTO_STR struct str output = STR_EMPTY;

    write_request(&output, lane);
    if (!channel_send(lane->channel, &output, lane->message->fd))
        return false;
    if (lane->channel->output.length > 0)
        events_watch(lane->qmgr->events, lane->channel->fd, EVENT_READ | EVENT_WRITE | EVENT_EDGE,
                     lane_ready, lane);
    return true;
}

static bool connect_agent(const char *path, int *fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    *fd = -1;
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(address.sun_path, path, strlen(path));
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return *fd >= 0 && connect(*fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static struct agent_lane *open_lane(struct qmgr *qmgr, struct transport *transport)
{
    AUTO_CLOSE int fd = -1;

    if (!connect_agent(lanes_of(transport)->path, &fd)) {
        if (errno == EAGAIN)
            return NULL;    /* the backlog of the service is full */
        if (errno == ECONNREFUSED && service_must_stop(qmgr->context))
            return NULL;    /* its agents have ended, and so shall we */
        log_warn("connect to transport private/%s: %m", transport_name(transport));
        scheduler_throttle(qmgr->scheduler, transport, "4.3.0 mail transport unavailable",
                           moment_now());
        return NULL;
    }

    struct agent_lane *lane = memory_new(1, sizeof(*lane));

    lane->qmgr = qmgr;
    lane->transport = transport;
    lane->channel = channel_new(take_fd(&fd));
    lane->destination = STR_EMPTY;
    link_lane(&lanes_of(transport)->idle, lane);
    lanes_of(transport)->unanswered++;
    events_watch(qmgr->events, lane->channel->fd, EVENT_READ | EVENT_EDGE, lane_ready, lane);
    return lane;
}

static void need_set(const struct qmgr *qmgr, struct transport *transport)
{
    if (transport_owner_data(transport))
        return;

    struct lane_set *set = memory_new(1, sizeof(*set));

    set->path = service_socket(qmgr->context, "private", transport_name(transport));
    transport_set_owner_data(transport, set);
}

/* The lane that last went to the destination, else any, else a new one. */
static struct agent_lane *find_lane(struct qmgr *qmgr, const struct delivery *delivery)
{
    struct lane_set *set = lanes_of(delivery->transport);

    for (struct agent_lane *lane = set->idle; lane; lane = lane->next)
        if (slice_is(str_slice(&lane->destination), delivery->nexthop))
            return lane;
    if (set->idle)
        return set->idle;
    if (set->unanswered >= UNANSWERED_LIMIT)
        return NULL;
    return open_lane(qmgr, delivery->transport);
}

static void occupy(struct agent_lane *lane, struct delivery *delivery)
{
    struct lane_set *set = lanes_of(lane->transport);

    unlink_lane(&set->idle, lane);
    lane->delivery = delivery;
    lane->message = delivery->message;
    lane->reported = false;
    lane->seen = memory_new(delivery->count, sizeof(*lane->seen));
    str_set(&lane->destination, slice_of(delivery->nexthop));
    link_lane(&set->busy, lane);
    lane->qmgr->under_way++;
}

enum dispatch_result dispatch_delivery(void *owner, struct delivery *delivery)
{
    const struct qmgr *qmgr = owner;
    struct agent_lane *lane;

    if (qmgr->stopping)
        return DISPATCH_BUSY;
    need_set(qmgr, delivery->transport);
    while ((lane = find_lane(owner, delivery)) != NULL) {
        bool was_used = lane->answered;

        occupy(lane, delivery);
        if (send_request(lane))
            return DISPATCH_STARTED;
        /* An agent that has ended meanwhile: its lane is of no more use, another may be. */
        (void)release(lane);
        free_lane(lane);
        if (!was_used)
            break;
    }
    return DISPATCH_BUSY;
}

void dispatch_give_back(void *owner, struct delivery *delivery)
{
    struct active *message = delivery->message;

    (void)owner;
    message->given_back = true;
    active_ended(message, delivery->batch);
}

void dispatch_give_up(void *owner, struct delivery *delivery)
{
    struct active *message = delivery->message;

    (void)owner;
    message->deferred = true;
    active_ended(message, delivery->batch);
}
